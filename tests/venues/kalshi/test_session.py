"""Counters and their holes, keepalive, and replay of recordings."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from ssmd.model.event import (
    Control,
    Data,
    Event,
    Gap,
    Reconnect,
    Refused,
    Repaired,
    Subscribed,
    Unread,
    Unsubscribed,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.venues.kalshi import VENUE
from ssmd.venues.kalshi.session import NAMED
from tests.venues.kalshi.frames import (
    BOOK_A,
    BOOK_B,
    BOOK_C,
    LIFE,
    NS,
    TICKER_A,
    TRADE_A,
    TRADE_B,
    A,
    B,
    C,
    Talk,
    delta,
    error,
    frame,
    held,
    lifecycle,
    ok,
    snapshot,
    subscribed,
    ticker,
    trade,
    unsubscribed,
)

BOOKS = "orderbook_delta"


def gaps(events: Sequence[Event]) -> list[Gap]:
    return [event for event in events if isinstance(event, Gap)]


# Counters


def test_one_counter_runs_over_all_markets_and_answers_of_a_subscription() -> None:
    """The answers to updates are counted as well, which recordings show."""
    talk = held(BOOK_A, BOOK_B)
    events = talk.receive(snapshot(1)) + talk.receive(snapshot(2, B)) + talk.receive(delta(3, B))
    talk.want(BOOK_A, BOOK_B, BOOK_C)
    events += talk.receive(ok(2, 1, 4, A, B, C)) + talk.receive(delta(5))
    talk.want(BOOK_B, BOOK_C)
    events += talk.receive(ok(3, 1, 6, B, C)) + talk.receive(snapshot(7, C))
    assert gaps(events) == []
    assert gaps(talk.receive(delta(9))) == [Gap(BOOKS, (B, C), "sequence", 8, 9, "sid 1")]


def test_a_hole_is_told_of_all_markets_and_their_books_are_asked_for() -> None:
    """Whose message is missing cannot be known; the data flows on."""
    talk = held(BOOK_A, BOOK_B)
    talk.receive(snapshot(1))
    talk.receive(snapshot(2, B))
    events = talk.receive(delta(4))
    assert events == [
        Data(BOOKS, (A,), 4, NS),
        Gap(BOOKS, (A, B), "sequence", 3, 4, "sid 1"),
    ]
    assert talk.requests() == [("get_snapshot", 1, [A, B])]
    assert talk.receive(ok(2, 1, 5, A, B)) == [Control("ack")]
    assert talk.receive(snapshot(6))[1:] == [Repaired(BOOKS, (A,), "snapshot")]
    assert talk.receive(delta(7))[1:] == []
    assert talk.receive(snapshot(8, B))[1:] == [Repaired(BOOKS, (B,), "snapshot")]
    assert talk.receive(snapshot(9, B, empty=True)) == [Data("orderbook_snapshot", (B,), 9, None)]
    talk.live(20.0)
    assert talk.requests() == []


def test_a_snapshot_that_shows_the_hole_repairs_its_own_market() -> None:
    """It is whole, whatever came before it."""
    talk = held(BOOK_A, BOOK_B)
    talk.receive(snapshot(1))
    events = talk.receive(snapshot(5))
    assert [type(event) for event in events] == [Data, Gap, Repaired]
    assert talk.requests() == [("get_snapshot", 1, [B])]


def test_a_counter_that_goes_back_is_told_and_followed() -> None:
    """No loss is proved and none can be excluded; what comes next is judged from there."""
    talk = held(BOOK_A)
    talk.receive(snapshot(1))
    talk.receive(delta(2))
    assert gaps(talk.receive(delta(2))) == [Gap(BOOKS, (A,), "sequence_reset", 3, 2, "sid 1")]
    assert talk.requests() == [("get_snapshot", 1, [A])]
    assert gaps(talk.receive(delta(3))) == []
    assert gaps(talk.receive(delta(5))) == [Gap(BOOKS, (A,), "sequence", 4, 5, "sid 1")]


def test_the_first_message_of_a_book_subscription_is_number_one() -> None:
    """Every recording of a confirmation shows it; other channels begin where they begin."""
    talk = held(BOOK_A, TRADE_A, LIFE)
    assert gaps(talk.receive(snapshot(2))) == [Gap(BOOKS, (A,), "sequence", 1, 2, "sid 1")]
    assert gaps(talk.receive(trade(17))) == []
    assert gaps(talk.receive(lifecycle(900))) == []


def test_trades_and_lifecycles_have_their_own_counters_and_no_repair() -> None:
    """A lost trade is asked for by nobody here."""
    talk = held(TRADE_A, TRADE_B, LIFE, TICKER_A)
    talk.receive(trade(5))
    assert gaps(talk.receive(trade(7, B))) == [Gap("trade", (A, B), "sequence", 6, 7, "sid 2")]
    talk.receive(lifecycle(5))
    assert gaps(talk.receive(lifecycle(None))) == []
    expected = Gap("market_lifecycle_v2", (), "sequence", 6, 8, "sid 4")
    assert gaps(talk.receive(lifecycle(8))) == [expected]
    assert [event for _ in range(3) for event in gaps(talk.receive(ticker()))] == []
    assert talk.requests() == []


def test_a_message_that_is_not_understood_is_counted_all_the_same() -> None:
    """A new message type must not look like a loss, nor hide one."""
    talk = held(BOOK_A)
    talk.receive(snapshot(1))
    assert talk.receive(frame("book_mood", 1, 2, mood="up")) == [Unread("unknown_channel")]
    assert talk.receive(frame(BOOKS, 1, 3, ticker=A)) == [Unread("unexpected_shape")]
    assert gaps(talk.receive(delta(4))) == []
    events = talk.receive(frame("book_mood", 1, 6, mood="up"))
    assert [type(event) for event in events] == [Unread, Gap]


def test_an_answer_can_show_a_hole() -> None:
    """It stands in the same line as the data."""
    talk = held(BOOK_A)
    talk.receive(snapshot(1))
    talk.want(BOOK_A, BOOK_B)
    events = talk.receive(ok(2, 1, 3, A, B))
    assert [type(event) for event in events] == [Control, Gap, Subscribed]


def test_a_new_subscription_has_a_new_counter() -> None:
    """Also where the venue gives the same number again."""
    talk = held(BOOK_A)
    talk.receive(snapshot(1))
    talk.want()
    assert talk.receive(unsubscribed(2, 1, 2)) == [Control("ack"), Unsubscribed(BOOK_A)]
    talk.want(BOOK_A)
    talk.receive(subscribed(3, BOOKS, 1))
    assert gaps(talk.receive(snapshot(1)) + talk.receive(delta(2))) == []


@pytest.mark.parametrize(
    ("subscription", "sid", "first"),
    [(BOOK_A, 1, snapshot(1)), (TRADE_A, 2, trade(1)), (LIFE, 4, lifecycle(1))],
)
def test_a_confirmation_after_its_data_leaves_the_counter_where_it_stands(
    subscription: Subscription, sid: int, first: bytes
) -> None:
    """Data may overtake it: the next number is the next one, and a hole is still a hole."""
    talk = Talk()
    talk.want(subscription)
    talk.receive(first)
    talk.receive(frame("market_mood", sid, 2, mood="up"))
    talk.receive(subscribed(1, subscription.channel, sid))
    events = talk.receive(frame("market_mood", sid, 3, mood="up"))
    events += talk.receive(subscribed(9, subscription.channel, sid))
    assert gaps(events + talk.receive(frame("market_mood", sid, 4, mood="up"))) == []
    (gap,) = gaps(talk.receive(frame("market_mood", sid, 6, mood="up")))
    assert (gap.kind, gap.expected, gap.found) == ("sequence", 5, 6)


def test_a_subscription_that_broke_leaves_no_counter_behind() -> None:
    """Its number may come again, and begins at one then."""
    talk = held(BOOK_A)
    talk.receive(snapshot(1))
    talk.receive(delta(2))
    talk.receive(error(None, 10, "Channel error", sid=1))
    talk.live(6.0)
    talk.receive(subscribed(talk.number(), BOOKS, 1))
    assert gaps(talk.receive(snapshot(1)) + talk.receive(delta(2))) == []


def test_repairs_become_rarer_in_a_storm() -> None:
    """The first at once, then after longer and longer pauses, however many holes there are."""
    talk = held(BOOK_A)
    talk.receive(snapshot(1))
    seq, asked = 1, []
    for _ in range(1200):
        seq += 2
        assert gaps(talk.receive(delta(seq)))
        for what, _, _ in talk.requests():
            assert what == "get_snapshot"
            asked.append(talk.mono)
            seq += 1
            talk.receive(snapshot(seq))
        talk.live(1.0)
    pauses = [round(later - earlier) for earlier, later in pairwise(asked)]
    assert asked[0] == 1000.0
    assert pauses[:6] == [5, 10, 20, 40, 80, 160]
    assert len(asked) <= 11
    assert Repaired(BOOKS, (A,), "snapshot") in talk.receive(snapshot(seq + 1))
    talk.live(601.0)
    assert talk.requests() == []
    talk.receive(delta(seq + 3))
    assert talk.requests() == [("get_snapshot", 1, [A])]


def test_a_snapshot_that_does_not_come_is_asked_for_again() -> None:
    """The answer alone repairs nothing; a refusal of the request neither."""
    talk = held(BOOK_A)
    talk.receive(snapshot(1))
    talk.receive(delta(3))
    assert talk.requests() == [("get_snapshot", 1, [A])]
    assert talk.receive(error(2, 17, "Internal error")) == [Control("error")]
    talk.live(4.0)
    assert talk.requests() == []
    talk.live(2.0)
    assert talk.requests() == [("get_snapshot", 1, [A])]
    talk.live(60.0)
    assert len(talk.requests()) >= 2
    assert talk.session.acknowledged == {BOOK_A}


def test_repairs_are_batched_and_paced() -> None:
    """A hole concerns every market of the connection."""
    books = [Subscription(BOOKS, f"T-{n:03}") for n in range(200)]
    talk = held(*books, sends_per_second=1.0)
    talk.receive(delta(9, "T-000"))
    assert talk.requests() == []
    talk.live(3.0)
    ((what, sid, markets),) = talk.requests()
    assert (what, sid) == ("get_snapshot", 1)
    assert isinstance(markets, list)
    assert len(markets) == 200


def test_what_seems_frozen_is_asked_for_again() -> None:
    """Books show themselves; what has no snapshot is ended and begun anew."""
    talk = held(BOOK_A, BOOK_B, TRADE_A, TRADE_B, TICKER_A)
    assert talk.renew(BOOK_A, TRADE_A, TICKER_A, Subscription("trade", "other")) == []
    assert sorted(talk.requests(), key=str) == [
        ("delete_markets", 2, [A]),
        ("get_snapshot", 1, [A]),
        ("unsubscribe", 3, None),
    ]
    assert talk.receive(snapshot(1)) == [Data("orderbook_snapshot", (A,), 1, None)]
    assert talk.receive(ok(6, 2, 1, B)) == [Control("ack"), Unsubscribed(TRADE_A)]
    assert talk.requests() == [("add_markets", 2, [A])]


# Keepalive


def test_a_websocket_ping_goes_out_every_interval() -> None:
    """The venue has no ping message of its own; pongs are its answers to ours."""
    talk = Talk(ping_interval_s=15.0)
    talk.live(50.0)
    assert talk.pings == 3
    assert talk.session.pong_mono is not None
    assert talk.mono - talk.session.pong_mono <= 1.0


def test_the_venues_own_pings_are_a_sign_of_life_and_ours_are_not() -> None:
    """A quiet market and a dead connection must not look alike."""
    talk = Talk(silence_s=45.0, pong_intervals=100.0)
    for _ in range(30):
        talk.receive(b"heartbeat", Opcode.PING)
        assert talk.tick(10.0) == []
    for _ in range(35):
        assert talk.tick(1.0) == []
    assert talk.tick(1.0) == [Reconnect("silence")]
    assert talk.pings > 10


def test_a_missing_pong_ends_the_connection_though_data_flows() -> None:
    """A venue that sends but no longer listens is half dead."""
    talk = Talk(ping_interval_s=15.0, pong_intervals=2.0)
    ended = None
    for second in range(1, 200):
        talk.receive(b"heartbeat", Opcode.PING)
        if second == 20:
            talk.receive(b"", Opcode.PONG)
        if talk.tick(1.0) == [Reconnect("pong")]:
            ended = second
            break
    assert ended == 50


def test_a_buffer_overflow_ends_the_connection() -> None:
    """The venue dropped what we were too slow for, and sends nothing more."""
    talk = held(BOOK_A)
    events = talk.receive(error(None, 25, "Subscription buffer overflow"))
    assert events == [Control("error"), Reconnect("buffer_overflow")]
    assert talk.want(BOOK_A, BOOK_B) == []
    assert talk.tick(100.0) == []
    assert talk.session.close(talk.now(), 1006, "gone") == ()
    assert (talk.sent, talk.pings) == ([], 0)


# Replay


def test_a_replay_accepts_answers_nobody_asked_for_and_sends_nothing() -> None:
    """The recorded client did the asking; lists of markets tell what it held."""
    talk = Talk(passive=True)
    assert talk.receive(subscribed(1, "market_lifecycle_v2", 1)) == [
        Control("ack"),
        Subscribed(LIFE),
    ]
    assert talk.receive(subscribed(2, "trade", 2)) == [Control("ack")]
    assert talk.receive(subscribed(3, "fill", 3)) == [Control("ack")]
    assert talk.receive(ok(4, 2, 1, A, B)) == [
        Control("ack"),
        Subscribed(TRADE_A),
        Subscribed(TRADE_B),
    ]
    assert talk.receive(ok(5, 2, 2, B)) == [Control("ack"), Unsubscribed(TRADE_A)]
    assert kinds(talk.receive(trade(4, B))) == [Data, Gap]
    assert talk.receive(unsubscribed(6, 2, 5)) == [Control("ack"), Unsubscribed(TRADE_B)]
    assert talk.receive(error(7, 25)) == [Control("error")]
    assert talk.tick(1000.0) == []
    assert (talk.sent, talk.pings) == ([], 0)


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


@pytest.mark.parametrize("first", [subscribed(1, "trade", 1), trade(7, sid=1)])
def test_a_confirmation_of_what_is_open_begins_a_new_connection(first: bytes) -> None:
    """A recording may hold several; the frame itself belongs to the next one."""
    talk = Talk(passive=True)
    talk.receive(first)
    assert talk.receive(subscribed(1, "ticker", 1)) == [Reconnect("discontinuity")]
    assert talk.receive(subscribed(1, "trade", 9)) == [Reconnect("discontinuity")]
    assert talk.receive(subscribed(1, "ticker", 2)) == [Control("ack")]
    talk.receive(unsubscribed(2, 1, 9))
    assert talk.receive(subscribed(3, "trade", 1)) == [Control("ack")]


def test_a_replay_names_the_markets_it_has_seen_as_long_as_they_are_few() -> None:
    """It does not know what was subscribed."""
    talk = Talk(passive=True)
    for seq, market in enumerate((A, B, A), 10):
        assert gaps(talk.receive(delta(seq, market))) == []
    assert gaps(talk.receive(delta(20))) == [Gap(BOOKS, (A, B), "sequence", 13, 20, "sid 1")]
    assert talk.receive(snapshot(21, B))[1:] == [Repaired(BOOKS, (B,), "snapshot")]
    for n in range(NAMED):
        talk.receive(delta(22 + n, f"T-{n}"))
    assert gaps(talk.receive(delta(5)))[0].symbols == ()


def test_a_session_never_changes_its_mind() -> None:
    """The same frames give the same events: replays are comparable."""
    script = [subscribed(1, BOOKS, 1), snapshot(1), delta(4), ok(3, 1, 5, A), snapshot(6), b"x"]

    def told() -> list[Sequence[Event]]:
        session = VENUE.session(Shard("kalshi", 0, frozenset()), Talk.options())
        session.open(Now(0, 0.0))
        events = [session.want(frozenset({BOOK_A, TRADE_A, BOOK_C}), Now(0, 0.0))]
        return events + [session.receive(Frame(f, Opcode.TEXT, 1, 1.0)) for f in script]

    assert told() == told()
    assert not any(isinstance(event, Refused) for events in told() for event in events)
