"""What a round was asked to do, and what it did: for people, for programs, and for `sync_round`."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from ssmd.model.rest import Saved
from ssmd.model.venue import Venue
from ssmd.secmaster.diff import Applied

Mode: TypeAlias = Literal["full", "incremental", "saved", "lookup"]
"""`full`: all that is listed, and what is not named is looked up, then closed. `incremental`: what
changed. `saved`: out of files. `lookup`: some instruments, whatever became of them."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One round of one venue.

    Attributes:
        venue: Whose listing.
        mode: How much of it.
        saved: Bodies to read instead of asking, with mode `saved`.
        whole: Whether saved bodies are all that is listed: what they do not name is closed.
        symbols: What to ask about, with mode `lookup`.
        dry_run: Only say what would be done.
        accept_closures: Believe a listing however little it names.
    """

    venue: Venue
    mode: Mode = "full"
    saved: Sequence[Saved] = ()
    whole: bool = False
    symbols: tuple[str, ...] = ()
    dry_run: bool = False
    accept_closures: bool = False


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one sort was set aside.

    Attributes:
        entity: What sort of entry.
        kind: Why.
        number: How many.
        raw_status: A status among them in the venue's words.
        reason: What was wrong with one of them.
    """

    entity: str
    kind: str
    number: int
    raw_status: str | None
    reason: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a round did; the numbers at the top count instruments.

    Attributes:
        venue: Whose listing.
        mode: How much of it.
        dry_run: Whether nothing of it was done.
        pages: Pages of the listing.
        inserted: Instruments that are new.
        changed: Instruments of which something is not as it was.
        unchanged: Instruments that are as they were: nothing was written.
        closed: Instruments that nobody lists any more.
        reopened: Instruments that are listed again.
        quarantined: Instruments that were set aside.
        refused: Transitions that the status machine does not allow.
        stale: Statuses that are known better already.
        doubtful: Instruments that stand, and are strange.
        without_fee: Series of which no fee holds now.
        heard_again: Answers of an attempt that broke off, which were not asked for again.
        set_aside: What was set aside, by sort.
        by_table: The same six numbers of every table; of `funding`, observations.
        seconds: How long it took.
    """

    venue: str
    mode: str
    dry_run: bool
    pages: int = 0
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    closed: int = 0
    reopened: int = 0
    quarantined: int = 0
    refused: int = 0
    stale: int = 0
    doubtful: int = 0
    without_fee: int = 0
    heard_again: int = 0
    set_aside: tuple[SetAside, ...] = ()
    by_table: dict[str, dict[str, int]] = {}
    seconds: float = 0.0

    @property
    def written(self) -> int:
        """Rows of all tables that were written."""
        did = ("inserted", "changed", "closed", "reopened")
        return sum(counts[name] for counts in self.by_table.values() for name in did)


class Statements(msgspec.Struct, frozen=True, kw_only=True):
    """What the rounds of several venues did, and their sum.

    Attributes:
        venues: One for each venue.
        failed: Why rounds failed, by venue.
    """

    inserted: int
    changed: int
    unchanged: int
    closed: int
    reopened: int
    quarantined: int
    refused: int
    pages: int
    seconds: float
    dry_run: bool
    venues: tuple[Statement, ...]
    failed: dict[str, str]


SUMMED = (
    "inserted",
    "changed",
    "unchanged",
    "closed",
    "reopened",
    "quarantined",
    "refused",
    "pages",
)
"""Numbers of a statement that can be added."""


def total(statements: Iterable[Statement], failed: dict[str, str], *, dry_run: bool) -> Statements:
    """Several statements and their sum."""
    each = tuple(statements)
    sums = {name: sum(getattr(one, name) for one in each) for name in SUMMED}
    seconds = round(sum(one.seconds for one in each), 3)
    return Statements(**sums, seconds=seconds, dry_run=dry_run, venues=each, failed=failed)


def state(
    order: Order,
    applied: Applied,
    set_aside: Sequence[SetAside],
    **more: Any,  # noqa: ANN401 - further fields of the statement
) -> Statement:
    """The statement of a round that was applied."""
    quarantined = 0
    doubtful = 0
    for one in set_aside:
        if one.kind == "doubtful":
            doubtful += one.number
        else:
            applied.counts[one.entity].quarantined += one.number
    counts = applied.counts["instrument"]
    quarantined = counts.quarantined
    return Statement(
        venue=order.venue.id,
        mode=order.mode,
        dry_run=order.dry_run,
        inserted=counts.inserted,
        changed=counts.changed,
        unchanged=counts.unchanged,
        closed=counts.closed,
        reopened=counts.reopened,
        quarantined=quarantined,
        refused=len(applied.refused),
        stale=applied.stale,
        doubtful=doubtful,
        set_aside=tuple(set_aside),
        by_table={name: msgspec.structs.asdict(each) for name, each in applied.counts.items()},
        **more,
    )
