"""Two connectors on one feed: both are kept, one is read, and an upgrade loses nothing."""

import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ssmd import venues
from ssmd.archive import reader
from ssmd.archive.ledger import store
from ssmd.archive.ledger.entries import Coverage, Gap, Ledger, Outage
from ssmd.archive.twins.election import anchors, primaries
from ssmd.archive.twins.findings import differences
from ssmd.archive.twins.merge import flag
from ssmd.archive.twins.told import Told, tell
from ssmd.cli.pipeline import ANY_PORT, ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.children import Child
from tests.e2e.acts import CLOCK, FEED, judged, stage, until

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

VENUE = venues.load(registry.load_feed(FEED).venue)


@asynccontextmanager
async def a_twin(made: Stage, folder: Path) -> AsyncIterator[Child]:
    """A second connector of the same feed: another process, with a spool of its own."""
    configuration = made.pipeline.run_dir / "config"
    name = f"connector-{FEED}"
    words = ["connector", "run", "--feed", str(configuration / f"{name}.yaml")]
    words += ["--env", str(configuration / "environment.yaml"), "--dir", str(folder), *ANY_PORT]
    child = Child.spawn(
        "twin",
        [sys.executable, "-m", "ssmd", *words, "--run-dir", str(folder / "run")],
        log=folder / "twin.log",
    )
    try:
        told = await child.ready(folder / "run" / f"{name}.json", clock=CLOCK)
        assert told is not None
        yield child
    finally:
        await child.end()


def holders(root: Path) -> set[str]:
    """Connections that hold something at this moment, as the running archive tells."""
    ledger = store.load(root, FEED)
    return {e.connection for e in coverage(ledger) if e.until is None}


def coverage(ledger: Ledger) -> list[Coverage]:
    return [entry for entry in ledger.entries if isinstance(entry, Coverage)]


async def both_hold(root: Path, number: int) -> None:
    async def held() -> bool:
        return len(holders(root)) >= number

    await until(held, f"{number} connections that hold the feed")


async def finished(made: Stage, twin: Child) -> None:
    """Stop the traffic and the twin that is left; archive and seal everything."""
    await made.quiet()
    assert await twin.end(30.0) == 0

    async def caught_up() -> bool:
        return not await made.pipeline.behind()

    await until(caught_up, "the archive to catch up", patience_s=120.0)
    await made.pipeline.stop([ARCHIVER])


async def test_an_upgrade_loses_no_coverage(tmp_path: Path) -> None:
    """New up and live, old drained: the ledger knows of no moment without a subscription."""
    root = tmp_path / "data"
    async with stage(root, rate=300) as made, a_twin(made, tmp_path / "twin") as new:
        await both_hold(root, 2)
        await made.pipeline.stop(made.pipeline.connectors)  # the old one drains and ends
        swapped = CLOCK.wall()

        async def went_on() -> bool:
            return store.load(root, FEED).until > swapped + SECOND_NS

        await until(went_on, "a second of the new one alone")
        await finished(made, new)
        await judged(made, root)
    ledger = store.load(root, FEED)
    outages = [e for e in ledger.entries if isinstance(e, Outage)]
    start = [e for e in outages if e.reason == "start"]
    stopped = [e for e in outages if e.until is None and e.reason == "shutdown"]
    assert start
    assert len(outages) == len(start) + len(stopped), outages
    assert all(e.since > swapped for e in stopped)
    assert len(lives_of(ledger)) == 2


async def test_twins_read_as_one(tmp_path: Path) -> None:
    """Each trade once, books from one connection at a time, changed at a snapshot; no finding."""
    root = tmp_path / "data"
    async with stage(root, rate=300) as made, a_twin(made, tmp_path / "twin") as twin:
        await both_hold(root, 2)
        began = CLOCK.wall()

        async def some() -> bool:
            return store.load(root, FEED).until > began + 6 * SECOND_NS

        await until(some, "six seconds of both")
        await made.pipeline.stop(made.pipeline.connectors)
        ended = CLOCK.wall()

        async def went_on() -> bool:
            return store.load(root, FEED).until > ended + SECOND_NS

        await until(went_on, "a second of the twin alone")
        await finished(made, twin)
        await judged(made, root)
    ledger = store.load(root, FEED)
    told = list(tell((line.envelope for line in reader.read(root, FEED)), VENUE.rows))
    _each_fact_once(told, ledger)
    assert list(differences(told, coverage(ledger))) == []
    _a_lost_row_is_found(told, ledger)


def _each_fact_once(told: list[Told], ledger: Ledger) -> None:
    """The primaries of every instrument make one feed of two."""
    first, second = lives_of(ledger)
    gaps = [e for e in ledger.entries if isinstance(e, Gap)]
    states = anchors(told)
    symbols = sorted({each.row.symbol for each in told if each.row.symbol})
    found = [
        each
        for symbol in symbols
        for each in primaries(symbol, coverage(ledger), gaps, states, ledger.until)
    ]
    for symbol in symbols:
        elected = [p.connection for p in found if p.symbol == symbol and p.is_sound]
        assert elected == [first, second], symbol
    flagged = list(flag(told, found))
    assert len(flagged) == len(told)
    trades = Counter(
        (each.told.row.symbol, each.told.row.native_id)
        for each in flagged
        if each.is_primary and each.told.row.native_id
    )
    assert len(trades) > 10
    assert set(trades.values()) == {1}
    assert set(trades) == {(t.row.symbol, t.row.native_id) for t in told if t.row.native_id}
    log.info(
        "%d rows of two connections, %d taken", len(flagged), sum(f.is_primary for f in flagged)
    )
    assert sum(f.is_primary for f in flagged) < len(flagged)


def _a_lost_row_is_found(told: list[Told], ledger: Ledger) -> None:
    """Take one away from one twin, in the middle of what both held: it must be missed."""
    inside = [
        each
        for each in told
        if each.row.native_id and not each.row.is_snapshot and each.source == "live"
    ]
    twice = Counter((each.row.symbol, each.row.native_id) for each in inside)
    common = [each for each in inside if twice[each.row.symbol, each.row.native_id] == 2]
    victim = common[len(common) // 2]
    (found,) = differences([each for each in told if each is not victim], coverage(ledger))
    assert (found.kind, found.native_id) == ("absent", victim.row.native_id)
    assert found.connections[1] == victim.connection


def lives_of(ledger: Ledger) -> list[str]:
    """Connections that held something, by begin."""
    begun = {e.connection: e.since for e in reversed(coverage(ledger))}
    return sorted(begun, key=lambda connection: begun[connection])
