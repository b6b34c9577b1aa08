"""How old what is kept is, and what health says of it."""

import asyncio
from pathlib import Path

import pytest

from ssmd.model.errors import Unavailable
from ssmd.runtime.health import Health
from ssmd.runtime.secmaster_metrics import SYNC_AGE
from ssmd.runtime.tasks import Stop
from ssmd.secmaster.database import open_database
from ssmd.secmaster.freshness import Freshness
from ssmd.secmaster.service import keep
from ssmd.secmaster.statement import Statement
from ssmd.sim.manual_clock import ManualClock
from tests.secmaster.embedding import CLOCK, running

HOUR_S = 3600.0
AWAY = Unavailable("The venue does not answer.", remedy="Wait.")


def good(venue: str = "v") -> Statement:
    return Statement(venue=venue, mode="full", dry_run=False)


class Scene:
    """One venue, a round an hour."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.health = Health()
        self.fresh = Freshness(["v"], self.clock, HOUR_S, self.health)

    def said(self) -> tuple[str, list[str], list[str]]:
        """Status, reasons and warnings of this moment."""
        self.fresh.look()
        return self.health.status, self.health.ready()[1], self.health.warnings

    @property
    def age_s(self) -> float:
        """What the metric shows."""
        self.fresh.look()
        return float(SYNC_AGE.labels("v")._value.get())


async def test_before_the_first_good_round_nothing_is_ready() -> None:
    """What is kept may be of last week; the age counts from the start."""
    scene = Scene()
    assert scene.said() == ("degraded", ["sync v: the first round runs"], [])
    await scene.clock.advance(7)
    assert scene.age_s == 7
    scene.fresh.heard("v", AWAY)
    status, (reason,), warnings = scene.said()
    assert (status, warnings) == ("degraded", [])
    assert reason.startswith("sync v: no round was good yet: The venue does not answer.")
    assert scene.age_s == 7, "a round that failed makes nothing younger"


async def test_a_round_that_fails_is_a_warning_until_it_is_too_long() -> None:
    """Three intervals: an hour's outage at the venue wakes nobody, an afternoon's does."""
    scene = Scene()
    await scene.clock.advance(7)
    scene.fresh.heard("v", good())
    assert (scene.said(), scene.age_s) == (("ok", [], []), 0)
    await scene.clock.advance(HOUR_S)
    assert scene.said() == ("ok", [], []), "between two rounds all is well"
    scene.fresh.heard("v", AWAY)
    status, reasons, (warning,) = scene.said()
    assert (status, reasons) == ("ok", [])
    assert warning.startswith("sync v: The venue does not answer.")
    await scene.clock.advance(2 * HOUR_S + 1)
    status, (reason,), warnings = scene.said()
    assert (status, warnings, scene.age_s) == ("degraded", [], 3 * HOUR_S + 1)
    assert reason.startswith("sync v: the last good round ended 10801 s ago: The venue")
    scene.fresh.heard("v", good())
    assert scene.said() == ("ok", [], [])


@pytest.mark.integration
async def test_a_database_that_goes_is_said_between_two_rounds(folder: Path) -> None:
    """Rounds are an hour apart; nobody is to read `ok` meanwhile."""
    health, stop = Health(), Stop()
    fresh = Freshness([], CLOCK, HOUR_S, health)
    async with (
        running(folder) as postgres,
        open_database(postgres.address.url, folder, CLOCK, {}) as database,
    ):
        keeping = asyncio.create_task(keep((), database, CLOCK, stop, fresh=fresh))
        try:
            async with asyncio.timeout(30):
                await until_said(health, "ok")
                await postgres.stop()
                await until_said(health, "degraded")
                assert health.ready()[1][0].startswith("database: ")
                await postgres.start()
                await until_said(health, "ok")
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def until_said(health: Health, status: str) -> None:
    """Wait until health says so."""
    while health.status != status:
        await CLOCK.sleep(0.02)
