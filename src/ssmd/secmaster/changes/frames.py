"""What travels of a change: one JSON object a row, and where it stands in the chain. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from ssmd.model.timestamp import format_rfc3339
from ssmd.secmaster.changes import values
from ssmd.secmaster.changes.pgoutput import Column
from ssmd.secmaster.columns import TABLES

VERSION: Final = 1
SNAPSHOT: Final = "_snapshot"
"""Table of the frames that begin and end a snapshot."""
POSITION: Final = "_position"
"""Table of the frames that say: nothing happened up to here."""
VERSIONS: Final = "_version"
"""Ending of the tables of history."""
HIDDEN: Final = frozenset({"told_from"})
"""Columns that are a writer's word to the database and are never kept."""

_MICROS: Final = 6
_TYPES: Final = {SNAPSHOT: "snapshot", POSITION: "position"}
"""Types of our own frames: those that begin with an underscore mean something else to an archive."""

_json = msgspec.json.Encoder().encode
Values = tuple[bytes | None, ...]


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """Where a message stands: what the next publisher must know to go on after it.

    Attributes:
        system: PostgreSQL's id of the cluster.
        generation: Of the snapshot everything since rests on.
        commit: LSN of the commit of the message's transaction.
        n: The change's number within it.
        end: Where what comes after that transaction begins, once it is whole; 0 before.
        snapshot: Whether a snapshot is under way.
    """

    system: str
    generation: int
    commit: int
    n: int
    end: int
    snapshot: bool = False

    def text(self) -> bytes:
        """As it travels, in a header."""
        return _json(self)


def read_mark(text: bytes) -> Mark | None:
    """The mark of a message; None when it has none we can read."""
    try:
        return msgspec.json.decode(text, type=Mark)
    except msgspec.DecodeError:
        return None


class Place(msgspec.Struct, frozen=True, gc=False):
    """When and where something happened.

    Attributes:
        lsn: Of the change.
        commit_lsn: Of its transaction's commit.
        commit_ts: When it was committed, ns since the Unix epoch.
        xid: The transaction; None for what is none.
        n: The change's number in its transaction.
        last: Whether it is the last of it.
    """

    lsn: int
    commit_lsn: int
    commit_ts: int
    xid: int | None
    n: int
    last: bool


class Shape:
    """How the rows of one table are written.

    Args:
        table: Its name.
        columns: In the order of its rows.
    """

    def __init__(self, table: str, columns: Sequence[Column]) -> None:
        self.table = table
        known = TABLES.get(table.removesuffix(VERSIONS))
        names = [column.name for column in columns]
        keys = known.key if known is not None else ("id",)
        if table.endswith(VERSIONS):
            keys = (*keys, "version_id")
        self._columns = [
            (index, _json(column.name) + b":", values.encoder(column.name, column.oid))
            for index, column in enumerate(columns)
            if column.name not in HIDDEN
        ]
        self._keys = [each for each in self._columns if names[each[0]] in keys]
        self._pairs = [
            (names.index(venue), names.index(symbol))
            for venue, symbol in (
                ("venue", "symbol"),
                ("left_venue", "left_symbol"),
                ("right_venue", "right_symbol"),
            )
            if venue in names and symbol in names
        ]

    def row(self, row: Values | None) -> bytes:
        """A row as a JSON object; `null` when there is none."""
        return b"null" if row is None else self._object(self._columns, row)

    def key(self, row: Values) -> bytes:
        """What says which row it is, as a JSON object."""
        return self._object(self._keys, row)

    def symbols(self, row: Values) -> tuple[str, ...]:
        """The instruments it speaks of, `venue:symbol`."""
        return tuple(
            f"{(row[venue] or b'').decode()}:{(row[symbol] or b'').decode()}"
            for venue, symbol in self._pairs
        )

    def differ(self, old: Values | None, new: Values | None) -> bool:
        """Whether two rows differ in anything that is told."""
        if old is None or new is None:
            return True
        return any(old[index] != new[index] for index, _, _ in self._columns)

    @staticmethod
    def _object(columns: Iterable[tuple[int, bytes, values.Encode]], row: Values) -> bytes:
        parts = []
        for index, name, encode in columns:
            value = row[index]
            parts.append(name + (b"null" if value is None else encode(value)))
        return b"{" + b",".join(parts) + b"}"


class Source(msgspec.Struct, frozen=True):
    """Whose changes they are: PostgreSQL's id of the cluster, and the generation."""

    system: str
    generation: int


def frame(
    source: Source, table: str, op: str, place: Place, key: bytes, old: bytes, new: bytes
) -> bytes:
    """One frame; `key`, `old` and `new` are JSON."""
    return (
        b'{"v":%d,"table":%b,"op":%b,"lsn":"%b","commit_lsn":"%b","commit_ts":"%b","xid":%b,'
        b'"n":%d,"last":%b,"generation":%d,"system":%b,"key":%b,"old":%b,"new":%b}'
        % (
            VERSION,
            _json(table),
            _json(op),
            lsn_text(place.lsn).encode(),
            lsn_text(place.commit_lsn).encode(),
            _micros(place.commit_ts).encode(),
            b"null" if place.xid is None else b"%d" % place.xid,
            place.n,
            b"true" if place.last else b"false",
            source.generation,
            _json(source.system),
            key,
            old,
            new,
        )
    )


def type_of(table: str) -> str:
    """The type of a table's frames."""
    return _TYPES.get(table, table)


def subject(prefix: str, table: str, op: str) -> str:
    """Where a frame is published."""
    return f"{prefix}.{table}.{op}"


@lru_cache(maxsize=1024)
def _micros(ts: int) -> str:
    text = format_rfc3339(ts)
    return f"{text[: -(9 - _MICROS) - 1]}Z"


def lsn_text(lsn: int) -> str:
    """`16/B374D848`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFF_FFFF:X}"


def lsn_of(text: str) -> int:
    """The number of such a text.

    Raises:
        ValueError: It is none.
    """
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)
