"""`ssmd drift`: are messages made as they were in the days before?"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import click

from ssmd.archive import files
from ssmd.archive.ledger.store import feeds
from ssmd.archive.store.opening import open_store
from ssmd.archive.store.port import Store
from ssmd.cli.moments import shown
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import archive_url_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.model.errors import ConfigError
from ssmd.quality import window
from ssmd.quality.drift import days
from ssmd.quality.drift.compare import Side
from ssmd.quality.drift.look import BASELINE, Drift, DriftReport, Shown, look, show
from ssmd.quality.drift.samples import Sample
from ssmd.runtime.clock import Clock, SystemClock

_WORDS: Final = {
    "new_field": "new field",
    "missing_field": "missing field",
    "retyped_field": "retyped field",
    "null_rate": "more often null",
    "new_type": "new message type",
    "unread_frames": "unread frames",
}
_SHOWN: Final = 300
"""So many characters of a sample are shown to a person."""
_TAIL: Final = 12


@click.command(
    epilog=examples(
        ("ssmd drift ./data", "yesterday against the seven days before it"),
        ("ssmd drift ./data --date 2026-11-22 --json | tail -1", "the same for a program"),
        ("ssmd drift ./data --show 'data[].price'", "what is known of one field"),
    )
)
@notify_on_failure
@archive_url_argument
@click.option("--feed", help="Only this feed.")
@click.option("--date", help="The UTC day: 2026-11-22, `today` or `yesterday`.  [yesterday]")
@click.option(
    "--baseline",
    type=click.IntRange(1),
    default=BASELINE,
    show_default=True,
    help="With so many days before it, of those that have data.",
)
@click.option("--show", "path", help="Only tell what is known of this field, as `data[].price`.")
@output_options
@click.pass_context
def drift(
    ctx: click.Context,
    directory: str,
    feed: str | None,
    date: str | None,
    baseline: int,
    path: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Tell what became different in how the messages of DIRECTORY are made; exit 1 if anything did.

    A field is new, missing, of another type, or more often null; a message type is new; frames came
    that nobody understood. A difference is told when its 99.9 % confidence intervals on both sides
    have nothing in common: small samples stay silent.
    """
    output = Output(json=as_json, quiet=quiet)
    clock = SystemClock()
    day = window.day(date, clock.wall()).date.isoformat()
    archive = _archive(directory)
    names = _feeds(archive, feed, day)
    if path is not None:
        _fields(output, archive, names, day, path, baseline, clock)
        return
    reports = []
    for name in names:
        with Progress(output, f"reading {name}", unit="bytes") as progress:
            reports.append(
                look(
                    archive, name, day, clock=clock, baseline=baseline, progress=progress.set
                )
            )  # fmt: skip
    for report in reports:
        _show(output, report)
    output.result(reports)
    ctx.exit(1 if any(report.findings for report in reports) else 0)


def _archive(directory: str) -> Path | Store:
    """The archive: its folder, or its store when that is elsewhere."""
    store = open_store(directory)
    return store.root or store


def _feeds(archive: Path | Store, feed: str | None, day: str) -> list[str]:
    """The feeds that are meant: the one named, else all that have something of the day.

    Raises:
        ConfigError: There is no archive, or nothing of that day.
    """
    files.check(archive)
    if feed is not None:
        return [feed]
    names = [name for name in feeds(archive) if day in days.dates(archive, name)]
    if not names:
        message = f"Nothing at all is archived on {day}."
        raise ConfigError(message, remedy="Name a day with --date; `ssmd data ls` lists them.")
    return names


def _show(output: Output, report: DriftReport) -> None:
    """One feed for a person."""
    against = _against(report)
    count = len(report.findings)
    head = f"{report.feed} {report.date}{' (running)' if report.running else ''}"
    if not count:
        told = "Nothing drifted" if report.baseline else "Nothing to compare with"
        output.lines(f"{head}: {told}{against}; {sum(report.messages.values())} messages.")
        return
    output.table(
        f"{head}{against}",
        ("what", "severity", "type", "field", "before", "now"),
        (
            (
                _WORDS[each.change],
                each.severity,
                each.type,
                each.path,
                _side(each.before),
                _side(each.after),
            )
            for each in report.findings
        ),
    )
    for sample, found in _grouped(report.findings):
        _sample(output, sample, [each.path or each.type for each in found])
    output.lines(f"{report.feed}: {count} {'thing' if count == 1 else 'things'} drifted.")


def _against(report: DriftReport) -> str:
    if not report.baseline:
        return ", no day before it has data"
    first, last = report.baseline[0], report.baseline[-1]
    span = first if first == last else f"{first} to {last}"
    size = len(report.baseline)
    return f", against {size} {'day' if size == 1 else 'days'} ({span})"


def _side(side: Side) -> str:
    """How a field is made, in a few words."""
    if not side.count:
        return f"in none of {side.of}" if side.of else "nothing like it"
    kinds = ", ".join(
        kind if count == side.count else f"{kind} {100 * count / side.count:.3g} %"
        for kind, count in sorted(side.kinds.items(), key=lambda item: -item[1])
    )
    where = "in all" if side.count == side.of else f"in {side.count}"
    return f"{where} of {side.of}: {kinds}"


def _perhaps(side: Side | None) -> str:
    return "never" if side is None else _side(side)


def _grouped(findings: Iterable[Drift]) -> list[tuple[Sample, list[Drift]]]:
    """One message may show many differences: it is told once."""
    groups: dict[tuple[str, int, int], tuple[Sample, list[Drift]]] = {}
    for each in findings:
        if each.sample is not None:
            key = each.sample.connection, each.sample.ordinal, each.sample.part
            groups.setdefault(key, (each.sample, []))[1].append(each)
    return list(groups.values())


def _sample(output: Output, sample: Sample, about: Sequence[str]) -> None:
    when = "at no known time" if sample.ts_recv is None else shown(sample.ts_recv)
    text = sample.text[:_SHOWN].rstrip()
    rest = " ..." if sample.is_cut or len(sample.text) > _SHOWN else ""
    output.lines(
        f"{', '.join(about)}: frame {sample.ordinal}"
        + (f" part {sample.part}" if sample.part else "")
        + f" of ..{sample.connection[-_TAIL:]}, {when}, {sample.file}",
        f"  {text}{rest}",
    )


def _fields(
    output: Output,
    archive: Path | Store,
    names: Iterable[str],
    day: str,
    path: str,
    baseline: int,
    clock: Clock,
) -> None:
    """What is known of a field in every feed.

    Raises:
        ConfigError: Nobody ever sent it.
    """
    found: dict[str, list[Shown]] = {}
    for name in names:
        with Progress(output, f"reading {name}", unit="bytes") as progress:
            found[name] = show(
                archive, name, day, path, clock=clock, baseline=baseline, progress=progress.set
            )
    if not any(found.values()):
        message = f"No message of {', '.join(found)} has a field {path!r}."
        remedy = "Write it as a report does: `data[].price`; `*` is any key of a map."
        raise ConfigError(message, remedy=remedy)
    for name, each in found.items():
        _field(output, name, day, each)
    output.result({name: each for name, each in found.items() if each})


def _field(output: Output, feed: str, day: str, found: Sequence[Shown]) -> None:
    if found:
        output.table(
            f"{feed} {day}",
            ("type", "field", "before", "now"),
            ((each.type, each.path, _perhaps(each.before), _perhaps(each.after)) for each in found),
        )
    sample = next((each.sample for each in found if each.sample is not None), None)
    if sample is not None:
        _sample(output, sample, [found[0].path])
