"""What differs between a listing and the database, and what follows from it. Pure.

Which rows differ is found by the database itself, by comparisons that are made here from the one list
of columns; what a differing status means is decided here, row by row.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from ssmd.secmaster.columns import TABLES, Table
from ssmd.secmaster.statuses import Said, Standing, judge

SAID_BY: Final = ("status_source", "status_at")
"""Of an instrument: who said its status, and when. They change with it, never alone."""


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument whose status is not what a listing says.

    Attributes:
        symbol: The instrument.
        now: How it stands.
        said: What the listing says.
    """

    symbol: str
    now: Standing
    said: Said


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A transition that the status machine does not allow.

    Attributes:
        symbol: The instrument.
        before: How it stands, and stays.
        said: What was said.
        why: Why it is not taken.
    """

    symbol: str
    before: Standing
    said: Said
    why: str


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of differing statuses.

    Attributes:
        keep: Instruments whose status stays as it is, whatever else of them changes.
        refused: Of the kept, those whose listing says what cannot be.
        stale: How many of the kept are known better already.
    """

    keep: tuple[str, ...]
    refused: tuple[Refused, ...]
    stale: int


class Counts(msgspec.Struct, kw_only=True):
    """What a round did to one table; the numbers add up to what was listed and what is gone.

    Attributes:
        inserted: Rows that are new.
        changed: Rows that were, and say something else now.
        unchanged: Rows that say what they said.
        closed: Rows that are no longer listed.
        reopened: Rows that are listed again.
        quarantined: Entries that were set aside.
    """

    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    closed: int = 0
    reopened: int = 0
    quarantined: int = 0

    @property
    def written(self) -> int:
        """Rows that a round wrote."""
        return self.inserted + self.changed + self.closed + self.reopened


class Applied:
    """What applying a round did.

    Attributes:
        counts: By table.
        refused: Transitions that the status machine does not allow.
        stale: Statuses that are known better already.
    """

    def __init__(self) -> None:
        self.counts = {name: Counts() for name in (*TABLES, "funding") if name != "link"}
        self.refused: list[Refused] = []
        self.stale = 0


def decide(rows: Iterable[Differing]) -> Decisions:
    """Ask the status machine about every row that differs."""
    keep: list[str] = []
    refused: list[Refused] = []
    stale = 0
    for row in rows:
        verdict = judge(row.now, row.said)
        if verdict.judgement == "applied":
            continue
        keep.append(row.symbol)
        if verdict.judgement == "refused":
            refused.append(
                Refused(symbol=row.symbol, before=row.now, said=row.said, why=verdict.why)
            )
        stale += verdict.judgement == "stale"
    return Decisions(keep=tuple(keep), refused=tuple(refused), stale=stale)


def differing(row: Mapping[str, Any], postponed: Mapping[str, Sequence[str]]) -> Differing:
    """A row of the database's comparison.

    Args:
        row: Columns of an instrument, and those of its listing behind `new_`; `fetched_at`.
        postponed: Columns of the times for which our clock waits, by the status it waits in.
    """
    fetched: datetime = row["fetched_at"]
    times = [row[f"new_{name}"] for name in postponed.get(row["new_status"], ())]
    return Differing(
        symbol=row["symbol"],
        now=Standing(
            status=row["status"],
            raw_status=row["raw_status"],
            source=row["status_source"],
            at=row["status_at"],
        ),
        said=Said(
            status=row["new_status"],
            raw_status=row["new_raw_status"],
            source="rest",
            at=fetched,
            postponed=any(at is not None and at > fetched for at in times),
        ),
    )


def columns(names: Iterable[str], alias: str) -> str:
    """Columns behind the name of a table, for a statement."""
    return ", ".join(f"{alias}.{name}" for name in names)


def differs(table: Table, left: str, right: str, *, without: Sequence[str] = ()) -> str:
    """A condition: two rows of a table say different things.

    Args:
        table: Whose rows.
        left: The name of the one in the statement.
        right: The name of the other.
        without: Columns that are left out.
    """
    names = [name for name in table.values if name not in without]
    return f"({columns(names, left)}) IS DISTINCT FROM ({columns(names, right)})"


def assignments(names: Iterable[str], alias: str) -> str:
    """`column = alias.column` for an UPDATE."""
    return ", ".join(f"{name} = {alias}.{name}" for name in names)
