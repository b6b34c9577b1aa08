"""What the ledger says of a time: what is missing, what was covered, and what of it is worth a word."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from ssmd import venues
from ssmd.access.times import Range
from ssmd.archive.ledger import store
from ssmd.archive.ledger.absences import Absence, absences, is_stop
from ssmd.archive.ledger.condition import CONDITIONS, Minutes, conditions
from ssmd.archive.ledger.entries import Coverage, Gap, Hole, Intent, Ledger, Loss, Outage
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.store.port import Store
from ssmd.model.timestamp import SECOND_NS, format_rfc3339

TIME: Final = pl.Datetime("ns", "UTC")
GAPS: Final = pl.Schema(
    {
        "feed": pl.String(),
        "instrument_id": pl.String(),
        "kind": pl.String(),
        "since": TIME,
        "until": TIME,
        "reason": pl.String(),
        "repaired": pl.String(),
        "channels": pl.List(pl.String()),
        "symbols": pl.List(pl.String()),
        "connection": pl.String(),
        "record": pl.Int64(),
        "first_ordinal": pl.Int64(),
        "last_ordinal": pl.Int64(),
        "file": pl.String(),
    }
)
"""What is missing, and what shows it."""
COVERAGE: Final = pl.Schema(
    {
        "feed": pl.String(),
        "instrument_id": pl.String(),
        "since": TIME,
        "until": TIME,
        "minutes": pl.Int64(),
    }
    | dict.fromkeys(CONDITIONS, pl.Int64())
)
"""How many minutes of an instrument there are of each condition."""
CONDITION: Final = pl.Schema(
    {
        "feed": pl.String(),
        "instrument_id": pl.String(),
        "channel": pl.String(),
        "since": TIME,
        "until": TIME,
        "condition": pl.String(),
    }
)
"""Runs of minutes of one condition."""
INSTRUMENTS: Final = pl.Schema(
    {
        "feed": pl.String(),
        "instrument_id": pl.String(),
        "symbol": pl.String(),
        "messages": pl.Int64(),
        "first": TIME,
        "last": TIME,
    }
)
"""What was wanted or heard of; `first` and `last` are the minutes of messages about it."""

Symbols = Mapping[str, Sequence[str] | None]
"""Which instruments of which feeds, in the venue's own strings; None stands for all of a feed."""

MADE_GOOD: Final = frozenset({"snapshot", "backfill", "twin"})
"""What made good what was missing, so that nobody need know."""
_START: Final = "start"
_NAMED: Final = 3
"""So many losses are named in a warning; how many more there are is said."""


class Told:
    """A feed's ledger of a time.

    Attributes:
        ledger: Of that time.
        wider: Of all the time that what is missing then takes.
    """

    def __init__(self, root: Path | Store, feed: str, asked: Range) -> None:
        self.ledger: Ledger = store.load(root, feed, asked.since, asked.until)
        self.wider = _wider(root, self.ledger, asked)

    @property
    def known(self) -> set[str]:
        """Every instrument that was wanted, held, or heard of."""
        entries = self.ledger.entries
        named = {e.symbol for e in entries if isinstance(e, Intent | Coverage) and e.symbol}
        return named | {each.symbol for each in self.ledger.activity if each.symbol}

    def absences(self, symbols: Sequence[str] | None) -> list[Absence]:
        """What is missing; of some instruments, or of all."""
        if symbols is None:
            return absences(self.ledger, None, self.wider)
        found = {
            id(each): each
            for symbol in symbols
            for each in absences(self.ledger, symbol, self.wider)
        }
        return sorted(found.values(), key=lambda each: each.since)

    def minutes(self, symbols: Sequence[str] | None) -> Iterator[Minutes]:
        """The minutes of instruments."""
        ledger = self.ledger
        if ledger.venue not in venues.names() or ledger.until <= ledger.since:
            return
        pause = venues.load(ledger.venue).pause
        yield from conditions(self.wider, ledger.since, ledger.until, pause, symbols)

    def name(self, symbol: str | None) -> str | None:
        """`venue:symbol`."""
        return None if symbol is None else f"{self.ledger.venue}:{symbol}"


def losses(root: Path | Store, symbols: Symbols, asked: Range) -> list[Absence]:
    """What is missing of a time and was not made good: what a reader of rows should know.

    Neither the moment between the first wish and its acknowledgement, nor that recording was
    stopped, is a loss of what was recorded.
    """
    found: list[Absence] = []
    for feed, each in symbols.items():
        told = Told(root, feed, asked)
        found += (
            absence
            for absence in told.absences(each)
            if absence.evidence.repaired not in MADE_GOOD
            and not _is_set_up(absence)
            and not is_stop(absence, told.ledger)
        )
    return found


def warning(what: str, asked: Range, found: Sequence[Absence]) -> str:
    """The losses of a time in a sentence or two."""
    named = "; ".join(map(sentence, found[:_NAMED]))
    more = len(found) - _NAMED
    rest = f"; and {more} more" if more > 0 else ""
    return (
        f"{what}, {asked}: {len(found)} losses are on record: {named}{rest}. "
        "`gaps(...)` lists them, `conditions(...)` judges every minute."
    )


def gaps(root: Path | Store, symbols: Symbols, asked: Range, *, every: bool = True) -> pl.DataFrame:
    """Everything missing, made good or not, with what shows it.

    Args:
        root: The archive, or where its ledger is read.
        symbols: Of which feeds and instruments.
        asked: Of what time.
        every: Whether moments of set-up, and that recording was stopped, count too.
    """
    rows = [
        _row(absence)
        for feed, each in symbols.items()
        for told in (Told(root, feed, asked),)
        for absence in told.absences(each)
        if every or not (_is_set_up(absence) or is_stop(absence, told.ledger))
    ]
    return pl.DataFrame(rows, schema=GAPS, orient="row")


def coverage(root: Path | Store, symbols: Symbols, asked: Range) -> pl.DataFrame:
    """How many minutes there are of each condition, by instrument."""
    rows: list[tuple[object, ...]] = []
    for feed, each in symbols.items():
        told = Told(root, feed, asked)
        for one in told.minutes(each):
            counts = one.counts()
            size = len(one.whole)
            until = one.since + size * MINUTE_NS
            numbers = (counts.get(name, 0) for name in CONDITIONS)
            rows.append((feed, told.name(one.symbol), one.since, until, size, *numbers))
    return pl.DataFrame(rows, schema=COVERAGE, orient="row")


def stretches(
    root: Path | Store, symbols: Symbols, asked: Range, *, channels: bool
) -> pl.DataFrame:
    """Runs of minutes of one condition, by instrument, or by instrument and channel."""
    rows: list[tuple[object, ...]] = []
    for feed, each in symbols.items():
        told = Told(root, feed, asked)
        for one in told.minutes(each):
            for channel in sorted(one.channels) if channels else (None,):
                rows += (
                    (feed, told.name(one.symbol), channel, run.since, run.until, run.condition)
                    for run in one.stretches(channel)
                )
    return pl.DataFrame(rows, schema=CONDITION, orient="row")


def instruments(root: Path | Store, symbols: Symbols, asked: Range) -> pl.DataFrame:
    """Every instrument that was wanted, held, or heard of, and how much was heard."""
    rows: list[tuple[object, ...]] = []
    for feed, each in symbols.items():
        told = Told(root, feed, asked)
        heard: dict[str, list[int]] = {}
        for one in told.ledger.activity:
            heard.setdefault(one.symbol, []).extend((one.messages, one.minute))
        for symbol in sorted(told.known if each is None else told.known & set(each)):
            numbers = heard.get(symbol, [])
            minutes = [minute * MINUTE_NS for minute in numbers[1::2]]
            first, last = min(minutes, default=None), max(minutes, default=None)
            rows.append((feed, told.name(symbol), symbol, sum(numbers[::2]), first, last))
    return pl.DataFrame(rows, schema=INSTRUMENTS, orient="row")


def _wider(root: Path | Store, ledger: Ledger, asked: Range) -> Ledger:
    """The ledger of all the time that what is missing takes: a repair comes later than its gap."""
    absent = [e for e in ledger.entries if isinstance(e, Gap | Hole | Loss | Outage)]
    low = min([ledger.since, *(each.since for each in absent)])
    high = max([ledger.until, *(each.until or ledger.until for each in absent)])
    is_within = (low, high) == (ledger.since, ledger.until)
    return ledger if is_within else store.load(root, ledger.feed, low, high)


def _is_set_up(each: Absence) -> bool:
    return each.reason == _START and each.until is not None and each.until - each.since < SECOND_NS


def sentence(each: Absence) -> str:
    """What is missing: of what, when, and why."""
    whom = each.instrument or f"{len(each.symbols) or 'all'} instruments of {each.feed}"
    until = "now" if each.until is None else format_rfc3339(each.until)
    channels = f" ({', '.join(each.evidence.channels)})" if each.evidence.channels else ""
    when = f"{format_rfc3339(each.since)} to {until}"
    return f"{each.kind} of {whom}{channels}, {when}: {each.reason}"


def _row(each: Absence) -> tuple[Any, ...]:
    proof = each.evidence
    first, last = proof.ordinals or (None, None)
    instruments_: Iterable[str] = each.symbols
    return (
        each.feed, each.instrument, each.kind, each.since, each.until, each.reason, proof.repaired,
        list(proof.channels), list(instruments_), proof.connection, proof.record, first, last,
        proof.file,
    )  # fmt: skip
