"""A version of a feed that comes into effect while a connector runs."""

import asyncio
from datetime import UTC, date, datetime
from typing import Self

import pytest

from ssmd.connector.versions import Versions
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop
from ssmd.sim.manual_clock import ManualClock
from tests.feeds.made import feed, version_tree

EVENING = int(datetime(2026, 2, 28, 23, 50, tzinfo=UTC).timestamp()) * SECOND_NS
DAY = date(2026, 2, 28)


class Running:
    """A connector that looks at the calendar, from ten minutes before midnight."""

    def __init__(self, *versions: dict[str, object]) -> None:
        self.clock = ManualClock(wall=EVENING)
        self.health, self.stop = Health(), Stop()
        self.health.set("all", ok=True)
        follow = Versions(feed(versions=list(versions)), DAY).follow
        self._task = asyncio.create_task(follow(self.clock, self.health, self.stop)())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_another_version_ends_the_connector_after_a_grace() -> None:
    """It begins anew with it; who deploys may replace it with an overlap before."""
    old, new = version_tree("1", "2026-01-01"), version_tree("2", "2026-03-01")
    async with Running(old, new) as running:
        await running.clock.advance(540)
        assert running.health.warnings == []
        await running.clock.advance(120)
        assert not running.stop.requested.is_set()
        (warning,) = running.health.warnings
        assert "since 2026-03-01 the version 2 holds, and not 1 any more" in warning
        assert running.health.ready()[0]
        await running.clock.advance(300)
        assert running.stop.requested.is_set()
        assert "the version 2 holds" in running.stop.reason
        assert running.stop.error is None


async def test_when_none_holds_any_more_recording_goes_on_and_says_so() -> None:
    """What is not recorded is lost; a date in a file is no reason for that."""
    async with Running(version_tree("1", "2026-01-01", effective_to="2026-02-28")) as running:
        await running.clock.advance(7200)
        assert not running.stop.requested.is_set()
        (warning,) = running.health.warnings
        assert "No version of the feed 'a-feed' is effective on 2026-03-01" in warning
        assert "Recording goes on with 1" in warning


async def test_a_wall_clock_that_was_wrong_for_a_moment_ends_nothing() -> None:
    """The grace begins anew whenever the version is the right one."""
    old, new = version_tree("1", "2026-01-01"), version_tree("2", "2026-03-01")
    async with Running(old, new) as running:
        for _ in range(4):
            running.clock.step_wall(3600)
            await running.clock.advance(240)
            running.clock.step_wall(-4080)
            await running.clock.advance(240)
        assert not running.stop.requested.is_set()


async def test_a_feed_without_a_version_of_today_is_refused_at_the_start() -> None:
    """As everywhere."""
    with pytest.raises(ConfigError, match="No version"):
        Versions(feed(versions=[version_tree("1", "2027-01-01")]), DAY)
