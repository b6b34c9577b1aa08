"""What of a change a universe reads: which instrument, and what is stated of it now. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from ssmd.model.timestamp import parse_rfc3339
from ssmd.secmaster.rows import of_change

INSTRUMENT: Final = "instrument"
ACTIVITY: Final = "activity"
SNAPSHOT: Final = "_snapshot"
_VERSION: Final = 1
_READ: Final = frozenset({INSTRUMENT, ACTIVITY})

LISTED: Final = (
    *("id", "change_id", "venue", "symbol", "kind", "status", "title", "event", "series"),
    *("category", "tags", "open_at", "close_at", "expiry_at", "listed"),
)
"""Columns of `instrument` that a universe reads: what filters and clocks ask about."""
MOVING: Final = ("change_id", "venue", "symbol", "volume", "volume_24h", "liquidity")
"""Columns of `activity` that it reads."""
_COLUMNS: Final = {INSTRUMENT: LISTED, ACTIVITY: MOVING}

_NULL: Final = msgspec.Raw(b"null")


class Unreadable(ValueError):
    """A frame of the change stream is not what it should be."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of the change stream, as far as a universe reads it.

    Attributes:
        table: Which table, or `_snapshot`.
        op: What happened: `insert`, `update`, `delete`, `snapshot`; `begin`, `end`.
        generation: Of the snapshot that everything since rests on.
        order: Where it stands in its generation: LSN of the commit, number within it.
        ts: When it was committed, ns since the Unix epoch.
        change_id: Of the row; 0 when it has none.
        row: What is stated now, by column, as the database gives it; None when it is gone, or
            when it is of another table or another venue.
        old: The same of what was stated before; only of what is gone, or has another symbol now.
    """

    table: str
    op: str
    generation: int
    order: tuple[int, int]
    ts: int
    change_id: int = 0
    row: Mapping[str, Any] | None = None
    old: Mapping[str, Any] | None = None


class _Frame(msgspec.Struct):
    """A frame, its rows unread."""

    v: int
    table: str
    op: Literal["insert", "update", "delete", "truncate", "snapshot", "begin", "end", "idle"]
    commit_lsn: str
    commit_ts: str
    n: int
    generation: int
    new: msgspec.Raw = _NULL
    old: msgspec.Raw = _NULL


class _Stamp(msgspec.Struct):
    """What every row says of itself."""

    venue: str = ""
    symbol: str = ""
    change_id: int = 0


_frame = msgspec.json.Decoder(_Frame).decode
_stamp = msgspec.json.Decoder(_Stamp).decode
_row = msgspec.json.Decoder(dict[str, Any]).decode


def read(payload: bytes, venue: str) -> Change:
    """A frame as far as a universe of a venue reads it.

    Raises:
        Unreadable: It is no frame, or one of a version that is not known.
    """
    try:
        frame = _frame(payload)
        if frame.v != _VERSION:
            raise Unreadable(f"a change of version {frame.v}")
        asked = frame.table in _READ or frame.op == "snapshot"
        told, gone = (_stamped(frame.new), _stamped(frame.old)) if asked else (None, None)
        stamp = told or gone or _Stamp()
        ours = stamp.venue == venue
        reads = ours and frame.table in _READ
        left = gone is not None and (told is None or told.symbol != gone.symbol)
        return Change(
            table=frame.table,
            op=frame.op,
            generation=frame.generation,
            order=(_lsn(frame.commit_lsn), frame.n),
            ts=parse_rfc3339(frame.commit_ts),
            change_id=stamp.change_id if ours else 0,
            row=_columns(frame.table, frame.new) if reads and told is not None else None,
            old=_columns(frame.table, frame.old) if reads and left else None,
        )
    except (msgspec.DecodeError, KeyError, ValueError, ArithmeticError) as error:
        raise Unreadable(f"a change that cannot be read: {error}"[:500]) from error


def _stamped(row: msgspec.Raw) -> _Stamp | None:
    if bytes(row) == b"null":
        return None
    stamp: _Stamp = _stamp(row)
    return stamp


def _columns(table: str, row: msgspec.Raw) -> Mapping[str, Any]:
    told = _row(row)
    return of_change(table, {name: told[name] for name in _COLUMNS[table]})


def _lsn(text: str) -> int:
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)
