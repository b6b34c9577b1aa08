"""History then live, on a real bus, while an archiver works, is killed, and the server restarts."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.access.stream import stream
from ssmd.bus import api
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.link import Link
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.feeds.archiver import ArchiverConfig, ArchiveStorage, Commit, Rotation, Source
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from tests.archive.made import Talk
from tests.integration import bus
from tests.integration.bus import CLOCK, GENEROUS_S, STREAM, Sender, until
from tests.integration.rollback import Copies
from tests.integration.test_archive_service import Running, lines
from tests.tier import scale

pytestmark = pytest.mark.integration
FRAMES = scale(gate=4_000, full=100_000)
CONFIG = ArchiverConfig(
    sources=(Source(stream=STREAM, feed="kraken"),),
    commit=Commit(interval_s=0.02),
    rotation=Rotation(interval_s=60, grace_s=0),
    storage=ArchiveStorage(low_disk_bytes=0, min_free_bytes=0),
    keep_s=0,
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """A real JetStream server with the stream of the tests."""
    made = bus.server(tmp_path)
    await made.start()
    await bus.stream(BusSettings(url=made.url))
    yield made
    await made.stop()


@pytest.fixture
def settings(server: EmbeddedServer) -> BusSettings:
    """How to reach it."""
    return BusSettings(url=server.url)


class Reader:
    """Somebody who reads history, then live, for as long as the test lasts."""

    def __init__(self, root: Path, settings: BusSettings, **options: object) -> None:
        self.found: list[Envelope] = []
        self._task = asyncio.ensure_future(self._read(root, settings, options))

    async def _read(self, root: Path, settings: BusSettings, options: dict[str, object]) -> None:
        reading = stream(
            root, "kraken", bus=settings, streams=[STREAM], records=True,
            **({"clock": CLOCK} | options),  # type: ignore[arg-type]  # tests pass what they need
        )  # fmt: skip
        async with contextlib.aclosing(reading) as envelopes:
            async for envelope in envelopes:
                self.found.append(envelope)

    async def has(self, count: int) -> None:
        """Wait until it has so many."""
        await until(lambda: self._task.done() or len(self.found) >= count)
        if self._task.done():
            self._task.result()

    async def end(self) -> None:
        """Read no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def is_all(found: list[Envelope], sent: list[Envelope]) -> None:
    """Everything came, nothing twice, every byte as it was."""
    counts = Counter(each.message_id for each in found)
    assert [each for each, count in counts.items() if count > 1] == []
    assert counts.keys() == {each.message_id for each in sent}
    payloads = {each.message_id: each.payload for each in sent}
    assert all(payloads[each.message_id] == each.payload for each in found)


async def test_nothing_is_missed_or_told_twice_under_load(
    tmp_path: Path, settings: BusSettings
) -> None:
    """Readers that come at any time while the archiver works, restarts and purges, have it all."""
    root = tmp_path / "archive"
    talk = Talk()
    sent = talk.life(FRAMES)
    archiver = Running(root, settings, CONFIG)
    readers: list[Reader] = []
    share = len(sent) // 8
    async with Sender(settings) as sender:
        for number, at in enumerate(range(0, len(sent), share)):
            await sender.publish(sent[at : at + share], at)
            await archiver.archived(at // 2)
            readers.append(Reader(root, settings))
            if number in {2, 5}:
                await (archiver.kill() if number == 2 else archiver.end())
                archiver = Running(root, settings, CONFIG)
        await sender.drained()
    for reader in readers:
        await reader.has(len(sent))
    await archiver.archived(len(sent))
    await archiver.end()
    late = Reader(root, settings)
    await late.has(len(sent))
    for reader in [*readers, late]:
        await reader.end()
        is_all(reader.found, sent)


async def test_a_reader_outlives_the_bus(
    tmp_path: Path, server: EmbeddedServer, settings: BusSettings
) -> None:
    """The server goes and comes; the reader goes on where it was."""
    root = tmp_path / "archive"
    sent = Talk().life(600)
    archiver = Running(root, settings, CONFIG)
    async with Sender(settings) as sender:
        await sender.publish(sent[:300])
        await sender.drained()
        await archiver.archived(1)
        reader = Reader(root, settings)
        await reader.has(300)
        await server.stop()
        await server.start()
        await sender.publish(sent[300:], 300)
        await sender.drained()
    await reader.has(len(sent))
    await reader.end()
    is_all(reader.found, sent)
    await archiver.end()


@pytest.mark.parametrize("fate", ["purged", "deleted"])
async def test_what_the_bus_has_no_more_comes_from_the_archive(
    tmp_path: Path, settings: BusSettings, fate: str
) -> None:
    """A reader that dawdles is not told less: it goes back to the files, and repeats nothing."""
    root = tmp_path / "archive"
    sent = Talk().life(6_000)
    archiver = Running(root, settings, CONFIG)
    reading = stream(root, "kraken", bus=settings, streams=[STREAM], records=True, clock=CLOCK)
    async with Sender(settings) as sender, contextlib.aclosing(reading) as envelopes:
        await sender.publish(sent[:10])
        await sender.drained()
        await archiver.archived(10)
        found = [await anext(envelopes) for _ in range(10)]
        await sender.publish(sent[10:], 10)
        await sender.drained()
        await archiver.archived(len(sent))
        await (_purge(settings, len(sent)) if fate == "purged" else _delete(settings, 5_000))
        async with asyncio.timeout(GENEROUS_S):
            found += [await anext(envelopes) for _ in range(len(sent) - 10)]
    is_all(found, sent)
    await archiver.end()


async def _purge(settings: BusSettings, sequence: int) -> None:
    """What the archiver does with what is archived."""
    async with await Streams.connect(settings, CLOCK) as streams:
        await streams.purge_below(STREAM, sequence)
        assert (await streams.state(STREAM)).first >= sequence


async def _delete(settings: BusSettings, sequence: int) -> None:
    """Take one message out of the middle: no counter of the server's shows that it is gone."""
    link = Link(settings, CLOCK, name="delete")
    await link.open(GENEROUS_S)
    answer = await link.ask(api.Done, f"STREAM.MSG.DELETE.{STREAM}", {"seq": sequence})
    assert answer.error is None
    await link.close()


async def test_a_stream_made_anew_does_not_repeat_what_is_archived(
    tmp_path: Path, settings: BusSettings
) -> None:
    """The connector publishes again what it is not sure of, into a stream that begins at one."""
    root = tmp_path / "archive"
    talk = Talk()
    sent = talk.life(400)
    archiver = Running(root, settings, CONFIG)
    async with Sender(settings) as sender:
        await sender.publish(sent[:200])
        await sender.drained()
        await archiver.archived(200)
    await archiver.end()
    async with await Streams.connect(settings, CLOCK) as streams:
        await streams.delete(STREAM)
    await bus.stream(settings)
    reader = Reader(root, settings)
    async with Sender(settings) as sender:
        await sender.publish(sent[100:])
        await sender.drained()
        await reader.has(len(sent))
    await reader.end()
    is_all(reader.found, sent)


class Gated(SystemClock):
    """A clock on which whoever waits, waits until the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def sleep(self, seconds: float) -> None:
        """Wait so long, and for the gate."""
        await super().sleep(seconds)
        await self.gate.wait()


async def test_another_life_of_the_stream_is_not_taken_for_the_old_one(
    tmp_path: Path, server: EmbeddedServer, settings: BusSettings
) -> None:
    """An older copy of the store gives its sequences out again, beyond where the reader was."""
    root = tmp_path / "archive"
    sent = Talk().life(600)
    copies, clock = Copies(server, tmp_path / "copies"), Gated()
    archiver = Running(root, settings, CONFIG)
    async with Sender(settings) as sender:
        await sender.publish(sent[:100])
        await sender.drained()
        copies.take()
        await archiver.archived(1)
        reader = Reader(root, settings, clock=clock)
        await sender.publish(sent[100:200], 100)
        await sender.drained()
        await archiver.archived(200)
        await reader.has(200)
    clock.gate.clear()
    await copies.restore()
    async with Sender(settings) as sender:
        await sender.publish(sent[200:], 200)
        await sender.drained()
    clock.gate.set()
    await reader.has(len(sent))
    await reader.end()
    is_all(reader.found, sent)
    await archiver.end()


async def test_without_a_bus_it_ends_with_the_archive(
    tmp_path: Path, settings: BusSettings
) -> None:
    """History alone is the same call; and without a stream's name, the archive tells it."""
    root = tmp_path / "archive"
    sent = Talk().life(50)
    archiver = Running(root, settings, CONFIG)
    async with Sender(settings) as sender:
        await sender.publish(sent)
        await sender.drained()
        await archiver.archived(len(sent))
        found = [each async for each in stream(root, "kraken", records=True)]
        is_all(found, sent)
        start = sent[20].ts_recv
        async with contextlib.aclosing(
            stream(root, "kraken", start, settings, types=["trade"])
        ) as following:
            async with asyncio.timeout(GENEROUS_S):
                first = await anext(following)
        assert first.ts_recv == start
    await archiver.end()
    assert lines(root) == len(sent)


async def test_nobody_guesses_the_name_of_a_stream(tmp_path: Path, settings: BusSettings) -> None:
    """An archive that was never fed by a bus does not say which one to follow."""
    root = tmp_path / "archive"
    (root / "raw").mkdir(parents=True)
    with pytest.raises(ConfigError, match="tells the bus stream"):
        await anext(stream(root, "kraken", bus=settings))
