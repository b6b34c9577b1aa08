"""What is heard of instruments while messages pass by, and what the archive adds."""

from collections.abc import Sequence

import msgspec

from ssmd.archive.ledger.entries import Activity, Entry, Gap, Intent, Ledger
from ssmd.cli.top_heard import MOST, WINDOW_S, Heard, shard_of
from ssmd.model.envelope import LEDGER, REST, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.records import Acknowledged, Ended, GapFound
from ssmd.model.timestamp import SECOND_NS

FEED = "atlantis-deep"
CONNECTION = f"{FEED}-3-018f9a3e-0000-7000-8000-000000000001"
WALL = 1_800_000_000 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS


def said(
    symbol: str, at_s: float = 0.0, *, kind: str = "trade", connection: str = CONNECTION
) -> Envelope:
    """A message about an instrument, received so many seconds after the beginning."""
    return Envelope(
        feed=FEED, category=None, type=kind, symbols=(symbol,), connection=connection,
        ordinal=0, record=None, part=0, parts=1, opcode=Opcode.TEXT, sequence=None, ts_event=None,
        ts_recv=WALL + round(at_s * SECOND_NS), payload=b"",
    )  # fmt: skip


def told(record: object, number: int = 0) -> Envelope:
    """A record of ours."""
    return msgspec.structs.replace(
        said("x", kind=LEDGER), symbols=(), ordinal=None, record=number,
        payload=msgspec.json.encode(record),
    )  # fmt: skip


def gap(*symbols: str) -> GapFound:
    """A gap that a session found."""
    return GapFound(
        channel="trade", symbols=symbols, kind="sequence", expected=2, found=4, ordinal=1,
    )  # fmt: skip


def rows(
    heard: Heard, at_s: float, *, state: str = "up", shard: str = "3"
) -> dict[str, tuple[object, ...]]:
    """State, rate, age and gaps of every instrument, so many seconds after the beginning."""
    found = heard.rows(shard=shard, wall=WALL + round(at_s * SECOND_NS), mono=at_s, state=state)
    return {row.instrument: (row.state, row.rate, row.age_s, row.gaps) for row in found}


def test_a_rate_is_over_the_window() -> None:
    """Thirty messages in the last ten seconds are three a second, whatever came before."""
    heard = Heard(FEED, 0.0)
    for at in range(100):
        heard.take(said("BTC", at), at)
    for at in range(20):
        heard.take(said("BTC", 100 + at / 2), 100 + at / 2)
    assert rows(heard, 109.5)["BTC"] == ("live", 2.0, 0.0, 0)


def test_a_rate_of_the_first_seconds_is_not_thinned() -> None:
    """Two seconds of listening are no window of ten."""
    heard = Heard(FEED, 50.0)
    for _ in range(8):
        heard.take(said("BTC", 52), 52.0)
    (row,) = heard.rows(shard="3", wall=WALL, mono=54.0)
    assert row.rate == 2.0


def test_a_silent_instrument_is_quiet_and_its_age_grows() -> None:
    """Quiet is no judgement: markets are."""
    heard = Heard(FEED, 0.0)
    heard.take(said("BTC"), 0.0)
    assert rows(heard, 1.0)["BTC"][0] == "live"
    assert rows(heard, WINDOW_S + 1.0)["BTC"] == ("quiet", 0.0, 11.0, 0)


def test_instruments_of_a_dead_shard_are_down() -> None:
    """A rate of a moment ago is none of a socket that is closed."""
    heard = Heard(FEED, 0.0)
    heard.take(said("BTC"), 0.0)
    assert rows(heard, 1.0, state="down")["BTC"][0] == "down"
    assert rows(heard, 1.0, state="no answer")["BTC"][0] == "no answer"
    assert rows(heard, 1.0, state="partly down")["BTC"][0] == "live"


def test_only_the_shard_that_is_looked_at_is_shown() -> None:
    """An instrument that moved belongs to whom it was heard of last."""
    heard = Heard(FEED, 0.0)
    heard.take(said("BTC"), 0.0)
    heard.take(said("ETH", connection=CONNECTION.replace("-3-", "-12-")), 0.0)
    assert list(rows(heard, 1.0)) == ["BTC"]
    assert list(rows(heard, 1.0, shard="12")) == ["ETH"]
    heard.take(said("ETH"), 0.0)
    assert list(rows(heard, 1.0)) == ["BTC", "ETH"]


def test_bodies_and_records_are_no_messages_of_the_venue() -> None:
    """What we fetched, and what we say ourselves, is not heard on a socket."""
    heard = Heard(FEED, 0.0)
    heard.take(said("BTC", kind=REST), 0.0)
    heard.take(told(Ended(channel="trade", symbol="ETH", ordinal=1)), 0.0)
    assert rows(heard, 1.0) == {}


def test_what_is_acknowledged_has_a_row_before_it_speaks() -> None:
    """And what is ended has none, until it speaks again."""
    heard = Heard(FEED, 0.0)
    heard.take(told(Acknowledged(channel="trade", symbol="BTC", ordinal=1)), 0.0)
    assert rows(heard, 1.0)["BTC"] == ("quiet", 0.0, None, 0)
    heard.take(told(Ended(channel="trade", symbol="BTC", ordinal=2), 1), 0.0)
    assert rows(heard, 1.0) == {}
    heard.take(said("BTC"), 0.0)
    assert list(rows(heard, 1.0)) == ["BTC"]


def test_gaps_are_counted_once_whoever_tells_of_them() -> None:
    """The ledger and the bus both do, of those of the last moment."""
    heard = Heard(FEED, 0.0)
    heard.take(said("BTC"), 0.0)
    heard.take(told(gap("BTC"), 7), 0.0)
    heard.take(told(gap("BTC"), 8), 0.0)
    gaps = [
        Gap(
            feed=FEED, since=WALL, until=None, reason="sequence", connection=CONNECTION, record=record,
            file="", channel="trade", symbols=("BTC",), expected=2, found=4, ordinal=1,
        )
        for record in (6, 7)
    ]  # fmt: skip
    heard.remember(ledger(gaps))
    assert rows(heard, 1.0)["BTC"][3] == 3


def ledger(entries: Sequence[Entry], activity: tuple[Activity, ...] = ()) -> Ledger:
    """What the archive tells."""
    return Ledger(
        feed=FEED, venue="atlantis", since=0, until=WALL, entries=tuple(entries),
        activity=activity,
    )  # fmt: skip


def wanted(symbol: str, until: int | None = None) -> Intent:
    """An instrument that is, or was, to be held by the shard, whatever its connections do."""
    return Intent(
        feed=FEED, since=WALL - MINUTE_NS, until=until, reason="", connection=CONNECTION, record=1,
        file="", channel="trade", symbol=symbol, ended="",
    )  # fmt: skip


def test_the_archive_tells_of_those_that_are_silent() -> None:
    """What is wanted has a row, with the minute it last spoke in; what is over has none."""
    heard = Heard(FEED, 0.0)
    minute = WALL // MINUTE_NS - 5
    heard.remember(
        ledger(
            [wanted("BTC"), wanted("OLD", WALL)],
            (Activity("BTC", minute, 3), Activity("OLD", minute, 3)),
        )
    )
    found = rows(heard, 0.0)
    assert list(found) == ["BTC"]
    assert found["BTC"][2] == (WALL - minute * MINUTE_NS) / SECOND_NS


def test_a_record_of_a_newer_version_disturbs_nobody() -> None:
    """A screen of today watches a connector of tomorrow."""
    heard = Heard(FEED, 0.0)
    heard.take(told({"event": "prophecy"}), 0.0)
    assert rows(heard, 1.0) == {}


def test_what_is_remembered_is_bounded() -> None:
    """A stream of made-up names fills no memory."""
    heard = Heard(FEED, 0.0)
    for number in range(MOST + 10):
        heard.take(said(f"s{number}"), 0.0)
    assert len(heard.rows(shard="3", wall=WALL, mono=1.0)) == MOST


def test_a_feed_with_a_hyphen_has_its_shards_read_right() -> None:
    """Names of feeds hold the sign that divides ids."""
    assert shard_of(FEED, CONNECTION) == "3"
