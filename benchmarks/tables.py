"""What tables cost: per line and per row of a slot, and where it goes; and the same before it is sealed.

Run with `python benchmarks/tables.py [LINES]`. One slot of one connection: books, tickers and
trades of 500 pairs in the proportions of a busy quarter of an hour, in Kraken's words.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

from ssmd import venues
from ssmd.archive import layout, line
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import build, reading
from ssmd.archive.tables.compactor import Compactor
from ssmd.archive.tables.order import ordered
from ssmd.archive.tables.progress import Kept
from ssmd.archive.writer import Archive
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import SECOND_NS, connection_id, format_rfc3339
from ssmd.runtime.clock import SystemClock
from ssmd.sim.manual_clock import ManualClock

LINES = 100_000
PAIRS = 500
FEED = "kraken"
START = 1_799_971_200 * SECOND_NS
"""Midnight UTC."""


def message(number: int) -> tuple[str, str, dict[str, object]]:
    """Type, symbol and message of a frame: of ten, six books, three tickers, a trade."""
    symbol = f"S{number * 7 % PAIRS}/USD"
    when = format_rfc3339(START + number * 8_000_000)
    kind = ("book", "ticker", "book", "trade", "book")[number % 5]
    if kind == "ticker":
        names = ("bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high")
        return kind, symbol, {"symbol": symbol, **dict.fromkeys(names, 100.25), "timestamp": when}
    if kind == "trade":
        facts = {"side": "buy", "price": 100.5, "qty": 0.25, "ord_type": "limit"}
        return kind, symbol, {"symbol": symbol, **facts, "trade_id": number, "timestamp": when}
    levels = [{"price": 100 + number % 9, "qty": 1.5 + number % 3} for _ in range(2)]
    told = {"symbol": symbol, "bids": levels, "asks": [], "checksum": 7, "timestamp": when}
    return kind, symbol, told


def envelopes(count: int) -> Iterator[Envelope]:
    """A connection that opens and tells."""
    name = connection_id(FEED, 0, START, 0)
    opened = records.Opened(
        feed=FEED, venue="kraken", shard=0, endpoint="", local="", peer="", previous=None,
        reason="start", version="0", host="here",
    )  # fmt: skip
    yield _envelope(name, CONNECTION, START, records.encode(opened), record=0)
    for ordinal in range(count):
        kind, symbol, told = message(ordinal)
        body = {"channel": kind, "type": "update", "data": [told]}
        ts = START + ordinal * (800 * SECOND_NS // count)
        payload = json.dumps(body, separators=(",", ":")).encode()
        yield _envelope(name, kind, ts, payload, ordinal=ordinal, symbols=(symbol,))


def _envelope(
    connection: str,
    kind: str,
    ts: int,
    payload: bytes,
    *,
    ordinal: int | None = None,
    record: int | None = None,
    symbols: tuple[str, ...] = (),
) -> Envelope:
    return Envelope(
        FEED, None, kind, symbols, connection, ordinal, record, 0, 1, Opcode.TEXT, None, None, ts,
        payload,
    )  # fmt: skip


def record(root: Path, count: int) -> None:
    """Put them into an archive, sealed; the tail is measured while it grows."""
    archive = Archive(root, "BENCH", clock=ManualClock(START))
    tail = Tail(root, count)
    for number, envelope in enumerate(envelopes(count)):
        archive.put(envelope)
        if number == count - count // 100:
            archive.commit()
            tail.ask("")
    archive.commit()
    tail.ask(", after 1 % more")
    archive.seal_all()
    archive.close()


class Tail:
    """Asks for rows of a segment that is being written."""

    WISHES: ClassVar = {
        "everything": (("trades", "quotes", "tickers", "lifecycle", "native/book"), None),
        "trades": (("trades",), None),
        "trades of one pair": (("trades",), ["S21/USD"]),
        "what nobody says": (("lifecycle",), None),
        "quotes": (("quotes",), None),
        "book": (("book",), None),
    }

    def __init__(self, root: Path, lines: int) -> None:
        self._store = LocalStore(root)
        self._lines = lines
        self._kept = Kept()
        self._whole = 0.0

    def ask(self, when: str) -> None:
        """Print what each wish costs, and its share of decoding everything the first time."""
        unbuilt = reading.contents(self._store, [FEED]).unbuilt
        for name, (tables, symbols) in self.WISHES.items():
            ask = partial(reading.tell, self._store, unbuilt, tables, symbols, kept=self._kept)
            seconds = cpu(ask)
            self._whole = self._whole or seconds
            cost = seconds / self._lines * 1e6
            print(f"open, {name + when:36} {cost:8.2f} us/line {seconds / self._whole:8.1%}")


def drain(values: Iterable[object]) -> None:
    """Take everything, keep nothing."""
    for _ in values:
        pass


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(root: Path, lines: int) -> None:
    """Print what each step costs on its own, then the whole, then a second look."""
    store, clock = LocalStore(root), SystemClock()
    path = next((root / layout.RAW).rglob("*.zst"))
    venue = venues.load("kraken")
    hand = Compactor(root, clock)
    compact = hand.run_once

    def texts() -> Iterator[bytes]:
        with path.open("rb") as file:
            yield from build.lines(file, path.name)

    def in_order() -> None:
        presence = build.present([hand.manifest(place) for place in places])
        drain(ordered([texts()], presence, {}))

    places = [segment.place for segment in reading.contents(store, [FEED]).unbuilt]
    decoded = [line.decode(text, FEED) for text in texts()]

    def facts() -> None:
        for envelope in decoded:
            for row in venue.rows(envelope).rows:
                drain(venue.facts(row))

    steps: dict[str, Callable[[], object]] = {
        "read and decompress": lambda: drain(texts()),
        "the same, in order": in_order,
        "decode lines": lambda: drain(line.decode(text, FEED) for text in texts()),
        "venue's rows": lambda: drain(map(venue.rows, decoded)),
        "the same, and facts": facts,
        "the whole build": compact,
    }
    costs = {name: cpu(work) for name, work in steps.items()}
    files = [file for link in reading.contents(store, [FEED]).built for file in link.files]
    rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
    for name, seconds in costs.items():
        print(f"{name:24} {seconds / lines * 1e6:8.1f} us/line {seconds / rows * 1e6:8.1f} us/row")
    print(f"{rows} rows in {len(files)} tables, {size / rows:.1f} bytes each")
    print(f"{'a second look':24} {cpu(compact) * 1e3:8.1f} ms")


def main() -> None:
    """Measure, and print."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    root = Path(tempfile.mkdtemp(prefix="ssmd-tables-"))
    try:
        record(root, lines)
        measure(root, lines)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
