"""Change capture: rows per second of one large transaction, and latency from commit to bus.

Run `.venv/bin/python benchmarks/cdc.py [--rows N] [--transactions N] [--rate N]`. Database and bus are
embedded, the publisher runs in this process. Latency is from before the COMMIT is sent until a reader
of the stream has the frame.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec
import psycopg
import uvloop

from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.follow import Follower
from ssmd.bus.settings import BusSettings
from ssmd.runtime import logging
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.tasks import Stop
from ssmd.secmaster.address import OPTIONS
from ssmd.secmaster.changes.service import Capture
from ssmd.secmaster.changes.settings import ChangesSettings
from ssmd.secmaster.database import prepare
from ssmd.secmaster.embedded import EmbeddedPostgres

CLOCK = SystemClock()
SETTINGS = ChangesSettings(environment="bench")
INSERT = (
    "INSERT INTO instrument (venue, symbol, kind, status, raw_status, status_source, restricted,"
    " title, tags, tick_size, price_ranges, aliases, details, payload)"
    " SELECT 'v', 'S' || g, 'event', 'active', 'open', 'rest', false, 'A title of a market ' || g,"
    " ARRAY['politics'], 0.01, '[]', '{{}}', '{{}}', jsonb_build_object('note', repeat('x', 800))"
    " FROM generate_series(1, {rows}) g"
)


class Reader:
    """Reads the stream as it grows."""

    def __init__(self, bus: BusSettings) -> None:
        self._bus = bus
        self.rows = 0
        self.seen: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with Follower(self._bus, CLOCK, SETTINGS.stream) as follower:
            state = await follower.look()
            async for envelope in follower.follow(state.first, state.created):
                if envelope.type == "instrument":
                    self.rows += 1
                elif envelope.type == "series":
                    now = CLOCK.mono()
                    self.seen[msgspec.json.decode(envelope.payload)["new"]["title"]] = now


async def drain(session: psycopg.AsyncConnection, reader: Reader, rows: int) -> None:
    """One transaction of many rows."""
    await session.execute(INSERT.format(rows=rows).encode())
    began = CLOCK.mono()
    while reader.rows < rows:
        await CLOCK.sleep(0.005)
    took = CLOCK.mono() - began
    print(f"drain: {rows} rows of one transaction, {rows / took:,.0f} rows/s after its commit")


async def latency(
    session: psycopg.AsyncConnection, reader: Reader, count: int, rate: float
) -> None:
    """Small transactions at a steady rate."""
    await session.execute(
        "INSERT INTO series (venue, symbol, title, details, payload)"
        " VALUES ('v', 'LATENCY', 'x', '{}', '{}')"
    )
    sent: dict[str, float] = {}
    begin = CLOCK.mono()
    for number in range(count):
        await CLOCK.sleep(begin + number / rate - CLOCK.mono())
        sent[str(number)] = CLOCK.mono()
        await session.execute("UPDATE series SET title = %s", (str(number),))
    while str(count - 1) not in reader.seen:
        await CLOCK.sleep(0.005)
    found = sorted((reader.seen[key] - at) * 1000 for key, at in sent.items())
    cuts = statistics.quantiles(found, n=100)
    print(
        f"latency: {count} transactions at {rate:.0f}/s, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"
    )


async def main(rows: int, transactions: int, rate: float) -> None:
    """Both, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nats = EmbeddedServer(folder / "nats", CLOCK)
        postgres = EmbeddedPostgres(folder / "postgres", CLOCK)
        bus = BusSettings(await nats.start())
        address = await postgres.start()
        await prepare(address)
        capture, stop = Capture(address, bus, SETTINGS, clock=CLOCK), Stop()
        running = asyncio.create_task(capture.main(stop))
        await capture.health.wait_ready()
        reader = Reader(bus)
        reading = asyncio.create_task(reader.run())
        async with await psycopg.AsyncConnection.connect(
            address.url, options=OPTIONS, autocommit=True
        ) as session:
            await latency(session, reader, transactions, rate)
            await drain(session, reader, rows)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        stop.request("done")
        await running
        await postgres.stop()
        await nats.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--transactions", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=100.0)
    chosen = parser.parse_args()
    logging.configure(quiet=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(chosen.rows, chosen.transactions, chosen.rate))
    sys.exit(0)
