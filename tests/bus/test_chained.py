"""Publishing in a chain, against real servers: once, in order, whatever dies and whoever else writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.bus.api import StreamState
from ssmd.bus.chained import ChainedPublisher, End
from ssmd.bus.cluster import EmbeddedCluster
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.errors import Displaced, StreamUnfit
from ssmd.bus.link import Link
from ssmd.bus.reader import scan
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.frame import Opcode
from ssmd.runtime.clock import SystemClock

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
STREAM = "TEST_CHAIN"
GENEROUS_S = 60.0
A = "chain-0-019ac0de-0000-7000-8000-000000000000"
B = "chain-0-019ac0de-0001-7000-8000-000000000000"


def message(at: int, connection: str = A, payload: bytes = b"{}") -> Envelope:
    """Message 0 opens the connection, the others are its frames."""
    kind, ordinal, record = ("thing", at - 1, None) if at else (CONNECTION, None, 0)
    return Envelope(
        "chain", None, kind, (), connection, ordinal, record, 0, 1, Opcode.TEXT, None, 1, 1, payload
    )


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    embedded = EmbeddedServer(tmp_path / "nats", CLOCK)
    await embedded.start()
    yield embedded
    await embedded.stop()


async def ensure(settings: BusSettings, replicas: int = 1, max_bytes: int = 64 << 20) -> None:
    """Have the stream."""
    async with await Streams.connect(settings, CLOCK, timeout_s=GENEROUS_S) as streams:
        await streams.ensure(STREAM, "", max_bytes=max_bytes, replicas=replicas, subject="chain.>")


@contextlib.asynccontextmanager
async def chained(
    settings: BusSettings, window: int = 256, ack_timeout_s: float = 2.0
) -> AsyncIterator[tuple[ChainedPublisher, End]]:
    """An open publisher, and what it found."""
    made = ChainedPublisher(
        settings, CLOCK, stream=STREAM, window=window, ack_timeout_s=ack_timeout_s
    )
    try:
        yield made, await made.open(GENEROUS_S)
    finally:
        await made.close()


async def stored(settings: BusSettings) -> list[tuple[str, int]]:
    """What the stream holds: each message by connection and number, in order."""
    found = []
    async for _, each in scan(settings, CLOCK, STREAM, 1, timeout_s=GENEROUS_S):
        found.append((each.connection, 0 if each.ordinal is None else each.ordinal + 1))
    return found


async def state(settings: BusSettings) -> StreamState:
    """The stream's counters."""
    async with await Streams.connect(settings, CLOCK, timeout_s=GENEROUS_S) as streams:
        return await streams.state(STREAM)


async def send(chain: ChainedPublisher, first: int, count: int, connection: str = A) -> int:
    """Publish some messages; gives where the last will stand."""
    at = 0
    for number in range(first, first + count):
        at = await chain.publish("chain.a", message(number, connection), b"%d" % number)
    return at


async def deliver(chain: ChainedPublisher, first: int, count: int, connection: str = A) -> None:
    """Publish some messages, and wait until they are stored."""
    await send(chain, first, count, connection)
    await chain.flush()


async def displacement(chain: ChainedPublisher) -> None:
    """Wait until the chain is found broken."""
    async with asyncio.timeout(GENEROUS_S):
        while True:
            chain.check()
            await chain.wait()


async def stranger(settings: BusSettings) -> None:
    """Somebody else writes to the stream."""
    link = Link(settings, CLOCK, name="stranger")
    await link.open(GENEROUS_S)
    await link.request("chain.stranger", b"x")
    await link.close()


async def test_everything_is_stored_in_order_within_the_window(nats: EmbeddedServer) -> None:
    """The promise itself, and that sequences are known before the receipts come."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    async with chained(settings, window=100) as (chain, end):
        assert (end.last, end.mark, end.closed) == (0, b"", True)
        most = 0
        for number in range(3000):
            assert await chain.publish("chain.a", message(number), b"%d" % number) == number + 1
            most = max(most, chain.outstanding)
        await chain.flush()
        assert (chain.stored, most) == (3000, 100)
    assert await stored(settings) == [(A, number) for number in range(3000)]


async def test_the_next_one_finds_the_end_and_its_mark(nats: EmbeddedServer) -> None:
    """A crash leaves nothing but the stream: place, connection and counters stand there."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    async with chained(settings) as (chain, _):
        await send(chain, 0, 700)
        await chain.flush()
    async with chained(settings) as (chain, end):
        assert (end.last, end.mark, end.connection) == (700, b"699", A)
        assert (end.ordinal, end.closed, end.missing) == (698, False, None)
        assert await send(chain, 0, 1, B) == 701
        await chain.flush()


async def test_a_large_message_travels_in_pieces_and_only_whole_ones_count(
    nats: EmbeddedServer,
) -> None:
    """A row may be larger than the server takes; a set that is not whole was never said."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    big = b"x" * (5 << 19)
    async with chained(settings) as (chain, _):
        await send(chain, 0, 1)
        assert await chain.publish("chain.a", message(1, payload=big), b"big") == 4
        await chain.flush()
    assert await stored(settings) == [(A, 0), (A, 1)]
    async with await Streams.connect(settings, CLOCK) as streams:
        link = streams._link  # the last piece is taken away, as if never sent
        await link.request(f"$JS.API.STREAM.MSG.DELETE.{STREAM}", b'{"seq":4}')
    async with chained(settings) as (_, end):
        assert (end.last, end.mark, end.ordinal) == (4, b"0", -1)


@pytest.mark.parametrize("outage", ["kill", "stop"])
async def test_a_server_that_comes_back_gets_the_rest_once(
    nats: EmbeddedServer, outage: str
) -> None:
    """What was on its way may or may not be stored: the stream is asked, nothing is guessed."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    async with chained(settings) as (chain, _):
        sending = asyncio.create_task(send(chain, 0, 20_000))
        for _ in range(3):
            before = chain.stored
            while chain.stored < before + 2000:
                await chain.wait()
            if outage == "kill":
                nats.kill()
            await nats.restart()
        await sending
        await chain.flush()
    assert await stored(settings) == [(A, number) for number in range(20_000)]


async def test_a_stranger_breaks_the_chain_and_what_slips_through_is_void(
    nats: EmbeddedServer,
) -> None:
    """His message takes the place of one; those after it may find their place all the same."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    async with chained(settings) as (chain, _):
        await send(chain, 0, 10)
        await chain.flush()
        await stranger(settings)
        with pytest.raises(Displaced):
            await deliver(chain, 10, 5)
    found = await stored(settings)
    assert found[:10] == [(A, number) for number in range(10)]
    assert (A, 10) not in found
    slipped = [number for _, number in found[10:]]
    async with chained(settings) as (_, end):
        assert (end.mark, end.ordinal) == (b"9", 8), "the end is where the chain was whole"
        assert end.last == 11 + len(slipped)
        assert end.greatest == max([8, *(number - 1 for number in slipped)])
        assert end.missing == ((9, 9) if slipped else None)


async def test_a_writer_that_was_replaced_finds_out(nats: EmbeddedServer) -> None:
    """Two at once cannot both go on: whoever wrote last did."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    async with chained(settings) as (first, _), chained(settings) as (second, _):
        await send(first, 0, 3)
        await first.flush()
        with pytest.raises(Displaced):
            await deliver(second, 0, 1, B)
        async with chained(settings) as (third, _):
            await send(third, 0, 3, B)
            await third.flush()
            with pytest.raises(Displaced):
                await deliver(first, 3, 1)
    assert await stored(settings) == [(each, number) for each in (A, B) for number in range(3)]


async def test_a_stream_deleted_and_made_again_is_noticed_even_when_idle(
    nats: EmbeddedServer,
) -> None:
    """Nothing is published, and yet everything that was is gone, though it has as many messages."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    async with chained(settings, ack_timeout_s=2.0) as (chain, _):
        await send(chain, 0, 3)
        await chain.flush()
        async with await Streams.connect(settings, CLOCK) as streams:
            await streams.delete(STREAM)
        await ensure(settings)
        for _ in range(3):
            await stranger(settings)
        with pytest.raises(Displaced, match=r"gone|made again"):
            await displacement(chain)


async def test_a_full_stream_is_waited_for(nats: EmbeddedServer) -> None:
    """No room is no reason to lose the order."""
    settings = BusSettings(nats.url)
    await ensure(settings, max_bytes=1 << 20)
    async with chained(settings) as (chain, _):
        sending = asyncio.create_task(send(chain, 0, 8000))
        async with await Streams.connect(settings, CLOCK) as streams, asyncio.timeout(GENEROUS_S):
            while not sending.done():
                await streams.purge_below(STREAM, max(1, chain.stored))
                await CLOCK.sleep(0.02)
        assert await sending == 8000
        await chain.flush()
    found = await stored(settings)
    assert found == [(A, number) for number in range(found[0][1], 8000)]


async def test_three_copies_keep_the_chain_when_their_leader_dies(tmp_path: Path) -> None:
    """What the leader had not agreed upon is sent again, in its order."""
    cluster = EmbeddedCluster(tmp_path / "cluster", CLOCK)
    settings = BusSettings(await cluster.start())
    try:
        await ensure(settings, replicas=3)
        async with chained(settings) as (chain, _):
            sending = asyncio.create_task(send(chain, 0, 6000))
            while chain.stored < 2000:
                await chain.wait()
            leader = await cluster.leader(STREAM)
            assert leader is not None
            leader.kill()
            async with asyncio.timeout(GENEROUS_S):
                await sending
                await chain.flush()
        assert await stored(settings) == [(A, number) for number in range(6000)]
        async with chained(settings) as (chain, end):
            assert end.mark == b"5999"
    finally:
        await cluster.stop()


async def test_two_streams_for_the_same_subjects_are_refused(nats: EmbeddedServer) -> None:
    """Two environments on one bus would mix: the second is told what to do."""
    settings = BusSettings(nats.url)
    await ensure(settings)
    async with await Streams.connect(settings, CLOCK) as streams:
        with pytest.raises(StreamUnfit, match=r"takes some of chain.>.*another"):
            await streams.ensure("OTHER", "", max_bytes=1 << 20, subject="chain.>")
