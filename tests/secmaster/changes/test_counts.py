"""What is counted of published changes: what the bus confirmed, and what it did not."""

import pytest

from ssmd.bus.chained import ChainedPublisher, End
from ssmd.model.envelope import Envelope
from ssmd.runtime import cdc_metrics
from ssmd.secmaster.changes import telemetry
from ssmd.secmaster.changes.frames import POSITION, Mark, Place, Source
from ssmd.secmaster.changes.settings import FEED
from ssmd.secmaster.changes.writer import Writer
from ssmd.sim.manual_clock import ManualClock

MARK = Mark("system", 1, 1, 0, 0)
SOURCE = Source("system", 1)
PLACE = Place(1, 1, 1_800_000_000_000_000_000, 1, 0, True)


class Chain(ChainedPublisher):
    """A stream that stores when it is told to."""

    def __init__(self) -> None:
        self.stored = self.last = 0

    async def publish(self, subject: str, envelope: Envelope, mark: bytes) -> int:
        self.last += 1
        return self.last


class Scene:
    """A writer, and what it made the counters grow by."""

    def __init__(self) -> None:
        telemetry.touch()
        self.chain, self.clock = Chain(), ManualClock()
        self.writer = Writer(self.chain, self.clock, "cdc", "here")
        self._before = self._now()

    def _now(self) -> list[tuple[float, float]]:
        return [
            (
                cdc_metrics.EVENTS.labels(FEED, table)._value.get(),
                cdc_metrics.UNCONFIRMED.labels(FEED, table)._value.get(),
            )
            for table in cdc_metrics.TABLES
        ]

    def grown(self) -> dict[str, tuple[float, float]]:
        """By table: confirmed, and not confirmed; those that grew."""
        return {
            table: (now[0] - before[0], now[1] - before[1])
            for table, before, now in zip(
                cdc_metrics.TABLES, self._before, self._now(), strict=True
            )
            if now != before
        }

    async def tell(self, *tables: str) -> None:
        """Publish a note about each."""
        for table in tables:
            await self.writer.note(SOURCE, table, "idle", PLACE, MARK)


async def test_a_change_counts_when_the_bus_has_it() -> None:
    """By its table; our own records are no changes."""
    scene = Scene()
    await scene.writer.begin(End(1, 0), MARK, "start")
    await scene.tell("series", "instrument", "instrument_version", POSITION)
    assert scene.grown() == {}
    scene.chain.stored = 3  # the opening, and two
    await scene.clock.advance(5)
    scene.writer.settle()
    assert scene.grown() == {"series": (1, 0), "instrument": (1, 0)}
    shown = cdc_metrics.LAST_PUBLISH.labels(FEED)._value.get()
    assert shown == pytest.approx(scene.clock.wall() / 1e9)
    scene.chain.stored = 5
    scene.writer.abandon()
    assert scene.grown() == {
        "series": (1, 0), "instrument": (1, 0), "instrument_version": (1, 0), POSITION: (1, 0),
    }  # fmt: skip


async def test_what_the_bus_has_not_confirmed_is_an_error_when_nobody_waits_any_more() -> None:
    """Once; and a table nobody knows is `other`."""
    scene = Scene()
    await scene.tell("series", "alias", "somebodys_own")
    scene.chain.stored = 1
    scene.writer.abandon()
    scene.writer.abandon()
    assert scene.grown() == {"series": (1, 0), "alias": (0, 1), "other": (0, 1)}
