"""From the change stream, or the archived feed, back to changes and tables. Pure.

Everything that reads the stream follows three rules, and `Reading` keeps them all:

1. What is void does not count: see `bus.chain`.
2. A change that came before comes again after a crash: of one generation, places only grow.
3. The begin of a snapshot makes everything held until then old: what follows, up to its end, takes
   its place. A begin before the end of another supersedes it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from ssmd.bus.chain import Chain
from ssmd.model.envelope import Envelope
from ssmd.secmaster.changes.frames import POSITION, SNAPSHOT, VERSION, VERSIONS, lsn_of

Row: TypeAlias = dict[str, Any]
"""A row by column: numbers that are not whole as text, times as RFC 3339, JSON as what it holds."""

BEGIN: Final = "begin"
END: Final = "end"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of the change stream.

    Attributes:
        v: The format's version.
        table: `instrument`, ...; `instrument_version` in snapshots; `_snapshot`, `_position`.
        op: `insert`, `update`, `delete`, `truncate`, `snapshot`; `begin` and `end` of a snapshot;
            `idle`.
        lsn: Where it stands in the database's log, `0/16B3748`.
        commit_lsn: Where its transaction was committed: with `n`, the order of all changes of a
            generation.
        commit_ts: When, RFC 3339.
        xid: The transaction's number; None for what is none.
        n: The change's number in its transaction, from 0.
        last: Whether it is the last of its transaction.
        generation: Which snapshot it rests on.
        system: PostgreSQL's id of the database's cluster.
        key: The columns that say which row it is.
        old: The row before; None for `insert` and `snapshot`.
        new: The row afterwards; None for `delete`. For `begin`: `reason` and `tables`; for `end`:
            `counts` by table.
    """

    v: int
    table: str
    op: str
    lsn: str
    commit_lsn: str
    commit_ts: str
    xid: int | None
    n: int
    last: bool
    generation: int
    system: str
    key: Row
    old: Row | None
    new: Row | None

    @property
    def place(self) -> tuple[int, int]:
        """Its order among the changes of its generation."""
        return lsn_of(self.commit_lsn), self.n

    @property
    def row(self) -> Row:
        """The row it speaks of, as it is now, or was last."""
        return self.new if self.new is not None else self.old or {}


_change = msgspec.json.Decoder(Change)


def decode_change(frame: bytes) -> Change:
    """Read one frame.

    Raises:
        msgspec.DecodeError: It is none, or of a format later than ours.
    """
    change: Change = _change.decode(frame)
    if change.v > VERSION:
        raise msgspec.ValidationError(f"a frame of version {change.v}; we read {VERSION}")
    return change


class Framed(Protocol):
    """What of a frame says where it belongs, however the rest of it is read."""

    @property
    def table(self) -> str: ...  # noqa: D102 - see Change
    @property
    def op(self) -> str: ...  # noqa: D102 - see Change
    @property
    def generation(self) -> int: ...  # noqa: D102 - see Change
    @property
    def system(self) -> str: ...  # noqa: D102 - see Change
    @property
    def place(self) -> tuple[int, int]: ...  # noqa: D102 - see Change


class Reading:
    """The changes of a stream, each once and in order, from wherever it is begun.

    Attributes:
        generation: Of the last change; 0 before the first.
        system: Whose it was.
        place: Its place.
        snapshot: Whether a snapshot is under way.
        void: How many messages did not count.
    """

    def __init__(self) -> None:
        self.generation = 0
        self.system = ""
        self.place = (0, -1)
        self.snapshot = False
        self.void = 0
        self._chain = Chain()
        self._taken = 0

    def take(self, envelope: Envelope) -> Change | None:
        """The change an envelope carries; None for a record, a repetition, and what is void.

        Args:
            envelope: The next of the stream, or the next archived line of the feed.

        Raises:
            msgspec.DecodeError: Its payload is no frame of ours.
        """
        if not self.counts(envelope):
            return None
        change = decode_change(envelope.payload)
        return change if self.admits(change) and change.table != POSITION else None

    def counts(self, envelope: Envelope) -> bool:
        """Whether an envelope carries a frame, and is not void."""
        self._taken += 1
        if not self._chain.take(self._taken, envelope):
            self.void += 1
            return False
        return envelope.ordinal is not None

    def admits(self, change: Framed) -> bool:
        """Whether a frame comes for the first time, and is of no generation that is over."""
        begins = change.table == SNAPSHOT and change.op == BEGIN
        if (change.generation, change.system) != (self.generation, self.system):
            if change.generation < self.generation and change.system == self.system:
                return False
        elif change.place <= self.place:
            return False
        self.generation, self.system, self.place = change.generation, change.system, change.place
        if begins:
            self.snapshot = True
        elif change.table == SNAPSHOT and change.op == END:
            self.snapshot = False
        return True


class Tables:
    """The tables as the changes leave them; rows by the database's own number.

    Between the begin and the end of a snapshot the tables are as they were before it.

    Attributes:
        rows: By table, then by number (`version_id` for tables of history).
        whole: Whether a snapshot was seen from its beginning to its end.
        wrong: What the end of a snapshot counted and we did not see.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[int, Row]] = {}
        self.whole = False
        self.wrong: dict[str, tuple[int, int]] = {}
        self._coming: dict[str, dict[int, Row]] | None = None

    def take(self, change: Change) -> None:
        """Apply the next change."""
        if change.table == SNAPSHOT:
            self._snapshot(change)
        elif change.op == "snapshot":
            if self._coming is not None:
                self._coming.setdefault(change.table, {})[_number(change)] = change.row
        elif change.op == "truncate":
            self.rows.pop(change.table, None)
        elif change.new is None:
            self.rows.get(change.table, {}).pop(_number(change), None)
        else:
            self.rows.setdefault(change.table, {})[_number(change)] = change.new

    def by_key(self, table: str, *key: str) -> Iterator[tuple[tuple[Any, ...], Row]]:
        """The rows of a table with the values of some columns."""
        for row in self.rows.get(table, {}).values():
            yield tuple(row[name] for name in key), row

    def _snapshot(self, change: Change) -> None:
        if change.op == BEGIN:
            self._coming = {}
        elif change.op == END and self._coming is not None:
            counts: Mapping[str, int] = (change.new or {}).get("counts", {})
            self.wrong = {
                table: (count, found)
                for table, count in counts.items()
                if (found := len(self._coming.get(table, {}))) != count
            }
            self.rows, self._coming = self._coming, None
            self.whole = not self.wrong


def _number(change: Change) -> int:
    name = "version_id" if change.table.endswith(VERSIONS) else "id"
    return int(change.row[name])
