"""Where everything lies in an archive: the only builder and parser of paths. Pure.

```
D/archive.json                                                    the archive's own id
D/writers/<writer>.json                                           head of a writer's chain
D/raw/feed=F/date=YYYY-MM-DD/HHMM-<writer>-<k>.jsonl.zst.open     a segment being written
D/raw/feed=F/date=YYYY-MM-DD/HHMM-<writer>-<k>.jsonl.zst          a sealed segment
D/raw/feed=F/date=YYYY-MM-DD/HHMM-<writer>-<k>.manifest.json      what a sealed segment holds
D/raw/feed=F/date=YYYY-MM-DD/HHMM-<writer>-<k>.damaged            a broken segment, as found
D/ledger/feed=F/date=YYYY-MM-DD/HHMM-<writer>-<k>.facts.parquet   what a segment tells the ledger
D/ledger/feed=F/date=YYYY-MM-DD/<table>.parquet                   the ledger of a day, by table
D/ledger/feed=F/date=YYYY-MM-DD/carry.json.zst                    what the next day begins with
D/ledger/feed=F/date=YYYY-MM-DD/day.json                          what that day was made from
D/tables/feed=F/type=T/date=YYYY-MM-DD/HHMM-<writer>-<k>.parquet  a segment's rows in the venue's words
D/tables/feed=F/type=_rejects/date=YYYY-MM-DD/...parquet          pieces of it that gave no row
D/tables/all/type=T/feed=F/date=YYYY-MM-DD/...parquet             its facts in words all venues share
D/tables/books/feed=F/date=YYYY-MM-DD/HHMM.parquet                every book at the end of a slot
D/tables/built/feed=F/date=YYYY-MM-DD/HHMM.json                   what a slot's tables were made from
D/tables/merged/feed=F/date=YYYY-MM-DD/HHMM-<seconds>.json        slots whose files became larger ones
D/tables/.../HHMM.merged-<key>.parquet                            the rows of several slots
D/drift/feed=F/date=YYYY-MM-DD.json                               how the messages of a day are made
D/.run/archive-<writer>.lock                                      who writes as this writer now
D/.run/ledger-<feed>.lock                                         who writes this feed's ledger now
D/uploaded/<store>/store.json                                     which store files are uploaded to
D/uploaded/<store>/feed=F/date=YYYY-MM-DD.jsonl                   what of a day is proved to be there
D/.run/tables-<feed>.lock                                         who makes this feed's tables now
D/.run/tables-<feed>/                                             what they are made in meanwhile
D/.run/upload-<store>.lock                                        who uploads to that store now
D/.run/prometheus/targets.json                                    where this machine's services can be scraped
```
A table is named as people ask for it: `trades` (all venues' words), `native/ticker` (the venue's).
Slot and date are those of `ts_recv`, UTC, clock-aligned from midnight. Names are relative to the
root and use `/`, as they stand in manifests and reports.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

import msgspec

from ssmd.model.timestamp import SECOND_NS

RAW: Final = "raw"
"""The folder of raw segments."""
LEDGER: Final = "ledger"
"""The folder of the ledger."""
WRITERS: Final = "writers"
"""The folder of chain heads."""
TABLES: Final = "tables"
"""The folder of tables."""
NATIVE: Final = "native/"
"""How the name of a table in the venue's own words begins."""
REJECTS: Final = f"{NATIVE}_rejects"
"""The table of what gave no row."""
UPLOADED: Final = "uploaded"
"""The folder of what is known of object stores."""
IDENTITY: Final = "archive.json"
"""The file that holds the archive's id."""

Kind = Literal["open", "sealed", "manifest", "damaged"]
"""What a file of the raw folder is; `damaged` is an open segment as a recovery met it, kept."""

_SUFFIXES: Final[dict[Kind, str]] = {
    "open": ".jsonl.zst.open",
    "sealed": ".jsonl.zst",
    "manifest": ".manifest.json",
    "damaged": ".damaged",
}
KINDS: Final = tuple(_SUFFIXES)
"""Every kind of file a segment can have."""
_NAME: Final = re.compile(
    r"raw/feed=([^/]+)/date=(\d{4}-\d\d-\d\d)/(\d{4})-(.+)-(\d+)"
    r"(\.jsonl\.zst\.open|\.jsonl\.zst|\.manifest\.json|\.damaged)"
)
_BUILT: Final = re.compile(r"tables/built/feed=([^/]+)/date=(\d{4}-\d\d-\d\d)/(\d{4})\.json")
_DAY: Final = re.compile(
    r"(?:raw|ledger|tables)/(?:.+/)?feed=([^/]+)/(?:.+/)?date=(\d{4}-\d\d-\d\d)"
)
_MERGED_ROWS: Final = ".merged-"
_FEED: Final = re.compile(r"/feed=([^/]+)/")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_NS: Final = 86_400 * SECOND_NS
"""A day in ns."""


class Place(msgspec.Struct, frozen=True, order=True):
    """Which segment: everything its file names say.

    Attributes:
        feed: The feed's name.
        date: `YYYY-MM-DD` of the slot, UTC.
        time: `HHMM` at which the slot begins, UTC.
        writer: Who wrote it.
        index: The `k` that tells apart the segments of one slot.
    """

    feed: str
    date: str
    time: str
    writer: str
    index: int

    def name(self, kind: Kind = "sealed") -> str:
        """The name of one of its files, relative to the root."""
        folder = date_folder(self.feed, self.date)
        return f"{folder}/{self.time}-{self.writer}-{self.index}{_SUFFIXES[kind]}"


class Slot(msgspec.Struct, frozen=True, order=True):
    """All segments of one feed that begin together: what tables are made from at a time.

    Attributes:
        feed: The feed's name.
        date: `YYYY-MM-DD`, UTC.
        time: `HHMM` at which it begins, UTC.
    """

    feed: str
    date: str
    time: str

    @property
    def start(self) -> int:
        """When it begins, ns, as far as names tell: to the minute."""
        return start(Place(self.feed, self.date, self.time, "", 0))


def parse(name: str) -> tuple[Place, Kind] | None:
    """What a file of the raw folder is; None when it is none of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    feed, date, time, writer, index, suffix = match.groups()
    kind = next(kind for kind, known in _SUFFIXES.items() if known == suffix)
    return Place(unquote(feed), date, time, writer, int(index)), kind


def slot(ts: int, interval_s: int) -> int:
    """Start of the slot that holds a time, ns; slots are aligned to midnight UTC.

    Args:
        ts: ns since the Unix epoch, UTC.
        interval_s: Length of a slot in seconds; the last slot of a day may be shorter.
    """
    day = ts - ts % DAY_NS
    return day + (ts - day) // (interval_s * SECOND_NS) * (interval_s * SECOND_NS)


def slot_end(start: int, interval_s: int) -> int:
    """When the slot that begins at `start` is over, ns."""
    day = start - start % DAY_NS
    return min(start + interval_s * SECOND_NS, day + DAY_NS)


def place(feed: str, start: int, writer: str, index: int) -> Place:
    """Where a segment of the slot that begins at `start` lies."""
    moment = _EPOCH + timedelta(seconds=start // SECOND_NS)
    return Place(feed, f"{moment:%Y-%m-%d}", f"{moment:%H%M}", writer, index)


def start(place: Place) -> int:
    """When the slot of a segment begins, ns, as far as its name tells: to the minute."""
    moment = datetime.strptime(f"{place.date} {place.time} +0000", "%Y-%m-%d %H%M %z")
    return int(moment.timestamp()) * SECOND_NS


def writer(stream: str, identity: str) -> str:
    """Name of whoever writes a stream into the archive with this id."""
    return f"{_quoted(stream)}-{identity}"


def feed_folder(feed: str) -> str:
    """The folder of a feed's raw segments, relative to the root."""
    return f"{RAW}/feed={_quoted(feed)}"


def date_folder(feed: str, date: str) -> str:
    """The folder of a feed's raw segments of one day, relative to the root."""
    return f"{feed_folder(feed)}/date={date}"


def feed_of(folder: str) -> str | None:
    """Whose raw segments lie in a folder, named relative to the root; None for any other."""
    start = f"{RAW}/feed="
    return unquote(folder.removeprefix(start)) if folder.startswith(start) else None


def day_start(date: str) -> int:
    """When a day, `YYYY-MM-DD` in UTC, begins, ns."""
    return start(Place("", date, "0000", "", 0))


def ledger_folder(feed: str, date: str) -> str:
    """The folder of a feed's ledger of one day, relative to the root."""
    return f"{LEDGER}/feed={_quoted(feed)}/date={date}"


def facts(place: Place) -> str:
    """The file of what a segment tells the ledger, relative to the root."""
    folder = ledger_folder(place.feed, place.date)
    return f"{folder}/{place.time}-{place.writer}-{place.index}.facts.parquet"


def table(feed: str, date: str, name: str) -> str:
    """The file of one table of a day's ledger, relative to the root."""
    return f"{ledger_folder(feed, date)}/{name}.parquet"


def carry(feed: str, date: str) -> str:
    """The file of what is carried out of a day, relative to the root."""
    return f"{ledger_folder(feed, date)}/carry.json.zst"


def day(feed: str, date: str) -> str:
    """The file that says what a day's ledger was made from, relative to the root."""
    return f"{ledger_folder(feed, date)}/day.json"


def slot_of(place: Place) -> Slot:
    """The slot a segment belongs to."""
    return Slot(place.feed, place.date, place.time)


def rows(place: Place, name: str) -> str:
    """The file of a segment's rows in a table (`trades`, `native/ticker`), relative to the root."""
    feed = _quoted(place.feed)
    if name.startswith(NATIVE):
        folder = f"{TABLES}/feed={feed}/type={_quoted(name.removeprefix(NATIVE))}"
    else:
        folder = f"{TABLES}/all/type={_quoted(name)}/feed={feed}"
    return f"{folder}/date={place.date}/{place.time}-{place.writer}-{place.index}.parquet"


def books(slot: Slot) -> str:
    """The file of every book at the end of a slot, relative to the root."""
    return f"{TABLES}/books/feed={_quoted(slot.feed)}/date={slot.date}/{slot.time}.parquet"


def built(slot: Slot) -> str:
    """The file that says what a slot's tables were made from, relative to the root."""
    return f"{built_folder(slot.feed)}/date={slot.date}/{slot.time}.json"


def built_folder(feed: str) -> str:
    """The folder of such files of a feed, relative to the root."""
    return f"{TABLES}/built/feed={_quoted(feed)}"


def parse_built(name: str) -> Slot | None:
    """Which slot such a file tells of; None when it is none."""
    match = _BUILT.fullmatch(name)
    return None if match is None else Slot(unquote(match[1]), match[2], match[3])


def merged_folder(feed: str) -> str:
    """The folder of what says which slots were merged, relative to the root."""
    return f"{TABLES}/merged/feed={_quoted(feed)}"


def merged(slot: Slot, seconds: int) -> str:
    """The file that says which slots, so many seconds from the first on, became one."""
    return f"{merged_folder(slot.feed)}/date={slot.date}/{slot.time}-{seconds}.json"


def is_merged(name: str) -> bool:
    """Whether a file says which slots became one."""
    return name.startswith(f"{TABLES}/merged/") and not is_temporary(name)


def merged_rows(slot: Slot, name: str, key: str) -> str:
    """The file of the rows of several slots in a table, relative to the root.

    Args:
        slot: The first of them.
        name: Which table.
        key: Digest of what they were made from.
    """
    beside = rows(Place(slot.feed, slot.date, slot.time, "", 0), name).rpartition("/")[0]
    return f"{beside}/{slot.time}{_MERGED_ROWS}{key[:12]}.parquet"


def is_merged_rows(name: str) -> bool:
    """Whether a file holds the rows of several slots."""
    return _MERGED_ROWS in name.rpartition("/")[2] and name.startswith(f"{TABLES}/")


def drift(feed: str, date: str) -> str:
    """The file that says how the messages of a day are made, relative to the root."""
    return f"drift/feed={_quoted(feed)}/date={date}.json"


def drift_lock(root: Path, feed: str) -> Path:
    """The file that says who writes of this feed's messages how they are made."""
    return run_folder(root) / f"drift-{_quoted(feed)}.lock"


def tables_lock(root: Path, feed: str) -> Path:
    """The file that says who makes this feed's tables now."""
    return run_folder(root) / f"tables-{_quoted(feed)}.lock"


def tables_folder(root: Path, feed: str) -> Path:
    """Where whoever makes this feed's tables puts what does not fit into memory, and more."""
    return run_folder(root) / f"tables-{_quoted(feed)}"


def head(writer: str) -> str:
    """The file of a writer's chain head, relative to the root."""
    return f"{WRITERS}/{writer}.json"


def head_writer(name: str) -> str | None:
    """Whose chain head a file is; None when it is none."""
    base = name.removeprefix(f"{WRITERS}/")
    return base.removesuffix(".json") if base.endswith(".json") and base[0] != "." else None


def temporary(path: Path) -> Path:
    """Where the next version of a file is written before it takes its place."""
    return path.with_name(f".{path.name}.tmp")


def is_temporary(name: str) -> bool:
    """Whether a file is the unfinished next version of another."""
    base = name.rpartition("/")[2]
    return base.startswith(".") and base.endswith(".tmp")


def lock(root: Path, writer: str) -> Path:
    """The file that says who writes as this writer now."""
    return run_folder(root) / f"archive-{writer}.lock"


def ledger_lock(root: Path, feed: str) -> Path:
    """The file that says who writes this feed's ledger now."""
    return run_folder(root) / f"ledger-{_quoted(feed)}.lock"


def day_of(folder: str) -> tuple[str, str] | None:
    """Which feed and date the files of a folder belong to; None when it is no folder of a day."""
    match = _DAY.fullmatch(folder)
    return None if match is None else (unquote(match[1]), match[2])


def feed_in(folder: str) -> str | None:
    """Whose files alone lie below a folder; None when its name does not tell."""
    match = _FEED.search(f"{folder}/")
    return None if match is None else unquote(match[1])


def is_facts(name: str) -> bool:
    """Whether a file is what a segment tells the ledger."""
    return name.startswith(f"{LEDGER}/") and name.endswith(".facts.parquet")


def uploaded_folder(store: str) -> str:
    """The folder of what is known of an object store, by its short id; relative to the root."""
    return f"{UPLOADED}/{store}"


def uploaded_feed(folder: str, feed: str) -> str:
    """The folder of what is known there of a feed, in the folder of a store."""
    return f"{folder}/feed={_quoted(feed)}"


def uploaded_store(store: str) -> str:
    """The file that says which store that is, relative to the root."""
    return f"{uploaded_folder(store)}/store.json"


def uploaded_day(store: str, feed: str, date: str) -> str:
    """The file of what of a feed's day is proved to be in a store; both empty: of what has none."""
    folder = uploaded_folder(store)
    return f"{uploaded_feed(folder, feed)}/date={date}.jsonl" if feed else f"{folder}/root.jsonl"


def upload_lock(root: Path, store: str) -> Path:
    """The file that says who uploads to a store now."""
    return run_folder(root) / f"upload-{store}.lock"


def prometheus_targets(root: Path) -> Path:
    """The file that says where the services of this machine can be scraped now."""
    return run_folder(root) / "prometheus" / "targets.json"


def run_folder(root: Path) -> Path:
    """Where bus, spool, logs and run files of this machine lie."""
    return root / ".run"


def _quoted(text: str) -> str:
    """One path component, whatever the text is."""
    return quote(text, safe="").replace("~", "%7E").replace(".", "%2E")
