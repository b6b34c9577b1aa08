"""The ledger of one day on disk: its tables, and the file that says what it was made from."""

import hashlib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Final

import msgspec
import zstandard

from ssmd.archive import durable, files, layout
from ssmd.archive.ledger import parquet, telemetry, unread
from ssmd.archive.ledger.carry import Carry
from ssmd.archive.ledger.entries import TABLES, Activity, Entry, Ledger
from ssmd.archive.ledger.fold import fold
from ssmd.archive.ledger.merge import in_order
from ssmd.archive.ledger.parquet import Counts
from ssmd.archive.ledger.segments import Source, Told
from ssmd.archive.ledger.spans import Span
from ssmd.archive.store.port import Store
from ssmd.model.errors import Damaged

FORMAT: Final = 4
"""Version of a stored day: of its files, and of what is derived. Another one is made again."""


_REMEDY: Final = "Run `ssmd verify --rebuild`: it is made again from the raw segments."


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What a day's ledger was made from; written last, so that its tables are there.

    Attributes:
        format: Version.
        feed: The feed's name.
        venue: The venue's name; empty when nothing was opened yet.
        date: `YYYY-MM-DD`, UTC.
        since: From when on the ledger tells, ns.
        until: Up to when everything is known, ns.
        segments: The segments it was made from, and their digests.
        files: Its tables and what is carried out of it, and their digests.
        earliest: The least `since` of every table that is not empty, ns: of what is told late, it
            lies before the day.
        began: Digest of what was carried into the day; empty for the first.
        ended: Digest of what is carried out of it.
        first: The first archived time of the feed so far, ns; None when nothing has one.
        newest: The last one, ns.
        digest: Of all of this, written with an empty one.
    """

    format: int
    feed: str
    venue: str
    date: str
    since: int
    until: int
    segments: dict[str, str]
    files: dict[str, str]
    earliest: dict[str, int]
    began: str
    ended: str
    first: int | None
    newest: int | None
    digest: str = ""


class Made(msgspec.Struct, frozen=True):
    """A day's ledger as it rests on disk.

    Attributes:
        day: What it was made from.
        content: The bytes of every file by its name relative to the root, the day's own last.
        counts: Entries by table.
    """

    day: Day
    content: dict[str, bytes]
    counts: dict[str, int]


class CarryLost(Damaged):
    """What a stored day carries out of itself cannot be read: the day has to be folded again.

    Attributes:
        date: Which day.
    """

    def __init__(self, name: str, date: str) -> None:
        super().__init__(f"{name} cannot be read.", remedy=_REMEDY)
        self.date = date


class Folded(msgspec.Struct, frozen=True):
    """A day's ledger in memory.

    Attributes:
        ledger: What it tells, but for its activity.
        counts: Its activity, in columns.
        carry: What is carried out of it.
    """

    ledger: Ledger
    counts: Counts
    carry: Carry

    def whole(self, span: Span) -> Ledger:
        """The ledger with the activity of a time."""
        return msgspec.structs.replace(self.ledger, activity=self.counts.rows(*span))


class _Version(msgspec.Struct):
    """The part of a day's own file that every version has."""

    format: int


_version = msgspec.json.Decoder(_Version)
_decoder = msgspec.json.Decoder(Day)
_carry = msgspec.json.Decoder(Carry)


def folded(feed: str, date: str, told: Sequence[Told], carry: Carry | None) -> Folded:
    """The ledger of a day.

    Args:
        feed: The feed's name.
        date: Which day.
        told: What its segments tell.
        carry: What is carried into it; None for the first.
    """
    start = layout.day_start(date)
    facts = [each.facts for each in told]
    ledger, left = fold(feed, facts, carry=carry, since=start, until=start + layout.DAY_NS)
    holes = [hole for each in facts for hole in unread.holes(each)]
    if holes:
        entries = in_order([*ledger.entries, *holes])
        ledger = msgspec.structs.replace(ledger, entries=entries)
    return Folded(ledger, Counts.summed(each.counts for each in told), left)


def make(date: str, made: Folded, *, sources: Sequence[Source], began: str) -> Made:
    """The files of a day.

    Args:
        date: Which day.
        made: What it tells.
        sources: The sealed segments it was made from.
        began: Digest of what was carried into it.
    """
    ledger = made.ledger
    content: dict[str, bytes] = {}
    counts: dict[str, int] = {}
    for kind in TABLES:
        entries = [entry for entry in ledger.entries if type(entry) is kind]
        counts[kind.table] = len(entries)
        name = layout.table(ledger.feed, date, kind.table)
        content[name] = parquet.encode_entries(kind, entries)
    counts[parquet.ACTIVITY] = len(made.counts)
    content[layout.table(ledger.feed, date, parquet.ACTIVITY)] = made.counts.encode()
    carried = encode_carry(made.carry)
    content[layout.carry(ledger.feed, date)] = zstandard.compress(carried)
    day = Day(
        format=FORMAT,
        feed=ledger.feed,
        venue=ledger.venue,
        date=date,
        since=ledger.since,
        until=ledger.until,
        segments=named(sources),
        files={name: digest(each) for name, each in content.items()},
        earliest=_earliest(ledger),
        began=began,
        ended=digest(carried),
        first=made.carry.began,
        newest=made.carry.newest,
    )
    content[layout.day(ledger.feed, date)] = _encode(day)
    return Made(day, content, counts)


def named(sources: Sequence[Source]) -> dict[str, str]:
    """Sealed segments as a day names them."""
    return {source.place.name(): source.sha256 for source in sources if source.sha256}


def write(root: Path, made: Made) -> None:
    """Put a day on disk; files that are as they should be are left alone.

    Raises:
        OSError: The disk refused; the day is then as it was, or known to be unfinished.
    """
    for name, content in made.content.items():
        path = root / name
        if not _is(path, content):
            durable.make_folder(path.parent)
            durable.replace(path, content)


def read(root: Path | Store, feed: str, date: str) -> Day | None:
    """What a stored day was made from; None when it is not there, or cannot be read."""
    name = layout.day(feed, date)
    try:
        content = files.read(root, name)
        day = _decoder.decode(content)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        telemetry.day_damaged(name, str(error))
        return None
    if day.format != FORMAT or _encode(day) != content:
        telemetry.day_damaged(name, "it is of another format, or was changed")
        return None
    return day


def is_damaged(root: Path, feed: str, date: str) -> bool:
    """Whether a day's own file is there and nothing that any version wrote."""
    try:
        content = (root / layout.day(feed, date)).read_bytes()
        return _version.decode(content).format == FORMAT
    except FileNotFoundError:
        return False
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return True


def read_ledger(
    root: Path | Store, day: Day, only: Container[str] = parquet.NAMES, span: Span | None = None
) -> Ledger | None:
    """The tables of a stored day; None when one is gone, or is not the one that was written.

    Args:
        root: The archive.
        day: Which day.
        only: The tables to read; the others are given as empty.
        span: The time whose activity is wanted; all when None.
    """
    entries: list[Entry] = []
    activity: tuple[Activity, ...] = ()
    try:
        for kind in TABLES:
            if kind.table in only:
                name = layout.table(day.feed, day.date, kind.table)
                entries += parquet.decode_entries(kind, _content(root, day, name), name)
        if parquet.ACTIVITY in only:
            name = layout.table(day.feed, day.date, parquet.ACTIVITY)
            counts = Counts.decode(_content(root, day, name), name)
            activity = counts.rows(*span or (None, None))
    except (OSError, Damaged) as error:
        telemetry.day_damaged(layout.day(day.feed, day.date), str(error))
        return None
    return Ledger(
        feed=day.feed,
        venue=day.venue,
        since=day.since,
        until=day.until,
        entries=in_order(entries),
        activity=activity,
    )


def encode_carry(carry: Carry) -> bytes:
    """What is carried out of a day, as bytes: the same for the same."""
    return msgspec.json.encode(carry, order="deterministic")


def read_carry(root: Path | Store, day: Day) -> Carry:
    """What is carried out of a stored day.

    Raises:
        CarryLost: The file is gone, or not what was written.
    """
    name = layout.carry(day.feed, day.date)
    try:
        content = zstandard.decompress(_content(root, day, name))
        return _carry.decode(content)
    except (OSError, Damaged, zstandard.ZstdError, msgspec.MsgspecError) as error:
        telemetry.day_damaged(name, str(error))
        raise CarryLost(name, day.date) from error


def digest(content: bytes) -> str:
    """The digest of a file, or of a carry."""
    return hashlib.sha256(content).hexdigest()


def _earliest(ledger: Ledger) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in ledger.entries:
        found.setdefault(entry.table, entry.since)  # they are in order
    return dict(sorted(found.items()))


def _encode(day: Day) -> bytes:
    """The bytes of a day's own file."""
    blank = msgspec.structs.replace(day, digest="")
    whole = msgspec.structs.replace(day, digest=digest(msgspec.json.encode(blank)))
    return msgspec.json.encode(whole) + b"\n"


def _content(root: Path | Store, day: Day, name: str) -> bytes:
    """A table's bytes.

    Raises:
        OSError: It cannot be read.
        Damaged: It is not the one that the day was written with.
    """
    content = files.read(root, name)
    if digest(content) != day.files.get(name):
        raise Damaged(f"{name} was changed.", remedy=_REMEDY)
    return content


def _is(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False
