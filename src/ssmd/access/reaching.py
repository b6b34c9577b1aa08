"""From when to when an archive has rows."""

from collections.abc import Collection

from ssmd.access.times import Range
from ssmd.archive import layout
from ssmd.archive.store.port import Store
from ssmd.archive.tables import reading


def reach(store: Store, feeds: Collection[str], table: str) -> Range | None:
    """The least range of whole days that is known to hold all rows of a table; None without any.

    By both clocks: when something was received, and when the venue says it happened.

    Args:
        store: The archive.
        feeds: Of which feeds.
        table: Of which table.
    """
    found = reading.contents(store, list(feeds))
    times = [
        ts
        for link in found.built
        for file in link.files
        if file.table == table
        for ts in (file.first_ts, file.last_ts, file.first_event, file.last_event)
        if ts is not None
    ]
    times += [layout.start(segment.place) for segment in found.unbuilt]
    if not times:
        return None
    return Range(
        min(times) // layout.DAY_NS * layout.DAY_NS,
        (max(times) // layout.DAY_NS + 1) * layout.DAY_NS,
    )
