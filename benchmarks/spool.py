"""CPU microseconds per message of the spool's write path, beside a bare write of the same bytes.

    python benchmarks/spool.py [--messages 200000] [--burst 20] [--rounds 5]

The rounds of both are interleaved and the median is shown: compare the ratio.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from ssmd.connector.spool.settings import SpoolLimits
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.frame import Opcode
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.identity import new_connection_id

CLOCK = SystemClock()
PAYLOAD = b'{"channel":"trade","type":"update","data":[' + b"x" * 160 + b"]}"


async def spooled(directory: Path, messages: int, burst: int) -> tuple[float, int]:
    """CPU seconds of writing through the spool and taking it out again, and the bytes on disk."""
    spool = Spool(directory, SpoolLimits(low_disk_bytes=0), CLOCK, Telemetry("bench"))
    syncing = asyncio.create_task(spool.run())
    life = spool.lives.begin(new_connection_id("bench", 0, CLOCK), "bench", None)
    spool.write(life.say(CONNECTION, b"{}", CLOCK.wall()))
    frames = [
        Envelope(
            "bench", None, "trade", ("BTC/USD",), life.connection, life.next_ordinal(), None,
            0, 1, Opcode.TEXT, None, CLOCK.wall(), CLOCK.wall(), PAYLOAD,
        )
        for _ in range(messages)
    ]  # fmt: skip
    began = time.process_time()
    for at in range(0, messages, burst):
        for frame in frames[at : at + burst]:
            spool.write(frame)
        spool.flush()
        for position, _ in spool.take(burst):
            spool.acknowledged(position, position + 1)
        if at % 2000 == 0:
            await CLOCK.sleep(0)
    spent = time.process_time() - began
    syncing.cancel()
    size = sum(file.stat().st_size for file in sorted(directory.glob("*.wal")))  # noqa: ASYNC240
    spool.close()
    return spent, size


def bare(path: Path, messages: int, burst: int, size: int) -> float:
    """CPU seconds of writing as many bytes in as many calls, and nothing else."""
    block = bytes(size // messages * burst)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began = time.process_time()
    for _ in range(0, messages, burst):
        os.write(descriptor, block)
    spent = time.process_time() - began
    os.close(descriptor)
    return spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--burst", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                spent, size = runner.run(spooled(directory / "s", given.messages, given.burst))
            ours.append(spent / given.messages * 1e6)
            theirs.append(bare(directory / "b", given.messages, given.burst, size) * 1e6)
            theirs[-1] /= given.messages
    spool_us, bare_us = statistics.median(ours), statistics.median(theirs)
    sys.stdout.write(
        f"spool {spool_us:.2f} us/message [{min(ours):.2f}], bare write {bare_us:.2f} "
        f"[{min(theirs):.2f}], ratio {spool_us / bare_us:.1f}, burst {given.burst}\n"
    )


if __name__ == "__main__":
    main()
