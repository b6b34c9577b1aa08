"""The rows of a table as they were at a time, as they were known at a time, folded from changes. Pure.

What the database's triggers make of a write, this makes of the change that tells of it: the same
answers without a database. Only what can still matter for the one question is kept: a stretch of
each row.
"""

import json
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from ssmd.model.errors import Damaged
from ssmd.secmaster.changes.frames import SNAPSHOT, VERSION, VERSIONS, lsn_of
from ssmd.secmaster.columns import BOOKKEEPING, TABLES

CHANGE_SET: Final = "change_set"
"""Table of the stamps: who changed something of a venue, and when that was known."""

_FIXED: Final = frozenset({"id", "venue", *BOOKKEEPING})
_Raw = dict[str, msgspec.Raw]
_fields = msgspec.json.Decoder(_Raw)


class Change(msgspec.Struct, frozen=True, gc=False):
    """One frame of the change stream, its rows unread; see `changes.reading.Change`.

    Times are texts of one width, `2026-11-23T12:00:00.000000Z`: they compare as they stand.

    Attributes:
        v: The format's version.
        table: Whose row.
        op: `insert`, `update`, `delete`; `snapshot` for a row of one; `begin` and `end` around it.
        commit_lsn: Where its transaction was committed.
        commit_ts: When.
        n: Its number in the transaction.
        last: Whether it is the last of its transaction.
        generation: Which snapshot it rests on.
        system: PostgreSQL's id of the database's cluster.
        old: The row before, JSON; `null` when there was none.
        new: The row after.
    """

    v: int
    table: str
    op: str
    commit_lsn: str
    commit_ts: str
    n: int
    last: bool
    generation: int
    system: str
    old: msgspec.Raw
    new: msgspec.Raw

    @property
    def place(self) -> tuple[int, int]:
        """Its order among the changes of its generation."""
        return lsn_of(self.commit_lsn), self.n


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """How a row was over a stretch of time, as it is known.

    Attributes:
        row: Its columns, JSON, in memory of its own: a frame is not kept for the half of it. What
            stands there of the four others is not to be read.
        valid_from: Since when it was so.
        valid_to: Until when; None while it is.
        known_from: When that became known.
        change_id: What made it so.
    """

    row: msgspec.Raw
    valid_from: str
    valid_to: str | None
    known_from: str
    change_id: int

    def columns(self, table: str) -> dict[str, Any]:
        """What a table's writers state, and the four: numbers and times as text, JSON as its text."""
        row = _fields.decode(self.row)
        stated = {
            name: bytes(row[name]).decode() if kind == "jsonb" else msgspec.json.decode(row[name])
            for name, kind in TABLES[table].types.items()
        }
        return stated | {name: getattr(self, name) for name in (*BOOKKEEPING, "valid_to")}


class _Stamp(msgspec.Struct, frozen=True, gc=False):
    """What a row says of itself."""

    id: int
    venue: str
    valid_from: str
    known_from: str
    change_id: int
    valid_to: str | None = None
    known_to: str | None = None


class _ChangeSet(msgspec.Struct, frozen=True, gc=False):
    id: int
    venue: str
    known_at: str


_change = msgspec.json.Decoder(Change)
_stamp = msgspec.json.Decoder(_Stamp)
_change_set = msgspec.json.Decoder(_ChangeSet)
_Id = tuple[str, int]
_Key = tuple[object, ...]
_Rows = dict[_Id, Stretch]


def decode(frame: bytes) -> Change:
    """Read one frame.

    Raises:
        msgspec.DecodeError: It is none, or of a format later than ours.
    """
    change = _change.decode(frame)
    if change.v > VERSION:
        raise msgspec.ValidationError(f"a frame of version {change.v}; we read {VERSION}")
    return change


class Fold:
    """Folds the frames of a change stream, in their order.

    What is not known by `known_at` is left out as it is read: nothing that came later can be seen.
    A transaction counts when its last change came, a snapshot when it ended.

    Args:
        tables: Which of them to keep.
        as_of: The time asked about; None for what is so now and later.
        known_at: As it was known when; None for all that was told.
    """

    def __init__(
        self, tables: Collection[str], as_of: str | None = None, known_at: str | None = None
    ) -> None:
        self._tables = frozenset(tables)
        self._as_of = as_of
        self._known_at = known_at
        self._rows: _Rows = {}
        self._making: _Rows | None = None
        self._undo: list[tuple[_Id, Stretch | None]] = []
        self._stamps: dict[str, _ChangeSet] = {}
        self._gone: dict[str, list[tuple[_Id, _Key]]] = {}
        self._begins: dict[_Id, str] = {}
        self._ends: dict[_Key, str] = {}
        self.is_founded = False
        """Whether a whole snapshot was told, on which everything rests."""
        self.until: str | None = None
        """When the last whole transaction was committed: nothing is known of what came after."""

    def take(self, change: Change) -> None:
        """Take the next frame.

        Raises:
            Damaged: It does not follow from what came before.
        """
        match change.op:
            case "begin" if change.table == SNAPSHOT:
                self._undone()
                self._making = {}
                self._begins, self._ends = {}, {}
            case "end" if change.table == SNAPSHOT:
                if self._making is not None:
                    self._rows, self._making, self.is_founded = self._making, None, True
                    self._over(change)
            case "snapshot":
                self._pictured(change)
            case _ if self._making is None and self.is_founded:
                self._changed(change)
                if change.last:
                    self._over(change)

    def rows(self, table: str) -> Iterator[Stretch]:
        """The rows of a table, as far as whole transactions tell."""
        self._undone()
        return (each for (name, _), each in self._rows.items() if name == table)

    def _over(self, change: Change) -> None:
        """A transaction is whole."""
        if self._gone:
            message = f"Rows of {', '.join(self._gone)} were deleted, and nothing tells when."
            raise Damaged(message, remedy="Let the publisher begin with a new snapshot.")
        known = [each.known_at for each in self._stamps.values()]
        self.until = max(
            self.until or "", change.commit_ts, *known
        )  # a clock may be set back: a stamp never is
        self._undo.clear()
        self._stamps.clear()

    def _undone(self) -> None:
        """Take back what a transaction did whose end did not come."""
        for key, before in reversed(self._undo):
            if before is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = before
        self._undo.clear()
        self._stamps.clear()
        self._gone.clear()

    def _pictured(self, change: Change) -> None:
        """A row of a snapshot: its history holds all, and what stands now is the end of it."""
        table = change.table.removesuffix(VERSIONS)
        if self._making is None or table == change.table or table not in self._tables:
            return
        found = _stamp.decode(change.new)
        if not self._is_known(found.known_from, found.known_to):
            return
        key = (table, found.id)
        self._begins[key] = min(found.valid_from, self._begins.get(key, found.valid_from))
        if found.valid_to is not None:
            its = _key(table, change.new)
            self._ends[its] = max(found.valid_to, self._ends.get(its, found.valid_to))
        if self._is_at(found.valid_from, found.valid_to):
            self._making[key] = Stretch(
                change.new.copy(),
                found.valid_from,
                found.valid_to,
                found.known_from,
                found.change_id,
            )

    def _changed(self, change: Change) -> None:
        if change.table == CHANGE_SET:
            made = _change_set.decode(change.new)
            self._stamps[made.venue] = made
            for key, its in self._gone.pop(made.venue, ()):
                self._ended(key, its, made)
            return
        if change.table not in self._tables:
            return
        if change.op == "delete":
            found = _stamp.decode(change.old)
            key = (change.table, found.id)
            its = _key(change.table, change.old)
            if (stamp := self._stamps.get(found.venue)) is not None:
                self._ended(key, its, stamp)
            else:  # a transaction that begins with it is stamped by it, which is told after it
                self._gone.setdefault(found.venue, []).append((key, its))
            return
        found = _stamp.decode(change.new)
        if not self._is_known(found.known_from):
            return
        key = (change.table, found.id)
        if change.op == "insert":
            self._inserted(change, key, found)
        elif (before := self._rows.get(key)) is not None:
            self._put(key, self._updated(change, before, found))

    def _inserted(self, change: Change, key: _Id, stamp: _Stamp) -> None:
        """A row that comes again, told of late, begins where the one before it ended."""
        since = stamp.valid_from
        if since != stamp.known_from:
            since = max(since, self._ends.get(_key(change.table, change.new), since))
        self._begins[key] = since
        if self._is_at(since, None):
            self._put(
                key, Stretch(change.new.copy(), since, None, stamp.known_from, stamp.change_id)
            )

    def _updated(self, change: Change, before: Stretch, stamp: _Stamp) -> Stretch:
        since = stamp.valid_from
        if not self._is_at(since, None):
            if before.valid_to is not None and before.valid_to <= since:
                return before
            return msgspec.structs.replace(before, valid_to=since, known_from=stamp.known_from)
        return Stretch(
            row=change.new.copy()
            if before.valid_to is None
            else patched(change.table, before.row, change.old, change.new),
            valid_from=max(before.valid_from, since),
            valid_to=before.valid_to,
            known_from=stamp.known_from,
            change_id=stamp.change_id,
        )

    def _ended(self, key: _Id, its: _Key, stamp: _ChangeSet) -> None:
        """The row is deleted: what was so ends when that became known."""
        known = stamp.known_at
        if not self._is_known(known):
            return
        if self._begins.pop(key, known) < known:
            self._ends[its] = known
        before = self._rows.get(key)
        if before is None or (before.valid_to is not None and before.valid_to <= known):
            return
        cut = Stretch(before.row, before.valid_from, known, known, stamp.id)
        self._put(key, cut if self._is_at(before.valid_from, known) else None)

    def _put(self, key: _Id, stretch: Stretch | None) -> None:
        self._undo.append((key, self._rows.get(key)))
        if stretch is None:
            del self._rows[key]
        else:
            self._rows[key] = stretch

    def _is_known(self, since: str, until: str | None = None) -> bool:
        at = self._known_at
        return until is None if at is None else since <= at and (until is None or at < until)

    def _is_at(self, since: str, until: str | None) -> bool:
        at = self._as_of
        return until is None if at is None else since <= at and (until is None or at < until)


def _key(table: str, row: msgspec.Raw) -> _Key:
    """What says which row it is, whatever its number."""
    fields = _fields.decode(row)
    return (table, *(bytes(fields[name]) for name in TABLES[table].key))


def patched(table: str, row: msgspec.Raw, old: msgspec.Raw, new: msgspec.Raw) -> msgspec.Raw:
    """A row with what a change changed.

    Args:
        table: Whose row.
        row: The row, as it was over a stretch that is over.
        old: The changed row before.
        new: And after.
    """
    kinds = TABLES[table].types
    before, after = _fields.decode(old), _fields.decode(new)
    changed = {
        name: value
        for name, value in after.items()
        if name not in _FIXED and not _same(kinds.get(name), before[name], value)
    }
    return msgspec.Raw(msgspec.json.encode({**_fields.decode(row), **changed}))


def _same(kind: str | None, one: msgspec.Raw, other: msgspec.Raw) -> bool:
    """Whether two values are one to the database, to which 1.0 is 1.00."""
    if bytes(one) == bytes(other):
        return True
    if kind == "numeric" and b"null" not in {bytes(one), bytes(other)}:
        numbers = [Decimal(msgspec.json.decode(each, type=str)) for each in (one, other)]
        return numbers[0] == numbers[1]
    if kind == "jsonb":
        values = [json.loads(bytes(each), parse_float=Decimal) for each in (one, other)]
        return bool(values[0] == values[1])
    return False
