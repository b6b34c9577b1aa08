"""Small files of tables into larger ones, hour by hour or day by day; no row is ever lost.

The new files are written and read back, then a record says that they count, then the old ones go. A
crash leaves the old files or the new ones counting, and the next run takes away the rest. A slot that
has to be made again is first taken out together with all it was merged with (`merged.dissolve`).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ssmd.archive import layout
from ssmd.archive.layout import Slot
from ssmd.archive.ledger.store import feeds
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import built, compactor, files, merged, reading, telemetry
from ssmd.archive.tables.built import Link, TableFile
from ssmd.archive.tables.files import Origin
from ssmd.archive.tables.merged import Merged
from ssmd.archive.tables.schema import arrow
from ssmd.model.errors import ConfigError, Damaged
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock

HOUR_S: Final = 3600
"""The usual length of what becomes one, in seconds."""
SETTLE_S: Final = 86_400.0
"""So long after its end nothing late is expected any more, in seconds."""
MOST_BYTES: Final = 128 << 20
"""Files of a table that are larger than this together are left as they are: they are not small."""


class Outcome(msgspec.Struct, kw_only=True):
    """What a run did.

    Attributes:
        groups: How many groups of slots became one.
        slots: How many slots they are.
        before: Files that went.
        after: Files that came in their place.
        rows: Rows in them.
        waiting: Hours or days of which some segment has no tables yet.
        busy: Feeds whose tables somebody else makes at this moment.
    """

    groups: int = 0
    slots: int = 0
    before: int = 0
    after: int = 0
    rows: int = 0
    waiting: int = 0
    busy: list[str] = []


def merge(
    root: Path,
    clock: Clock,
    *,
    every_s: int = HOUR_S,
    settle_s: float = SETTLE_S,
    feed: str | None = None,
    most_bytes: int = MOST_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Merge the tables of what is settled; twice is fine.

    Args:
        root: The archive.
        clock: Tells the time.
        every_s: Length of what becomes one, in seconds, aligned to midnight UTC; at most a day.
        settle_s: How long after its end it is left alone, in seconds.
        feed: Only this feed; None for all.
        most_bytes: Files of a table that are larger together are left as they are.
        progress: Told the groups looked at, and the groups there are, of each feed in turn.

    Raises:
        ConfigError: There is no archive, or nothing of that feed.
        Damaged: A file is not what its slot tells; nothing of its group was changed.
        OSError: The disk refused.
    """
    names = feeds(root)
    if feed is not None and feed not in names:
        raise ConfigError(
            f"Nothing of a feed {feed!r} is archived in {root}.",
            remedy=f"Use one of: {', '.join(names) or 'none yet'}.",
        )
    outcome = Outcome()
    until = clock.wall() - int(settle_s * SECOND_NS)
    for name in names if feed is None else [feed]:
        with compactor.locked(root, name) as mine:
            if not mine:
                outcome.busy.append(name)
                continue
            _sweep(root, name)
            groups = list(_groups(root, name, every_s, until, outcome))
            for number, group in enumerate(groups, 1):
                _merge(root, group, outcome, most_bytes)
                if progress is not None:
                    progress(number, len(groups))
            _sweep(root, name)
    return outcome


def _groups(
    root: Path, feed: str, every_s: int, until: int, outcome: Outcome
) -> Iterator[list[Link]]:
    """What becomes one: neighbours that are whole, settled, and more than one."""
    contents = reading.contents(LocalStore(root), [feed])
    length = every_s * SECOND_NS
    found: dict[int, list[Link]] = {}
    for link in contents.built:
        begin = layout.slot(link.slot.start, every_s)
        if link.end <= min(begin + length, layout.slot_end(begin, every_s)):
            found.setdefault(begin, []).append(link)
    waiting = {layout.slot(layout.start(each.place), every_s) for each in contents.unbuilt}
    for begin, links in sorted(found.items()):
        if begin + length > until:
            continue
        if begin in waiting:
            outcome.waiting += 1
        elif sum(bool(link.files) for link in links) > 1:
            yield links


def _merge(root: Path, group: Sequence[Link], outcome: Outcome, most_bytes: int) -> None:
    """Make one of several slots: write, read back, say so."""
    first = group[0]
    before = [file for link in group for file in link.files]
    keys = _keys(root, group)
    digest = built.digest(keys, [file.sha256 for file in before])
    tables: dict[str, list[TableFile]] = {}
    for file in before:
        tables.setdefault(file.table, []).append(file)
    after: list[TableFile] = []
    for table, old in sorted(tables.items()):
        if _is_worth_it(root, old, most_bytes):
            after.append(_table(root, first, table, old, digest))
        else:
            after += old
    made = [file for file in after if file not in before]
    if not made:
        return
    files.put_in_place(root, [file.name for file in made])
    record = Merged(
        format=merged.FORMAT,
        feed=first.feed,
        date=first.date,
        time=first.time,
        interval_s=(group[-1].end - first.slot.start) // SECOND_NS,
        slots=keys,
        files=tuple(sorted(after)),
    )
    merged.write(root, record)
    outcome.groups += 1
    outcome.slots += len(keys)
    outcome.before += len(before) - (len(after) - len(made))
    outcome.after += len(made)
    outcome.rows += sum(file.rows for file in made)
    telemetry.merged(record, before=len(before))


def _is_worth_it(root: Path, old: Sequence[TableFile], most_bytes: int) -> bool:
    """Whether files are several, small, here, and their rows known by their times.

    Rejects are not: no time tells which slot they are of, and there should be few.
    """
    return (
        len(old) > 1
        and sum(file.bytes for file in old) <= most_bytes
        and all(file.first_ts is not None and (root / file.name).exists() for file in old)
    )


def _keys(root: Path, group: Sequence[Link]) -> dict[str, str]:
    """What every slot was made from; those that are one already count each."""
    first = group[0]
    known = {link.slot: link.key for link in reading.links(LocalStore(root), [first.feed])}
    slots = {link.slot for link in group}
    for each in merged.records(LocalStore(root), [first.feed]):
        if slots & set(each.members):
            slots.update(each.members)
    return {merged.key(slot): known[slot] for slot in sorted(slots)}


def _table(root: Path, first: Link, table: str, old: Sequence[TableFile], digest: str) -> TableFile:
    """Write the rows of several files as one, under its temporary name, and read them back.

    Raises:
        Damaged: A file is not what its slot tells, or a row is missing in the new one.
    """
    pa = arrow()
    parts = [_read(root, file) for file in old]
    whole = pa.concat_tables(parts)
    names = [name for name in files.ORDER if name in whole.column_names]
    order = pa.compute.sort_indices(whole, sort_keys=[(name, "ascending") for name in names])
    whole = whole.take(order)
    name = layout.merged_rows(first.slot, table, digest)
    origin = Origin(first.feed, first.venue, ", ".join(file.segment for file in old), digest)
    made = files.write_plain(root, name, table, whole, origin)
    there = pa.parquet.read_table(layout.temporary(root / name), partitioning=None)
    if there.num_rows != sum(file.rows for file in old) or not there.equals(whole):
        message = f"{name} does not hold the rows it was made from."
        raise Damaged(message, remedy="Nothing was changed; report this with the file.")
    return msgspec.structs.replace(
        made,
        segment="",
        first_ts=_least(file.first_ts for file in old),
        last_ts=_greatest(file.last_ts for file in old),
        first_event=_least(file.first_event for file in old),
        last_event=_greatest(file.last_event for file in old),
        untimed=sum(file.untimed for file in old),
    )


def _read(root: Path, file: TableFile) -> Any:  # noqa: ANN401 - see `schema.arrow`
    pa = arrow()
    content = (root / file.name).read_bytes()
    if hashlib.sha256(content).hexdigest() != file.sha256:
        message = f"{file.name} is not what its slot tells."
        raise Damaged(message, remedy="Run `ssmd redecode`: it is made again from raw.")
    return pa.parquet.read_table(pa.BufferReader(content))


def _sweep(root: Path, feed: str) -> None:
    """Take away files that do not count: of slots that became one, and of a run that died."""
    store = LocalStore(root)
    every = list(merged.records(store, [feed]))
    keys = {link.slot: link.key for link in reading.links(store, [feed])}
    counting: set[str] = set()
    settled: set[Slot] = set()
    for each in every:  # those of more slots first
        members = set(each.members)
        if members <= settled:
            merged.remove(root, each.name)
        elif all(keys.get(slot) == each.slots[merged.key(slot)] for slot in members):
            settled |= members
            counting.update(file.name for file in each.files)
    for link in reading.links(store, [feed]):
        if link.slot in settled:
            for file in link.files:
                if file.name not in counting:
                    merged.remove(root, file.name)
    _sweep_unsaid(root, feed)


def _sweep_unsaid(root: Path, feed: str) -> None:
    """Take away merged files that no record speaks of."""
    store = LocalStore(root)
    said = {file.name for each in merged.records(store, [feed]) for file in each.files}
    for stored in list(store.files(layout.TABLES)):
        day = layout.day_of(stored.name.rpartition("/")[0])
        is_ours = day is not None and day[0] == feed and layout.is_merged_rows(stored.name)
        if is_ours and stored.name not in said:
            merged.remove(root, stored.name)


def _least(times: Iterable[int | None]) -> int | None:
    return min((ts for ts in times if ts is not None), default=None)


def _greatest(times: Iterable[int | None]) -> int | None:
    return max((ts for ts in times if ts is not None), default=None)
