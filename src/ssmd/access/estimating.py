"""How much a question about rows would give, told before any row is read."""

from collections.abc import Collection

import msgspec

from ssmd.access.times import Range
from ssmd.archive import layout
from ssmd.archive.store.port import Store
from ssmd.archive.tables import reading


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a table and a time without reading rows.

    Attributes:
        rows: At most so many rows, in files that are built; repeats and other instruments count.
        parquet_bytes: Size of those files.
        files: How many there are.
        unbuilt: Segments whose rows are in no file yet: they come on top.
        is_exact: Whether the time holds those files whole, and nothing is unbuilt.
    """

    rows: int
    parquet_bytes: int
    files: int
    unbuilt: int
    is_exact: bool


def estimate(store: Store, feeds: Collection[str], table: str, asked: Range) -> Estimate:
    """What a table holds of a time, by what the files say of themselves.

    Args:
        store: The archive.
        feeds: Of which feeds.
        table: The archive's name of the table.
        asked: Received when.
    """
    found = reading.contents(store, list(feeds))
    files = found.files(table, asked.since, asked.until, by="ts_recv")
    unbuilt = [
        segment for segment in found.unbuilt if _may_hold(layout.start(segment.place), asked)
    ]
    whole = all(
        (asked.since is None or (file.first_ts or 0) >= asked.since)
        and (asked.until is None or (file.last_ts or 0) < asked.until)
        for file in files
    )
    return Estimate(
        rows=sum(file.rows for file in files),
        parquet_bytes=sum(file.bytes for file in files),
        files=len(files),
        unbuilt=len(unbuilt),
        is_exact=whole and not unbuilt,
    )


def _may_hold(start: int, asked: Range) -> bool:
    """Whether a segment of a slot can hold such a time; how long the slot is its name does not say."""
    end = start - start % layout.DAY_NS + layout.DAY_NS
    return (asked.until is None or start < asked.until) and (
        asked.since is None or end > asked.since
    )
