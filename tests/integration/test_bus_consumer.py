"""The archiver's consumer against a real nats-server."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ssmd.bus import api, reader
from ssmd.bus.consumer import Consumer
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.errors import PinLost, Rebuilt, StreamUnfit
from ssmd.bus.present import Place, Present
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from tests.integration.bus import (
    CLOCK,
    FAST,
    FILTER,
    GENEROUS_S,
    PREFIX,
    STREAM,
    Sender,
    collect,
    envelope,
    failing,
    server,
    stream,
    until,
)

DURABLE = "archive-test"


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    embedded = server(tmp_path)
    await embedded.start()
    yield embedded
    await embedded.stop()


@pytest.fixture
async def settings(nats: EmbeddedServer) -> BusSettings:
    found = BusSettings(nats.url)
    await stream(found)
    return found


async def fill(settings: BusSettings, first: int, last: int) -> None:
    async with Sender(settings) as sender:
        await sender.publish((envelope(n) for n in range(first, last + 1)), first)
        await sender.drained()


async def opened(settings: BusSettings, after: int = 0) -> Consumer:
    consumer = Consumer(CLOCK, FAST)
    await consumer.open(settings, STREAM, DURABLE, FILTER, after)
    return consumer


async def test_every_kind_of_envelope_comes_back_as_it_went(settings: BusSettings) -> None:
    """Byte for byte, provenance included: control frames, records, splits, REST, any bytes."""
    sent = [
        envelope(0),
        envelope(1, b""),
        envelope(2, bytes(range(256)) * 3),
        msgspec.structs.replace(envelope(3), type="_control", symbols=(), opcode=Opcode.PING),
        msgspec.structs.replace(envelope(4), type="_unread", opcode=Opcode.BINARY),
        msgspec.structs.replace(envelope(5), part=0, parts=2, symbols=("A", "B")),
        msgspec.structs.replace(envelope(5), part=1, parts=2, category="crypto"),
        msgspec.structs.replace(envelope(6), opcode=Opcode.REST, ts_recv=None, sequence=2**62),
        msgspec.structs.replace(envelope(7), symbols=("été ☃ *>.",), ts_event=None),
        msgspec.structs.replace(envelope(0), type="_connection", ordinal=None, record=0),
        msgspec.structs.replace(envelope(0), type="_sent", ordinal=None, record=1),
        msgspec.structs.replace(envelope(0), type="_ledger", ordinal=None, record=2),
    ]
    async with Sender(settings) as sender:
        await sender.publish(sent)
        await sender.drained()
    async with await opened(settings) as consumer:
        found = await collect(consumer, len(sent))
    assert [delivery.envelope for delivery in found] == sent
    assert [d.sequence for d in found] == [d.low for d in found] == [d.safe for d in found]


async def test_pieces_are_joined_again(settings: BusSettings) -> None:
    """A frame above the server's limit is one envelope; its pieces hold the watermark back."""
    big = os.urandom(2_500_000)
    async with Sender(settings) as sender:
        await sender.publish([envelope(0), envelope(1, big), envelope(2)])
        await sender.drained()
    async with await opened(settings) as consumer:
        found = await collect(consumer, 3)
    assert [(d.sequence, d.low, d.safe) for d in found] == [(1, 1, 1), (4, 2, 4), (5, 5, 5)]
    assert found[1].envelope == envelope(1, big)


async def test_the_files_position_overrules_the_server(settings: BusSettings) -> None:
    """Ack-all's trap: acknowledged beyond the files, the server would never give the rest again."""
    await fill(settings, 0, 199)
    async with await opened(settings) as consumer:
        found = await collect(consumer, 200)
        assert await consumer.ack(found[-1].sequence)  # a claim the files do not bear out
    async with await Streams.connect(settings, CLOCK) as streams:
        assert await streams.archived_floor(STREAM) == 200
    async with await opened(settings, after=100) as consumer:
        again = await collect(consumer, 100)
        assert [d.sequence for d in again] == list(range(101, 201))
    async with await Streams.connect(settings, CLOCK) as streams:
        assert await streams.archived_floor(STREAM) == 100


async def test_what_was_pending_at_a_crash_comes_first(settings: BusSettings) -> None:
    """The other half of the trap [ran]: a restart without reset is given 101.. while 1.. pend."""
    await fill(settings, 0, 99)
    first = await opened(settings)
    await collect(first, 100)
    assert first._link is not None
    first._link.abandon("killed")
    await fill(settings, 100, 199)
    async with Consumer(CLOCK, FAST) as second:
        await second.open(settings, STREAM, DURABLE, FILTER, 0)
        found = await collect(second, 200)
        assert [d.sequence for d in found] == list(range(1, 201))
        assert await second.ack(200)
    await first.close()


async def test_an_acknowledgement_moves_the_floor_to_just_there(settings: BusSettings) -> None:
    """Never beyond what is durable; a sequence acknowledged before is no error."""
    await fill(settings, 0, 49)
    async with (
        await opened(settings) as consumer,
        await Streams.connect(settings, CLOCK) as streams,
    ):
        await collect(consumer, 50)
        assert await streams.archived_floor(STREAM) == 0
        assert await consumer.ack(20)
        assert await streams.archived_floor(STREAM) == 20
        assert await consumer.ack(7)
        assert await consumer.ack(20)
        assert await streams.archived_floor(STREAM) == 20
        assert await consumer.ack(50)
        assert await streams.archived_floor(STREAM) == 50


async def test_a_second_archiver_waits_and_takes_over(settings: BusSettings) -> None:
    """One writes, one waits; the position is read only once the consumer is its own."""
    await fill(settings, 0, 9)
    first = await opened(settings)
    await collect(first, 10)
    committed = 4
    second = Consumer(CLOCK, FAST)

    async def position(_: Present) -> Place:
        return Place(committed)

    opening = asyncio.create_task(second.open(settings, STREAM, DURABLE, FILTER, position))
    await until(lambda: second.standing_by)
    committed = 10
    assert await first.ack(10)
    await fill(settings, 10, 19)
    assert [d.sequence for d in await collect(first, 10)] == list(range(11, 21))
    assert second.standing_by
    committed = 15  # the first is killed here, with 16 to 20 delivered and not committed
    assert first._link is not None
    first._puller.close()  # type: ignore[union-attr]
    await fill(settings, 20, 29)
    async with asyncio.timeout(GENEROUS_S):
        await opening
    found = await collect(second, 15)
    assert [d.sequence for d in found] == list(range(16, 31))
    await second.close()
    await first.close()


async def test_whoever_loses_the_consumer_is_told(settings: BusSettings) -> None:
    """What it has not committed it must discard: the other one gets the same messages."""
    await fill(settings, 0, 9)
    first = await opened(settings)
    await collect(first, 10)
    second = Consumer(CLOCK, FAST)
    await second.open(settings, STREAM, DURABLE, FILTER, 5, take_over=True)
    assert [d.sequence for d in await collect(second, 5)] == [6, 7, 8, 9, 10]
    with pytest.raises(PinLost):
        await failing(first)
    await second.close()
    await first.close()


async def test_a_consumer_moved_by_somebody_is_noticed(settings: BusSettings) -> None:
    """Deliveries are counted by the server: a number out of turn means others were missed."""
    await fill(settings, 0, 19)
    async with await opened(settings) as consumer:
        await collect(consumer, 20)
        async with await Streams.connect(settings, CLOCK) as streams:
            subject = f"CONSUMER.RESET.{STREAM}.{DURABLE}"
            await streams._link.ask(api.Done, subject, {"seq": 15})
        with pytest.raises(Rebuilt, match="came after 20"):
            await failing(consumer)


async def test_a_consumer_let_go_is_free_at_once(settings: BusSettings) -> None:
    """A restart of the archiver need not wait for the pin to expire."""
    await fill(settings, 0, 9)
    async with await opened(settings) as first:
        await collect(first, 10)
    async with await opened(settings, after=10) as second:
        assert not second.standing_by
        await fill(settings, 10, 10)
        assert (await collect(second, 1))[0].sequence == 11


async def test_a_quiet_stream_keeps_its_archiver(settings: BusSettings) -> None:
    """A request that waits does not keep the pin [ran]; asking again does."""
    await fill(settings, 0, 0)
    async with await opened(settings) as consumer:
        await collect(consumer, 1)
        began = CLOCK.mono()
        while CLOCK.mono() - began < 2 * FAST.pin_ttl_s:
            assert await consumer.fetch(0.1) == []
        await fill(settings, 1, 1)
        assert (await collect(consumer, 1))[0].sequence == 2


async def test_a_lost_connection_is_told_before_anything_is_missed(
    nats: EmbeddedServer, settings: BusSettings
) -> None:
    """What was in flight is gone: discard, open again, and all of it comes again."""
    await fill(settings, 0, 99)
    async with await opened(settings) as consumer:
        assert len(await collect(consumer, 100)) == 100
        nats.kill()
        with pytest.raises(Rebuilt):
            await failing(consumer)
        assert await consumer.ack(50), "nothing known any more is no error"
        await nats.restart()
        await consumer.open(settings, STREAM, DURABLE, FILTER, 40, timeout_s=GENEROUS_S)
        assert [d.sequence for d in await collect(consumer, 60)] == list(range(41, 101))


async def test_a_position_beyond_the_stream_is_refused(settings: BusSettings) -> None:
    """The server would accept it, and never deliver what comes until then."""
    await fill(settings, 0, 9)
    consumer = Consumer(CLOCK, FAST)
    with pytest.raises(StreamUnfit, match="position is 11"):
        await consumer.open(settings, STREAM, DURABLE, FILTER, 11)
    await consumer.close()


async def test_a_missing_stream_is_named(settings: BusSettings) -> None:
    """Not waited for in silence."""
    consumer = Consumer(CLOCK, FAST)
    with pytest.raises(StreamUnfit, match="does not exist"):
        await consumer.open(settings, "OTHER", DURABLE, "other.>", 0)
    await consumer.close()


async def test_a_consumer_of_another_filter_is_refused(settings: BusSettings) -> None:
    """Changing a durable's filter would quietly skip messages."""
    async with await opened(settings):
        pass
    consumer = Consumer(CLOCK, FAST)
    with pytest.raises(StreamUnfit, match="another filter"):
        await consumer.open(settings, STREAM, DURABLE, "test.kraken.json.trade.>", 0)
    await consumer.close()


async def test_a_message_that_is_not_ours_is_stepped_over(settings: BusSettings) -> None:
    """It is counted and told; it neither stops the archiver nor hides a neighbour."""
    await fill(settings, 0, 0)
    async with await Streams.connect(settings, CLOCK) as streams:
        await streams._link.request(f"{PREFIX}.json.trade.X", b"who knows")
    await fill(settings, 1, 1)
    async with await opened(settings) as consumer:
        assert [d.sequence for d in await collect(consumer, 2)] == [1, 3]


async def test_a_scan_reads_everything_without_payloads(settings: BusSettings) -> None:
    """For recovery and for counting; it ends where the stream ended when it began."""
    big = os.urandom(2_500_000)
    async with Sender(settings) as sender:
        await sender.publish(
            [envelope(0), envelope(1, big), *(envelope(n) for n in range(2, 1200))]
        )
        await sender.drained()
    found = [item async for item in reader.scan(settings, CLOCK, STREAM, 1)]
    assert [e.ordinal for _, e in found] == list(range(1200))
    assert all(e.payload == b"" for _, e in found)
    assert found[1][0] == 4
    tail = [s async for s, _ in reader.scan(settings, CLOCK, STREAM, 1200)]
    assert tail == [1200, 1201, 1202]
    assert [s async for s, _ in reader.scan(settings, CLOCK, STREAM, 5000)] == []


async def test_a_tail_shows_what_comes(settings: BusSettings) -> None:
    """Live messages for people, from now on."""
    await fill(settings, 0, 9)
    found: list[Envelope] = []

    async def follow() -> None:
        async for item in reader.tail(settings, CLOCK, STREAM):
            found.append(item)  # noqa: PERF401 - looked at while it grows

    following = asyncio.create_task(follow())
    ordinal = 10
    while not found:
        await fill(settings, ordinal, ordinal)
        ordinal += 1
        await CLOCK.sleep(0.01)
    assert found[0].ordinal is not None
    assert found[0].ordinal >= 10
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
