"""The tables of one slot, made from its segments and from what came before."""

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from ssmd.archive import durable, layout
from ssmd.archive.frames import Frames
from ssmd.archive.layout import Place, Slot
from ssmd.archive.manifest import Manifest
from ssmd.archive.presence import Presence
from ssmd.archive.store.port import Store
from ssmd.archive.tables import built, earlier, files, keeping, schema
from ssmd.archive.tables.built import FORMAT, Accounting, Built, Carry, Link, TableFile
from ssmd.archive.tables.decoding import BOOK, SPILL_BYTES, Decoding
from ssmd.archive.tables.files import Origin
from ssmd.archive.tables.order import ordered
from ssmd.archive.tables.repeats import Flags
from ssmd.model.envelope import CONNECTION, LEDGER, SENT, UNREAD
from ssmd.model.errors import Damaged
from ssmd.venues import load

_REDO: Final = "Run `ssmd verify`, then restore the segment from a copy."
_RECORDS: Final = (CONNECTION, LEDGER, SENT)


class Source(msgspec.Struct, frozen=True):
    """A sealed segment.

    Attributes:
        place: Which segment.
        manifest: What it holds.
    """

    place: Place
    manifest: Manifest


class Task(msgspec.Struct, frozen=True):
    """A slot whose tables are to be made.

    Attributes:
        slot: Which slot.
        sources: Its sealed segments, in order.
        venue: The venue's name.
        before: The built slots before it, in order.
    """

    slot: Slot
    sources: tuple[Source, ...]
    venue: str
    before: Sequence[Link]

    @property
    def key(self) -> str:
        """Digest of all it is made from, but for what earlier slots are asked of single facts."""
        return key(
            self.venue,
            {source.place.name(): source.manifest.sha256 for source in self.sources},
            self.before,
        )

    @property
    def span(self) -> tuple[int, int]:
        """From when on and up to when its segments are, ns."""
        return (
            min(source.manifest.slot for source in self.sources),
            max(
                layout.slot_end(source.manifest.slot, source.manifest.interval_s)
                for source in self.sources
            ),
        )


def key(venue: str, segments: Mapping[str, str], before: Sequence[Link]) -> str:
    """Digest of what a slot is made from.

    Args:
        venue: The venue's name.
        segments: The segments and their digests.
        before: The slots before, in order.
    """
    previous = [[earlier.key(link), link.ended, link.ids] for link in before[-1:]]
    return built.digest(FORMAT, schema.VERSION, venue, dict(segments), previous)


def is_fresh(link: Link, task: Task) -> bool:
    """Whether what is there was made from just this."""
    return link.key == task.key and link.consulted == earlier.consulted(task.before, link.asked)


def build(
    root: Path,
    store: Store,
    task: Task,
    *,
    target: Path | None = None,
    bound: int = SPILL_BYTES,
) -> tuple[Built, int]:
    """Make a slot's tables; gives what was made, and how many rows say what another row says.

    Args:
        root: The archive, whose segments are read.
        store: Where the files of earlier slots are read from.
        task: What to make.
        target: Where the files go; the archive itself when None.
        bound: So many bytes of columns are held in memory before they go to a file.

    Raises:
        Damaged: A segment is not what its manifest tells, or a line would vanish.
        ConfigError: There is no such venue.
        OSError: The disk refused.
    """
    with working(root, task.slot.feed, "columns") as folder:
        carry, books = carried(store, task.before)
        decoding = Decoding(
            task.slot.feed,
            load(task.venue),
            carry,
            books,
            [_account(source) for source in task.sources],
            spill=folder,
            bound=bound,
        )
        _read(root, task, carry, decoding)
        return _write(target or root, store, task, decoding, carry)


@contextmanager
def working(root: Path, feed: str, name: str) -> Iterator[Path]:
    """An empty folder, for whoever holds the lock of a feed's tables; gone when the block ends."""
    folder = layout.tables_folder(root, feed) / name
    shutil.rmtree(folder, ignore_errors=True)  # of one who was killed
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def carried(store: Store, before: Sequence[Link]) -> tuple[Carry, keeping.Saved]:
    """What a slot begins with.

    Raises:
        Damaged: What the slot before left is not what was written.
    """
    if not before:
        return Carry(), {}
    name = layout.built(before[-1].slot)
    previous = built.decode(store.read(name), name)
    return previous.carry, {} if previous.books is None else keeping.read(store, previous.books)


def present(manifests: Collection[Manifest]) -> dict[str, Presence]:
    """What segments together hold of each connection."""
    found: dict[str, Presence] = {}
    for manifest in manifests:
        for connection, held in manifest.contents.connections.items():
            found.setdefault(connection, Presence()).merge(held)
    return found


def lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of a sealed segment.

    Raises:
        Damaged: It cannot be read to its end.
    """
    frames = Frames(file)
    yield from frames.lines()
    check(frames, name)


def check(frames: Frames, name: str) -> None:
    """Make sure that a sealed segment was read to its end.

    Raises:
        Damaged: It cannot be.
    """
    if frames.damage or frames.torn:
        message = f"{name} cannot be read to its end: {frames.damage or 'it is cut off'}."
        raise Damaged(message, remedy=_REDO)


def _account(source: Source) -> Accounting:
    contents = source.manifest.contents
    return Accounting(
        segment=source.place.name(), sha256=source.manifest.sha256, lines=contents.lines, rows={}
    )


def _read(root: Path, task: Task, carry: Carry, decoding: Decoding) -> None:
    """Decode every line of a slot, and check that none is missing."""
    before = {name: standing.ordinal for name, standing in carry.connections.items()}
    streams = [_lines(root, source) for source in task.sources]
    held = present([source.manifest for source in task.sources])
    for taken in ordered(streams, held, before):
        decoding.take(taken)
    decoding.settle()
    for source, account, reheard in zip(
        task.sources, decoding.accounts, decoding.reheard, strict=True
    ):
        _check(source.manifest, account, reheard)


def _lines(root: Path, source: Source) -> Iterator[bytes]:
    name = source.place.name()
    with (root / name).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != source.manifest.sha256:
            raise Damaged(f"{name} is not what its manifest tells.", remedy=_REDO)
        file.seek(0)
        yield from lines(file, name)


def _check(manifest: Manifest, account: Accounting, reheard: int) -> None:
    """Every line must have become something, as often as the manifest counts it.

    Args:
        manifest: Counts the lines.
        account: What became of them.
        reheard: So many of those that were unread when they came are read now.

    Raises:
        Damaged: The counts differ.
    """
    types = manifest.contents.types
    records = sum(types.get(name, 0) for name in _RECORDS)
    for what, told, counted in (
        ("lines", account.lines, account.told),
        ("records", records, account.records),
        ("unread frames", types.get(UNREAD, 0), account.unread + reheard),
    ):
        if told != counted and not (account.duplicates and what != "lines"):
            message = (
                f"{account.segment}: its manifest counts {told} {what}, {counted} were accounted"
                f" for ({account.with_rows} with rows, {account.control} control,"
                f" {account.records} records, {account.unread} unread, {account.empty} empty,"
                f" {account.rejected} rejected, {account.duplicates} again)."
            )
            raise Damaged(message, remedy=_REDO)


def _write(
    target: Path, store: Store, task: Task, decoding: Decoding, carry: Carry
) -> tuple[Built, int]:
    """Find what is told again, and write everything; the slot's own file last."""
    told = earlier.Told(store, task.before)
    flags = Flags(decoding.tables, decoding.connections, carry, task.span, decoding.pages, told)
    flags.elect()
    made: list[TableFile] = []
    again = 0
    for table, parts in sorted(decoding.tables.items()):
        repeats = flags.of(table)
        for source, account, held, column in zip(
            task.sources, decoding.accounts, parts, repeats, strict=True
        ):
            if held.rows:
                origin = _origin(task, source)
                name = layout.rows(source.place, table)
                made.append(files.write(target, name, held, column, origin))
                account.rows[table] = held.rows
                again += column.true_count
        parts.clear()  # what is written need not be held
    made += _rejects(target, task, decoding)
    books = _books(target, task, decoding, flags)
    ended = Carry(
        venue=task.venue,
        connections=decoding.connections.go_on(task.span[1]),
        primary=flags.primary,
        broken=decoding.connections.still_broken(task.span[1]),
    )
    result = Built(
        format=FORMAT,
        feed=task.slot.feed,
        venue=task.venue,
        date=task.slot.date,
        time=task.slot.time,
        interval_s=max(source.manifest.interval_s for source in task.sources),
        key=task.key,
        segments={source.place.name(): source.manifest.sha256 for source in task.sources},
        previous=earlier.key(task.before[-1]) if task.before else "",
        consulted=earlier.consulted(task.before, told.asked),
        asked=dict(sorted(told.asked.items())),
        files=tuple(sorted(made)),
        accounting=tuple(decoding.accounts),
        books=books,
        carry=ended,
        ended=built.digest(ended, "" if books is None else books.sha256),
        ids=flags.ids,
    )
    _finish(target, result)
    return result, again


def _rejects(target: Path, task: Task, decoding: Decoding) -> Iterator[TableFile]:
    """The pieces that gave no row."""
    shape = schema.REJECTS
    for source, rejected in zip(task.sources, decoding.rejected, strict=True):
        if not rejected:
            continue
        rejected.sort(key=lambda each: (each.connection, each.ordinal or 0, each.part, each.where))
        columns: dict[str, list[Any]] = {
            name: [getattr(each, name) for each in rejected]
            for name in shape.columns
            if name != "feed"
        }
        columns["feed"] = [task.slot.feed] * len(rejected)
        rows = schema.arrow().table(
            {name: _plain(columns[name]) for name in shape.columns},
            schema=schema.schema(shape.columns),
        )
        name = layout.rows(source.place, layout.REJECTS)
        yield files.write_plain(target, name, shape.name, rows, _origin(task, source))


def _plain(values: list[Any]) -> list[Any]:
    """Texts that can be written, whatever a venue sent."""
    return [
        value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for value in values
    ]


def _books(target: Path, task: Task, decoding: Decoding, flags: Flags) -> TableFile | None:
    """The books at the slot's end."""
    alive = decoding.connections.go_on(task.span[1])
    saved = keeping.save(decoding.readers, alive)
    if not saved:
        return None
    origin = Origin(task.slot.feed, task.venue, "", "")
    primary = {
        symbol: name for name, known in flags.primary.items() for symbol in known.get(BOOK, ())
    }
    rows = keeping.table(saved, primary, origin)
    return keeping.write(target, layout.books(task.slot), rows, origin)


def _origin(task: Task, source: Source) -> Origin:
    return Origin(task.slot.feed, task.venue, source.place.name(), source.manifest.sha256)


def _finish(target: Path, result: Built) -> None:
    """Give all files their names, take away those of the slot that are no more, then say so."""
    path = target / layout.built(result.slot)
    books = () if result.books is None else (result.books,)
    names = [file.name for file in (*result.files, *books)]
    files.put_in_place(target, names)
    try:
        before = built.decode_link(path.read_bytes(), path.name)
    except (FileNotFoundError, Damaged):
        before = None
    durable.make_folder(path.parent)
    durable.replace(path, built.encode(result))
    if before is not None:
        old = {file.name for file in (*before.files, *((before.books,) if before.books else ()))}
        for name in sorted(old - set(names)):
            durable.unlink(target / name)
