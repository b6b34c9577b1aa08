"""A stage for the acceptance tests, and the judge of what was recorded on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ssmd.archive.verify import verify
from ssmd.cli import conservation
from ssmd.cli.conservation import Counts
from ssmd.cli.pipeline import ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.errors import Unavailable
from ssmd.runtime.children import Child
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.scrape import scrape

CLOCK = SystemClock()
FEED = "kraken"
"""The feed of tests that need only one: no account, no discovery, and a checksum on every book."""


@asynccontextmanager
async def stage(
    root: Path,
    *,
    rate: float = 1500.0,
    seed: int = 0,
    machine: MachineConfig | None = None,
    feed: FeedConfig | None = None,
) -> AsyncIterator[Stage]:
    """A simulated venue and the pipeline that records it, both ended at the end."""
    recorded = feed or registry.load_feed(FEED)
    wanted = machine or MachineConfig(
        dir=str(root), environment="test", feeds=(FeedChoice(feed=recorded.name),)
    )
    made = Stage(wanted, [recorded], clock=CLOCK, rate=rate, seed=seed)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


async def until(
    true: Callable[[], Awaitable[bool]], what: str, *, patience_s: float = 60.0
) -> None:
    """Wait for a condition; a test that waits in vain says for what.

    A service that does not answer in time, because the machine is busy, is asked again.
    """
    deadline = CLOCK.mono() + patience_s
    silences: list[Unavailable] = []
    while not await _holds(true, silences):
        seen = f" {silences[-1]}" if silences else ""
        assert CLOCK.mono() < deadline, f"waited {patience_s:g} s in vain for: {what}.{seen}"
        await CLOCK.sleep(0.02)


async def _holds(true: Callable[[], Awaitable[bool]], silences: list[Unavailable]) -> bool:
    try:
        return await true()
    except Unavailable as error:
        silences.append(error)
        return False


async def total(stage: Stage, name: str) -> float:
    """A metric, summed over all services of the pipeline.

    Raises:
        Unavailable: One of them does not answer: what is left of the sum would say nothing.
    """
    found = 0.0
    for address in list(stage.pipeline.addresses.values()):
        found += (await scrape(address)).total(name)
    return found


async def drained(stage: Stage, archiver: Child | None = None) -> None:
    """Stop the traffic, close the connections, archive and seal everything.

    Args:
        stage: What to drain.
        archiver: Who archives, when it is not the pipeline's own.
    """
    pipeline = stage.pipeline
    await stage.quiet()
    await pipeline.stop(pipeline.connectors)

    async def caught_up() -> bool:
        return not await pipeline.behind()

    await until(caught_up, "the archive to catch up", patience_s=120.0)
    if archiver is None:
        await pipeline.stop([ARCHIVER])
    else:
        assert await archiver.end(60.0) == 0


async def judged(stage: Stage, root: Path, feed: str = FEED) -> Counts:
    """Every rung counted, after `drained`; fails with every problem there is."""
    on_bus = await conservation.published(stage.pipeline.bus, CLOCK, stage.pipeline.streams)
    report = verify(root)
    verdicts = conservation.compared(stage.ledgers, root, [feed])
    problems = [str(p) for p in report.problems] + [p for v in verdicts for p in v.problems]
    found = conservation.counts(
        verdicts, report, on_bus=on_bus, in_spool=conservation.spooled(root, [feed])
    )
    assert problems == []
    assert report.open_segments == []
    assert found.ok, found
    assert found.holes == 0
    assert found.archived == found.received - found.declared_lost
    assert sum(v.duplicates for v in verdicts) == 0
    return found
