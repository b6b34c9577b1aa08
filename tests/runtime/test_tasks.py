"""Supervision: a task that dies is an incident, never a silence."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog

from ssmd.model.errors import ConfigError, Unavailable
from ssmd.runtime import metrics
from ssmd.runtime.tasks import Stop, TaskDied, Tasks
from ssmd.sim.manual_clock import ManualClock


class Script:
    """A task whose lives go as written; it counts them."""

    def __init__(self, *lives: Callable[[], Awaitable[None]]) -> None:
        self.lives = list(lives)
        self.lived = 0
        self.cancelled = 0

    async def __call__(self) -> None:
        self.lived += 1
        try:
            if len(self.lives) >= self.lived:
                await self.lives[self.lived - 1]()
            else:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def breaks() -> None:
    raise OSError("broken")


async def returns() -> None:
    pass


async def leaks_a_cancellation() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize("death", [breaks, returns, leaks_a_cancellation])
async def test_a_dead_task_is_an_incident_and_runs_again(
    death: Callable[[], Awaitable[None]],
) -> None:
    """An error, a return nobody expected, a cancellation that leaked: all are deaths."""
    stop, clock, script = Stop(), ManualClock(), Script(death)
    before = metrics.TASK_RESTARTS.labels("mortal")._value.get()
    with structlog.testing.capture_logs() as logs:
        async with Tasks(stop, clock) as tasks:
            tasks.start("mortal", script)
            await clock.advance(0.5)
            assert script.lived == 2
            assert tasks.names == ["mortal"]
    assert [(e["event"], e["incident"]) for e in logs] == [("task.died", True)]
    assert metrics.TASK_RESTARTS.labels("mortal")._value.get() - before == 1
    assert not stop.requested.is_set()
    assert script.cancelled == 1 + (death is leaks_a_cancellation)


async def test_pauses_grow_and_begin_anew_after_a_healthy_life() -> None:
    """A task that dies at once must not spin; one that lived long is owed a quick return."""
    stop, clock = Stop(), ManualClock(mono=0.0)
    with structlog.testing.capture_logs() as logs:
        async with Tasks(stop, clock, base_s=1.0, cap_s=8.0, healthy_s=60.0) as tasks:
            script = Script(*[breaks] * 6)
            tasks.start("t", script)
            await clock.advance(100)
            assert script.lived == 7
    ceilings = [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert all(e["restart_s"] <= c for e, c in zip(logs, ceilings, strict=True))

    async def lives_long() -> None:
        await clock.sleep(61)
        raise OSError("at last")

    with structlog.testing.capture_logs() as logs:
        async with Tasks(stop, clock, base_s=0.001, cap_s=1000.0) as tasks:
            tasks.start("t", Script(*[lives_long] * 20))
            await clock.advance(61 * 20 + 1)
    assert len(logs) == 20
    assert all(e["restart_s"] <= 0.001 for e in logs)


async def test_a_task_that_is_not_restarted_ends_the_service() -> None:
    """Non-zero, with the reason: an archiver whose one task died must not stay green."""
    stop, clock = Stop(), ManualClock()
    async with Tasks(stop, clock) as tasks:
        tasks.start("only", Script(breaks), restart=False)
        await clock.advance(0)
        assert stop.requested.is_set()
        assert tasks.names == []
    assert isinstance(stop.error, TaskDied)
    assert "'only' ended without being asked: OSError: broken" in str(stop.error)
    assert stop.reason


async def test_what_trying_again_cannot_cure_is_not_tried_again() -> None:
    """A wrong configuration stays wrong; the exit code is its own."""

    async def wrong() -> None:
        raise ConfigError("wrong", remedy="correct it")

    async def away() -> None:
        raise Unavailable("away", remedy="wait")

    stop, clock = Stop(), ManualClock()
    async with Tasks(stop, clock) as tasks:
        waits = Script(away)
        tasks.start("away", waits)
        await clock.advance(1)
        assert waits.lived == 2
        assert not stop.requested.is_set()
        tasks.start("wrong", wrong)
        await stop.wait()
    assert isinstance(stop.error, ConfigError)


async def test_a_task_may_be_allowed_to_end() -> None:
    """A share of work that is done is no incident."""
    stop, clock = Stop(), ManualClock()
    with structlog.testing.capture_logs() as logs:
        async with Tasks(stop, clock) as tasks:
            tasks.start("job", returns, may_end=True)
            await clock.advance(1)
            assert tasks.names == []
    assert logs == []
    assert not stop.requested.is_set()


async def test_all_tasks_end_with_their_group_last_first() -> None:
    """What was started later may lean on what was started earlier."""
    ended: list[str] = []

    def made(name: str) -> Callable[[], Awaitable[None]]:
        async def life() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        return life

    async with Tasks(Stop(), ManualClock()) as tasks:
        for name in "abc":
            tasks.start(name, Script(made(name)))
        await asyncio.sleep(0)
        await tasks.end("b")
        await tasks.end("nobody")
        with pytest.raises(ValueError, match="'a' is running"):
            tasks.start("a", returns)
    assert ended == ["b", "c", "a"]


async def test_a_pending_restart_ends_with_the_group() -> None:
    """A service that drains must not wait for a backoff."""
    clock = ManualClock()
    script = Script(breaks, breaks)
    async with Tasks(Stop(), clock, base_s=1000, cap_s=1000) as tasks:
        tasks.start("t", script)
        await clock.advance(0)
    assert script.lived == 1
    assert clock.sleepers == 0
