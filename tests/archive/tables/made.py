"""Archives with tables, for tests."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ssmd import venues
from ssmd.archive.importer import import_capture
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import reading
from ssmd.archive.tables.built import Built, decode
from ssmd.archive.tables.compactor import Compactor, Outcome
from ssmd.archive.tables.decoding import SPILL_BYTES
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.records import LedgerRecord, Opened
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.sim.manual_clock import ManualClock
from tests.archive import made

FEED = "kraken"
START = made.START
SLOT_NS = 900 * SECOND_NS


def imported(root: Path, venue: str, capture: Path) -> None:
    """Put a capture into an archive, as a feed of its venue's name."""
    clock = ManualClock(START)
    import_capture(
        capture, venue, venues.load(venue), root, clock=clock, settings=ArchiveSettings()
    )


def compact(root: Path, feed: str | None = None, bound: int = SPILL_BYTES) -> Outcome:
    """Make all tables that are not as they should be."""
    return Compactor(root, ManualClock(START), bound=bound).run_once(feed)


def table(root: Path, name: str, feed: str = FEED) -> pa.Table:
    """All built rows of a table; None when there are none."""
    found = reading.contents(LocalStore(root), [feed]).files(name)
    return pa.concat_tables([pq.read_table(root / file.name, partitioning=None) for file in found])


def rows(root: Path, name: str, *columns: str, feed: str = FEED) -> list[tuple[Any, ...]]:
    """Columns of all built rows of a table, times as whole numbers; empty without any."""
    found = reading.contents(LocalStore(root), [feed]).files(name)
    if not found:
        return []
    return values(table(root, name, feed), *columns)


def values(found: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of a table as rows, times as whole numbers."""
    held = (found.column(name) for name in columns)
    lists = [
        (each.cast(pa.int64()) if pa.types.is_timestamp(each.type) else each).to_pylist()
        for each in held
    ]
    return list(zip(*lists, strict=True))


def built(root: Path, feed: str = FEED) -> list[Built]:
    """What every slot of a feed was made from."""
    paths = sorted((root / "tables" / "built" / f"feed={feed}").rglob("*.json"))
    return [decode(path.read_bytes(), path.name) for path in paths]


def content(root: Path) -> dict[str, bytes]:
    """Every file of the tables."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted((root / "tables").rglob("*"))
        if path.is_file()
    }


class Talk(made.Talk):
    """One connection to Kraken, as its connector tells it."""

    def opened(self, reason: str = "start", source: str | None = None) -> Envelope:
        """The opening record."""
        record = Opened(
            feed=self.feed, venue="kraken", shard=self.shard, endpoint="", local="", peer="",
            previous=self.previous, reason=reason, version="0", host="here", source=source,
        )  # fmt: skip
        return self.said(CONNECTION, record)

    def frame(self, type_: str, message: object, *symbols: str, **more: object) -> Envelope:
        """A frame as the venue sends it; a millisecond passes."""
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        ordinal, self.ordinal = self.ordinal, self.ordinal + 1
        self.ts += 1_000_000
        fields: dict[str, object] = {"ordinal": ordinal, "symbols": symbols, "ts_recv": self.ts}
        return self.envelope(type_, payload, **(fields | more))

    def trades(self, *ids: int, symbol: str = "BTC/USD", again: bool = False) -> Envelope:
        """Trades with these ids, each of which has a time and a price of its own."""
        data = [
            {
                "symbol": symbol, "side": "buy", "price": 100 + key, "qty": 1,
                "ord_type": "limit", "trade_id": key,
                "timestamp": format_rfc3339(START + key * SECOND_NS),
            }
            for key in ids
        ]  # fmt: skip
        kind = "snapshot" if again else "update"
        return self.frame("trade", {"channel": "trade", "type": kind, "data": data}, symbol)

    def ticker(self, price: int, symbol: str = "BTC/USD", *, again: bool = False) -> Envelope:
        """A ticker, which has no id."""
        names = ("bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high")
        data = [{"symbol": symbol, **dict.fromkeys(names, price), "trades": 1}]
        kind = "snapshot" if again else "update"
        return self.frame("ticker", {"channel": "ticker", "type": kind, "data": data}, symbol)

    def heartbeat(self) -> Envelope:
        """Talk about the connection."""
        return self.frame("_control", {"channel": "heartbeat"})

    def ledger(self, record: LedgerRecord) -> Envelope:
        """A record of the ledger."""
        return self.said(LEDGER, record)


def record(root: Path, envelopes: Sequence[Envelope], **settings: object) -> None:
    """Archive envelopes in the order given, and seal."""
    made.record(root, envelopes, 4, **settings)


def taken(found: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The first columns of the rows whose last one, `is_repeat`, is false."""
    return [row[0] if len(row) == 2 else row[:-1] for row in found if row[-1] is False]
