"""Plans become shards; only what changed is touched; what dies is started again."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import structlog.testing

from ssmd.connector.blocked import LoopWatch, tell
from ssmd.connector.gate import Gate
from ssmd.connector.pump import Pump
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Live
from ssmd.connector.spool.codec import Entry, walk
from ssmd.connector.supervisor import Supervisor
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.records import Lost, decode_ledger
from ssmd.model.subscription import Limits, Subscription
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.health import Health, serve
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, a_frame, an_id, make_spool, until

LIMITS = Limits(subscriptions_per_connection=2, sends_per_second=1, connections=2)


def subs(*names: str) -> frozenset[Subscription]:
    return frozenset(Subscription("trade", name) for name in names)


class Puppet:
    """A shard that only remembers, and dies on demand."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.wanted: frozenset[Subscription] = frozenset()
        self.current: Live | None = None
        self.latest: Live | None = None
        self.is_connected = False
        self.problem = "the puppet's problem"
        self.wants: list[frozenset[Subscription]] = []
        self.lives = 0
        self.die = asyncio.Event()

    def want(self, subscriptions: frozenset[Subscription]) -> None:
        self.wanted = subscriptions
        self.wants.append(subscriptions)

    def reconnect(self) -> None:
        raise AssertionError("nobody asks a puppet for another connection")

    async def run(self) -> None:
        self.lives += 1
        await self.die.wait()
        self.die.clear()
        raise ValueError("a bug")


def supervise(clock: ManualClock) -> Supervisor:
    return Supervisor(FEED, LIMITS, Puppet, clock=clock, tuning=Tuning(), telemetry=Telemetry(FEED))


async def test_only_the_shard_that_changed_is_told() -> None:
    """One listing disturbs one connection."""
    supervisor = supervise(ManualClock())
    await supervisor.apply(subs("a", "b", "c"))
    await supervisor.apply(subs("a", "b", "c", "d"))
    assert [shard.wants for shard in supervisor.shards.values()] == [  # type: ignore[attr-defined]
        [subs("a", "b")],
        [subs("c"), subs("c", "d")],
    ]
    await supervisor.close()


async def test_a_removal_touches_one_shard_and_what_comes_fills_the_room() -> None:
    """Connections that keep what they hold are not even told."""
    supervisor = supervise(ManualClock())
    await supervisor.apply(subs("a", "b", "c", "d"))
    await supervisor.apply(subs("a", "b", "d"))
    await supervisor.apply(subs("a", "b", "d", "x"))
    assert [shard.wants for shard in supervisor.shards.values()] == [  # type: ignore[attr-defined]
        [subs("a", "b")],
        [subs("c", "d"), subs("d"), subs("d", "x")],
    ]
    await supervisor.close()


async def test_full_shards_open_another_and_an_empty_one_ends() -> None:
    """Also while others run; whoever waits is told before anybody is let go politely."""
    supervisor = supervise(ManualClock())
    await supervisor.apply(subs("a", "b"))
    first = supervisor.shards[0]
    await supervisor.apply(subs("a", "b", "c"))
    assert list(supervisor.shards) == [0, 1]
    await supervisor.apply(subs("a", "b"))
    assert list(supervisor.shards) == [0]
    assert supervisor.shards[0] is first
    assert first.wants == [subs("a", "b")]  # type: ignore[attr-defined]
    await supervisor.apply([*subs("a", "b"), *subs("a", "b")])
    assert first.wants == [subs("a", "b")]  # type: ignore[attr-defined]
    await supervisor.apply(())
    assert supervisor.shards == {}
    assert supervisor.condition == (True, "")


async def test_what_finds_no_connection_is_visible() -> None:
    """Overflow is counted and said, not dropped in silence."""
    supervisor = supervise(ManualClock())
    with structlog.testing.capture_logs() as logs:
        await supervisor.apply(subs("a", "b", "c", "d", "e"))
    assert supervisor.overflow == subs("e")
    assert "connector.overflow" in [entry["event"] for entry in logs]
    await supervisor.close()


async def test_an_empty_universe_waits_for_the_next() -> None:
    """Nothing listed at the moment is an answer, not an error."""
    supervisor = supervise(ManualClock())

    class Source:
        async def watch(self) -> AsyncIterator[frozenset[Subscription]]:
            yield frozenset()
            yield subs("a")
            await asyncio.Event().wait()

    following = asyncio.create_task(supervisor.follow(Source()))
    await until(lambda: bool(supervisor.shards))
    assert supervisor.disconnected == ["the puppet's problem"]
    following.cancel()
    await supervisor.close()


async def test_a_shard_that_dies_is_an_incident_and_starts_again() -> None:
    """A vanished task once meant a vanished feed."""
    clock = ManualClock()
    supervisor = supervise(clock)
    await supervisor.apply(subs("a"))
    shard = supervisor.shards[0]
    assert isinstance(shard, Puppet)
    await until(lambda: shard.lives == 1)
    with structlog.testing.capture_logs() as logs:
        shard.die.set()
        await until(lambda: shard.lives == 2, clock)
    (death,) = [entry for entry in logs if entry["event"] == "connector.shard_died"]
    assert "a bug" in death["error"]
    await supervisor.close()


async def test_attempts_are_spaced_and_capped() -> None:
    """Ten sockets at once once got all of them refused."""
    clock = ManualClock()
    gate = Gate(clock, interval_s=1.0, at_once=2, chance=lambda: 0.0)
    inside: list[float] = []
    leave = asyncio.Event()

    async def knock() -> None:
        async with gate:
            inside.append(clock.mono())
            await leave.wait()

    tasks = [asyncio.create_task(knock()) for _ in range(3)]
    await clock.advance(10)
    assert [at - inside[0] for at in inside] == [0.0, 1.0]
    leave.set()
    await clock.advance(1)
    assert len(inside) == 3
    await asyncio.gather(*tasks)


async def test_attempts_do_not_march_in_step() -> None:
    """Many connectors start together; by chance each pause is up to half as long again."""
    clock = ManualClock()
    chances = iter([0.5, 1.0, 0.0])
    gate = Gate(clock, interval_s=2.0, at_once=9, chance=lambda: next(chances))
    inside: list[float] = []

    async def knock() -> None:
        async with gate:
            inside.append(clock.mono())

    tasks = [asyncio.create_task(knock()) for _ in range(3)]
    await clock.advance(10)
    await asyncio.gather(*tasks)
    assert [at - inside[0] for at in inside] == [0.0, 2.5, 5.5]


async def test_a_blocked_loop_is_noticed_from_outside() -> None:
    """Nothing inside the loop can say that the loop does not turn."""
    told: list[float] = []
    seen, turning = threading.Event(), threading.Event()

    def changed(seconds: float) -> None:
        told.append(seconds)
        (seen if seconds else turning).set()

    watch = LoopWatch(SystemClock(), 0.05, changed)
    watch.start()
    assert seen.wait(10)  # this blocks the loop until the thread has noticed
    await until(turning.is_set)
    watch.close()
    assert told[0] > 0.05
    assert told[1] == 0


async def test_a_blocked_loop_is_not_alive(tmp_path: Path) -> None:
    """What the watching thread found is what a probe is told, until the loop turns again."""
    health = Health()
    address = await serve(health, "127.0.0.1", 0)
    found, told, turns = threading.Event(), threading.Event(), threading.Event()
    tells = tell(health, Telemetry(FEED))

    def changed(seconds: float) -> None:
        tells(seconds)
        found.set()
        told.wait(30)  # hold the thread until the probe has asked
        if not seconds:
            turns.set()

    watch = LoopWatch(SystemClock(), 0.05, changed)
    watch.start()
    async with aiohttp.ClientSession() as session:
        assert found.wait(10)  # this blocks the loop
        async with session.get(f"{address.url}/health") as answer:
            assert answer.status == 503
        told.set()
        await until(turns.is_set)
        async with session.get(f"{address.url}/health") as answer:
            assert answer.status == 200
    watch.close()
    await address.close()


class Bus:
    """A publisher that takes what the test allows."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.got: list[tuple[int, Envelope]] = []

    def publish(self, key: int, envelope: Envelope) -> None:
        self.room -= 1
        self.got.append((key, envelope))

    async def wait_room(self) -> None:
        await until(lambda: self.room > 0)


async def test_the_pump_gives_what_there_is_room_for(tmp_path: Path) -> None:
    """Back-pressure stays in the spool."""
    spool = make_spool(tmp_path)
    pump = Pump(spool, Telemetry(FEED), aside=tmp_path / "refused")
    life = spool.lives.begin(an_id(), FEED, None)
    spool.write(life.say(CONNECTION, b"{}", 1))
    for _ in range(30):
        spool.write(a_frame(life.connection, life.next_ordinal()))
    bus = Bus(10)
    running = asyncio.create_task(pump.run(bus))
    spool.flush()
    await spool.sync()
    await until(lambda: bus.room == 0)
    assert [key for key, _ in bus.got] == list(range(10))
    bus.room = 100
    await until(lambda: len(bus.got) == 31)
    spool.write(a_frame(life.connection, life.next_ordinal()))
    spool.flush()
    await spool.sync()
    await until(lambda: len(bus.got) == 32)
    running.cancel()
    spool.close()


async def test_what_is_not_durable_is_not_published(tmp_path: Path) -> None:
    """A power cut must not leave bus and archive with numbers that their spool does not know."""
    spool = make_spool(tmp_path)
    pump = Pump(spool, Telemetry(FEED), aside=tmp_path / "refused")
    life = spool.lives.begin(an_id(), FEED, None)
    spool.write(life.say(CONNECTION, b"{}", 1))
    spool.flush()
    bus = Bus(10)
    running = asyncio.create_task(pump.run(bus))
    for _ in range(20):
        await asyncio.sleep(0)
    assert bus.got == []
    await spool.sync()
    await until(lambda: len(bus.got) == 1)
    running.cancel()
    spool.close()


async def test_what_the_bus_refuses_is_set_aside_and_declared(tmp_path: Path) -> None:
    """It blocks nobody, and its bytes are kept."""
    spool = make_spool(tmp_path)
    aside = tmp_path / "refused"
    pump = Pump(spool, Telemetry(FEED), aside=aside)
    life = spool.lives.begin(an_id(), FEED, None)
    spool.write(life.say(CONNECTION, b"{}", 1))
    spool.write(a_frame(life.connection, life.next_ordinal(), b"refuse me"))
    spool.flush()
    pump.refuse(1, "too strange")
    spool.flush()
    said = [decode_ledger(e.payload) for _, e in spool.take(10) if e.type == LEDGER]
    assert said == [Lost(ordinals=((0, 0),), reason="publish_refused")]
    kept = [piece for piece in walk(aside.read_bytes(), 0) if isinstance(piece, Entry)]
    assert [entry.envelope.payload for entry in kept] == [b"refuse me"]
    assert spool.unpublished == 2  # the opening record and the declaration
    spool.close()
