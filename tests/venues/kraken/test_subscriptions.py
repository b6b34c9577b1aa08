"""Asking for subscriptions, and the answers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import (
    Control,
    Data,
    Reconnect,
    Refused,
    Send,
    Subscribed,
    Unsubscribed,
)
from ssmd.model.frame import Now
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken import VENUE
from tests.venues.kraken.frames import (
    BOOK,
    ETHER,
    INSTRUMENT,
    TIME_NS,
    TRADE,
    Talk,
    answer,
    result,
    trade,
)


def test_the_wanted_set_is_asked_for_by_channel_in_batches() -> None:
    """One request names many symbols; each channel has its own parameters."""
    talk = Talk()
    talk.want(BOOK, ETHER, TRADE, INSTRUMENT)
    assert talk.sent == [
        {
            "method": "subscribe",
            "params": {
                "channel": "book",
                "symbol": ["BTC/USD", "ETH/USD"],
                "depth": 10,
                "snapshot": True,
            },
            "req_id": 1,
        },
        {
            "method": "subscribe",
            "params": {
                "channel": "instrument",
                "snapshot": True,
                "include_tokenized_assets": True,
            },
            "req_id": 2,
        },
        {
            "method": "subscribe",
            "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": True},
            "req_id": 3,
        },
    ]
    many = [Subscription("ticker", f"T{n:03}/USD") for n in range(120)]
    talk = Talk()
    talk.want(*many)
    asked = [symbols for _, _, symbols in talk.requests()]
    assert [len(symbols) for symbols in asked if isinstance(symbols, list)] == [50, 50, 20]


@pytest.mark.parametrize(("parameters", "minutes"), [({}, 1), ({"interval": 60}, 60)])
def test_candles_are_asked_for_by_their_length(parameters: dict[str, object], minutes: int) -> None:
    """And ended by it: it is part of what is subscribed."""
    options = SessionOptions(limits=VENUE.limits, parameters=parameters)
    talk = Talk()
    talk.session = VENUE.session(Shard("kraken", 0, frozenset()), options)
    talk.note(talk.session.open(talk.now()))
    talk.want(Subscription("ohlc", "A/B"))
    assert talk.sent[0]["params"] == {
        "channel": "ohlc", "symbol": ["A/B"], "interval": minutes, "snapshot": True,
    }  # fmt: skip
    talk.confirm()
    talk.want()
    assert talk.sent[0]["params"] == {"channel": "ohlc", "symbol": ["A/B"], "interval": minutes}


def test_only_the_difference_is_sent() -> None:
    """What is held stays untouched; what is no longer wanted is ended."""
    talk = Talk()
    talk.want(BOOK, TRADE)
    talk.confirm()
    talk.want(BOOK, TRADE)
    assert talk.requests() == []
    talk.want(BOOK, ETHER)
    assert talk.requests() == [
        ("subscribe", "book", ["ETH/USD"]),
        ("unsubscribe", "trade", ["BTC/USD"]),
    ]


def test_what_is_wanted_before_the_socket_is_open_is_sent_at_once_after() -> None:
    """The order of the shell's calls does not matter."""
    session = VENUE.session(Shard("kraken", 0, frozenset()), Talk.options())
    assert list(session.want(frozenset({BOOK}), Now(0, 1.0))) == []
    assert not session.ready
    assert [type(event) for event in session.open(Now(0, 2.0))] == [Send]


@given(
    steps=st.lists(st.tuples(st.floats(0, 0.4), st.integers(0, 3)), max_size=80),
    rate=st.sampled_from([0.5, 1.0, 2.5, 5.0]),
)
def test_sends_never_exceed_the_pace(steps: list[tuple[float, int]], rate: float) -> None:
    """Requests wait for the next tick with room, whatever is wanted meanwhile."""
    talk = Talk(sends_per_second=rate)
    times: list[float] = []
    for number, (seconds, count) in enumerate(steps):
        talk.tick(seconds)
        talk.want(*(Subscription(f"c{k}", f"s{number}") for k in range(count)))
        times += [talk.mono for _ in talk.requests()]
    allowed = max(1, int(rate))
    for first, last in zip(times, times[allowed:], strict=False):
        assert last - first >= allowed / rate - 1e-9


def test_what_the_pace_holds_back_is_sent_later() -> None:
    """Nothing wanted is forgotten."""
    talk = Talk(sends_per_second=1.0)
    talk.want(*(Subscription(channel, "BTC/USD") for channel in ("book", "ticker", "trade")))
    assert len(talk.requests()) == 1
    assert not talk.session.ready
    talk.live(30.0)
    assert len(talk.requests()) == 2


# Answers


def test_every_symbol_is_confirmed_by_its_own_answer() -> None:
    """A request is not confirmed by the answer of one of its symbols."""
    talk = Talk()
    talk.want(BOOK, ETHER)
    number = talk.sent[0]["req_id"]
    assert isinstance(number, int)
    events = talk.receive(answer("subscribe", number, result=result(ETHER, depth=10)))
    assert events == [Control("ack", TIME_NS), Subscribed(ETHER)]
    assert talk.session.acknowledged == {ETHER}
    assert not talk.session.ready
    talk.receive(answer("subscribe", number, result=result(BOOK, depth=10)))
    assert talk.session.ready


def test_one_refused_symbol_does_not_hurt_the_others() -> None:
    """The venue names it at the top level of the answer."""
    talk = Talk()
    talk.want(BOOK, ETHER)
    events = talk.receive(
        answer("subscribe", 1, error="Currency pair not supported ETH/USD", symbol="ETH/USD")
    )
    assert events == [
        Control("error", TIME_NS),
        Refused(ETHER, "Currency pair not supported ETH/USD"),
    ]
    assert talk.receive(answer("subscribe", 1, result=result(BOOK)))[1:] == [Subscribed(BOOK)]
    assert talk.session.ready
    assert talk.session.acknowledged == {BOOK}


def test_a_refusal_without_a_symbol_is_about_the_whole_request() -> None:
    """`Subscription depth not supported` names none; only the number tells."""
    talk = Talk()
    talk.want(BOOK, ETHER, TRADE)
    events = talk.receive(answer("subscribe", 1, error="Subscription depth not supported"))
    assert events[1:] == [
        Refused(BOOK, "Subscription depth not supported"),
        Refused(ETHER, "Subscription depth not supported"),
    ]
    again = talk.receive(answer("subscribe", 1, error="Subscription depth not supported"))
    assert again == [Control("error", TIME_NS)]
    assert not talk.session.ready


def test_an_answer_without_a_number_is_matched_by_its_symbol() -> None:
    """Recorded answers to requests without `req_id` look like this."""
    talk = Talk()
    talk.want(BOOK, ETHER)
    assert talk.receive(answer("subscribe", error="No", symbol="ETH/USD"))[1:] == [
        Refused(ETHER, "No")
    ]
    assert talk.receive(answer("subscribe", error="No", symbol="XXX/USD"))[1:] == []
    assert talk.receive(answer("subscribe", error="No"))[1:] == [Refused(BOOK, "No")]


def test_already_subscribed_is_a_success() -> None:
    """What was asked for is so."""
    talk = Talk()
    talk.want(TRADE)
    events = talk.receive(answer("subscribe", 1, error="Already subscribed", symbol="BTC/USD"))
    assert events[1:] == [Subscribed(TRADE)]
    talk.want()
    events = talk.receive(
        answer("unsubscribe", 2, error="Subscription Not Found", symbol="BTC/USD")
    )
    assert events[1:] == [Unsubscribed(TRADE)]
    assert talk.session.acknowledged == frozenset()


def test_a_second_confirmation_is_told_once() -> None:
    """The ledger counts subscriptions, not frames."""
    talk = Talk()
    talk.want(TRADE)
    assert talk.receive(answer("subscribe", 1, result=result(TRADE)))[1:] == [Subscribed(TRADE)]
    assert talk.receive(answer("subscribe", 1, result=result(TRADE)))[1:] == []


def test_no_answer_is_a_refusal_and_is_asked_again_later() -> None:
    """Data does not wait for answers, and a late answer still counts."""
    talk = Talk(ack_timeout_s=30.0)
    talk.want(BOOK, TRADE)
    talk.receive(answer("subscribe", 2, result=result(TRADE)))
    talk.requests()
    assert talk.receive(trade("BTC/USD")) == [Data("trade", ("BTC/USD",), None, TIME_NS)]
    assert talk.live(29.0) == []
    assert not talk.session.ready
    assert talk.live(2.0) == [Refused(BOOK, "timeout")]
    assert talk.session.ready
    assert talk.requests() == []
    talk.live(31.0)
    assert talk.requests() == [("subscribe", "book", ["BTC/USD"])]
    assert talk.receive(answer("subscribe", 1, result=result(BOOK)))[1:] == [Subscribed(BOOK)]
    assert talk.live(200.0) == []
    assert talk.requests() == []


def test_retries_become_rarer_and_end() -> None:
    """A symbol that does not exist must not be asked for for ever."""
    talk = Talk()
    talk.want(BOOK)
    asked: list[float] = []
    for _ in range(3600):
        for request in talk.sent:
            if request["method"] == "subscribe":
                asked.append(talk.mono)
                number = request["req_id"]
                assert isinstance(number, int)
                talk.receive(answer("subscribe", number, error="No", symbol="BTC/USD"))
        talk.sent.clear()
        talk.live(5.0)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert len(asked) == 9
    assert pauses == sorted(pauses)
    assert pauses[0] >= 30.0
    assert pauses[-1] >= 60 * pauses[0]
    assert talk.session.ready


def test_a_symbol_wanted_anew_is_asked_for_at_once() -> None:
    """A new wish is not bound by old refusals."""
    talk = Talk()
    talk.want(BOOK)
    talk.receive(answer("subscribe", 1, error="No", symbol="BTC/USD"))
    talk.want()
    talk.requests()
    talk.want(BOOK)
    assert talk.requests() == [("subscribe", "book", ["BTC/USD"])]


def test_a_subscription_no_longer_wanted_when_it_is_confirmed_is_ended() -> None:
    """The wanted set may change while answers are on their way."""
    talk = Talk()
    talk.want(TRADE)
    talk.want()
    assert talk.session.ready
    talk.requests()
    talk.receive(answer("subscribe", 1, result=result(TRADE)))
    assert talk.requests() == [("unsubscribe", "trade", ["BTC/USD"])]


def test_a_failed_unsubscribe_is_repeated_later() -> None:
    """What is still held is not forgotten."""
    talk = Talk()
    talk.want(TRADE)
    talk.confirm()
    talk.want()
    talk.requests()
    assert talk.receive(answer("unsubscribe", 2, error="Busy", symbol="BTC/USD"))[1:] == []
    assert talk.session.acknowledged == {TRADE}
    talk.live(31.0)
    assert talk.requests() == [("unsubscribe", "trade", ["BTC/USD"])]
    talk.live(100.0)
    assert ("unsubscribe", "trade", ["BTC/USD"]) in talk.requests()


def test_wanted_again_while_the_end_goes_unanswered_is_still_held() -> None:
    """Nobody waits for ever: a planned successor depends on `ready`."""
    talk = Talk()
    talk.want(TRADE)
    talk.confirm()
    talk.want()
    talk.want(TRADE)
    assert not talk.session.ready
    talk.live(31.0)
    assert talk.session.acknowledged == {TRADE}
    assert talk.session.ready


def test_ended_and_wanted_again_is_asked_for_after_the_end() -> None:
    """The two requests must not cross."""
    talk = Talk()
    talk.want(TRADE)
    talk.confirm()
    talk.want()
    talk.want(TRADE)
    assert [kind for kind, _, _ in talk.requests()] == ["unsubscribe"]
    talk.receive(answer("unsubscribe", 2, result=result(TRADE)))
    assert [kind for kind, _, _ in talk.requests()] == ["subscribe"]


def test_a_success_that_names_nothing_confirms_nothing() -> None:
    """Never `subscribed` without positive evidence."""
    talk = Talk()
    talk.want(TRADE)
    answers: list[dict[str, object]] = [{}, {"result": {}}, {"result": {"channel": "trade"}}]
    for told in answers:
        assert talk.receive(answer("subscribe", 1, **told)) == [Control("ack", TIME_NS)]
    assert talk.session.acknowledged == frozenset()


def test_everything_refused_keeps_the_socket() -> None:
    """What to do about it is decided above the session."""
    talk = Talk()
    talk.want(TRADE)
    talk.receive(answer("subscribe", 1, error="No", symbol="BTC/USD"))
    assert talk.session.ready
    assert talk.session.acknowledged == frozenset()
    assert Reconnect not in {type(event) for event in talk.live(20.0)}
