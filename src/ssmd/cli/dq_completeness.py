"""`ssmd dq completeness`: the condition of every minute, to be looked at."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text

from ssmd.access.opening import open_archive
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.ledger.minutes import CONDITIONS
from ssmd.cli.instruments import instrument_option
from ssmd.cli.moments import MomentType, shown
from ssmd.cli.options import archive_url_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.timestamp import format_rfc3339
from ssmd.quality import completeness as judged
from ssmd.quality import window
from ssmd.quality.completeness import NOTHING, Chart, Completeness, Line
from ssmd.runtime.clock import SystemClock

MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "not_wanted": (".", "bright_black"),
    "complete": ("#", "green"),
    "quiet": ("-", "bright_cyan"),
    "venue_paused": ("=", "blue"),
    "repaired": ("r", "bright_yellow"),
    "degraded": ("d", "yellow"),
    "unknown": ("?", "white"),
    "lost": ("X", "bold white on red"),
}
"""How a condition is shown: a letter that says it without its colour."""

_MOST: Final = 40
_LONGEST: Final = 34
_NARROW: Final = 24
"""So many cells a row has at least, however narrow the terminal is."""
_WIDTH: Final = 120
_SAID: Final[Mapping[str, str]] = {name: name.replace("_", " ") for name in CONDITIONS}
_STEPS: Final = (5, 10, 15, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
_GAP: Final = 6
"""So many cells there are from one time of the axis to the next, at least."""
_SHARE: Final = len("  100.00 %")


@click.command(
    epilog=examples(
        ("ssmd dq completeness ./data", "yesterday, the worst instruments first"),
        ("ssmd dq completeness ./data --since 2026-11-16", "a calendar, a row for each day"),
        ("ssmd dq completeness ./data --picture day.png", "the same as a picture"),
    )
)
@archive_url_argument
@click.option("--date", help="The UTC day: 2026-11-22, `today` or `yesterday`.  [yesterday]")
@click.option("--since", type=MomentType(), help="From here on, instead of a day.")
@click.option("--until", type=MomentType(), help="Up to here, with --since.  [now]")
@click.option("--feed", help="Only this feed.")
@instrument_option
@click.option("--channels", is_flag=True, help="Each channel by itself, not the worst of them.")
@click.option("--all", "every", is_flag=True, help="A row for every instrument.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write a .png or .svg too."
)
@output_options
def completeness(
    directory: str,
    date: str | None,
    since: int | None,
    until: int | None,
    feed: str | None,
    instrument: str | None,
    picture: Path | None,
    *,
    channels: bool,
    every: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show how complete DIRECTORY is: the condition of every minute of every instrument.

    A cell is the worst of its minutes; covered is the share of complete, quiet, paused and repaired
    minutes in those that were wanted and of which something is known.
    """
    output = Output(json=as_json, quiet=quiet)
    if picture is not None:
        _can_be_drawn(picture)
    now = SystemClock().wall()
    first, last = _asked(date, since, until, now)
    found = judged.load(
        open_archive(directory, warn=False),
        first,
        last,
        feed=feed,
        instrument=instrument,
        channels=channels,
        now=now,
    )
    if not as_json:
        _show(found, every=every)
    if picture is not None:
        _draw(picture, found)
        output.note(f"{picture} is written.")
    output.result(_told(found))


def _asked(date: str | None, since: int | None, until: int | None, now: int) -> tuple[int, int]:
    """From when to when.

    Raises:
        UsageError: Both a day and a range, or no range.
        ConfigError: It is no day, or has not begun.
    """
    if since is None and until is None:
        day = window.day(date, now)
        return day.since, window.begin(day.date) + 1440 * MINUTE_NS
    if date is not None:
        raise click.UsageError("--date is a whole day: leave --since and --until out.")
    if since is None:
        raise click.UsageError("--until needs --since.")
    last = now if until is None else until
    if last <= since:
        raise click.UsageError("--until must be after --since, and --since before now.")
    return since, last


def _can_be_drawn(picture: Path) -> None:
    """Refuse a name before anything is read.

    Raises:
        ConfigError: It is that of no picture.
    """
    from ssmd.quality.picture import format_of  # noqa: PLC0415 - matplotlib takes half a second

    format_of(picture)


def _draw(picture: Path, found: Completeness) -> None:
    from ssmd.quality.picture import COLUMNS, ROWS, draw  # noqa: PLC0415 - see above

    if found.days > 1:
        chart = judged.calendar(found, columns=COLUMNS)
    else:
        chart = judged.heat_map(found, columns=COLUMNS, most=ROWS, together=True)
    draw(picture, chart, _title(found))


def _show(found: Completeness, *, every: bool) -> None:
    """The chart for a person."""
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else _WIDTH
    most = None if every else _MOST
    is_calendar = found.days > 1
    longest = max(
        len(f"{line.feed} 0000-00-00" if is_calendar else line.name) for line in found.lines[:most]
    )
    columns = max(_NARROW, width - min(longest, _LONGEST) - _SHARE - 1)
    if is_calendar:
        chart = judged.calendar(found, columns=columns)
    else:
        chart = judged.heat_map(found, columns=columns, most=most, together=False)
    console = Console(highlight=False, width=width, soft_wrap=True)
    for line in _lines(found, chart):
        console.print(line)


def _lines(found: Completeness, chart: Chart) -> Iterator[Text]:
    yield Text(_title(found))
    names = [judged.short(row.name, _LONGEST) for row in chart.rows]
    longest = max(map(len, names))
    yield Text(f"{'':{longest}} {_axis(chart)} covered")
    for name, row in zip(names, chart.rows, strict=True):
        cells = Text(f"{name:{longest}} ")
        for cell in row.cells.ljust(chart.columns, bytes([NOTHING])):
            mark, style = (" ", "") if cell == NOTHING else MARKS[CONDITIONS[cell]]
            cells.append(mark, style)
        cells.append(f" {judged.share(row.covered):>8}")
        yield cells
    if chart.left_out:
        yield Text(f"{chart.left_out} more, none of them worse, are not shown (--all).")
    minutes = "a minute" if chart.minutes == 1 else f"the worst of {chart.minutes} minutes"
    who = " of all instruments" if chart.is_calendar else ""
    legend = Text(f"Each character is {minutes}{who}: ")
    for number, (name, (mark, style)) in enumerate(MARKS.items()):
        legend.append(", " if number else "").append(mark, style).append(f" {_SAID[name]}")
    yield legend
    counts = judged.summed(found.lines)
    told = ", ".join(f"{_SAID[name]} {count}" for name, count in counts.items() if count)
    yield Text(f"Minutes: {told}; covered {judged.share(judged.covered(counts))}.")


def _axis(chart: Chart) -> str:
    """Times above their cells, as many as there is room for."""
    begin = chart.since // MINUTE_NS
    step = next((each for each in _STEPS if each >= _GAP * chart.minutes), _STEPS[-1])
    text = [" "] * chart.columns
    for tick in range(-begin % step, chart.columns * chart.minutes, step):
        at = tick // chart.minutes
        label = f"{datetime.fromtimestamp((begin + tick) * 60, UTC):%H:%M}"
        if at + len(label) <= chart.columns:
            text[at : at + len(label)] = label
    return "".join(text)


def _title(found: Completeness) -> str:
    """What is shown; that it is not over is said."""
    since, until = shown(found.since, 0).rstrip("."), shown(found.until, 0).rstrip(".")
    running = ", running: no later minute is over" if found.running else ""
    return f"Completeness, {since} to {until} UTC{running}"


def _told(found: Completeness) -> dict[str, Any]:
    """The result for a program."""
    return {
        "since": format_rfc3339(found.since),
        "until": format_rfc3339(found.until),
        "running": found.running,
        "minutes": judged.summed(found.lines),
        "covered": judged.covered(judged.summed(found.lines)),
        "instruments": [_line(line, found.since) for line in found.lines],
    }


def _line(line: Line, since: int) -> dict[str, Any]:
    return {
        "feed": line.feed,
        "instrument": line.instrument,
        "channel": line.channel,
        "minutes": line.counts,
        "covered": line.covered,
        "stretches": [
            {
                "since": format_rfc3339(each.since),
                "until": format_rfc3339(each.until),
                "condition": each.condition,
            }
            for each in line.stretches(since)
        ],
    }
