"""What the files of one feed tell of one day: the facts that the checks of truth are made of. Pure."""

from collections.abc import Mapping

import msgspec


class Conserved(msgspec.Struct, frozen=True, kw_only=True):
    """What manifests prove of the connections of a day: every received frame is kept, or declared.

    A connection that lives longer than the day counts with the frames of this day alone.

    Attributes:
        connections: How many there are.
        unclosed: How many of them had not ended: what they still owe is no fault.
        received: Frames that were given a number, as closing records tell; of those that are not
            closed, as far as is known.
        archived: Frames that are archived in full.
        declared: Frames that are declared lost.
        missing: Frames that are neither.
        faults: What else is not as it was promised, a sentence each.
        reasons: Why frames were declared lost, by reason: how many declarations.
        dropped: Deliveries the archiver dropped, as archived already.
        segments: How many segments there are.
        unsealed: How many of them have no manifest, and were read instead.
        messages: Frames of the day that the venue sent as data, by type; `_unread` among them.
        clocks: What the clock of the recorder was set by, as opening records tell.
    """

    connections: int
    unclosed: int
    received: int
    archived: int
    declared: int
    missing: int
    faults: tuple[str, ...]
    reasons: Mapping[str, int]
    dropped: int
    segments: int
    unsealed: int
    messages: Mapping[str, int]
    clocks: tuple[str, ...]


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of every minute of every instrument.

    Attributes:
        counts: Minutes by condition, over all instruments.
        instruments: How many instruments there are.
        wished: Whether any wish is on record; without one nobody can say what was to be captured.
        watched: Whether a connector of ours was there, who would have noticed what stands still.
        repairs: What made good what was missing, by kind.
        worst: The instruments with the most minutes lost or degraded, and how many.
        reasons: Why minutes are missing: gaps and outages by reason.
        checksums: How often a book did not add up to the venue's checksum.
        frozen_ns: Time in which a witness called an instrument frozen, over all, in ns.
        frozen: Which instruments.
        unwitnessed: Silences of which no witness could say anything.
    """

    counts: Mapping[str, int]
    instruments: int
    wished: bool
    watched: bool
    repairs: Mapping[str, int]
    worst: tuple[tuple[str, int], ...]
    reasons: Mapping[str, int]
    checksums: int
    frozen_ns: int
    frozen: tuple[str, ...]
    unwitnessed: int


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """How long after the venue's own time the rows of one table came.

    Attributes:
        table: Which table.
        rows: Live rows, snapshots left out.
        timed: How many of them have a time of the venue's.
        p99: 99th percentile of receipt less the venue's time, in seconds; less the step in which
            the venue tells time, so that no rounding counts as lateness.
        p01: 1st percentile of receipt less the venue's time, in seconds: below zero, what was
            received had not happened yet, and a clock is wrong.
        step_s: In which step the venue tells time, in seconds.
    """

    table: str
    rows: int
    timed: int
    p99: float | None
    p01: float | None
    step_s: float


class Crossed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether bids are below asks.

    Attributes:
        quotes: Live quotes with both sides.
        crossed: Those of them whose bid is not below the ask.
        books: Proved books, at the end of each slot that has its tables, with both sides.
        crossed_books: Those of them whose best bid is not below the best ask.
        example: One that is crossed, in words; empty when none is.
    """

    quotes: int
    crossed: int
    books: int
    crossed_books: int
    example: str


class Gridded(msgspec.Struct, frozen=True, kw_only=True):
    """Whether prices are on the grid of their instrument.

    Attributes:
        prices: Prices of live trades and quotes whose instrument's grid is known.
        off: Those of them that are not on it.
        unlisted: Prices of instruments of which no grid is known.
        example: One that is off, in words; empty when none is.
        why: Why no grid is known at all; empty when some are.
    """

    prices: int
    off: int
    unlisted: int
    example: str
    why: str


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of a day amount to.

    Attributes:
        late: How late they came, by table.
        crossed: Whether bids are below asks.
        gridded: Whether prices are on their grid.
        books: Messages that changed a book.
        inexact: Rows of which a number did not fit its column.
        rejected: Messages of data, or pieces of them, that gave no row.
        unbuilt: Slots without tables: what was rejected in them is not known.
        trades: Live trades, snapshots left out, that have an id of the venue's.
        unnumbered: Those that have none.
        doubles: Trades that one connection told more than once.
        elsewhere: Trades that repeat what another connection, or the venue's history, told.
    """

    late: tuple[Late, ...]
    crossed: Crossed
    gridded: Gridded
    books: int
    inexact: int
    rejected: int
    unbuilt: int
    trades: int
    unnumbered: int
    doubles: int
    elsewhere: int


class DayFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the files of a feed tell of a day.

    Attributes:
        where: Which feed and day, in words.
        checksummed: Whether the venue sends checksums that are compared.
        note: Why nothing is known; empty when something is.
        conserved: What manifests prove; None when nothing was archived that day.
        conditions: What the ledger says; None when it says nothing.
        rows: What the rows amount to; None when there are none to be read.
        unreadable: Why rows that are there cannot be read; empty when they can.
    """

    where: str
    checksummed: bool
    note: str = ""
    conserved: Conserved | None = None
    conditions: Conditions | None = None
    rows: Rows | None = None
    unreadable: str = ""
