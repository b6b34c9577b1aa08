"""Tables made anew from raw, held against those that are there, and put in their place."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ssmd.archive import durable, layout
from ssmd.archive.layout import Slot
from ssmd.archive.ledger.store import feeds
from ssmd.archive.store.layered import LayeredStore
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import build, compactor, earlier, merged, schema
from ssmd.archive.tables.built import Built, Link, TableFile
from ssmd.archive.tables.compactor import Compactor, Failed, Sealed
from ssmd.archive.tables.merged import Merged
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.runtime.clock import Clock

_KEY: Final = ("connection", "ordinal", "part", "row")
"""What a row is known by within a file."""
_REJECT_KEY: Final = ("connection", "ordinal", "part", "where")


class Difference(msgspec.Struct, kw_only=True):
    """What became of the rows of a table.

    Attributes:
        before: Rows that were there.
        after: Rows that are made now.
        added: Rows that were not there.
        removed: Rows that are made no more.
        changed: Rows that say something else.
        files: Files made.
        identical: Files of which every byte is as it was.
    """

    before: int = 0
    after: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    files: int = 0
    identical: int = 0


class Redecoded(msgspec.Struct, kw_only=True):
    """What a run made anew.

    Attributes:
        slots: Slots that were made.
        tables: What became of each table.
        failed: Slots that could not be made.
        is_same: Whether every file is as it was, byte for byte.
    """

    slots: list[Slot] = []
    tables: dict[str, Difference] = {}
    failed: list[Failed] = []
    is_same: bool = True


def redecode(
    root: Path,
    clock: Clock,
    feed: str | None = None,
    since: int | None = None,
    until: int | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Redecoded:
    """Make the tables of slots anew from their segments.

    Each slot is made in a folder beside, compared, and put in place before the next. What follows
    from a change is made anew by the compactor, as far as anything changes.

    Args:
        root: The archive.
        clock: Tells the time.
        feed: Only this feed; None for all.
        since: Only slots that end after this, ns.
        until: Only slots that begin before this, ns.
        dry_run: Whether to compare only.
        progress: Told the slots done, and the slots there are.

    Raises:
        ConfigError: There is no archive, or nothing of that feed.
    """
    names = feeds(root)
    if feed is not None and feed not in names:
        raise ConfigError(
            f"Nothing of a feed {feed!r} is archived in {root}.",
            remedy=f"Use one of: {', '.join(names) or 'none yet'}.",
        )
    result = Redecoded()
    for name in names if feed is None else [feed]:
        with compactor.locked(root, name, wait=True):
            hand = Compactor(root, clock)
            slots = compactor.sealed(root, name)
            if not hand.has_tables(name, slots):
                continue
            wanted = {each.slot for each in slots if _is_in(hand, each, since, until)}
            one = merged.covering(merged.records(LocalStore(root), [name]), wanted)
            wanted.update(slot for each in one for slot in each.members)
            chosen = [each for each in slots if each.slot in wanted]
            _feed(root, hand, name, chosen, result, dry_run=dry_run, progress=progress)
            if not dry_run:
                _part(root, one, result)
    result.is_same = not result.failed and all(
        each.files == each.identical and each.before == each.after
        for each in result.tables.values()
    )
    return result


def _is_in(hand: Compactor, each: Sealed, since: int | None, until: int | None) -> bool:
    start = each.slot.start
    if until is not None and start >= until:
        return False
    if since is None or start >= since:
        return True
    return start + layout.DAY_NS > since and hand.task(each, None, ()).span[1] > since


def _feed(
    root: Path,
    hand: Compactor,
    feed: str,
    chosen: list[Sealed],
    result: Redecoded,
    *,
    dry_run: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    with build.working(root, feed, "redecoded") as beside:
        store = LayeredStore(LocalStore(beside), LocalStore(root), lambda _: ())
        links = {link.slot: link for link in hand.links(feed)}
        for number, each in enumerate(chosen):
            before = [links[slot] for slot in sorted(links) if slot < each.slot]
            try:
                task = hand.task(each, links.get(each.slot), before)
                made, _ = build.build(root, store, task, target=beside)
            except (SsmdError, OSError) as error:
                result.failed.append(Failed(each.slot, str(error)))
                continue
            old = links.get(each.slot)
            for table, difference in _compare(root, beside, old, made):
                _add(result.tables.setdefault(table, Difference()), difference)
            result.slots.append(each.slot)
            links[each.slot] = made
            if not dry_run:
                _replace(root, beside, old, made)
            if progress is not None:
                progress(number + 1, len(chosen))


def _compare(
    root: Path, beside: Path, old: Link | None, made: Built
) -> Iterator[tuple[str, Difference]]:
    """What became of each file of a slot, and of those that are made no more."""
    before = {file.name: file for file in _files(old)}
    for file in _files(made):
        there = before.pop(file.name, None)
        kept = _read(root, there)
        difference = Difference(
            before=0 if kept is None else kept.num_rows, after=file.rows, files=1
        )
        if kept is not None and _is_same(root, beside, file, kept):
            difference.identical = 1
        else:
            _rows(kept, _read(beside, file), file.table, difference)
        yield file.table, difference
    for file in before.values():
        kept = _read(root, file)
        rows = 0 if kept is None else kept.num_rows
        yield file.table, Difference(before=rows, removed=rows)


def _rows(before: Any, after: Any, table: str, difference: Difference) -> None:  # noqa: ANN401 - see `schema.arrow`
    """Count which rows were added, removed, changed."""
    names = _REJECT_KEY if table == layout.REJECTS else _KEY
    old, new = ({} if rows is None else _keyed(rows, names) for rows in (before, after))
    difference.added = len(new.keys() - old.keys())
    difference.removed = len(old.keys() - new.keys())
    difference.changed = sum(old[key] != new[key] for key in new.keys() & old.keys())


def _keyed(rows: Any, names: tuple[str, ...]) -> dict[tuple[Any, ...], Any]:  # noqa: ANN401 - see `schema.arrow`
    held = [name for name in names if name in rows.column_names] or ["connection", "symbol"]
    return {tuple(row[name] for name in held): row for row in _counted(rows).to_pylist()}


def _counted(rows: Any) -> Any:  # noqa: ANN401 - see `schema.arrow`
    """The same with times as whole numbers: Python's own times have no ns."""
    pa = schema.arrow()
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in rows.columns
    ]
    return pa.Table.from_arrays(columns, names=rows.column_names)


def _files(link: Link | None) -> tuple[TableFile, ...]:
    if link is None:
        return ()
    return (*link.files, *(() if link.books is None else (link.books,)))


def _read(root: Path, file: TableFile | None) -> Any:  # noqa: ANN401 - see `schema.arrow`
    """The rows of a file; None when it is not there, or cannot be read."""
    pa = schema.arrow()
    if file is None:
        return None
    try:
        return pa.parquet.read_table(root / file.name, use_threads=False, partitioning=None)
    except FileNotFoundError:
        return earlier.Told(LocalStore(root), ()).rows(file)
    except (OSError, pa.ArrowException):
        return None


def _is_same(root: Path, beside: Path, file: TableFile, kept: Any) -> bool:  # noqa: ANN401 - see `schema.arrow`
    """Whether a file is the one that was there, or its rows are those that became one with others."""
    path = root / file.name
    if path.exists():
        return path.read_bytes() == (beside / file.name).read_bytes()
    made = _read(beside, file)
    return made is not None and bool(made.equals(kept))


def _part(root: Path, one: Sequence[Merged], result: Redecoded) -> None:
    """Slots that were one count by themselves again: all of them were just made."""
    for each in one:
        if set(each.members) <= set(result.slots):
            merged.remove(root, each.name)
            for file in each.files:
                if layout.is_merged_rows(file.name):
                    merged.remove(root, file.name)


def _replace(root: Path, beside: Path, old: Link | None, made: Built) -> None:
    """Put a slot's new files in the place of the old; its own file comes last."""
    names = [file.name for file in _files(made)]
    for name in (*names, layout.built(made.slot)):
        path = root / name
        durable.make_folder(path.parent)
        durable.rename(beside / name, path)
        durable.sync_directory(path.parent)
    for file in _files(old):
        if file.name not in names:
            durable.unlink(root / file.name)


def _add(total: Difference, one: Difference) -> None:
    for name in Difference.__struct_fields__:
        setattr(total, name, getattr(total, name) + getattr(one, name))
