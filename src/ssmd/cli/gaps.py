"""`ssmd gaps`: what is missing, where, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.access.asked import Asked
from ssmd.archive.ledger.absences import Absence, is_stop, stopped
from ssmd.archive.ledger.entries import Condition
from ssmd.cli.instruments import asked, instrument_option
from ssmd.cli.moments import MomentType, lasting, shown
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.timestamp import SECOND_NS

_FEW: Final = 3
"""So many instruments with one trouble are named one by one."""
_TAIL: Final = 12
"""The end of a connection's id tells it from all others; the whole id is in the JSON."""
_START: Final = "start"
_DATE: Final = len("2026-11-23")
_ENDINGS: Final = {
    kind: ("", "es" if kind == "loss" else "s") for kind in ("gap", "hole", "loss", "outage")
}
_BAD: Final[tuple[Condition, ...]] = ("degraded", "unknown")


class Group(msgspec.Struct):
    """One trouble, and all it concerns.

    Attributes:
        each: What is missing, by instrument.
    """

    each: list[Absence]

    @property
    def first(self) -> Absence:
        """The one that began first."""
        return self.each[0]

    @property
    def until(self) -> int | None:
        """When the last of them was over, ns."""
        ends = [each.until for each in self.each if each.until is not None]
        return max(ends) if len(ends) == len(self.each) else None


@click.command(
    epilog=examples(
        ("ssmd gaps ./data", "everything that is missing, and why"),
        ("ssmd gaps ./data --instrument BTC/USD --from 2026-11-23", "of one instrument"),
        ("ssmd gaps ./data --json | tail -1", "a list for a program"),
    )
)
@archive_argument
@click.option("--feed", help="Only this feed.")
@instrument_option
@click.option("--from", "since", type=MomentType(), help="Only what is missing from here on.")
@click.option("--to", "until", type=MomentType(), help="Only what is missing before this.")
@click.option("--all", "every", is_flag=True, help="Short set-ups at starts as well.")
@output_options
def gaps(
    directory: Path,
    feed: str | None,
    instrument: str | None,
    since: int | None,
    until: int | None,
    *,
    every: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """List what is missing in DIRECTORY: gaps, holes, outages, losses; with reason and evidence."""
    output = Output(json=as_json, quiet=quiet)
    known = asked(directory, feed, instrument, since, until)
    found = [(each, absence) for each in known for absence in each.absences]
    shown_now = [
        absence
        for each, absence in found
        if every or not (_is_set_up(absence) or is_stop(absence, each.ledger))
    ]
    _show(output, directory, shown_now, known)
    hidden = sum(_is_set_up(absence) for _, absence in found)
    if hidden and not every:
        output.lines(f"{hidden} set-ups of less than a second are not shown (--all).")
    output.result([absence.told for _, absence in found])


def _is_set_up(each: Absence) -> bool:
    """Whether it is a moment between asking for an instrument the first time and being answered."""
    return each.reason == _START and each.until is not None and each.until - each.since < SECOND_NS


def _show(
    output: Output, directory: Path, found: Sequence[Absence], known: Sequence[Asked]
) -> None:
    """The list for a person."""
    if found:
        dates = {shown(each.since)[:_DATE] for each in found}
        title = f"{directory}, {dates.pop()}" if len(dates) == 1 else str(directory)
        output.table(
            title,
            (
                "what",
                "kind",
                "from (UTC)",
                "to (UTC)",
                "lasting",
                "reason",
                "made good",
                "connection",
            ),
            (_row(group, dated=bool(dates)) for group in _grouped(found)),
        )
    minutes = {each.ledger.feed: each.minutes() for each in known}
    output.lines(_verdict(found, known, minutes.values()))
    for each in known:
        ended = stopped(each.ledger)
        if ended is not None:
            output.lines(f"{each.ledger.feed}: recording was stopped at {shown(ended)}.")
        if not each.is_known:
            output.lines(f"{each.ledger.feed}: nothing is known of this time.")
        elif counts := minutes[each.ledger.feed]:
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            output.lines(f"{each.ledger.feed}: instrument minutes: {told}")
    if found:
        output.lines("`ssmd why INSTRUMENT TIME` explains one of them.")


def _verdict(
    found: Sequence[Absence],
    known: Sequence[Asked],
    minutes: Iterable[Mapping[Condition, int]],
) -> str:
    """What there is, in one sentence; that nothing is missing is said only when it is known."""
    within = [each for each in known if each.is_known]
    if not within:
        return "Nothing is known of this time."
    since = min(each.ledger.since for each in within)
    until = max(each.ledger.until for each in within)
    reach = f"{shown(since, 0).rstrip('.')} to {shown(until, 0).rstrip('.')}"
    if found:
        counted = Counter(each.kind for each in found)
        kinds = ", ".join(
            f"{n} {kind}{_ENDINGS[kind][n != 1]}" for kind, n in sorted(counted.items())
        )
        return f"{kinds} in {reach}."
    if any(counts.get(bad, 0) for counts in minutes for bad in _BAD):
        return f"Nothing is listed, but not all is well or known in {reach}."
    return f"Nothing is missing in {reach}."


def _grouped(found: Iterable[Absence]) -> list[Group]:
    """One trouble of many instruments is one line: same kind, reason and connection, at a time."""
    groups: dict[tuple[str, str, str, str], Group] = {}
    made: list[Group] = []
    for each in found:
        key = (each.feed, each.kind, each.reason, each.evidence.connection)
        group = groups.get(key)
        if group is not None and _touches(group, each):
            group.each.append(each)
        else:
            groups[key] = Group([each])
            made.append(groups[key])
    return [single for group in made for single in _parted(group)]


def _touches(group: Group, each: Absence) -> bool:
    until = group.until
    return until is None or each.since <= until


def _parted(group: Group) -> list[Group]:
    """A few are named one by one."""
    return [Group([each]) for each in group.each] if len(group.each) <= _FEW else [group]


def _row(group: Group, *, dated: bool) -> tuple[str, ...]:
    """One line.

    Args:
        group: What it is about.
        dated: Whether the times need their date.
    """
    first, until = group.first, group.until
    proof = first.evidence
    lost = "" if until is None else lasting((until - first.since) / SECOND_NS)
    repaired = {each.evidence.repaired for each in group.each}
    return (
        _what(group),
        first.kind,
        shown(first.since)[0 if dated else _DATE + 1 :],
        _end(first.since, until),
        lost,
        first.reason,
        repaired.pop() if len(repaired) == 1 else "partly",
        f"..{proof.connection[-_TAIL:]}" if proof.connection else "",
    )


def _end(since: int, until: int | None) -> str:
    """The end of a time; its date only when it is another."""
    text = shown(until)
    return text if until is None or text[:_DATE] != shown(since)[:_DATE] else text[_DATE + 1 :]


def _what(group: Group) -> str:
    """Whom it concerns."""
    names = {each.instrument for each in group.each}
    if len(names) > 1:
        return f"{group.first.feed}: {len(names)} instruments"
    name = names.pop()
    if name is not None:
        return name
    symbols = len(group.first.symbols)
    return f"{group.first.feed}: {symbols} instruments" if symbols else f"{group.first.feed}: all"
