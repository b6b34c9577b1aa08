"""A bus that forgot: rolled back to an older copy, its end lost, sequences given out again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from ssmd.archive import manifest
from ssmd.archive.contents import Position, Tally
from ssmd.bus import api
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.present import Memory
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.connector.service import Connector
from ssmd.feeds.environment import EnvironmentConfig, Transport
from ssmd.feeds.registry import load_feed
from ssmd.model.envelope import Envelope
from tests.archive.made import Talk
from tests.connector.accounts import begin, receive
from tests.connector.parts import make_spool
from tests.e2e.acts import FEED
from tests.integration import bus
from tests.integration.bus import CLOCK, STREAM, Sender, envelope, until
from tests.integration.rollback import Copies
from tests.integration.test_archive_service import Running, proved

pytestmark = pytest.mark.integration


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """A real JetStream server with the stream of the tests."""
    made = bus.server(tmp_path)
    url = await made.start()
    await bus.stream(BusSettings(url=url))
    yield made
    await made.stop()


@pytest.fixture
def settings(server: EmbeddedServer) -> BusSettings:
    """How to reach it."""
    return BusSettings(url=server.url)


@pytest.fixture
def copies(server: EmbeddedServer, tmp_path: Path) -> Copies:
    """Older states of its store."""
    return Copies(server, tmp_path / "copies")


def losses(root: Path) -> list[tuple[int | None, int | None]]:
    """What the manifests say the bus lost, in order."""
    return [
        (loss.first, loss.last)
        for path in sorted(root.glob("raw/*/*/*.manifest.json"))
        for loss in manifest.decode(path.read_bytes(), "x").bus_losses
    ]


async def publish(settings: BusSettings, items: list[Envelope]) -> None:
    """Publish, as a process that knows nothing of what was before."""
    async with Sender(settings) as sender:
        await sender.publish(items)
        await sender.drained()


async def archived(root: Path, settings: BusSettings, count: int) -> None:
    """Archive until so many envelopes are durable, then end."""
    running = Running(root, settings)
    await running.archived(count)
    await running.end()


@pytest.mark.parametrize("alive", [False, True], ids=["archiver away", "archiver alive"])
async def test_numbers_given_out_again_are_not_skipped(
    tmp_path: Path, settings: BusSettings, server: EmbeddedServer, copies: Copies, alive: bool
) -> None:
    """The end is beyond the files' position again when the archiver looks: only identity tells."""
    life, root = Talk().life(1300), tmp_path / "a"
    await publish(settings, life[:600])
    await archived(root, settings, 600)
    await publish(settings, life[600:800])
    copies.take()
    await publish(settings, life[800:1000])
    running = Running(root, settings)
    await running.archived(1000)
    if not alive:
        await running.kill()  # nothing is sealed: the `_commit` line is all there is
    await copies.put_back()
    other = bus.server(tmp_path)  # the same store, where the archiver does not look
    await publish(BusSettings(await other.start()), life[1000:])
    await other.stop()
    await server.start()
    if not alive:
        running = Running(root, settings)
    await running.archived(1302)
    await running.end()
    proved(root, life)
    assert losses(root) == [(601, 1000)], "begins where the newest position still holds"


async def test_an_end_that_is_lost_is_declared_and_comes_again(
    tmp_path: Path, settings: BusSettings, copies: Copies
) -> None:
    """What was acknowledged and archived by nobody: the publisher says it, and sends it again."""
    life, root = Talk().life(500), tmp_path / "a"
    running = Running(root, settings)
    async with Sender(settings) as sender:
        await sender.publish(life[:300])
        await sender.drained()
        await running.archived(300)
        copies.take()
        await sender.publish(life[300:], first_key=300)
        await sender.drained()
        await running.archived(400)
        await copies.restore()
        await until(lambda: sender.changes)
        await sender.publish(life[300:], first_key=1000)
        await sender.drained()
    await running.archived(502)
    await running.end()
    proved(root, life)


@pytest.mark.parametrize("known", [True, False], ids=["looks at once", "could not look at first"])
async def test_a_publisher_sees_a_rollback_that_a_twin_has_covered(
    tmp_path: Path, settings: BusSettings, server: EmbeddedServer, copies: Copies, known: bool
) -> None:
    """Others published meanwhile, so the stream is longer than ever: its messages are others."""
    async with Sender(settings) as sender:
        await sender.publish(envelope(n) for n in range(50))
        await sender.drained()
        copies.take()
        await sender.publish((envelope(n) for n in range(50, 100)), first_key=50)
        await sender.drained()
        assert await sender.publisher.confirm()
        await copies.put_back()
        other = bus.server(tmp_path)
        twin = BusSettings(await other.start())
        await publish(twin, [envelope(n, symbol="ETH/USD") for n in range(1000, 1100)])
        await other.stop()
        before = server.store.with_name("elsewhere")
        if not known:  # for a while the server has no such stream to ask about
            server.store.rename(before)
        await server.start()
        if not known:
            await until(lambda: sender.publisher.connected)
            await server.stop()
            for left in server.store.glob("*"):
                left.rename(left.with_name("away"))
            server.store.rename(server.store.with_name("empty"))
            before.rename(server.store)
            await server.start()
        await until(lambda: sender.changes)
        assert len(sender.changes) == 1
        await until(lambda: sender.publisher.connected)
        assert await sender.publisher.confirm()


async def test_receipts_of_another_life_do_not_cover_the_traces(
    settings: BusSettings, server: EmbeddedServer
) -> None:
    """What was doubted is what is looked at, however much was acknowledged since."""
    async with Sender(settings) as sender:
        await sender.publish(envelope(n) for n in range(10))
        await sender.drained()
        sender.publisher.memory.doubt()
        await sender.publish((envelope(n) for n in range(10, 20)), first_key=10)
        await sender.drained()
        async with await Streams.connect(settings, CLOCK) as streams:
            await delete(streams, 10)
        assert not await sender.publisher.confirm()
        assert len(sender.changes) == 1


async def delete(streams: Streams, sequence: int) -> None:
    """Take one message out of the stream behind everybody's back."""
    subject = f"STREAM.MSG.DELETE.{STREAM}"
    assert (await streams._link.ask(api.Done, subject, {"seq": sequence})).error is None


async def test_an_archiver_sees_a_rollback_on_a_connection_that_lives(
    tmp_path: Path, settings: BusSettings
) -> None:
    """In a cluster nothing need break: what was acknowledged last is looked at before the next."""
    life, root = Talk().life(200), tmp_path / "a"
    running = Running(root, settings)
    async with Sender(settings) as sender, await Streams.connect(settings, CLOCK) as streams:
        await sender.publish(life[:100])
        await sender.drained()
        await running.archived(100)
        while await streams.archived_floor(STREAM) < 100:
            await CLOCK.sleep(0.01)
        await delete(streams, 100)
        await sender.publish(life[100:], first_key=100)
        await sender.drained()
        await running.archived(202)
        while await streams.archived_floor(STREAM) < 202:
            await CLOCK.sleep(0.01)
    await running.end()
    proved(root, life)
    assert losses(root) == [(1, 100)]


async def test_a_purge_is_no_loss(tmp_path: Path, settings: BusSettings) -> None:
    """What is archived may go, the message of the position too: nothing is declared."""
    life, root = Talk().life(300), tmp_path / "a"
    running = Running(root, settings)
    with structlog.testing.capture_logs() as logs:
        await purged(settings, running, root, life)
    proved(root, life)
    assert losses(root) == []
    assert "bus.consumer_failed" not in {each["event"] for each in logs}


async def purged(settings: BusSettings, running: Running, root: Path, life: list[Envelope]) -> None:
    """Publish in three shares, and purge each once it is archived."""
    async with Sender(settings) as sender, await Streams.connect(settings, CLOCK) as streams:
        for share, restarts in ((life[:100], False), (life[100:200], True), (life[200:], True)):
            await sender.publish(share)
            await sender.drained()
            state = await streams.state(STREAM)
            while await streams.archived_floor(STREAM) < state.last:
                await CLOCK.sleep(0.01)
            await streams.purge_below(STREAM, state.last + 1)
            assert await sender.publisher.confirm()
            if restarts:
                await running.end()
                running = Running(root, settings)
                await running.health.wait_ready()
            sender.acknowledged.clear()
    assert not sender.changes
    await running.end()


def test_a_line_of_before_identities_is_read() -> None:
    """An archive begun by an older program goes on."""
    tally = Tally()
    old = b'{"t":1,"c":"W","n":null,"r":3,"p":0,"k":"_commit","s":[],"q":null,"e":null,"raw":%b}\n'
    tally.read(old % b'{"stream":"S","created":7,"sequence":9}', "kraken")
    assert tally.position == Position(3, "S", 7, 9, 0)
    tally.read(old.replace(b'"r":3', b'"r":4') % Position(4, "S", 7, 12, 11).payload, "kraken")
    assert tally.position == Position(4, "S", 7, 12, 11)


async def test_a_floor_of_another_life_is_forgotten(tmp_path: Path) -> None:
    """Sequences are given out anew: the old floor lies beyond them and would free everything."""
    spool = make_spool(tmp_path / "spool", file_bytes=4096)
    life = begin(spool)
    for _ in range(40):
        receive(spool, life, 10)
        spool.flush()
    for position in range(spool.written + 1):
        spool.acknowledged(position, 1000 + position)
    spool.archived(1100)
    spool.republish()
    left = spool.unpublished
    assert left > 200
    for position in range(spool.written + 1):
        spool.acknowledged(position, position + 1)
    spool.close()
    assert make_spool(tmp_path / "spool", file_bytes=4096).unpublished == left


async def test_the_spool_lets_go_only_while_the_stream_is_recognised(
    tmp_path: Path, settings: BusSettings, server: EmbeddedServer, copies: Copies
) -> None:
    """An archiver that has moved on to the new life has a floor beyond what the old one lost."""
    feed = load_feed(FEED).with_endpoint("ws://127.0.0.1:1")
    connector = Connector(
        feed,
        EnvironmentConfig(name="test", transport=Transport()),
        directory=tmp_path / "spool",
        bus=settings,
        clock=CLOCK,
    )
    order: list[str] = []

    class Unsure:
        """A publisher that finds its stream changed the first time it is asked."""

        memory = Memory(STREAM)

        async def confirm(self) -> bool:
            order.append("asked")
            return len(order) > 1

    class Freed:
        """A spool that tells what it is told."""

        def archived(self, floor: int) -> None:
            order.append(f"freed {floor}")

        found = SimpleNamespace(closed={})
        dead: dict[str, object] = {}

    async with await Streams.connect(settings, CLOCK) as streams:
        tending = asyncio.create_task(connector._with_bus(Freed(), Unsure(), streams))  # type: ignore[arg-type]
        await until(lambda: any("freed" in each for each in order) or tending.done())
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)
    assert order == ["asked", "asked", "freed 0"]
    connector._lock.release()


def test_a_copy_on_its_way_is_no_refusal() -> None:
    """In a cluster a repeated publish can meet its own first try: set aside, it would be lost."""
    assert api.Error(409, 10158, "duplicate message id is in process").is_passing
    assert not api.Error(400, 10054, "message size exceeds maximum allowed").is_passing


async def test_a_floor_read_from_a_disk_frees_nothing(
    tmp_path: Path, settings: BusSettings, server: EmbeddedServer
) -> None:
    """After a restart the consumer's state may be newer than the stream's: only acks count."""
    life, root = Talk().life(200), tmp_path / "a"
    await publish(settings, life[:100])
    await archived(root, settings, 100)
    async with await Streams.connect(settings, CLOCK) as streams:
        assert await streams.archived_floor(STREAM, since=0) == 100
        far = CLOCK.wall() + 3600 * api.NS
        assert await streams.archived_floor(STREAM, since=far) == 0
        await server.restart()
        await until(lambda: streams._link.connected)
        assert await streams.archived_floor(STREAM) == 100
        assert await streams.archived_floor(STREAM, since=0) == 0
        await publish(settings, life[100:])
        running = Running(root, settings)
        await running.archived(202)
        while await streams.archived_floor(STREAM, since=0) < 202:
            await CLOCK.sleep(0.01)
        await running.end()
    proved(root, life)
