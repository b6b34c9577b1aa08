"""What follows from the answers to requests, from refusals, and from none."""

from itertools import pairwise

from ssmd.model.event import Control, Data, Reconnect, Refused, Subscribed, Unsubscribed
from ssmd.model.subscription import Subscription
from tests.venues.kalshi.frames import (
    BOOK_A,
    BOOK_B,
    BOOK_C,
    LIFE,
    NS,
    TICKER_A,
    TRADE_A,
    TRADE_B,
    TRADE_C,
    A,
    B,
    C,
    Talk,
    error,
    held,
    ok,
    subscribed,
    trade,
    unsubscribed,
)

ACK, REFUSAL = Control("ack"), Control("error")


def test_data_does_not_wait_for_answers() -> None:
    """Acknowledgements are matched by their number, whatever comes between."""
    talk = Talk()
    talk.want(TRADE_A, TICKER_A)
    assert talk.receive(trade(1)) == [Data("trade", (A,), 1, NS)]
    assert not talk.session.ready
    assert talk.receive(subscribed(2, "trade", 2)) == [ACK, Subscribed(TRADE_A)]
    assert not talk.session.ready
    assert talk.receive(subscribed(1, "ticker", 3)) == [ACK, Subscribed(TICKER_A)]
    assert talk.session.ready
    assert talk.session.acknowledged == {TRADE_A, TICKER_A}


def test_answers_of_older_servers_are_understood() -> None:
    """A confirmation without a body, one without a number, a list at the top level."""
    talk = Talk()
    talk.want(TRADE_A)
    assert talk.receive(b'{"type":"subscribed","id":1}') == [ACK, Subscribed(TRADE_A)]
    talk.receive(trade(1, sid=8))
    talk.want(TRADE_A, TRADE_B)
    assert talk.requests()[-1] == ("add_markets", 8, [B])
    flat = b'{"type":"ok","id":2,"sid":8,"seq":2,"market_tickers":["%s","%s"]}'
    assert talk.receive(flat % (A.encode(), B.encode())) == [ACK, Subscribed(TRADE_B)]
    talk = Talk()
    talk.want(TRADE_A)
    assert talk.receive(subscribed(None, "ticker", 4)) == [ACK]
    assert talk.receive(subscribed(None, "trade", 5)) == [ACK, Subscribed(TRADE_A)]


def test_an_ok_without_a_list_grants_what_was_asked() -> None:
    """`skip_ticker_ack` of another client's making, or a server of old."""
    talk = held(TRADE_A)
    talk.want(TRADE_A, TRADE_B)
    assert talk.receive(ok(2, 2, 1)) == [ACK, Subscribed(TRADE_B)]
    talk.want(TRADE_A)
    assert talk.receive(ok(3, 2, 2)) == [ACK, Unsubscribed(TRADE_B)]


def test_a_market_that_the_list_lacks_is_refused() -> None:
    """The venue lists what a subscription holds after each change: never `held` against that."""
    talk = held(TRADE_A)
    talk.want(TRADE_A, TRADE_B, TRADE_C)
    events = talk.receive(ok(2, 2, 1, A, C))
    assert events[:2] == [ACK, Subscribed(TRADE_C)]
    (refused,) = events[2:]
    assert isinstance(refused, Refused)
    assert refused.subscription == TRADE_B
    assert talk.session.ready
    talk.requests()
    talk.live(31.0)
    assert talk.requests() == [("add_markets", 2, [B])]


def test_the_list_is_believed_over_what_we_remember() -> None:
    """A confirmation does not list markets: a later list shows what it did not hold."""
    talk = held(TRADE_A, TRADE_B)
    talk.want(TRADE_A, TRADE_B, TRADE_C)
    talk.requests()
    assert talk.receive(ok(2, 2, 1, A, C)) == [ACK, Subscribed(TRADE_C), Unsubscribed(TRADE_B)]
    assert talk.requests() == []
    talk.live(6.0)
    assert talk.requests() == [("add_markets", 2, [B])]
    assert talk.receive(ok(3, 2, 2, A, B, C, "GHOST")) == [
        ACK,
        Subscribed(TRADE_B),
        Subscribed(Subscription("trade", "GHOST")),
    ]
    assert talk.requests() == [("delete_markets", 2, ["GHOST"])]


def test_a_market_still_listed_after_its_end_is_ended_again() -> None:
    """What is still held is not forgotten."""
    talk = held(TRADE_A, TRADE_B)
    talk.want(TRADE_A)
    assert talk.receive(ok(2, 2, 1, A, B)) == [ACK]
    assert talk.session.acknowledged == {TRADE_A, TRADE_B}
    talk.requests()
    talk.live(31.0)
    assert talk.requests() == [("delete_markets", 2, [B])]


def test_a_market_refused_by_name_does_not_hurt_the_others() -> None:
    """Several refusals may come for one request, and the confirmation after them."""
    talk = Talk()
    talk.want(TRADE_A, TRADE_B, TRADE_C)
    events = talk.receive(error(1, 16, "Market not found", market=A))
    assert events == [REFUSAL, Refused(TRADE_A, "Market not found (code 16)")]
    events = talk.receive(error(1, 16, "Market not found", market=C))
    assert events == [REFUSAL, Refused(TRADE_C, "Market not found (code 16)")]
    assert talk.receive(subscribed(1, "trade", 2)) == [ACK, Subscribed(TRADE_B)]
    assert talk.session.ready
    assert talk.session.acknowledged == {TRADE_B}


def test_the_others_are_asked_for_anew_when_their_request_went_down_too() -> None:
    """One bad market may have cost the whole request; nobody says so."""
    talk = Talk()
    talk.want(TRADE_A, TRADE_B)
    talk.requests()
    talk.receive(error(1, 16, market=A))
    assert talk.requests() == []
    assert talk.live(3.0) == []
    assert talk.requests() == [("subscribe", "trade", [B])]
    assert talk.receive(subscribed(2, "trade", 2)) == [ACK, Subscribed(TRADE_B)]
    talk = Talk()
    talk.want(TRADE_A)
    talk.requests()
    talk.receive(error(1, 16, market=A))
    talk.want(TRADE_B)
    assert talk.requests() == [("subscribe", "trade", [B])]


def test_a_refusal_of_a_request_is_one_of_all_it_asked_for() -> None:
    """An unknown channel, a market limit, a missing permission: in the venue's own words."""
    for code in (8, 9, 10, 26, 99):
        talk = Talk()
        talk.want(TRADE_A, TRADE_B, LIFE)
        events = talk.receive(error(2, code, "Sorry"))
        words = f"Sorry (code {code})"
        assert events == [REFUSAL, Refused(TRADE_A, words), Refused(TRADE_B, words)]
        assert not talk.session.ready
        assert talk.receive(error(2, code, "Sorry")) == [REFUSAL]
        assert talk.receive(subscribed(1, "market_lifecycle_v2", 4)) == [ACK, Subscribed(LIFE)]
        assert talk.session.ready
    assert Talk().receive(b'{"type":"error"}') == [REFUSAL]


def test_a_full_subscription_is_not_pressed() -> None:
    """Code 26: what is in excess waits long, and longer each time."""
    talk = held(TRADE_A)
    talk.want(TRADE_A, TRADE_B, TRADE_C)
    talk.requests()
    words = "Market limit (code 26)"
    refused = [Refused(TRADE_B, words), Refused(TRADE_C, words)]
    assert talk.receive(error(2, 26, "Market limit")) == [REFUSAL, *refused]
    assert talk.session.ready
    talk.live(899.0)
    assert talk.requests() == []
    talk.live(2.0)
    assert talk.requests() == [("add_markets", 2, [B, C])]
    assert talk.receive(error(3, 26, "Market limit")) == [REFUSAL, *refused]
    talk.live(1799.0)
    assert talk.requests() == []


def test_room_in_a_full_subscription_is_used_at_once() -> None:
    """The universe goes on: what ends makes way for what begins."""
    talk = held(BOOK_A, BOOK_B)
    talk.want(BOOK_B, BOOK_C)
    assert talk.requests() == [
        ("add_markets", 1, [C]),
        ("delete_markets", 1, [A]),
    ]
    assert isinstance(talk.receive(error(2, 26, "Market limit"))[1], Refused)
    assert talk.requests() == []
    assert talk.receive(ok(3, 1, 1, B)) == [ACK, Unsubscribed(BOOK_A)]
    assert talk.requests() == [("add_markets", 1, [C])]
    assert talk.receive(ok(4, 1, 2, B, C)) == [ACK, Subscribed(BOOK_C)]
    talk.live(2000.0)
    assert talk.requests() == []


def test_an_error_that_says_it_is_so_already_is_a_success() -> None:
    """Code 6 for what begins, code 7 for what ends."""
    talk = Talk()
    talk.want(TRADE_A)
    assert talk.receive(error(1, 6, "Already subscribed")) == [REFUSAL, Subscribed(TRADE_A)]
    talk = held(TRADE_A)
    talk.want(TRADE_A, TRADE_B)
    assert talk.receive(error(2, 6)) == [REFUSAL, Subscribed(TRADE_B)]
    talk.want(TRADE_A)
    assert talk.receive(error(3, 7)) == [REFUSAL, Unsubscribed(TRADE_B)]
    talk.want()
    assert talk.session.acknowledged == {TRADE_A}
    assert talk.receive(error(talk.number(), 7)) == [REFUSAL, Unsubscribed(TRADE_A)]
    assert talk.session.acknowledged == frozenset()


def test_no_answer_is_a_refusal_and_a_late_one_still_counts() -> None:
    """Asking twice is safe: what is so already is a success."""
    talk = Talk(ack_timeout_s=30.0)
    talk.want(BOOK_A, TRADE_A)
    talk.receive(subscribed(2, "trade", 2))
    talk.requests()
    assert talk.live(29.0) == []
    assert not talk.session.ready
    assert talk.live(2.0) == [Refused(BOOK_A, "timeout")]
    assert talk.session.ready
    assert talk.requests() == []
    talk.live(31.0)
    assert talk.requests() == [("subscribe", "orderbook_delta", [A])]
    assert talk.receive(subscribed(1, "orderbook_delta", 1)) == [ACK, Subscribed(BOOK_A)]
    assert talk.receive(error(3, 6)) == [REFUSAL]
    assert talk.requests() == []
    assert talk.live(200.0) == []
    assert talk.session.acknowledged == {BOOK_A, TRADE_A}


def test_a_late_refusal_by_name_still_counts() -> None:
    """The late confirmation after it is about the others only."""
    talk = Talk()
    talk.want(TRADE_A, TRADE_B)
    assert len(talk.live(31.0)) == 2
    assert talk.receive(error(1, 16, market=A)) == [REFUSAL]
    assert talk.receive(subscribed(1, "trade", 2)) == [ACK, Subscribed(TRADE_B)]
    assert talk.session.acknowledged == {TRADE_B}


def test_a_second_subscribe_is_answered_by_what_it_was_added_to() -> None:
    """Newer servers merge it and say `ok`; the sid is learnt from that."""
    talk = Talk()
    talk.want(BOOK_A)
    talk.live(31.0)
    talk.want(BOOK_A, BOOK_B)
    assert talk.requests()[-1] == ("subscribe", "orderbook_delta", [B])
    events = talk.receive(ok(2, 6, 1, A, B))
    assert events == [ACK, Subscribed(BOOK_B), Subscribed(BOOK_A)]
    talk.want(BOOK_A, BOOK_B, BOOK_C)
    assert talk.requests() == [("add_markets", 6, [C])]


def test_already_subscribed_proves_only_what_was_asked_before() -> None:
    """An older server refuses a second `subscribe` as a whole, and does not tell the sid."""
    talk = Talk()
    talk.want(TRADE_A)
    talk.live(31.0)
    talk.want(TRADE_A, TRADE_B)
    events = talk.receive(error(2, 6, "Already subscribed"))
    words = "Already subscribed (code 6)"
    assert events == [REFUSAL, Subscribed(TRADE_A), Refused(TRADE_B, words)]
    talk.requests()
    talk.receive(trade(1, sid=9))
    talk.live(31.0)
    assert talk.requests() == [("add_markets", 9, [B])]


def test_retries_become_rarer_and_end() -> None:
    """A market that does not exist must not be asked for for ever."""
    talk = Talk()
    talk.want(BOOK_A)
    asked: list[float] = []
    for _ in range(18_000):
        for _ in talk.requests():
            asked.append(talk.mono)
            assert talk.receive(error(len(asked), 16, market=A))[1:]
        talk.live(1.0)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert len(asked) == 9
    assert pauses == sorted(pauses)
    assert pauses[0] >= 30.0
    assert pauses[-1] >= 60 * pauses[0]
    assert talk.session.ready
    talk.want()
    talk.want(BOOK_A)
    assert talk.requests() == [("subscribe", "orderbook_delta", [A])]


def test_too_many_commands_wait_and_are_repeated() -> None:
    """Code 27 is about us, not about the markets; the pause grows until something is granted."""
    talk = held(TRADE_A)
    talk.want(TRADE_A, TRADE_B)
    talk.requests()
    waits = []
    for number in (2, 3, 4):
        assert talk.receive(error(number, 27, "Too many requests")) == [REFUSAL]
        begin = talk.mono
        while not talk.sent:
            assert talk.live(0.25) == []
        waits.append(talk.mono - begin)
        assert talk.requests() == [("add_markets", 2, [B])]
    assert waits == [1.0, 2.0, 4.0]
    assert talk.receive(ok(5, 2, 1, A, B)) == [ACK, Subscribed(TRADE_B)]
    assert talk.session.ready


def test_a_subscription_that_the_venue_ends_is_begun_again() -> None:
    """By itself, by a broken channel, or because it does not know the sid; after a pause."""
    endings = [
        unsubscribed(None, 2, 5),
        error(None, 10, "Channel error", sid=2),
    ]
    for ending in endings:
        talk = held(TRADE_A, LIFE)
        events = talk.receive(ending)
        assert events[1:] == [Unsubscribed(TRADE_A)]
        assert talk.requests() == []
        talk.live(6.0)
        assert talk.requests() == [("subscribe", "trade", [A])]
        assert talk.session.acknowledged == {LIFE}
    talk = held(TRADE_A)
    talk.want(TRADE_A, TRADE_B)
    events = talk.receive(error(2, 7, "Unknown subscription ID"))
    words = "Unknown subscription ID (code 7)"
    assert events == [REFUSAL, Refused(TRADE_B, words), Unsubscribed(TRADE_A)]
    talk.requests()
    talk.live(6.0)
    assert talk.requests() == [("subscribe", "trade", [A])]


def test_an_unknown_sid_at_the_end_of_one_market_is_looked_into() -> None:
    """It may be the market or the whole subscription that the venue does not know."""
    talk = held(TRADE_A, TRADE_B)
    talk.want(TRADE_A)
    talk.requests()
    assert talk.receive(error(2, 7)) == [REFUSAL, Unsubscribed(TRADE_B)]
    assert talk.requests() == [("get_snapshot", 2, [A])]
    assert talk.receive(error(3, 7)) == [REFUSAL, Unsubscribed(TRADE_A)]
    talk.live(6.0)
    assert talk.requests() == [("subscribe", "trade", [A])]


def test_a_subscription_left_without_markets_is_ended() -> None:
    """The one that was to stay was refused; what an empty filter means is nobody's promise."""
    talk = held(TRADE_A)
    talk.want(TRADE_B)
    assert talk.requests() == [("add_markets", 2, [B]), ("delete_markets", 2, [A])]
    talk.receive(error(2, 16, market=B))
    assert talk.receive(ok(3, 2, 1)) == [ACK, Unsubscribed(TRADE_A)]
    assert talk.requests() == [("unsubscribe", 2, None)]
    talk.receive(unsubscribed(4, 2, 2))
    talk.live(31.0)
    assert talk.requests() == [("subscribe", "trade", [B])]


def test_an_end_that_is_never_answered_leaves_what_was() -> None:
    """Wanted again meanwhile, it is held: nothing is left to wait for."""
    talk = held(TRADE_A)
    talk.want()
    talk.want(TRADE_A)
    assert not talk.session.ready
    assert talk.live(31.0) == []
    assert talk.session.ready
    assert talk.session.acknowledged == {TRADE_A}
    assert talk.receive(unsubscribed(2, 2, 1)) == [ACK, Unsubscribed(TRADE_A)]
    assert talk.requests()[-1] == ("subscribe", "trade", [A])


def test_a_subscription_no_longer_wanted_when_it_is_confirmed_is_ended() -> None:
    """The wanted set may change while answers are on their way."""
    talk = Talk()
    talk.want(TRADE_A)
    talk.want()
    assert talk.session.ready
    talk.requests()
    talk.receive(subscribed(1, "trade", 2))
    assert talk.requests() == [("unsubscribe", 2, None)]


def test_everything_refused_keeps_the_socket() -> None:
    """What to do about it is decided above the session."""
    talk = Talk()
    talk.want(TRADE_A)
    talk.receive(error(1, 9, "Authentication required"))
    assert talk.session.ready
    assert talk.session.acknowledged == frozenset()
    assert Reconnect not in {type(event) for event in talk.live(20.0)}
