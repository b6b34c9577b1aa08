"""Tables follow what is sealed, and one feed's trouble is its own."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs
from structlog.testing import capture_logs

import ssmd
from ssmd.archive.tables import compactor
from ssmd.archive.tables.compactor import Compactor
from ssmd.model.errors import ConfigError
from ssmd.runtime import metrics
from ssmd.runtime.tasks import Stop
from ssmd.sim.manual_clock import ManualClock
from tests.archive.tables.made import FEED, START, Talk, built, compact, record, rows
from tests.archive.tables.test_build import day, late


def count(name: str, **labels: str) -> float:
    """The value of a metric now."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_what_is_sealed_is_built_soon(tmp_path: Path) -> None:
    """The loop looks every second, builds what is new, and ends when asked."""
    clock = ManualClock(START)
    said = day(2)
    missing = said.pop(9)
    record(tmp_path, said)
    stop, looked = Stop(), asyncio.Queue[int]()
    loop = asyncio.get_running_loop()

    def progress(done: int, slots: int) -> None:
        loop.call_soon_threadsafe(looked.put_nowait, done)

    async def round_over() -> None:
        while True:
            try:
                while await asyncio.wait_for(looked.get(), 0.1) < 2:
                    pass
            except TimeoutError:
                await clock.advance(1.0)
            else:
                return

    task = asyncio.create_task(Compactor(tmp_path, clock, progress=progress).serve(stop))
    await round_over()
    assert len(rows(tmp_path, "trades", "trade_id")) == 19
    await asyncio.to_thread(late, tmp_path, missing)
    await round_over()
    assert len(rows(tmp_path, "trades", "trade_id")) == 20
    stop.request("test")
    while not task.done():
        await asyncio.wait([task], timeout=0.1)
        await clock.advance(1.0)
    await task


def test_a_round_is_seen(tmp_path: Path) -> None:
    """Metrics and a log line for every slot, with what it took and how far behind it was."""
    record(tmp_path, day(1))
    before = count("ssmd_tables_built_total", feed=FEED)
    written = count("ssmd_tables_rows_total", feed=FEED, kind="written")
    with capture_logs() as logs:
        outcome = compact(tmp_path)
    (line,) = [each for each in logs if each["event"] == "tables.built"]
    assert (line["rows"], line["slot"]) == (outcome.rows, "2027-01-15 0800")
    assert count("ssmd_tables_built_total", feed=FEED) == before + 1
    assert count("ssmd_tables_rows_total", feed=FEED, kind="written") == written + outcome.rows
    assert count("ssmd_tables_lag_seconds", feed=FEED) == 0.0


def test_a_failed_slot_is_behind(tmp_path: Path) -> None:
    """Whoever watches sees how old the oldest slot without tables is."""
    record(tmp_path, day(1))
    next((tmp_path / "raw").rglob("*.zst")).write_bytes(b"")
    before = count("ssmd_tables_failures_total", feed=FEED)
    outcome = Compactor(tmp_path, ManualClock(START + 3600 * 10**9)).run_once()
    assert len(outcome.failed) == 1
    assert count("ssmd_tables_failures_total", feed=FEED) == before + 1
    assert count("ssmd_tables_lag_seconds", feed=FEED) == 3600.0


def test_one_makes_a_feeds_tables_at_a_time(tmp_path: Path) -> None:
    """Two would take each other's files away; the second one leaves, and says so."""
    record(tmp_path, day(1))
    with compactor.locked(tmp_path, FEED):
        outcome = compact(tmp_path)
    assert (outcome.busy, outcome.built) == ([FEED], [])
    assert len(compact(tmp_path).built) == 1


def test_a_feed_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mistyped name must not look like an empty feed."""
    record(tmp_path, day(1))
    with pytest.raises(ConfigError, match="Nothing of a feed 'krakn'"):
        compact(tmp_path, "krakn")


def test_two_feeds_are_made_apart(tmp_path: Path) -> None:
    """Each has its own rows, though the venue is the same."""
    other = Talk(feed="spare")
    record(tmp_path, [*day(1), other.opened(), other.trades(500)])
    compact(tmp_path)
    assert rows(tmp_path, "trades", "feed", "trade_id", feed="spare") == [("spare", "500")]
    assert len(rows(tmp_path, "trades", "feed")) == 10
    assert {each.venue for each in built(tmp_path, "spare")} == {"kraken"}


def test_a_link_that_cannot_be_read_is_made_again(tmp_path: Path) -> None:
    """Half a file, or one of another version, is as good as none."""
    record(tmp_path, day(2))
    compact(tmp_path)
    path = next((tmp_path / "tables" / "built").rglob("*.json"))
    path.write_bytes(path.read_bytes()[:50])
    assert len(compact(tmp_path).built) == 1
    assert compact(tmp_path).built == []


def test_a_feed_of_no_venue_has_no_tables_and_is_no_failure(tmp_path: Path) -> None:
    """What we say ourselves (the security master's changes) is archived, and said so once."""
    talk = Talk(feed="spare")
    opened = talk.opened()
    payload = opened.payload.replace(b'"venue":"kraken"', b'"venue":"nobody"')
    record(tmp_path, [*day(1), structs.replace(opened, payload=payload), talk.trades(500)])
    with capture_logs() as logs:
        compactor = Compactor(tmp_path, ManualClock(START))
        outcomes = [compactor.run_once() for _ in range(2)]
    assert [each.failed for each in outcomes] == [[], []]
    assert len(outcomes[0].built) == outcomes[0].slots > 0
    assert [log["venue"] for log in logs if log["event"] == "tables.none"] == ["nobody"]
    assert not built(tmp_path, "spare")
    assert rows(tmp_path, "trades", "feed", feed="spare") == []
    archive = ssmd.open(tmp_path)
    assert archive.trades(feed="spare").collect().is_empty()
    feeds = archive.sql("SELECT DISTINCT feed FROM trades").arrow()
    assert feeds.to_pydict() == {"feed": [FEED]}
