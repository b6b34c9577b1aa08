"""The machine's clock, and waiting no longer than so long."""

import asyncio
import time

import pytest

from ssmd.runtime.clock import SystemClock, today, turn, within
from ssmd.sim.manual_clock import ManualClock


async def test_the_system_clock_never_goes_back_and_counts_nanoseconds() -> None:
    """Timers run on `mono`, archives on `wall`: both must be what their names say."""
    clock = SystemClock()
    first = clock.now()
    await clock.sleep(-1)
    second = clock.now()
    assert second.mono >= first.mono
    assert first.wall > 1_600_000_000 * 10**9
    assert clock.mono() >= second.mono
    assert clock.wall() > 1_600_000_000 * 10**9


def test_a_machine_that_slept_is_told_from_a_stepped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the boot clock counted and the monotonic one did not, the machine was suspended."""
    clock = SystemClock()
    assert clock.asleep() >= 0
    told = {time.CLOCK_BOOTTIME: 5000.0, time.CLOCK_MONOTONIC: 1400.0}
    monkeypatch.setattr(time, "clock_gettime", told.__getitem__)
    assert clock.asleep() == 3600.0
    monkeypatch.setattr("ssmd.runtime.clock._BOOTTIME", None)
    assert clock.asleep() == 0.0  # a system that does not tell


async def test_within_gives_the_result_that_comes_in_time() -> None:
    """A time limit must not change what is awaited."""
    clock = ManualClock()

    async def work() -> str:
        await clock.sleep(1)
        return "done"

    task = asyncio.create_task(within(clock, 2, work()))
    await clock.advance(1)
    assert await task == "done"
    assert clock.sleepers == 0


async def test_within_ends_what_takes_too_long() -> None:
    """What is given up must not go on in the background."""
    clock = ManualClock()
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await clock.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    task = asyncio.create_task(within(clock, 2, work()))
    await clock.advance(2)
    with pytest.raises(TimeoutError):
        await task
    assert cancelled.is_set()
    assert clock.sleepers == 0


async def test_within_passes_errors_and_cancellation_on() -> None:
    """A limit is neither a swallower of errors nor a shield."""
    clock = ManualClock()

    async def broken() -> None:
        await turn()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await within(clock, 2, broken())
    inner = asyncio.create_task(clock.sleep(60))
    task = asyncio.create_task(within(clock, 90, inner))
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner.cancelled()


def test_today_is_the_date_in_utc() -> None:
    """Effective dates of feeds are days in UTC, whatever the machine's zone."""
    clock = ManualClock(wall=1_767_225_599 * 10**9)
    assert today(clock).isoformat() == "2025-12-31"
    clock.leap(1)
    assert today(clock).isoformat() == "2026-01-01"
