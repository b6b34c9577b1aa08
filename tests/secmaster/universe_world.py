"""A table of instruments in memory, its changes as frames, and what a universe should make of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from ssmd.model.filters import Filters, select
from ssmd.model.instrument import Instrument
from ssmd.model.timestamp import format_rfc3339
from ssmd.model.venue import Clocked
from ssmd.secmaster.changes.frames import Source, lsn_text
from ssmd.secmaster.rows import of_change
from ssmd.secmaster.universe_changes import LISTED, MOVING
from ssmd.secmaster.universe_roster import Roster

VENUE = "kalshi"
CLOCKED = (
    Clocked("pre_open", "open_ts", "active"),
    Clocked("active", "close_ts", "closed"),
    Clocked("paused", "close_ts", "closed"),
)
NOON = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


def moment(ts: int | None) -> str | None:
    """A time as frames spell it."""
    if ts is None:
        return None
    text = format_rfc3339(ts)
    return f"{text[:-4]}Z" if len(text) > len("2026-01-01T00:00:00.000000Z") else text


class World:
    """Two tables, and everything that was ever told of them.

    Attributes:
        frames: Every frame, in order.
        change: The last change set.
    """

    def __init__(self) -> None:
        self.instruments: dict[str, dict[str, Any]] = {}
        self.activity: dict[str, dict[str, Any]] = {}
        self.frames: list[bytes] = []
        self.change = 0
        self.generation = 1
        self._ids = 0
        self._lsn = 100

    def begin(self) -> None:
        """A transaction begins."""
        self.change += 1
        self._lsn += 10
        self._n = 0

    def put(self, symbol: str, **told: object) -> None:
        """An instrument is stated."""
        old = self.instruments.get(symbol)
        if old is None:
            self._ids += 1
            row = blank(symbol) | {"id": self._ids}
        else:
            row = dict(old)
        row |= told | {"change_id": self.change}
        self.instruments[symbol] = row
        self._tell("instrument", "insert" if old is None else "update", old, row)

    def rename(self, symbol: str, other: str) -> None:
        """Somebody gives an instrument another symbol."""
        old = self.instruments.pop(symbol)
        row = old | {"symbol": other, "change_id": self.change}
        self.instruments[other] = row
        self._tell("instrument", "update", old, row)

    def trade(self, symbol: str, **told: str | None) -> None:
        """What is traded of it moves."""
        old = self.activity.get(symbol)
        row: dict[str, Any] = {"venue": VENUE, "symbol": symbol, "volume": None, "volume_24h": None}
        row |= {"liquidity": None, **(old or {}), **told, "change_id": self.change}
        self.activity[symbol] = row
        self._tell("activity", "insert" if old is None else "update", old, row)

    def delete(self, table: str, symbol: str) -> None:
        """Somebody deletes a row."""
        rows = self.instruments if table == "instrument" else self.activity
        old = rows.pop(symbol, None)
        if old is not None:
            self._tell(table, "delete", old, None)

    def stranger(self) -> None:
        """Another venue's instrument, of the same symbol as ours may be."""
        row = blank("A") | {"venue": "elsewhere", "id": 1, "change_id": self.change}
        self._tell("instrument", "insert", None, row)

    def picture(self) -> None:
        """The stream tells everything anew: a generation begins."""
        self.generation += 1
        self._n = 0
        self._tell("_snapshot", "begin", None, None)
        for table, rows in (("instrument", self.instruments), ("activity", self.activity)):
            for row in rows.values():
                self._tell(table, "snapshot", None, row)
        versions = blank("gone") | {"change_id": self.change}  # the history has the newest change
        self._tell("instrument_version", "snapshot", None, versions)
        self._tell("_snapshot", "end", None, None)

    def snapshot(self, roster: Roster) -> int:
        """What the database would fill a roster with; the number of the last change."""
        for row in self.instruments.values():
            if row["listed"] and row["status"] in roster.statuses:
                roster.put(of_change("instrument", {name: row[name] for name in LISTED}))
        for row in self.activity.values():
            roster.move(of_change("activity", {name: row[name] for name in MOVING}))
        return self.change

    def should(self, filters: Filters, now: int) -> set[str]:
        """What the filters keep of the tables as they are, by the shortest way there is."""
        found: set[str] = set()
        for row in self.instruments.values():
            moved = self.activity.get(row["symbol"])
            states = lives(row, moved, now) if row["listed"] else ()
            found |= {item.symbol for item in states if select([item], filters, now).kept}
        return found

    def _tell(self, table: str, op: str, old: object, new: object) -> None:
        self.frames.append(
            frame(table, op, self._lsn, self._n, Source("1", self.generation), old, new)
        )
        self._n += 1


def blank(symbol: str) -> dict[str, Any]:
    """An instrument of which next to nothing is stated."""
    return {
        "id": 0,
        "change_id": 0,
        "venue": VENUE,
        "symbol": symbol,
        "kind": "event",
        "status": "active",
        "title": "",
        "event": None,
        "series": None,
        "category": None,
        "tags": None,
        "open_at": None,
        "close_at": None,
        "expiry_at": None,
        "listed": True,
    }


def frame(table: str, op: str, lsn: int, n: int, source: Source, old: object, new: object) -> bytes:
    """A frame as the publisher makes it."""
    told = {
        "v": 1,
        "table": table,
        "op": op,
        "lsn": lsn_text(lsn),
        "commit_lsn": lsn_text(lsn),
        "commit_ts": moment(NOON),
        "xid": 7,
        "n": n,
        "last": False,
        "generation": source.generation,
        "system": source.system,
        "key": {},
        "old": old,
        "new": new,
    }
    return msgspec.json.encode(told)


def lives(row: dict[str, Any], moved: dict[str, Any] | None, now: int) -> Iterable[Instrument]:
    """An instrument as it is stated, and as the clock has made it since."""
    told = of_change("instrument", row)
    volumes = of_change("activity", moved) if moved else {}
    item = Instrument(
        venue=VENUE,
        symbol=told["symbol"],
        kind="event",
        status=told["status"],
        title=told["title"],
        event=told["event"],
        series=told["series"],
        category=told["category"],
        tags=None if told["tags"] is None else tuple(told["tags"]),
        open_ts=_ns(told["open_at"]),
        close_ts=_ns(told["close_at"]),
        volume=volumes.get("volume"),
        volume_24h=volumes.get("volume_24h"),
        liquidity=volumes.get("liquidity"),
    )
    yield item
    if item.status == "pre_open" and item.open_ts is not None and item.open_ts <= now:
        item = msgspec.structs.replace(item, status="active")
        yield item
    if item.status in {"active", "paused"} and item.close_ts is not None and item.close_ts <= now:
        yield msgspec.structs.replace(item, status="closed")


def _ns(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp()) * SECOND
