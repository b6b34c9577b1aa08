"""The simulated venue answers as the real one was recorded to answer."""

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.event import Gap, Refused, Repaired, Send, Unread
from ssmd.model.frame import Frame, Opcode
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken import VENUE
from tests.venues.kraken.simulating import (
    START,
    later,
    market,
    read,
    request,
    run,
)


def test_each_symbol_is_answered_and_the_request_id_comes_back() -> None:
    """One refused pair does not hurt the others."""
    socket = market(1.0, 1, "BTC/USD", "ETH/USD").connect()
    answers = [
        read(e.payload)
        for e in socket.receive(
            request("subscribe", 42, channel="book", depth=25, symbol=["BTC/USD", "NO/PE"],
                    snapshot=False), START)
    ]  # fmt: skip
    assert [(a["success"], a["req_id"]) for a in answers] == [(True, "42"), (False, "42")]
    assert answers[0]["result"] == {
        "channel": "book", "depth": "25", "snapshot": False, "symbol": "BTC/USD",
    }  # fmt: skip
    assert answers[1]["error"] == "Currency pair not supported NO/PE"
    assert list(answers[0]) == sorted(answers[0])


def test_a_second_subscription_is_refused_and_unsubscribing_ends_the_stream() -> None:
    """A session that resubscribes must see both."""
    venue = market(200.0, 1, "BTC/USD")
    socket = venue.connect()
    asked = request("subscribe", channel="book", symbol=["BTC/USD"])
    socket.receive(asked, START)
    (again,) = socket.receive(asked, START)
    assert read(again.payload)["error"] == "Already subscribed"
    stop = request("unsubscribe", 9, channel="book", symbol=["BTC/USD"])
    (ended,) = socket.receive(stop, START)
    assert read(ended.payload)["success"] is True
    assert run(venue, socket, 0, 1) == []
    (missing,) = socket.receive(stop, START)
    assert read(missing.payload)["success"] is False


def test_ping_is_answered_and_nonsense_is_refused() -> None:
    """The connection lives on whatever a client says."""
    socket = market(1.0, 1, "BTC/USD").connect()
    (pong,) = socket.receive(request("ping", 7), START)
    assert list(read(pong.payload)) == ["method", "req_id", "time_in", "time_out"]
    for nonsense in (b"", b"{", b"[" * 5000, b"\xff", b'{"method":3}'):
        (answer,) = socket.receive(nonsense, START)
        assert read(answer.payload)["error"] == "Malformed request"
    (unknown,) = socket.receive(request("dance"), START)
    assert read(unknown.payload)["success"] is False


def test_heartbeats_come_once_a_second_and_only_while_subscribed() -> None:
    """As recorded: also while data flows."""
    venue = market(0.0, 1, "BTC/USD")
    socket = venue.connect()
    assert run(venue, socket, 0, 5) == []
    socket.receive(request("subscribe", channel="trade", symbol=["BTC/USD"]), later(5))
    out = run(venue, socket, 5, 10)
    assert {e.payload for e in out} == {b'{"channel":"heartbeat"}'}
    assert 9 <= len(out) <= 10


def test_the_instrument_channel_lists_every_pair() -> None:
    """The live source of what is listed."""
    socket = market(1.0, 1, "BTC/USD", "DOGE/USD").connect()
    answers = socket.receive(request("subscribe", 1, channel="instrument"), START)
    ack, snapshot = (read(e.payload) for e in answers)
    assert ack["success"] is True
    pairs = snapshot["data"]["pairs"]  # type: ignore[index]
    assert [(p["symbol"], p["price_increment"]) for p in pairs] == [
        ("BTC/USD", "0.1"), ("DOGE/USD", "1E-7"),
    ]  # fmt: skip


def test_late_answers_come_late_and_in_order() -> None:
    """Nothing of a subscription comes before its answer."""
    venue = market(100.0, 1, "BTC/USD")
    venue.delay_answers(2)
    socket = venue.connect()
    assert socket.receive(request("subscribe", 1, channel="book", symbol=["BTC/USD"]), START) == []
    assert socket.receive(request("ping", 2), START) == []
    assert run(venue, socket, 0, 1.9) == []
    out = [read(e.payload) for e in run(venue, socket, 1.9, 0.5)]
    assert [m.get("req_id") for m in out[:3]] == ["1", None, "2"]


def test_a_refused_symbol_is_refused_from_then_on() -> None:
    """What the venue says of a delisted pair."""
    venue = market(1.0, 1, "BTC/USD")
    venue.refuse("BTC/USD")
    socket = venue.connect()
    (answer,) = socket.receive(request("subscribe", channel="book", symbol=["BTC/USD"]), START)
    assert read(answer.payload)["error"] == "Currency pair not supported BTC/USD"


def test_a_closed_socket_is_forgotten() -> None:
    """A market must not keep talking to sockets that are gone."""
    venue = market(100.0, 1, "BTC/USD")
    socket = venue.connect()
    for channel in ("book", "trade", "ticker", "instrument"):
        socket.receive(request("subscribe", channel=channel, symbol=["BTC/USD"]), START)
    socket.close()
    venue.advance(later(0.5))
    venue.advance(later(1))
    assert socket.outbox == []


def test_playback_answers_are_without_data_and_know_every_pair() -> None:
    """A recording brings its own data."""
    venue = market(100.0, 1, "BTC/USD")
    asked = request("subscribe", 5, channel="book", symbol=["A/B", "BTC/USD"])
    answers = [read(e.payload) for e in venue.agree(asked, START)]
    assert [a["success"] for a in answers] == [True, True]
    assert len(venue.agree(request("ping"), START)) == 1
    assert len(venue.agree(b"{", START)) == 1


def test_what_is_no_pair_is_refused() -> None:
    """It would break the JSON of every message about it."""
    with pytest.raises(ConfigError, match="not a pair"):
        market(1.0, 1, 'BTC"USD')


def test_our_own_session_understands_every_word_and_repairs_what_is_corrupted() -> None:
    """Both sides of the talk were written apart, from the same recordings."""
    venue = market(1000.0, 2, "BTC/USD", "ETH/USD", "XRP/USD")
    venue.refuse("XRP/USD")
    socket = venue.connect()
    wanted = VENUE.subscriptions(("book", "trade", "ticker", "instrument"), venue.symbols)
    shard = Shard("kraken", 0, wanted)
    session = VENUE.session(shard, SessionOptions(limits=VENUE.limits, parameters={"depth": 25}))
    events = [*session.open(START), *session.want(wanted, START)]
    seen = list(events)
    emissions = list(socket.open(START))
    for step in range(1, 2001):
        now = later(step * 0.005)
        if step == 1000:
            venue.corrupt("BTC/USD")
        venue.advance(now)
        emissions += socket.tick(now)
        fresh = [*session.tick(now)]
        for emission in emissions:
            fresh += session.receive(Frame(emission.payload, Opcode.TEXT, now.wall, now.mono))
        seen += fresh
        emissions = []
        for event in (*events, *fresh):
            if isinstance(event, Send):
                emissions += socket.receive(event.payload, now)
        events = []
    assert not [event for event in seen if isinstance(event, Unread)]
    assert {e.subscription.symbol for e in seen if isinstance(e, Refused)} == {"XRP/USD"}
    assert session.ready
    gaps = [event for event in seen if isinstance(event, Gap)]
    assert [gap.symbols for gap in gaps] == [("BTC/USD",)]
    repairs = [event for event in seen if isinstance(event, Repaired)]
    assert [repair.symbols for repair in repairs] == [("BTC/USD",)]
