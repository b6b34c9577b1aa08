"""Keepalive, replay of recordings, and the facts of the venue."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.errors import ConfigError
from ssmd.model.event import (
    Control,
    Data,
    Event,
    Gap,
    Reconnect,
    Repaired,
    Subscribed,
    Unsubscribed,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.venues.kraken import VENUE
from tests.venues.kraken.frames import (
    ASKS,
    BIDS,
    BOOK,
    ETHER,
    HEARTBEAT,
    INSTRUMENT,
    STATUS,
    TRADE,
    Talk,
    answer,
    book,
    crc,
    item,
    result,
    snapshot,
    trade,
)


def test_a_ping_goes_out_every_interval_with_its_own_number() -> None:
    """It is the venue's own message, not a WebSocket ping."""
    talk = Talk(ping_interval_s=30.0)
    talk.live(95.0)
    assert talk.sent == [{"method": "ping", "req_id": number} for number in (1, 2, 3)]
    assert talk.session.pong_mono is not None
    assert talk.mono - talk.session.pong_mono <= 5.0


def test_silence_ends_the_connection_however_busy_the_timers_are() -> None:
    """Only what was received counts as life: not our wake-ups, not our own sends."""
    talk = Talk(silence_s=90.0, pong_intervals=100.0)
    talk.receive(HEARTBEAT)
    ended = None
    for second in range(1, 200):
        talk.want(Subscription("ticker", f"T{second}/USD"))
        events = talk.tick(1.0)
        if Reconnect("silence") in events:
            ended = second
            break
    assert ended == 91
    assert len(talk.sent) > 90


def test_a_missing_pong_ends_the_connection_though_data_flows() -> None:
    """A venue that sends but no longer listens is half dead."""
    talk = Talk(ping_interval_s=30.0, pong_intervals=2.0)
    ended = None
    for second in range(1, 200):
        talk.receive(HEARTBEAT)
        if second == 20:
            talk.receive(answer("pong"))
        if talk.tick(1.0) == [Reconnect("pong")]:
            ended = second
            break
    assert ended == 80
    assert talk.session.pong_mono == pytest.approx(1019.0)


def test_nothing_is_sent_once_the_connection_is_given_up() -> None:
    """The shell is closing it."""
    talk = Talk()
    talk.want(BOOK)
    talk.confirm()
    assert talk.tick(1000.0) == [Reconnect("silence")]
    talk.want(TRADE)
    assert talk.receive(trade("BTC/USD"))
    assert talk.tick(1000.0) == []
    assert talk.session.close(talk.now(), 1006, "gone") == ()
    assert talk.sent == []


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


def test_a_replay_accepts_answers_nobody_asked_for_and_sends_nothing() -> None:
    """The recorded client did the asking."""
    talk = Talk(passive=True)
    assert talk.receive(STATUS) == [Control("status")]
    told = answer("subscribe", result=result(BOOK, depth=10, snapshot=True))
    assert talk.receive(told)[1:] == [Subscribed(BOOK)]
    talk.receive(snapshot())
    assert kinds(talk.receive(book("update", item("BTC/USD", [], [], 1)))) == [Data, Gap]
    assert talk.receive(answer("unsubscribe", result=result(BOOK)))[1:] == [Unsubscribed(BOOK)]
    assert talk.tick(1000.0) == []
    assert talk.sent == []


def test_an_opening_status_in_mid_stream_begins_a_new_connection() -> None:
    """A recording may hold several; the frame itself belongs to the next one."""
    for first in (STATUS, HEARTBEAT, b"junk"):
        talk = Talk(passive=True)
        talk.receive(first)
        assert talk.receive(STATUS)[0] == Reconnect("discontinuity")
    assert Talk(passive=True).receive(STATUS) == [Control("status")]


def test_news_of_the_system_on_the_same_connection_is_no_new_one() -> None:
    """Maintenance is announced by a status as well."""
    talk = Talk(passive=True)
    talk.receive(STATUS)
    assert talk.receive(STATUS.replace(b"online", b"maintenance")) == [Control("status")]
    other = STATUS.replace(b"online", b"maintenance").replace(b'_id":1', b'_id":2')
    assert talk.receive(other) == [Reconnect("discontinuity")]


def test_a_live_session_takes_a_second_status_as_news() -> None:
    """The socket is the same."""
    talk = Talk()
    talk.receive(STATUS)
    assert talk.receive(STATUS) == [Control("status")]


def test_a_replay_that_begins_in_mid_stream_invents_no_gap() -> None:
    """Without answer and snapshot there is nothing the update could contradict."""
    talk = Talk(passive=True)
    assert kinds(talk.receive(book("update", item("BTC/USD", [], [], 1)))) == [Data]
    talk.receive(snapshot())
    assert kinds(talk.receive(book("update", item("BTC/USD", [], [], 1)))) == [Data, Gap]


@pytest.mark.parametrize(("levels", "depth"), [(3, 10), (10, 10), (11, 25), (26, 100)])
def test_a_missing_depth_is_the_smallest_that_can_have_given_the_snapshot(
    levels: int, depth: int
) -> None:
    """The recorded client chose it; only the snapshot shows which."""
    asks = [(f"{n}.5", "1.0") for n in range(1000, 1000 + levels)]
    new = [(f"{n}.5", "1.0") for n in range(1000 - depth, 1000)]
    talk = Talk(passive=True)
    talk.receive(snapshot(bids=[], asks=asks))
    full = (new + asks)[:depth]
    assert kinds(talk.receive(book("update", item("BTC/USD", [], new, crc(full, []))))) == [Data]
    gone = [(price, "0.0") for price, _ in full]
    events = talk.receive(book("update", item("BTC/USD", [], gone, crc([], []))))
    assert kinds(events) == [Data]


def test_the_depth_of_the_answer_wins_over_the_look_of_the_snapshot() -> None:
    """A thin book of depth 25 looks like one of depth 10."""
    talk = Talk(passive=True)
    talk.receive(answer("subscribe", result=result(BOOK, depth=25)))
    talk.receive(snapshot())
    better = [(f"44000.{n}", "1.0") for n in range(5)]
    asks = better + ASKS
    assert kinds(talk.receive(book("update", item("BTC/USD", [], better, crc(asks, BIDS))))) == [
        Data
    ]
    gone = [(price, "0") for price, _ in better]
    events = talk.receive(book("update", item("BTC/USD", [], gone, crc(ASKS, BIDS))))
    assert kinds(events) == [Data]


def test_a_replayed_book_that_adds_up_again_can_show_a_second_loss() -> None:
    """Nobody fetches a fresh snapshot in a replay; each failed run is one gap."""
    talk = Talk(passive=True)
    talk.receive(snapshot())
    for _ in range(2):
        lost = [("45000.0", "1.0")]
        right = crc(lost + ASKS[:9], BIDS)
        first = talk.receive(book("update", item("BTC/USD", [], [], right)))
        assert kinds(first) == [Data, Gap]
        assert kinds(talk.receive(book("update", item("BTC/USD", [], [], right)))) == [Data]
        gone = [("45000.0", "0.0"), ASKS[9]]
        events = talk.receive(book("update", item("BTC/USD", [], gone, crc(ASKS, BIDS))))
        assert events[1:] == [Repaired("book", ("BTC/USD",), "checksum")]


def test_parameters_are_refused_with_what_is_allowed() -> None:
    """Any other depth is refused by the venue, symbol by symbol."""
    assert VENUE.check({}) == []
    assert [VENUE.check({"depth": depth}) for depth in (10, 25, 100, 500, 1000)] == [[]] * 5
    for depth in (27, "10", True, 10.0, None):
        (complaint,) = VENUE.check({"depth": depth})
        assert "10, 25, 100, 500, 1000" in complaint
    assert "depht" in VENUE.check({"depht": 10})[0]
    assert [VENUE.check({"interval": minutes}) for minutes in (1, 60, 21600)] == [[]] * 3
    for interval in (2, "1", True):
        (complaint,) = VENUE.check({"interval": interval})
        assert "1, 5, 15, 30, 60, 240, 1440, 10080, 21600" in complaint


def test_the_instrument_channel_is_one_subscription() -> None:
    """It has no symbols."""
    wanted = VENUE.subscriptions(("book", "instrument"), ("BTC/USD", "ETH/USD"))
    assert wanted == {BOOK, ETHER, INSTRUMENT}
    with pytest.raises(ConfigError, match="Did you mean 'ticker'"):
        VENUE.subscriptions(("tikcer",), ("BTC/USD",))


def test_the_endpoint_is_opened_as_it_is() -> None:
    """Public data needs no credentials."""
    shard = Shard("kraken", 0, frozenset())
    handshake = VENUE.handshake("wss://ws.kraken.com/v2", shard, {"key": "x"}, Now(0, 0.0))
    assert (handshake.url, dict(handshake.headers)) == ("wss://ws.kraken.com/v2", {})


@given(st.integers(0, 1 << 62))
def test_the_venue_trades_day_and_night(ts: int) -> None:
    """A silence is never a scheduled one."""
    assert VENUE.pause(ts) is None


def test_a_session_never_changes_its_mind() -> None:
    """The same frames give the same events: replays are comparable."""
    script = [STATUS, snapshot(), trade("A"), book("update", item("BTC/USD", [], [], 1)), b"x"]

    def told() -> list[Sequence[Event]]:
        session = VENUE.session(Shard("kraken", 0, frozenset()), Talk.options())
        session.open(Now(0, 0.0))
        events = [session.want(frozenset({BOOK, TRADE}), Now(0, 0.0))]
        return events + [session.receive(Frame(f, Opcode.TEXT, 1, 1.0)) for f in script]

    assert told() == told()
