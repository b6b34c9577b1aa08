"""What files prove of a feed's day: a measurement of each check, from facts alone. Pure.

Nobody is blamed for what cannot be known: where the facts do not tell, the answer is `unknown`, and
where a venue cannot tell, `not_applicable`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.truth_facts import Conditions, Conserved, DayFacts, Late
from ssmd.quality.finding import Measured

_COVERED: Final = ("complete", "quiet", "repaired")
_MISSED: Final = ("lost", "degraded")
_EVENTS: Final = ("trades", "book")
"""Tables whose times are those of events; the others tell how things stand."""
_SHOWN: Final = 3
_MILLION: Final = 1_000_000
_THOUSAND: Final = 1_000
_MINUTE_NS: Final = 60 * SECOND_NS

Check = Callable[[DayFacts], Measured]


def measured(facts: DayFacts) -> tuple[Measured, ...]:
    """Every check of truth that files alone can answer, in the order of `NAMES`."""
    return tuple(check(facts) for check in _CHECKS.values())


def conservation(facts: DayFacts) -> Measured:
    """Frames that are neither archived nor declared lost, and promises that are broken.

    An open connection may still owe what is on its way: only what is settled can be broken.
    """
    name, told = "conservation", facts.conserved
    if told is None:
        return _unknown(name, facts, "No segment of that day is archived.")
    words = (
        f"{told.received} received = {told.archived} archived + {told.declared} declared lost"
        f" + {told.missing} missing, on {told.connections} connections ({told.unclosed} not ended:"
        f" what they owe is no fault); by the manifests of {told.segments - told.unsealed} segments"
        f"{_and_read(told)}. `ssmd verify` proves the bytes."
    )
    if told.faults:
        words = f"{_some(told.faults)} {words}"
    return _known(name, told.missing + len(told.faults), f"{facts.where}: {words}")


def declared_loss(facts: DayFacts) -> Measured:
    """Share of received frames that are declared lost."""
    name, told = "declared_loss", facts.conserved
    if told is None or not told.received:
        return _unknown(name, facts, "No frame of that day is archived or declared.")
    why = f": {_counts(told.reasons)}" if told.reasons else ""
    return _known(
        name,
        told.declared / told.received,
        f"{facts.where}: {told.declared} of {told.received} received frames are declared lost{why}.",
    )


def coverage(facts: DayFacts) -> Measured:
    """Share of wanted minutes that are complete, quiet or repaired.

    What the venue paused, and what nobody can know, is left out, and shown.
    """
    name, told = "coverage", facts.conditions
    if told is None or not told.wished:
        return _unknown(name, facts, "The ledger has no wish of that day.")
    judged = _judged(told)
    shown = (
        f"{_counts(told.counts)} minutes of {told.instruments} instruments; `venue_paused`,"
        " `unknown` and `not_wanted` are left out"
    )
    if not judged:
        return _unknown(name, facts, f"No minute can be judged: {shown}.")
    covered = sum(told.counts.get(each, 0) for each in _COVERED)
    return _known(name, covered / judged, f"{facts.where}: {covered} of {judged} minutes: {shown}.")


def gaps(facts: DayFacts) -> Measured:
    """Minutes of instruments that are lost or degraded, per thousand that can be judged."""
    name, told = "gaps", facts.conditions
    if told is None or not told.wished or not _judged(told):
        return _unknown(name, facts, "The ledger has no wish of that day that can be judged.")
    missed = sum(told.counts.get(each, 0) for each in _MISSED)
    worst = ", ".join(f"{symbol} {minutes}" for symbol, minutes in told.worst[:_SHOWN])
    return _known(
        name,
        missed / _judged(told) * _THOUSAND,
        f"{facts.where}: {missed} of {_judged(told)} minutes are lost or degraded"
        f"{f' (most: {worst})' if worst else ''}; missing: {_counts(told.reasons) or 'nothing'};"
        f" made good: {_counts(told.repairs) or 'nothing'}.",
    )


def checksum_failures(facts: DayFacts) -> Measured:
    """How often a book did not add up to the venue's checksum, per million book messages."""
    name, told = "checksum_failures", facts.conditions
    if not facts.checksummed:
        return _not_applicable(name, facts, "The venue sends no checksums that are compared.")
    if told is None:
        return _unknown(name, facts, "The ledger says nothing of that day.")
    messages = facts.rows.books if facts.rows is not None else 0
    if facts.rows is None or (not messages and not told.checksums):
        return _unknown(name, facts, facts.unreadable or "No book message of that day is archived.")
    return _known(
        name,
        told.checksums / max(messages, 1) * _MILLION,
        f"{facts.where}: {told.checksums} checksums failed in {messages} book messages.",
    )


def freeze_minutes(facts: DayFacts) -> Measured:
    """Minutes in which a witness called an instrument frozen, over all instruments."""
    name, told = "freeze_minutes", facts.conditions
    if told is None or not told.watched:
        return _unknown(name, facts, "No connector was there to notice.")
    which = f": {_some(told.frozen)}" if told.frozen else "."
    return _known(
        name,
        told.frozen_ns / _MINUTE_NS,
        f"{facts.where}: {len(told.frozen)} instruments frozen{which}"
        f" Silences without a witness: {told.unwitnessed}.",
    )


def lateness(facts: DayFacts) -> Measured:
    """Seconds between the venue's time and ours: the 99th percentile of the latest table.

    Trades and books are judged, for they tell of events; quotes and tickers only where there are
    neither: venues state with them when something changed last, and say it when they please (recorded:
    14 s after the change, beside books that came after 0.7 s). The step in which the venue tells time
    is taken off. Where our time is before the venue's, by the 1st percentile, a clock is wrong, and
    that counts the same.
    """
    name = "lateness"
    late = facts.rows.late if facts.rows is not None else ()
    if not any(each.rows for each in late):
        return _unknown(name, facts, facts.unreadable or "No live row of that day is archived.")
    timed = [each for each in late if each.timed]
    if not timed:
        return _not_applicable(name, facts, "The venue states no times.")
    judged = [each for each in timed if each.table in _EVENTS] or timed
    clocks = facts.conserved.clocks if facts.conserved is not None else ()
    early = [each for each in judged if _off(each) > (each.p99 or 0.0)]
    words = "; ".join(_late(each) for each in late if each.rows)
    words += f"; judged by {' and '.join(each.table for each in judged)}"
    trouble = (
        f" CLOCK TROUBLE: rows of {', '.join(each.table for each in early)} were received before"
        " they happened: the venue's clock or ours is wrong."
        if early
        else ""
    )
    ours = f" Our clock: {', '.join(clocks)}." if clocks else " Our clock: source not recorded."
    value = max(max(each.p99 or 0.0, _off(each)) for each in judged)
    return _known(name, value, f"{facts.where}: {words}.{trouble}{ours}")


def crossed_books(facts: DayFacts) -> Measured:
    """Share of quotes, and of proved books at the ends of slots, whose bid is not below the ask."""
    name = "crossed_books"
    told = facts.rows.crossed if facts.rows is not None else None
    if told is None or not told.quotes + told.books:
        return _unknown(
            name,
            facts,
            facts.unreadable or "No quote and no proved book with both sides is archived.",
        )
    return _known(
        name,
        (told.crossed + told.crossed_books) / (told.quotes + told.books),
        f"{facts.where}: {told.crossed} of {told.quotes} quotes, {told.crossed_books} of"
        f" {told.books} proved books at the ends of slots.{_example(told.example)}",
    )


def off_grid(facts: DayFacts) -> Measured:
    """Share of the prices of trades and quotes that are not on their instrument's price grid."""
    name = "off_grid"
    told = facts.rows.gridded if facts.rows is not None else None
    if told is None:
        return _unknown(name, facts, facts.unreadable or "No row of that day is archived.")
    if told.why or not told.prices:
        why = told.why or f"{told.unlisted} prices, none of an instrument whose grid is known."
        return _unknown(name, facts, why)
    return _known(
        name,
        told.off / told.prices,
        f"{facts.where}: {told.off} of {told.prices} prices are off the grid of the listing of that"
        f" day; {told.unlisted} more are of instruments of unknown grid.{_example(told.example)}",
    )


def rejects(facts: DayFacts) -> Measured:
    """Share of messages that nobody could read, or of which a number did not fit."""
    name, told = "rejects", facts.conserved
    messages = sum(told.messages.values()) if told is not None else 0
    if told is None or not messages:
        return _unknown(name, facts, "No message of that day is archived.")
    unread = told.messages.get("_unread", 0)
    rejected = facts.rows.rejected if facts.rows is not None else 0
    inexact = facts.rows.inexact if facts.rows is not None else 0
    unbuilt = facts.rows.unbuilt if facts.rows is not None else 0
    missing = (
        f" {unbuilt} slots have no tables yet: what they reject is not in it." if unbuilt else ""
    )
    missing += f" Rows were not looked at: {facts.unreadable}" if facts.unreadable else ""
    return _known(
        name,
        (unread + rejected + inexact) / messages,
        f"{facts.where}: of {messages} messages {unread} are `_unread`, {rejected} were rejected;"
        f" {inexact} rows are inexact.{missing}",
    )


def duplicates(facts: DayFacts) -> Measured:
    """Share of trades that one connection told more than once.

    What two connections tell, while one replaces the other or as twins, what a snapshot or the
    venue's history tells again, and what the bus delivered twice, is nobody's fault: it is counted,
    and left out.
    """
    name, told = "duplicates", facts.rows
    if told is None or not told.trades + told.unnumbered:
        return _unknown(name, facts, facts.unreadable or "No live trade of that day is archived.")
    if not told.trades:
        return _not_applicable(name, facts, "The venue's trades have no ids to tell them apart by.")
    dropped = facts.conserved.dropped if facts.conserved is not None else 0
    return _known(
        name,
        told.doubles / told.trades,
        f"{facts.where}: {told.doubles} of {told.trades} live trades were told before by the same"
        f" connection. No faults: {told.elsewhere} rows repeat another connection's or the history,"
        f" {dropped} deliveries came twice and were dropped.",
    )


_CHECKS: Final[Mapping[str, Check]] = {
    check.__name__: check
    for check in (
        conservation,
        declared_loss,
        coverage,
        gaps,
        checksum_failures,
        freeze_minutes,
        lateness,
        crossed_books,
        off_grid,
        rejects,
        duplicates,
    )
}
NAMES: Final = tuple(_CHECKS)
"""The checks, by their names in the policy."""


def _judged(told: Conditions) -> int:
    """Minutes that can be judged: wanted, traded, and known."""
    return sum(told.counts.get(each, 0) for each in (*_COVERED, *_MISSED))


def _off(late: Late) -> float:
    """How far our time is before the venue's, in seconds; 0 when it is not."""
    return max(0.0, -(late.p01 or 0.0) - late.step_s)


def _late(late: Late) -> str:
    if late.p99 is None or late.p01 is None:
        return f"{late.table}: {late.rows} rows without times"
    return (
        f"{late.table}: p99 {late.p99:.3f} s, p1 {late.p01:.3f} s of {late.timed} rows"
        f"{f' ({late.rows - late.timed} untimed)' if late.rows > late.timed else ''}"
        f"{f', times in steps of {late.step_s:g} s' if late.step_s else ''}"
    )


def _and_read(told: Conserved) -> str:
    return f" and {told.unsealed} unsealed ones, read" if told.unsealed else ""


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _some(each: tuple[str, ...]) -> str:
    more = len(each) - _SHOWN
    return " ".join(each[:_SHOWN]) + (f" And {more} more." if more > 0 else "")


def _example(text: str) -> str:
    return f" One: {text}." if text else ""


def _known(name: str, value: float, evidence: str) -> Measured:
    return Measured(name=name, value=float(value), evidence=evidence)


def _unknown(name: str, facts: DayFacts, why: str) -> Measured:
    evidence = f"{facts.where}: {facts.note or why}"
    return Measured(name=name, value=None, state="unknown", evidence=evidence)


def _not_applicable(name: str, facts: DayFacts, why: str) -> Measured:
    evidence = f"{facts.where}: {why}"
    return Measured(name=name, value=None, state="not_applicable", evidence=evidence)
