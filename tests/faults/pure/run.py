"""One schedule from beginning to end: a world, its faults, healing, and the verdict."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.faults.pure.judge import judge
from tests.faults.pure.schedule import FAULTS, LASTS_S, Event, Seen, draw
from tests.faults.pure.virtual import VirtualLoop
from tests.faults.pure.world import World, replaced

_CALM_S = 2.5
_DRAIN_S = 30.0
_LOOK_S = 0.2


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a schedule.

    Attributes:
        seed: Its integer.
        problems: What is wrong, one sentence each.
        effects: Each of its faults, and whether it had an effect.
        books: How many books were compared.
        frames: How many messages the venue sent.
    """

    seed: int
    problems: list[str]
    effects: list[tuple[str, bool]]
    books: int
    frames: int

    @property
    def is_void(self) -> bool:
        """Whether none of its faults had an effect: it proves nothing."""
        return not any(seen for _, seen in self.effects)


def run(
    seed: int,
    events: Sequence[Event] | None = None,
) -> Outcome:
    """Let the schedule of a seed happen, or these events in its world."""
    schedule = draw(seed) if events is None else tuple(events)
    shared = Path("/dev/shm")  # noqa: S108 - kept in memory where that can be
    folder = Path(tempfile.mkdtemp(prefix="ssmd-pure-", dir=shared if shared.is_dir() else None))
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_run(folder, seed, schedule))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        shutil.rmtree(folder, ignore_errors=True)


def shrink(seed: int) -> tuple[Event, ...]:
    """The least of a seed's events that still go wrong together."""
    events = draw(seed)
    smaller = True
    while smaller and len(events) > 1:
        smaller = False
        for at in range(len(events)):
            fewer = events[:at] + events[at + 1 :]
            if run(seed, fewer).problems:
                events, smaller = fewer, True
                break
    return events


async def _run(folder: Path, seed: int, schedule: Sequence[Event]) -> Outcome:
    world = World(folder, seed)
    with replaced(world, seed):
        try:
            effects = await _happen(world, schedule)
        finally:
            await world.abandon()
        problems, books = judge(world)
    return Outcome(
        seed=seed,
        problems=problems,
        effects=[(kind, seen()) for kind, seen in effects],
        books=books,
        frames=sum(len(tape.messages) for tape in world.venue.tapes),
    )


async def _happen(world: World, schedule: Sequence[Event]) -> list[tuple[str, Seen]]:
    """Everything goes wrong, heals, and comes to rest."""
    effects: list[tuple[str, Seen]] = []
    world.start_bus_and_venue()
    world.revive()
    began = world.clock.mono()
    for event in schedule:
        await world.clock.sleep(began + event.at_s - world.clock.mono())
        effects.append((event.kind, FAULTS[event.kind](world, event)))
    await world.clock.sleep(began + LASTS_S - world.clock.mono())
    world.heal()
    await world.clock.sleep(_CALM_S)
    await world.end_connector()
    left = _DRAIN_S
    while left > 0 and not world.drained:
        await world.clock.sleep(_LOOK_S)
        left -= _LOOK_S
    if not world.drained:
        world.broken.append("the archive does not come to the end of the stream")
    await world.end_archiver()
    return effects
