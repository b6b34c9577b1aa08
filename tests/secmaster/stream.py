"""What the database tells of its changes, read at once, as a publisher would frame it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg

from ssmd.secmaster.changes import pgoutput
from ssmd.secmaster.changes.frames import VERSIONS, Place, Shape, Source, frame, lsn_of
from ssmd.secmaster.changes.pgoutput import Begin, Column, Commit, Relation, Row
from ssmd.secmaster.columns import TABLES

Session = psycopg.Connection[tuple[Any, ...]]


class Tap:
    """A slot of its own on the changes of a database.

    Args:
        session: A session that commits each statement.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._relations: dict[int, Relation] = {}
        self._shapes: dict[int, Shape] = {}
        self._lsn = 1
        self._source = Source("1", 0)
        self._begun = self._told = 0
        session.execute("SET synchronous_commit = on")  # a slot tells what is written out alone
        session.execute("SELECT pg_create_logical_replication_slot('tap', 'pgoutput')")

    def close(self) -> None:
        """Give the slot back."""
        self._session.execute("SELECT pg_drop_replication_slot('tap')")

    def snapshot(self, now: int) -> list[bytes]:
        """The frames of a snapshot of what is there."""
        (lsn,) = self._session.execute("SELECT pg_current_wal_lsn()::text").fetchone() or ("0/0",)
        self._begun, self._told = lsn_of(lsn), 0
        self._source = Source("1", self._source.generation + 1)
        made = [self._note("begin", now)]
        for name in TABLES:
            for table in (name, name + VERSIONS):
                made += self._pictured(table, now)
        return [*made, self._note("end", now)]

    def read(self) -> list[bytes]:
        """The frames of what was committed since the last time."""
        rows = self._session.execute(
            "SELECT data FROM pg_logical_slot_get_binary_changes('tap', NULL, NULL,"
            " 'proto_version', '1', 'publication_names', 'ssmd')"
        ).fetchall()
        return list(self._frames(bytes(data) for (data,) in rows))

    def _frames(self, messages: Iterator[bytes]) -> Iterator[bytes]:
        begin: Begin | None = None
        held: list[Row] = []
        for data in messages:
            match pgoutput.message(data, self._relations):
                case Relation() as told:
                    self._relations[told.oid] = told
                    self._shapes[told.oid] = Shape(told.name, told.columns)
                case Begin() as told:
                    begin, held = told, []
                case Row() as told:
                    held.append(told)
                case Commit():
                    assert begin is not None
                    for n, row in enumerate(held):
                        yield self._row(begin, row, n, last=n == len(held) - 1)

    def _row(self, begin: Begin, row: Row, n: int, *, last: bool) -> bytes:
        shape = self._shapes[row.oid]
        self._lsn += 1
        place = Place(self._lsn, begin.commit_lsn, begin.commit_ts, begin.xid, n, last)
        key = row.new if row.new is not None else row.old
        assert key is not None
        return frame(
            self._source,
            shape.table,
            row.op,
            place,
            shape.key(key),
            shape.row(row.old),
            shape.row(row.new),
        )

    def _pictured(self, table: str, now: int) -> Iterator[bytes]:
        columns = self._session.execute(
            "SELECT attname, atttypid::int FROM pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (table,),
        ).fetchall()
        shape = Shape(table, [Column(name, oid) for name, oid in columns])
        names = ", ".join(f'"{name}"::text' for name, _ in columns)
        query = f'SELECT {names} FROM "{table}"'.encode()  # noqa: S608 - names of our own columns
        for row in self._session.execute(query):
            told = tuple(_text(value, oid) for value, (_, oid) in zip(row, columns, strict=True))
            place = self._place(now)
            yield frame(
                self._source, table, "snapshot", place, shape.key(told), b"null", shape.row(told)
            )

    def _place(self, now: int, *, last: bool = False) -> Place:
        """The next place within a snapshot."""
        self._told += 1
        return Place(self._begun, self._begun, now, None, self._told, last)

    def _note(self, op: str, now: int) -> bytes:
        place = self._place(now, last=op == "end")
        return frame(self._source, "_snapshot", op, place, b"{}", b"null", msgspec.json.encode({}))


def _text(value: str | None, oid: int) -> bytes | None:
    """A cast to text spells booleans out; the output of a value does not."""
    if value is None:
        return None
    return value[:1].encode() if oid == 16 else value.encode()
