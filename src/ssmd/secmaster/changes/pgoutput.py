"""PostgreSQL's logical replication without IO: bytes in, messages out. Pure.

https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html (protocol 1, which
protocol 2 without streaming equals) and protocol-replication.html for what carries them.
"""

import struct
from collections.abc import Mapping
from typing import Final

import msgspec

EPOCH_NS: Final = 946_684_800_000_000_000
"""PostgreSQL's epoch, 2000-01-01, in ns since the Unix epoch."""

_WAL: Final = struct.Struct(">QQq")
_ALIVE: Final = struct.Struct(">Qq?")
_STATUS: Final = struct.Struct(">cQQQq?")
_BEGIN: Final = struct.Struct(">Qqi")
_COMMIT: Final = struct.Struct(">bQQq")
_SHORT: Final = struct.Struct(">h")
_INT: Final = struct.Struct(">i")
_OID: Final = struct.Struct(">I")
_COLUMN: Final = struct.Struct(">Ii")
_NULL, _SAME, _TEXT = b"nut"


class Unreadable(ValueError):
    """The bytes are no such message."""


class Wal(msgspec.Struct, frozen=True, gc=False):
    """A piece of the change stream.

    Attributes:
        start: LSN of what it tells.
        end: How far the server has come.
        data: One pgoutput message.
    """

    start: int
    end: int
    data: bytes


class Alive(msgspec.Struct, frozen=True, gc=False):
    """The server lives, and has sent everything up to `end`; it may want an answer at once."""

    end: int
    wants_answer: bool


class Column(msgspec.Struct, frozen=True, gc=False):
    """A column: its name and the OID of its type."""

    name: str
    oid: int


class Relation(msgspec.Struct, frozen=True):
    """What a table looks like from here on.

    Attributes:
        oid: By which changes name it.
        schema: Where it is.
        name: Its name.
        identity: `f` when changes carry the whole old row.
        columns: In the order of every tuple.
    """

    oid: int
    schema: str
    name: str
    identity: str
    columns: tuple[Column, ...]


class Begin(msgspec.Struct, frozen=True, gc=False):
    """A committed transaction begins; times are ns since the Unix epoch."""

    commit_lsn: int
    commit_ts: int
    xid: int


class Commit(msgspec.Struct, frozen=True, gc=False):
    """It ends; `end_lsn` is where what comes after it begins."""

    commit_lsn: int
    end_lsn: int


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row changed.

    Attributes:
        oid: Of the table.
        op: `insert`, `update` or `delete`.
        old: PostgreSQL's text of every column before; None for an insert, and where the table's
            identity gives none.
        new: The same afterwards; None for a delete.
    """

    oid: int
    op: str
    old: tuple[bytes | None, ...] | None
    new: tuple[bytes | None, ...] | None


class Truncate(msgspec.Struct, frozen=True):
    """Tables were emptied."""

    oids: tuple[int, ...]


Message = Relation | Begin | Commit | Row | Truncate


def carried(data: bytes) -> Wal | Alive:
    """What one message of the replication stream carries.

    Raises:
        Unreadable: It is no such message.
    """
    try:
        if data[:1] == b"w":
            start, end, _ = _WAL.unpack_from(data, 1)
            return Wal(start, end, data[1 + _WAL.size :])
        if data[:1] == b"k":
            end, _, wants_answer = _ALIVE.unpack_from(data, 1)
            return Alive(end, wants_answer)
    except struct.error as error:
        raise Unreadable(str(error)) from error
    raise Unreadable(f"a message of the kind {data[:1]!r}")


def status(written: int, flushed: int, ts: int) -> bytes:
    """What we tell the server: how far we have come.

    Args:
        written: Everything up to this LSN was dealt with, so far as the server's own end needs it.
        flushed: Everything up to this LSN is safe and may be forgotten; 0 says nothing of it.
        ts: The time, ns since the Unix epoch.
    """
    return _STATUS.pack(b"r", written, flushed, 0, (ts - EPOCH_NS) // 1000, False)


def message(data: bytes, relations: Mapping[int, Relation]) -> Message | None:
    """One pgoutput message; None for what tells nothing of tables.

    Args:
        data: Its bytes.
        relations: The tables told of so far, by OID.

    Raises:
        Unreadable: It is no such message, or speaks of a table nobody told of.
    """
    try:
        return _Reader(data, relations).message()
    except Unreadable:
        raise
    except (struct.error, IndexError, ValueError) as error:
        raise Unreadable(f"{data[:1]!r}: {error}") from error


class _Reader:
    """Reads one message from its beginning to its end."""

    def __init__(self, data: bytes, relations: Mapping[int, Relation]) -> None:
        self._data = data
        self._at = 1
        self._relations = relations

    def message(self) -> Message | None:
        found: Message | None = None
        match self._data[:1]:
            case b"I":
                oid = self._oid()
                self._at += 1
                found = Row(oid, "insert", None, self._tuple(None))
            case b"U":
                found = self._update()
            case b"D":
                oid = self._oid()
                found = Row(oid, "delete", self._old(self._relation(oid)), None)
            case b"B":
                lsn, micros, xid = self._take(_BEGIN)
                found = Begin(lsn, micros * 1000 + EPOCH_NS, xid & 0xFFFF_FFFF)
            case b"C":
                _, lsn, end, _ = self._take(_COMMIT)
                found = Commit(lsn, end)
            case b"R":
                found = self._read_relation()
            case b"T":
                count, _ = self._take(_INT)[0], self._byte()
                found = Truncate(tuple(self._oid() for _ in range(count)))
            case b"Y" | b"O" | b"M":
                return None  # a type, an origin, a message of some application
            case other:
                raise Unreadable(f"a pgoutput message of the kind {other!r}")
        if self._at != len(self._data):
            raise Unreadable(f"{len(self._data) - self._at} bytes are left of it")
        return found

    def _update(self) -> Row:
        oid = self._oid()
        old = self._old(self._relation(oid)) if self._data[self._at] in b"KO" else None
        if self._byte() != ord("N"):
            raise Unreadable("an update without its new row")
        return Row(oid, "update", old, self._tuple(old))

    def _old(self, relation: Relation) -> tuple[bytes | None, ...]:
        if self._byte() not in b"KO":
            raise Unreadable("a row without its old values")
        found = self._tuple(None)
        if len(found) != len(relation.columns):
            raise Unreadable(f"{len(found)} columns of {relation.name}")
        return found

    def _tuple(self, old: tuple[bytes | None, ...] | None) -> tuple[bytes | None, ...]:
        """Every column's text; one that was not sent again is as it was before."""
        values: list[bytes | None] = []
        data = self._data
        count = self._take(_SHORT)[0]
        at = self._at
        for index in range(count):
            kind = data[at]
            at += 1
            if kind == _TEXT:
                begin = at + 4
                at = begin + int.from_bytes(data[at:begin], "big")
                if at > len(data):
                    raise Unreadable("a value longer than its message")
                values.append(data[begin:at])
            elif kind == _NULL:
                values.append(None)
            elif kind == _SAME and old is not None:
                values.append(old[index])
            else:
                raise Unreadable("a value was not sent, and the old row is not there")
        self._at = at
        return tuple(values)

    def _read_relation(self) -> Relation:
        oid, schema, name = self._oid(), self._text(), self._text()
        identity = chr(self._byte())
        columns = []
        for _ in range(self._take(_SHORT)[0]):
            self._byte()
            column = self._text()
            columns.append(Column(column, self._take(_COLUMN)[0]))
        return Relation(oid, schema or "pg_catalog", name, identity, tuple(columns))

    def _relation(self, oid: int) -> Relation:
        found = self._relations.get(oid)
        if found is None:
            raise Unreadable(f"a change of the table {oid}, of which nothing was told")
        return found

    def _take(self, shape: struct.Struct) -> tuple[int, ...]:
        found = shape.unpack_from(self._data, self._at)
        self._at += shape.size
        return found

    def _oid(self) -> int:
        return self._take(_OID)[0]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _text(self) -> str:
        end = self._data.index(b"\0", self._at)
        found = self._data[self._at : end].decode()
        self._at = end + 1
        return found
