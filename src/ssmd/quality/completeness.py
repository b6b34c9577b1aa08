"""How complete a time is: every minute of every instrument, in the words of the ledger."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from ssmd import venues
from ssmd.access.archive import Archive
from ssmd.access.names import Names
from ssmd.archive.ledger.entries import Condition
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.ledger.minutes import CONDITIONS, Minutes, Stretch
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import format_rfc3339
from ssmd.quality import window

RANKS: Final[Mapping[str, int]] = {name: rank for rank, name in enumerate(CONDITIONS)}
"""The place of each condition among them: the worse, the greater."""
GOOD: Final[tuple[Condition, ...]] = ("complete", "quiet", "venue_paused", "repaired")
"""Minutes of which nothing is missing any more."""
BAD: Final[tuple[Condition, ...]] = ("lost", "unknown", "degraded", "repaired")
"""What instruments are ordered by, the worst first; only these stretches are listed."""
EVERY: Final = "(all instruments)"
"""How subscriptions to all instruments of a feed are called."""

_DAY: Final = 1440
_WIDTHS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The minutes of an instrument, or of one of its channels.

    Attributes:
        feed: The feed's name.
        instrument: `venue:symbol`; None for subscriptions to all.
        channel: Which channel; None for the worst of all of them.
        minutes: One byte for each minute of the time: the place of its condition in `RANKS`.
    """

    feed: str
    instrument: str | None
    channel: str | None
    minutes: bytes

    @property
    def name(self) -> str:
        """What people call it."""
        whole = self.instrument or f"{self.feed} {EVERY}"
        return whole if self.channel is None else f"{whole} {self.channel}"

    @property
    def counts(self) -> dict[Condition, int]:
        """How many minutes there are of each condition, none included."""
        return {name: self.minutes.count(rank) for rank, name in enumerate(CONDITIONS)}

    @property
    def covered(self) -> float | None:
        """The share of good minutes in those that were wanted and are known; None without any."""
        return covered(self.counts)

    def stretches(self, since: int) -> list[Stretch]:
        """Runs of minutes that are not simply good.

        Args:
            since: When the first minute begins, ns.
        """
        runs = Minutes(None, since, self.minutes, {}).stretches()
        return [each for each in runs if each.condition in BAD]


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """Every minute of a time.

    Attributes:
        since: When the first minute begins, ns.
        until: When the last is over, ns; of a running day the last minute that is over.
        running: Whether the day or the time that was asked for is not over.
        lines: One for each instrument, or each of its channels; the worst first.
    """

    since: int
    until: int
    running: bool
    lines: tuple[Line, ...]

    @property
    def size(self) -> int:
        """How many minutes there are."""
        return (self.until - self.since) // MINUTE_NS

    @property
    def days(self) -> int:
        """How many UTC days the time touches."""
        return (window.of(self.until - 1) - window.of(self.since)).days + 1


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a picture: the worst of several minutes, of one instrument or of several.

    Attributes:
        name: What it shows.
        cells: One byte for each cell; 255 where there is no such minute.
        covered: The share of good minutes; None when nothing was wanted and known.
    """

    name: str
    cells: bytes
    covered: float | None


NOTHING: Final = 255
"""A cell that stands for no minute of the time: before it, after it, or not over yet."""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A picture in cells, for a terminal or a file.

    Attributes:
        rows: From top to bottom.
        since: When the first cell of each row begins, ns; of a calendar, on its first day.
        minutes: How many minutes a cell stands for; the last of a row may stand for fewer.
        is_calendar: Whether every row is a day of a feed, from midnight to midnight.
        left_out: How many instruments are not shown.
        together: So many instruments, at most, are one row.
    """

    rows: tuple[Row, ...]
    since: int
    minutes: int
    is_calendar: bool
    left_out: int = 0
    together: int = 1

    @property
    def columns(self) -> int:
        """How many cells a row has."""
        return max((len(row.cells) for row in self.rows), default=0)


def load(
    archive: Archive,
    since: int,
    until: int,
    *,
    feed: Names = None,
    instrument: Names = None,
    channels: bool = False,
    now: int,
) -> Completeness:
    """Judge every minute of a time.

    What the ledger does not reach (before a feed was first recorded, after it was last) is unknown;
    a feed of which nothing is known then is one line of unknown minutes.

    Args:
        archive: What was recorded.
        since: From when on, ns: the minute that holds it is the first.
        until: Up to when, ns, not included; what is after now is not judged at all.
        feed: Of which feeds; all if None.
        instrument: Of which instruments, `venue:symbol` or the venue's own symbols; all if None.
        channels: Whether each channel is judged by itself.
        now: What time it is, ns.

    Raises:
        ConfigError: There is no such feed or instrument, or nothing is known of that time.
    """
    over = now - now % MINUTE_NS
    first = since - since % MINUTE_NS
    last = min(until + -until % MINUTE_NS, over)
    if last <= first:
        message = f"No minute is over since {format_rfc3339(since)}."
        raise ConfigError(message, remedy="Give a time that is over, or wait a minute.")
    runs = archive.conditions(
        channels=channels, feed=feed, instrument=instrument, start=first, end=last
    )
    told = runs.with_columns(pl.col("since", "until").to_physical()).collect()
    lines = list(_lines(told.rows(), first, last))
    if not lines:
        message = (
            f"Nothing is known of {format_rfc3339(first)} to {format_rfc3339(last)}: nothing was"
            " recorded then."
        )
        raise ConfigError(message, remedy="`ssmd data ls` lists what is recorded.")
    if instrument is None:
        lines += _silent(archive, feed, {line.feed for line in lines}, (last - first) // MINUTE_NS)
    lines.sort(key=_order)
    return Completeness(since=first, until=last, running=until > over, lines=tuple(lines))


def covered(counts: Mapping[Condition, int]) -> float | None:
    """The share of good minutes in those that were wanted and are known; None without any."""
    known = sum(counts.values()) - counts.get("not_wanted", 0) - counts.get("unknown", 0)
    return sum(counts.get(name, 0) for name in GOOD) / known if known else None


def share(covered: float | None) -> str:
    """A share for people, rounded down: 100 % is said of all minutes alone."""
    return "?" if covered is None else f"{math.floor(covered * 10_000 + 1e-9) / 100:.2f} %"


def short(name: str, most: int) -> str:
    """A name of so many characters at most: its end tells it from others as well as its start."""
    if len(name) <= most:
        return name
    end = most // 3
    return f"{name[: most - end - 3]}...{name[-end:]}"


def summed(lines: Iterable[Line]) -> dict[Condition, int]:
    """How many minutes of each condition several lines have together."""
    total = dict.fromkeys(CONDITIONS, 0)
    for line in lines:
        for name, count in line.counts.items():
            total[name] += count
    return total


def heat_map(found: Completeness, *, columns: int, most: int | None, together: bool) -> Chart:
    """A row for each instrument, the worst first.

    Args:
        found: What is drawn.
        columns: How many cells fit into a row.
        most: How many rows there may be; None for one of each instrument.
        together: Whether what is too much for that many rows is drawn several instruments to a
            row, each cell the worst of them, rather than left out.
    """
    width = width_of(found.size, columns)
    lines, size = found.lines, 1
    if most is not None and len(lines) > most:
        size = -(-len(lines) // most) if together else 1
        lines = lines if together else lines[:most]
    groups = [lines[at : at + size] for at in range(0, len(lines), size)]
    return Chart(
        rows=tuple(_row(_named(group), group, width) for group in groups),
        since=found.since,
        minutes=width,
        is_calendar=False,
        left_out=len(found.lines) - len(lines),
        together=size,
    )


def calendar(found: Completeness, *, columns: int) -> Chart:
    """A row for each day of each feed: each cell the worst of all its instruments.

    Args:
        found: What is drawn.
        columns: How many cells fit into a row.
    """
    day = window.begin(window.of(found.since))
    width = width_of(_DAY, columns)
    rows: list[Row] = []
    for feed in sorted({line.feed for line in found.lines}):
        lines = [line for line in found.lines if line.feed == feed]
        for number in range(found.days):
            begin = (day - found.since) // MINUTE_NS + number * _DAY
            parts = [_cut(line, begin) for line in lines]
            date = window.of(day + number * _DAY * MINUTE_NS).isoformat()
            before, after = max(0, -begin), max(0, begin + _DAY - found.size)
            row = _row(f"{feed} {date}", parts, width, before=before, after=after)
            rows.append(row)
    return Chart(rows=tuple(rows), since=day, minutes=width, is_calendar=True)


def width_of(minutes: int, columns: int) -> int:
    """How many minutes a cell stands for, so that so many columns do."""
    least = -(-minutes // max(1, columns))
    return next((width for width in _WIDTHS if width >= least), least)


def _lines(runs: Sequence[tuple[Any, ...]], first: int, last: int) -> Iterator[Line]:
    """Runs as lines of minutes, in the order in which they come."""
    size = (last - first) // MINUTE_NS
    found: dict[tuple[str, str | None, str | None], bytearray] = {}
    for feed, instrument, channel, since, until, condition in runs:
        key = feed, instrument, channel
        minutes = found.get(key)
        if minutes is None:
            minutes = found[key] = bytearray([RANKS["unknown"]]) * size
        begin = max(0, (since - first) // MINUTE_NS)
        end = min(size, (until - first) // MINUTE_NS)
        minutes[begin:end] = bytes([RANKS[condition]]) * max(0, end - begin)
    for (feed, instrument, channel), minutes in found.items():
        yield Line(feed=feed, instrument=instrument, channel=channel, minutes=bytes(minutes))


def _silent(archive: Archive, feed: Names, known: set[str], size: int) -> Iterator[Line]:
    """Feeds of venues of which the ledger says nothing then: they must not look sound by absence."""
    asked = archive.feeds() if feed is None else [feed] if isinstance(feed, str) else list(feed)
    for name in sorted(set(asked) - known):
        listed = archive.instruments(feed=name).select("instrument_id").head(1).collect()
        if any(each.partition(":")[0] in venues.names() for each in listed["instrument_id"]):
            minutes = bytes([RANKS["unknown"]]) * size
            yield Line(feed=name, instrument=None, channel=None, minutes=minutes)


def _order(line: Line) -> tuple[object, ...]:
    counts = line.counts
    return *(-counts[name] for name in BAD), line.feed, line.name


def _cut(line: Line, begin: int) -> Line:
    minutes = line.minutes[max(0, begin) : max(0, begin + _DAY)]
    return msgspec.structs.replace(line, minutes=minutes)


def _named(group: Sequence[Line]) -> str:
    return group[0].name if len(group) == 1 else f"{group[0].name} and {len(group) - 1} more"


def _row(name: str, group: Sequence[Line], width: int, *, before: int = 0, after: int = 0) -> Row:
    """The worst of several lines, in cells.

    Args:
        name: What they are called together.
        group: The lines, all as long.
        width: Minutes of a cell.
        before: So many minutes before them are not part of the time.
        after: So many after them.
    """
    worst = _worst([line.minutes for line in group])
    size = before + len(worst) + after
    cells = bytearray()
    for at in range(0, size, width):
        cell = worst[max(0, at - before) : max(0, at + width - before)]
        cells.append(max(cell) if cell else NOTHING)
    return Row(name=name, cells=bytes(cells), covered=covered(summed(group)))


def _worst(minutes: Sequence[bytes]) -> bytes:
    """Minute by minute the worst."""
    return minutes[0] if len(minutes) == 1 else bytes(map(max, zip(*minutes, strict=True)))
