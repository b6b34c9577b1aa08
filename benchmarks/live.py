"""What a live stream costs: CPU per message made, and per delivery to a reader; the ceiling over sockets.

Run with `python benchmarks/live.py [MESSAGES]`. The first part is the fan-out alone; the second has everything in one
process - the server, its sockets, and the readers that take it - so that its rate is a lower bound of the ceiling.
"""

import asyncio
import sys
import time

from ssmd.api.live.hub import Reader
from ssmd.api.live.message import Mark, Message, Position, sse
from ssmd.feeds.api import LiveLimits
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode

MESSAGES = 20_000
READERS = 200
BATCH = 50
LIMITS = LiveLimits(queue_bytes=1 << 26, queue_messages=1_000_000)
PAYLOAD = (
    b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":106.0000000300,'
    b'"qty":1.0000000300,"ord_type":"market","trade_id":%d,"timestamp":"2027-01-15T08:00:00.000000Z"}]}'
)


def envelope(number: int) -> Envelope:
    """A trade."""
    return Envelope(
        "bench", None, "trade", ("BTC/USD",), "bench-0-c", number, None, 0, 1, Opcode.TEXT, None,
        1_800_000_000_000_000_000 + number, 1_800_000_000_000_000_000 + number, PAYLOAD % number,
    )  # fmt: skip


async def fan_out(count: int) -> tuple[float, float]:
    """CPU seconds of making messages, and of handing each to every reader."""
    readers = [Reader(LIMITS, (), None, sse, Message.sse, lambda: None) for _ in range(READERS)]
    envelopes = [envelope(number) for number in range(count)]
    began = time.process_time()
    made = [
        Message(each, Mark(each.ts_recv or 0, (Position(1, number),)))
        for number, each in enumerate(envelopes)
    ]
    for message in made:
        message.sse()
    making = time.process_time() - began
    began = time.process_time()
    for at in range(0, count, BATCH):
        for message in made[at : at + BATCH]:
            for reader in readers:
                if reader.wants(message):
                    reader.put(message, 0.0)
        for reader in readers:
            reader.line.take()
    return making, time.process_time() - began


async def sockets(count: int) -> tuple[float, float]:
    """Seconds, and CPU seconds, until every reader has all of it over a socket."""
    message = Message(envelope(0), Mark(0, (Position(1, 1),))).sse()
    whole = len(message) * count

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader = Reader(LIMITS, (), None, sse, Message.sse, lambda: None)
        for _ in range(0, count, BATCH):
            for _ in range(BATCH):
                reader.line.put(message, 0.0)
            writer.write(reader.line.take())
            await writer.drain()
        writer.close()

    async def read(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        size = 0
        while data := await reader.read(1 << 18):
            size += len(data)
        writer.close()
        return size

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began, cpu = time.perf_counter(), time.process_time()
    sizes = await asyncio.gather(*(read(port) for _ in range(READERS)))
    taken = time.perf_counter() - began, time.process_time() - cpu
    assert set(sizes) == {whole}
    server.close()
    return taken


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    making, giving = asyncio.run(fan_out(count))
    print(f"making a message          {making / count * 1e6:8.2f} CPU us")
    print(
        f"fan-out to {READERS} readers   {giving / count / READERS * 1e6:8.2f} CPU us per delivery"
    )
    wall, cpu = asyncio.run(sockets(count // 20))
    deliveries = count // 20 * READERS
    print(
        f"over {READERS} sockets         {cpu / deliveries * 1e6:8.2f} CPU us per delivery, both sides"
    )
    print(f"                          {deliveries / wall:8.0f} deliveries/s, a lower bound")


if __name__ == "__main__":
    main()
