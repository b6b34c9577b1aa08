"""Asking for subscriptions where answers have no ids, and complaints name nobody."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import Control, Refused, Send, Subscribed, Unsubscribed
from ssmd.model.frame import Now
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken_futures import VENUE
from tests.venues.kraken_futures.frames import (
    BOOK,
    ETH,
    ETHER,
    INVALID_PRODUCT,
    SOL,
    SOLANA,
    TICKER,
    TRADE,
    XBT,
    Talk,
    alert,
    answer,
)

ERROR = Control("error")
ACK = Control("ack")
ALREADY = alert("Already subscribed to feed, re-requesting")
NOT_SUBSCRIBED = alert("Not subscribed to feed")
REASON = "Invalid product id"


def test_the_heartbeat_feed_is_held_on_every_connection_and_told_to_nobody() -> None:
    """A quiet connection speaks every ten seconds; it is not something a feed wants."""
    talk = Talk()
    assert talk.sent == [{"event": "subscribe", "feed": "heartbeat"}]
    assert talk.confirm() == [ACK]
    assert talk.session.acknowledged == frozenset()
    assert talk.session.ready
    talk.want(BOOK)
    talk.confirm()
    talk.want()
    assert talk.requests() == [("unsubscribe", "book", [XBT])]


def test_the_wanted_set_is_asked_for_by_feed_in_batches() -> None:
    """One request names many products of one feed."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK, ETHER, TRADE)
    assert talk.sent == [
        {"event": "subscribe", "feed": "book", "product_ids": [ETH, XBT]},
        {"event": "subscribe", "feed": "trade", "product_ids": [XBT]},
    ]
    many = [Subscription("ticker", f"PF_T{n:03}USD") for n in range(50)]
    talk = Talk()
    talk.confirm()
    talk.want(*many)
    sizes = [len(products) for _, _, products in talk.requests() if isinstance(products, list)]
    assert sizes == [20, 20, 10]


def test_requests_are_paced() -> None:
    """Twenty a second at most, whatever is wanted."""
    talk = Talk(sends_per_second=2.0)
    talk.want(BOOK, TRADE, TICKER)
    assert len(talk.requests()) == 2
    talk.tick(0.5)
    assert talk.requests() == []
    talk.tick(0.5)
    assert len(talk.requests()) == 2


def test_acceptance_comes_product_by_product_or_in_one_frame() -> None:
    """The recording has one frame for each; the documentation shows a list."""
    talk = Talk()
    talk.want(BOOK, ETHER, SOLANA)
    assert talk.receive(answer("subscribed", ETHER)) == [ACK, Subscribed(ETHER)]
    assert not talk.session.ready
    assert talk.receive(answer("subscribed", SOLANA, BOOK)) == [
        ACK, Subscribed(SOLANA), Subscribed(BOOK),
    ]  # fmt: skip
    assert talk.session.ready
    assert talk.session.acknowledged == {BOOK, ETHER, SOLANA}


def test_products_are_the_same_in_either_case() -> None:
    """What is wanted keeps its spelling, however the venue spells it back."""
    stock = Subscription("book", "PF_AAPLxUSD")
    talk = Talk()
    talk.want(BOOK, stock)
    talk.receive(answer("subscribed", Subscription("book", "pf_xbtusd")))
    talk.receive(answer("subscribed", Subscription("book", "PF_AAPLXUSD")))
    assert talk.session.acknowledged == {BOOK, stock}
    assert VENUE.subscriptions(("book",), ("pf_xbtusd", "PF_AAPLxUSD")) == {BOOK, stock}


def test_a_complaint_about_one_product_refuses_it_at_once() -> None:
    """In the venue's own words; the others are not touched."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK)
    assert talk.receive(INVALID_PRODUCT) == [ERROR, Refused(BOOK, REASON)]
    assert talk.session.ready
    assert talk.session.acknowledged == frozenset()


@pytest.mark.parametrize("first", [True, False])
def test_the_one_left_without_acceptance_is_the_one_complained_of(first: bool) -> None:
    """A complaint names nobody; who was accepted is named, before it or after it."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK, ETHER, SOLANA)
    events = talk.receive(INVALID_PRODUCT) if first else []
    assert Refused(ETHER, REASON) not in events
    talk.receive(answer("subscribed", BOOK))
    events = talk.receive(answer("subscribed", SOLANA))
    events += [] if first else talk.receive(INVALID_PRODUCT)
    assert Refused(ETHER, REASON) in events
    assert talk.session.acknowledged == {BOOK, SOLANA}


def test_a_request_refused_as_a_whole_is_asked_for_one_by_one() -> None:
    """Should one bad product spoil its batch, the good ones lose a moment and no more."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK, ETHER, SOLANA)
    assert talk.receive(INVALID_PRODUCT) == [ERROR]
    talk.requests()
    assert set(talk.live(30.0)) == {Refused(item, "timeout") for item in (BOOK, ETHER, SOLANA)}
    assert talk.session.ready
    talk.live(5.0)
    assert sorted(map(str, talk.requests())) == [
        str(("subscribe", "book", [symbol])) for symbol in (ETH, SOL, XBT)
    ]
    talk.receive(answer("subscribed", ETHER))
    assert talk.receive(INVALID_PRODUCT) == [ERROR, Refused(SOLANA, REASON)]
    talk.receive(answer("subscribed", BOOK))
    assert talk.session.acknowledged == {BOOK, ETHER}


def test_complaints_go_by_the_order_of_the_requests() -> None:
    """The venue answers one after the other, so the oldest unanswered request is meant."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK, TICKER)
    assert talk.receive(INVALID_PRODUCT) == [ERROR, Refused(BOOK, REASON)]
    assert talk.receive(INVALID_PRODUCT) == [ERROR, Refused(TICKER, REASON)]
    assert talk.receive(INVALID_PRODUCT) == [ERROR]


def test_a_refusal_that_was_a_mistake_heals_with_the_acceptance() -> None:
    """A complaint about something else must not cost a subscription."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK)
    talk.receive(alert("Maintenance is near"))
    assert talk.session.acknowledged == frozenset()
    assert talk.receive(answer("subscribed", BOOK)) == [ACK, Subscribed(BOOK)]
    talk.requests()
    talk.live(60.0)
    assert talk.requests() == []


def test_a_failure_that_names_its_products_is_theirs() -> None:
    """The documentation has such an answer; nobody has recorded one."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK, ETHER)
    events = talk.receive(answer("subscribed_failed", ETHER, message="No such product"))
    assert events == [ERROR, Refused(ETHER, "No such product")]
    events = talk.receive(answer("subscribed_failed", Subscription("book")))
    assert events == [ERROR, Refused(BOOK, "subscribed_failed")]


def test_what_was_so_already_is_a_success() -> None:
    """The venue complains of requests that are needless."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK)
    assert talk.receive(ALREADY) == [ERROR, Subscribed(BOOK)]
    talk.want()
    assert talk.receive(NOT_SUBSCRIBED) == [ERROR, Unsubscribed(BOOK)]
    assert talk.session.acknowledged == frozenset()


def test_a_needless_request_is_of_its_own_kind() -> None:
    """That it is held already cannot be the answer to the end of a subscription."""
    talk = Talk()
    talk.hold(BOOK)
    talk.want(ETHER)
    assert [told[0] for told in talk.requests()] == ["subscribe", "unsubscribe"]
    assert talk.receive(NOT_SUBSCRIBED) == [ERROR, Unsubscribed(BOOK)]
    assert talk.receive(ALREADY) == [ERROR, Subscribed(ETHER)]


def test_mixed_complaints_about_one_request_wait_for_the_time_out() -> None:
    """Nobody can say which product was held already and which does not exist."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK, ETHER)
    assert talk.receive(ALREADY) == [ERROR]
    assert talk.receive(INVALID_PRODUCT) == [ERROR]
    assert set(talk.live(30.0)) == {Refused(BOOK, "timeout"), Refused(ETHER, "timeout")}


def test_silence_is_a_refusal_and_is_asked_again_after_growing_pauses() -> None:
    """What does not answer now may answer later; what never does costs little."""
    talk = Talk()
    talk.confirm()
    talk.want(BOOK)
    asked: list[float] = []
    refused = 0
    begin = talk.mono
    while talk.mono < begin + 20_000:
        refused += talk.live(5.0).count(Refused(BOOK, "timeout"))
        asked += [talk.mono - begin] * len(talk.requests())
    assert asked[0] == 5.0
    pauses = [later - earlier for earlier, later in pairwise(asked[1:])]
    assert pauses == sorted(pauses)
    assert pauses[0] == 50.0
    assert pauses[-1] >= 3600.0
    assert (len(asked), refused) == (9, 9)


def test_the_end_of_a_subscription_is_confirmed() -> None:
    """It counts as held until the venue says otherwise."""
    talk = Talk()
    talk.hold(BOOK, TRADE)
    talk.want(TRADE)
    assert talk.session.acknowledged == {BOOK, TRADE}
    assert talk.confirm() == [ACK, Unsubscribed(BOOK)]
    assert talk.session.acknowledged == {TRADE}


def test_an_end_that_is_not_answered_is_asked_for_again() -> None:
    """The data would go on for ever."""
    talk = Talk()
    talk.hold(BOOK)
    talk.want()
    talk.requests()
    assert talk.live(30.0) == []
    assert talk.session.acknowledged == {BOOK}
    talk.live(5.0)
    assert talk.requests() == [("unsubscribe", "book", [XBT])]


def test_a_changed_mind_is_followed_when_the_answer_comes() -> None:
    """Between request and answer the wanted set may change and change again."""
    talk = Talk()
    talk.want(BOOK)
    talk.want()
    assert talk.confirm()[-1] == Subscribed(BOOK)
    assert talk.confirm() == [ACK, Unsubscribed(BOOK)]
    talk.want(BOOK)
    assert talk.confirm() == [ACK, Subscribed(BOOK)]


def test_renewing_ends_and_begins_what_is_held() -> None:
    """The venue gives a snapshot with every subscription; what is not held is passed over."""
    talk = Talk()
    talk.hold(BOOK, TRADE)
    talk.want(BOOK, TRADE, TICKER)
    talk.requests()
    assert talk.renew(BOOK, TICKER, ETHER) == []
    assert talk.requests() == [("unsubscribe", "book", [XBT])]
    assert talk.receive(answer("unsubscribed", BOOK)) == [ACK, Unsubscribed(BOOK)]
    assert talk.requests() == [("subscribe", "book", [XBT])]
    assert talk.receive(answer("subscribed", BOOK)) == [ACK, Subscribed(BOOK)]
    assert talk.receive(answer("subscribed", TICKER)) == [ACK, Subscribed(TICKER)]
    assert talk.requests() == []
    assert talk.session.acknowledged == {BOOK, TRADE, TICKER}


def test_a_complaint_without_a_request_changes_nothing() -> None:
    """It may be about anything."""
    talk = Talk()
    talk.hold(BOOK)
    assert talk.receive(INVALID_PRODUCT) == [ERROR]
    assert talk.receive(answer("subscribed_failed", ETHER)) == [ERROR]
    assert talk.session.acknowledged == {BOOK}


def test_an_end_nobody_asked_for_is_believed_and_asked_back() -> None:
    """Whatever ends a subscription at the venue, it is wanted still."""
    talk = Talk()
    talk.hold(BOOK)
    assert talk.receive(answer("unsubscribed", BOOK)) == [ACK, Unsubscribed(BOOK)]
    assert talk.requests() == [("subscribe", "book", [XBT])]


@given(st.lists(st.sets(st.sampled_from([BOOK, ETHER, TRADE, TICKER])), max_size=6))
def test_the_last_word_holds(wishes: list[set[Subscription]]) -> None:
    """However minds change between requests and answers."""
    talk = Talk()
    for wish in wishes:
        talk.want(*wish)
    for _ in range(4):
        talk.confirm()
    assert talk.session.acknowledged == frozenset(wishes[-1] if wishes else ())
    assert talk.session.ready


def test_nothing_is_sent_before_the_socket_is_open() -> None:
    """What is wanted early is asked for with the heartbeat."""
    options = SessionOptions(limits=VENUE.limits)
    session = VENUE.session(Shard("kraken-futures", 0, frozenset()), options)
    assert list(session.want(frozenset({BOOK}), Now(0, 0.0))) == []
    sent = [event for event in session.open(Now(0, 0.0)) if isinstance(event, Send)]
    assert len(sent) == 2
    assert not session.ready
