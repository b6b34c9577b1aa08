"""What the truth of a feed's day costs: rows a second, and memory, of a generated archive.

Run with `python benchmarks/quality.py [MESSAGES ...]`. A day of 96 slots with their tables, of one
connection, 500 pairs, books, tickers and trades in Kraken's words; each size is measured in a
process of its own, so that its greatest resident memory is its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from ssmd.archive.ledger import store
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.tables.compactor import Compactor
from ssmd.archive.writer import Archive
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import SECOND_NS, connection_id, format_rfc3339
from ssmd.quality.truth.grid import Steps
from ssmd.quality.truth.measuring import measure
from ssmd.quality.window import Window, begin, of
from ssmd.sim.manual_clock import ManualClock

SIZES = (100_000, 400_000)
PAIRS = 500
FEED = "kraken"
START = 1_799_971_200 * SECOND_NS
"""Midnight UTC."""
DAY_NS = 86_400 * SECOND_NS
BATCH = 2_000


class Delivery:
    """An envelope as the bus delivers it."""

    def __init__(self, sequence: int, envelope: Envelope) -> None:
        self.sequence = sequence
        self.envelope = envelope


def message(number: int, when: str) -> tuple[str, str, dict[str, object]]:
    """Type, symbol and message of a frame: of five, three books, a ticker, a trade."""
    symbol = f"S{number * 7 % PAIRS}/USD"
    kind = ("book", "ticker", "book", "trade", "book")[number % 5]
    if kind == "ticker":
        names = ("bid_qty", "ask_qty", "last", "volume", "vwap", "low", "high")
        told: dict[str, object] = {"bid": 100.2, "ask": 100.3, **dict.fromkeys(names, 100.25)}
    elif kind == "trade":
        told = {"side": "buy", "price": 100 + number % 50 / 10, "qty": 0.25, "trade_id": number}
    else:
        levels = [{"price": 100 + number % 9, "qty": 1.5 + number % 3} for _ in range(2)]
        told = {"bids": levels, "asks": [], "checksum": 7}
    return kind, symbol, {"symbol": symbol, **told, "timestamp": when}


def envelopes(count: int) -> Iterator[Envelope]:
    """A connection's day."""
    name = connection_id(FEED, 0, START, 0)
    opened = records.Opened(
        feed=FEED, venue="kraken", shard=0, endpoint="", local="", peer="", previous=None,
        reason="start", version="0", host="here",
    )  # fmt: skip
    said: list[records.ConnectionRecord | records.LedgerRecord] = [opened]
    for pair in range(PAIRS):
        for channel in ("book", "ticker", "trade"):
            told = {"channel": channel, "symbol": f"S{pair}/USD"}
            said.append(records.Wanted(reason="start", **told))
            said.append(records.Acknowledged(ordinal=None, **told))
    for number, record in enumerate(said):
        kind = CONNECTION if number == 0 else LEDGER
        yield envelope(name, kind, records.encode(record), START, record=number)
    for number in range(count):
        ts = START + number * (DAY_NS // count)
        kind, symbol, told_ = message(number, format_rfc3339(ts))
        payload = json.dumps({"channel": kind, "type": "update", "data": [told_]}).encode()
        ts += 20_000_000 + number % 1_000 * 100_000
        yield envelope(name, kind, payload, ts, ordinal=number, symbols=(symbol,))


def envelope(
    connection: str,
    kind: str,
    payload: bytes,
    ts: int,
    *,
    ordinal: int | None = None,
    record: int | None = None,
    symbols: tuple[str, ...] = (),
) -> Envelope:
    """One envelope."""
    return Envelope(
        feed=FEED, category=None, type=kind, symbols=symbols, connection=connection,
        ordinal=ordinal, record=record, part=0, parts=1, opcode=Opcode.TEXT, sequence=None,
        ts_event=None, ts_recv=ts, payload=payload,
    )  # fmt: skip


def record(root: Path, count: int) -> None:
    """The archive of a day, its tables and its ledger."""
    archive = Archive(root, "BENCH", clock=ManualClock(START), settings=ArchiveSettings())
    archive.adopt(START, 0)
    batch: list[Delivery] = []
    for number, each in enumerate(envelopes(count), 1):
        batch.append(Delivery(number, each))
        if len(batch) == BATCH:
            archive.append(batch)
            archive.commit()
            archive.tick(each.ts_recv or 0)
            batch = []
    archive.append(batch)
    archive.commit()
    archive.seal_all()
    archive.close()
    store.update(root, FEED)
    Compactor(root, ManualClock(START)).run_once()


def measured(root: Path) -> dict[str, float]:
    """One measurement, and what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    window = Window(date=of(START), since=begin(of(START)), until=START + DAY_NS, running=False)
    listings = {f"kraken:S{pair}/USD": (Steps(Decimal("0.1")),) for pair in range(PAIRS)}
    began = time.perf_counter()
    found = measure(
        root, FEED, "kraken", window, clock=ManualClock(window.until), listings=listings
    )
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": took, "before_kib": before, "peak_kib": after, "checks": len(found)}


def main() -> None:
    """Measure each size."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured(Path(sys.argv[2]))))
        return
    for count in [int(text) for text in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "data"
            record(root, count)
            command = [sys.executable, __file__, "--measure", str(root)]
            done = subprocess.run(  # noqa: S603 - this very file
                command, check=True, capture_output=True, text=True
            )
            told = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{count:>10,} messages: {told['seconds']:.1f} s, {count / told['seconds']:,.0f}"
                f" messages/s, resident {told['before_kib'] / 1024:.0f} MiB before,"
                f" {told['peak_kib'] / 1024:.0f} MiB at most"
            )


if __name__ == "__main__":
    main()
