"""The clock of tests: if it lied, every timer test would."""

import asyncio

from ssmd.sim.manual_clock import ManualClock


async def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    """The order must not depend on who went to sleep first, or on chance."""
    clock = ManualClock(mono=0.0)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.mono()))

    tasks = [
        asyncio.create_task(sleeper(name, seconds))
        for name, seconds in (("c", 3), ("a", 1), ("b", 2), ("a2", 1))
    ]
    await clock.advance(10)
    assert woken == [("a", 1.0), ("a2", 1.0), ("b", 2.0), ("c", 3.0)]
    assert clock.mono() == 10.0
    await asyncio.gather(*tasks)


async def test_a_ticker_ticks_at_each_of_its_deadlines() -> None:
    """Who goes back to sleep while time passes is woken again within the same advance."""
    clock = ManualClock(mono=0.0)
    ticks: list[float] = []

    async def ticker() -> None:
        while True:
            await clock.sleep(0.25)
            ticks.append(clock.mono())

    task = asyncio.create_task(ticker())
    await clock.advance(1.0)
    assert ticks == [0.25, 0.5, 0.75, 1.0]
    task.cancel()
    await clock.advance(1.0)
    assert ticks == [0.25, 0.5, 0.75, 1.0]
    assert clock.sleepers == 0


async def test_a_leap_wakes_everybody_late() -> None:
    """After a suspended machine no timer finds the clock at its own deadline."""
    clock = ManualClock(mono=0.0)
    seen: list[float] = []

    async def sleeper() -> None:
        await clock.sleep(1)
        seen.append(clock.mono())

    task = asyncio.create_task(sleeper())
    await clock.advance(0)
    clock.leap(100)
    await task
    assert seen == [100.0]


async def test_a_stepped_wall_clock_wakes_nobody() -> None:
    """Timers run on the monotonic clock only: NTP must not kill a shard."""
    clock = ManualClock(wall=10**18, mono=0.0)
    task = asyncio.create_task(clock.sleep(1))
    await clock.advance(0)
    clock.step_wall(-3600)
    await clock.advance(0.5)
    assert not task.done()
    assert clock.wall() == 10**18 - 3_600 * 10**9 + 5 * 10**8
    assert clock.now().mono == 0.5
    clock.step_wall(7200)
    await clock.advance(0)
    assert not task.done()
    await clock.advance(0.5)
    await task
