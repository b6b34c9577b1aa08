"""What befalls a world, and when: drawn from one integer, and what counts as an effect of each."""

from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from ssmd.sim.disk import Port
from ssmd.sim.faults import Duplicate, Gap, Reorder
from tests.faults.pure.configured import CHANNELS
from tests.faults.pure.venue import SYMBOLS
from tests.faults.pure.world import Life, World

LASTS_S: Final = 6.0
"""How long things go wrong, in seconds."""


class Event(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        at_s: When, from the start, in seconds.
        kind: Which; a key of `FAULTS`.
        amount: How much of it, from 0 to 1.
        for_s: How long until it heals, in seconds.
    """

    at_s: float
    kind: str
    amount: float
    for_s: float

    def __str__(self) -> str:
        return f"{self.kind} at {self.at_s:g} s ({self.amount:g}, {self.for_s:g} s)"


Seen = Callable[[], bool]
"""Whether a fault had an effect; asked when all is over."""
Fault = Callable[[World, Event], Seen]


def draw(seed: int) -> tuple[Event, ...]:
    """The schedule of a seed: two to five faults; now and then some that make each other worse."""
    rng = Random(seed)
    events = [_event(rng, rng.choice(KINDS)) for _ in range(rng.randint(2, 4))]
    if rng.random() < 0.4:
        at_s = round(rng.uniform(0.5, LASTS_S - 3.5), 3)
        for kind in rng.choice(WORSE):
            events.append(_event(rng, kind, at_s))
            at_s = round(at_s + rng.uniform(0.1, 1.2), 3)
    return tuple(sorted(events, key=lambda event: event.at_s))


def _event(rng: Random, kind: str, at_s: float | None = None) -> Event:
    at = round(rng.uniform(0.5, LASTS_S - 0.5), 3) if at_s is None else at_s
    return Event(at, kind, round(rng.random(), 3), round(rng.uniform(0.2, 1.8), 3))


def _later(world: World, event: Event, act: Callable[[], object]) -> None:
    world.loop.call_later(event.for_s, act)


def _never() -> bool:
    return False


def _counted(count: Callable[[], int]) -> Seen:
    """Whether a count grew from now on."""
    before = count()
    return lambda: count() > before


def _met(world: World, *names: str) -> Seen:
    return _counted(lambda: sum(world.bus.met.get(name, 0) for name in names))


# --- deaths


def _kill(world: World, event: Event, life: Life | None, kill: Callable[[], None]) -> Seen:
    if life is None or life.stop.requested.is_set():
        return _never
    kill()
    _later(world, event, world.revive)
    return lambda: True


def connector_killed(world: World, event: Event) -> Seen:
    had = bool(world.venue.sockets)
    seen = _kill(world, event, world.connector, world.kill_connector)
    return seen if had else _never


def archiver_killed(world: World, event: Event) -> Seen:
    had = world.archiving is not None and world.archiving.archive is not None
    seen = _kill(world, event, world.archiver, world.kill_archiver)
    return seen if had else _never


def _trap(world: World, event: Event, life: Life | None, calls: int) -> Seen:
    if life is None:
        return _never
    life.port.trap = int(event.amount * calls)
    world.revive_s = event.for_s
    return lambda: life.port.trapped


def connector_trapped(world: World, event: Event) -> Seen:
    """Dies inside a call to its disk."""
    return _trap(world, event, world.connector, 30)


def archiver_trapped(world: World, event: Event) -> Seen:
    return _trap(world, event, world.archiver, 12)


def power_cut(world: World, event: Event) -> Seen:
    before = world.disk.undone + world.bus.met.get("messages", 0)
    world.cut_power()
    _later(world, event, world.revive)
    after = world.disk.undone + world.bus.met.get("messages", 0)
    return lambda: after > before


def power_trapped(world: World, event: Event) -> Seen:
    """The power goes while one of the processes is inside a call to the disk."""
    world.cut_at_trap = True
    life = world.archiver if event.amount < 0.5 else world.connector
    return _trap(world, event, life, 20)


# --- the bus


def bus_away(world: World, event: Event) -> Seen:
    seen = _met(world, "recalled", "rebuilt")
    world.bus.leave()
    _later(world, event, world.bus.come_back)
    return seen


def bus_stalled(world: World, event: Event) -> Seen:
    world.bus.stalled_until = max(world.bus.stalled_until, world.clock.mono() + event.for_s)
    held: list[bool] = []
    look = max(0.1, event.for_s - 0.01)
    world.loop.call_later(
        look, lambda: held.append(world.kept is not None and world.kept.unpublished > 0)
    )
    return lambda: any(held)


def receipts_lost(world: World, event: Event) -> Seen:
    world.bus.receipts_to_lose += 1 + int(event.amount * 20)
    return _met(world, "receipts")


def stored_out_of_order(world: World, event: Event) -> Seen:
    world.bus.to_shuffle += 1 + int(event.amount * 4)
    return _met(world, "shuffled")


def delivered_late(world: World, event: Event) -> Seen:
    world.bus.to_hold += 1 + int(event.amount * 3)
    return _met(world, "held")


def delivered_again(world: World, event: Event) -> Seen:
    world.bus.to_repeat += 1 + int(event.amount * 30)
    return _met(world, "repeated")


def stream_recreated(world: World, event: Event) -> Seen:
    seen = _met(world, "messages")
    world.bus.recreate()
    return seen


def stream_restored(world: World, event: Event) -> Seen:
    seen = _met(world, "messages")
    world.bus.restore()
    return seen


def bus_power_cut(world: World, event: Event) -> Seen:
    seen = _met(world, "messages")
    world.bus.power_cut()
    _later(world, event, world.bus.come_back)
    return seen


# --- disks


def _fill(world: World, event: Event, port: Port, amount: int) -> Seen:
    port.room = amount

    def empty() -> None:
        port.room = None

    _later(world, event, empty)
    return _counted(lambda: port.refused)


def spool_full(world: World, event: Event) -> Seen:
    if world.connector is None:
        return _never
    return _fill(world, event, world.connector.port, int(event.amount * 2_000))


def archive_full(world: World, event: Event) -> Seen:
    if world.archiver is None:
        return _never
    return _fill(world, event, world.archiver.port, int(event.amount * 500))


def _fail(life: Life | None, event: Event) -> Seen:
    if life is None:
        return _never
    port = life.port
    port.failing += 1 + int(event.amount * 3)
    return _counted(lambda: port.failed)


def spool_fsync_failed(world: World, event: Event) -> Seen:
    return _fail(world.connector, event)


def archive_fsync_failed(world: World, event: Event) -> Seen:
    return _fail(world.archiver, event)


def commits_slow(world: World, event: Event) -> Seen:
    def quick() -> None:
        world.commit_delay = 0.0

    seen = _counted(lambda: world.delayed)
    world.commit_delay = 0.3 + 2 * event.amount
    _later(world, event, quick)
    return seen


# --- the clock and the venue


def clock_stepped(world: World, event: Event) -> Seen:
    world.clock.step_wall(90 * (event.amount - 0.5))
    return _counted(lambda: sum(len(tape.messages) for tape in world.venue.tapes))


def venue_reset(world: World, event: Event) -> Seen:
    dropped = world.venue.drop()
    return lambda: dropped > 0


def venue_closed(world: World, event: Event) -> Seen:
    said = world.venue.goodbye()
    return lambda: said > 0


def venue_away(world: World, event: Event) -> Seen:
    def admit() -> None:
        world.venue.barred = False

    world.venue.barred = True
    dropped = world.venue.drop()
    _later(world, event, admit)
    return lambda: dropped > 0


def venue_lost_messages(world: World, event: Event) -> Seen:
    world.venue.disturb(Gap(count=1 + int(event.amount * 4)))
    return _counted(lambda: world.venue.withheld)


def venue_repeated(world: World, event: Event) -> Seen:
    hit = world.venue.disturb(Duplicate(count=1 + int(event.amount * 4)))
    return lambda: hit > 0


def venue_reordered(world: World, event: Event) -> Seen:
    hit = world.venue.disturb(Reorder(count=1 + int(event.amount * 4)))
    return lambda: hit > 0


def frame_too_long(world: World, event: Event) -> Seen:
    seen = _counted(lambda: world.venue.oversize)
    world.venue.overwhelm()
    return seen


def wanted_changed(world: World, event: Event) -> Seen:
    everything = world.universe.wanted
    symbols = SYMBOLS[: 1 + int(event.amount * (len(SYMBOLS) - 1))]
    world.universe.want(
        frozenset(each for each in everything if each.symbol in symbols) or everything
    )
    _later(world, event, lambda: world.universe.want(everything))
    asked = bool(world.venue.sockets) and len(CHANNELS) > 0
    return lambda: asked


def planned_reconnect(world: World, event: Event) -> Seen:
    """Every shard replaces its connection, the new one first."""
    before = len(world.venue.tapes)
    if world.supervisor is None or not world.venue.sockets:
        return _never
    for shard in world.supervisor.shards.values():
        shard.reconnect()
    return lambda: len(world.venue.tapes) > before


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        connector_killed, archiver_killed, connector_trapped, archiver_trapped, power_cut,
        power_trapped, bus_away, bus_stalled, receipts_lost, stored_out_of_order, delivered_late,
        delivered_again, stream_recreated, stream_restored, bus_power_cut, spool_full, archive_full,
        spool_fsync_failed, archive_fsync_failed, commits_slow, clock_stepped, venue_reset,
        venue_closed, venue_away, venue_lost_messages, venue_repeated, venue_reordered,
        frame_too_long, wanted_changed, planned_reconnect,
    )
}  # fmt: skip
"""Every fault by its name."""

KINDS: Final = tuple(FAULTS)
WORSE: Final = (
    ("commits_slow", "archiver_killed", "stream_recreated"),
    ("commits_slow", "power_cut"),
    ("archiver_trapped", "stream_restored"),
    ("delivered_late", "archiver_killed"),
    ("stream_restored", "archiver_killed"),
    ("bus_away", "power_cut"),
    ("spool_fsync_failed", "connector_killed"),
    ("receipts_lost", "power_trapped"),
)
"""Faults that make each other worse, the next one soon after the one before."""
