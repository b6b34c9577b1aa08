"""CPU microseconds per message of publishing: ours against nats-py's, on one server, in one run.

Run `.venv/bin/python benchmarks/publisher.py [--messages N] [--rounds R]`. The rounds of both are
interleaved and the median is shown: this machine has fast and slow phases, so compare the ratio.
"""

import argparse
import asyncio
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats
import uvloop

from ssmd.bus import codec
from ssmd.bus.consumer import Consumer, ConsumerSettings
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.publisher import Publisher
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.runtime.clock import SystemClock

CLOCK = SystemClock()
STREAM, PREFIX = "BENCH", "bench.kraken"
CONNECTION = "kraken-0-019ac0de-0000-7000-8000-000000000000"
PAYLOAD = b'{"channel":"trade","type":"update","data":[' + b"x" * 200 + b"]}"
SYMBOLS = tuple(f"S{n}/USD" for n in range(50))
WINDOW = 2000


def envelopes(count: int, offset: int) -> list[Envelope]:
    """Frames as the connector would make them."""
    return [
        Envelope(
            "kraken",
            None,
            "trade",
            (SYMBOLS[n % len(SYMBOLS)],),
            CONNECTION,
            offset + n,
            None,
            0,
            1,
            Opcode.TEXT,
            None,
            1_700_000_000_000_000_000,
            1_700_000_000_000_000_000 + n,
            PAYLOAD,
        )
        for n in range(count)
    ]


def own_cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int) -> float:
    """CPU seconds of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ours(settings: BusSettings, load: list[Envelope]) -> None:
    """Our publisher: encode, publish, every receipt read."""
    received = 0

    def acknowledged(_key: int, _sequence: int, _duplicate: bool) -> None:
        nonlocal received
        received += 1

    def refused(_key: int, reason: str) -> None:
        raise AssertionError(reason)

    publisher = Publisher(
        settings,
        stream=STREAM,
        prefix=PREFIX,
        acknowledged=acknowledged,
        refused=refused,
        clock=CLOCK,
        window=WINDOW,
    )
    publisher.start()
    at = 0
    while at < len(load):
        room = publisher.room
        if room == 0:
            await publisher.wait_room()
            continue
        for key in range(at, min(at + room, len(load))):
            publisher.publish(key, load[key])
        at += room
    assert await publisher.drain(120.0)
    assert received == len(load)
    await publisher.close()


async def theirs(settings: BusSettings, load: list[Envelope]) -> None:
    """nats-py's `publish_async` with as many outstanding, the same headers, encoded by us."""
    client = await nats.connect(settings.url)
    stream = client.jetstream(publish_async_max_pending=WINDOW)
    for envelope in load:
        message = codec.encode(PREFIX, envelope)
        lines = message.headers[10:-4].decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        await stream.publish_async(
            message.subject.decode(), message.payload, headers=headers, wait_stall=60.0
        )
    await stream.publish_async_completed()
    await client.close()


async def consume(settings: BusSettings, load: list[Envelope]) -> None:
    """Our consumer: everything pulled, decoded, acknowledged once."""
    async with Consumer(CLOCK, ConsumerSettings(max_ack_pending=len(load) + 1)) as consumer:
        await consumer.open(settings, STREAM, "archive-bench", f"{PREFIX}.json.>", 0)
        count = 0
        while count < len(load):
            found = await consumer.fetch(5.0)
            count += len(found)
            if found:
                await consumer.ack(found[-1].safe)


async def measure(
    work: Callable[[BusSettings, list[Envelope]], Awaitable[None]],
    server: EmbeddedServer,
    load: list[Envelope],
) -> tuple[float, float, float]:
    """CPU us per message of client and server, and messages per second."""
    client, daemon, began = own_cpu(), cpu_of(server.pid), CLOCK.mono()
    await work(BusSettings(server.url), load)
    count = len(load) / 1e6
    return (
        (own_cpu() - client) / count,
        (cpu_of(server.pid) - daemon) / count,
        len(load) / (CLOCK.mono() - began),
    )


async def main(messages: int, rounds: int) -> None:
    """Interleave the rounds, then print medians and ratios."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedServer(Path(directory), CLOCK)
        settings = BusSettings(await server.start())
        for turn in range(rounds):
            for name, work in (("ours", ours), ("nats-py", theirs)):
                load = envelopes(messages, turn * messages)
                async with await Streams.connect(settings, CLOCK) as streams:
                    await streams.delete(STREAM)
                    await streams.ensure(STREAM, PREFIX, max_bytes=4 << 30)
                found.setdefault(name, []).append(await measure(work, server, load))
                if name == "ours":
                    taken = await measure(consume, server, load)
                    found.setdefault("our consumer", []).append(taken)
        await server.stop()
    out = sys.stdout.write
    out(f"{messages} messages, {rounds} rounds, median [min]\n")
    out(f"{'':14}{'client us':>16}{'server us':>16}{'msg/s':>10}\n")
    medians: dict[str, list[float]] = {}
    for name, results in found.items():
        columns = list(zip(*results, strict=True))
        medians[name] = [statistics.median(column) for column in columns]
        client, daemon, rate = medians[name]
        out(
            f"{name:14}{client:9.1f} [{min(columns[0]):4.1f}]"
            f"{daemon:9.1f} [{min(columns[1]):4.1f}]{rate:10.0f}\n"
        )
    theirs_us, ours_us = medians["nats-py"], medians["ours"]
    out(f"nats-py / ours: client {theirs_us[0] / ours_us[0]:.1f}")
    out(f", server {theirs_us[1] / ours_us[1]:.1f}, rate {theirs_us[2] / ours_us[2]:.2f}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(options.messages, options.rounds))
