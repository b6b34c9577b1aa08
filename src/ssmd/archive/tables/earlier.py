"""The facts that earlier slots tell, from their files: what is told again is not told anew."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ssmd.archive import layout
from ssmd.archive.layout import NATIVE
from ssmd.archive.store.port import Store
from ssmd.archive.tables import merged
from ssmd.archive.tables.built import Link, Span, TableFile
from ssmd.archive.tables.repeats import Fact
from ssmd.archive.tables.schema import arrow

_Filter = tuple[str, str, object]
_ID: Final = "native_id"
_COMMON_ID: Final = "trade_id"
"""The column of ids of the table that has them, in the words all venues share."""


def key(link: Link) -> str:
    """How a slot is named within its feed."""
    return f"{link.date}/{link.time}"


def overlapping(earlier: Sequence[Link], asked: Mapping[str, Span]) -> list[tuple[Link, TableFile]]:
    """The files of earlier slots that can tell of facts of a time."""
    return [
        (built, file)
        for built in earlier
        for file in built.files
        if (span := asked.get(file.table)) is not None
        and file.first_event is not None
        and file.last_event is not None
        and file.first_event <= span.last
        and span.first <= file.last_event
    ]


def consulted(earlier: Sequence[Link], asked: Mapping[str, Span]) -> dict[str, str]:
    """The slots that can tell of facts of a time, and the digests of what they tell."""
    return {key(built): built.ids for built, _ in overlapping(earlier, asked)}


class Told:
    """What earlier slots of a feed tell.

    Attributes:
        asked: The time of the facts asked for, by table.
    """

    def __init__(self, store: Store, earlier: Sequence[Link]) -> None:
        """Read nothing yet.

        Args:
            store: The archive.
            earlier: The slots before, in order.
        """
        self._store = store
        self._earlier = earlier
        self.asked: dict[str, Span] = {}

    def before(self, table: str) -> set[Fact]:
        """The facts of the slot just before."""
        found: set[Fact] = set()
        for built in self._earlier[-1:]:
            for file in built.files:
                if file.table == table:
                    found |= self._read(file)
        return found

    def told(self, table: str, wanted: Mapping[Fact, int | None]) -> set[Fact]:
        """Which of some facts any earlier slot tells; those without a time, of the slot before."""
        times = [ts for ts in wanted.values() if ts is not None]
        if not times:
            return set()
        self.asked[table] = span = Span(min(times), max(times))
        left = {fact: ts for fact, ts in wanted.items() if ts is not None}
        found: set[Fact] = set()
        for _, file in reversed(overlapping(self._earlier, {table: span})):
            first, last = file.first_event or 0, file.last_event or 0
            symbols = {symbol for (symbol, _), ts in left.items() if first <= ts <= last}
            if symbols:
                again = self._read(file, symbols) & left.keys()
                found |= again
                left = {fact: ts for fact, ts in left.items() if fact not in again}
        return found

    def rows(self, file: TableFile, columns: Sequence[str] | None = None, *more: _Filter) -> Any:  # noqa: ANN401 - see `arrow`
        """The rows of a file that became one with others; None when they are nowhere.

        Args:
            file: The file, as its slot tells of it.
            columns: Which columns; all when None.
            more: What else they are filtered by.
        """
        held = self._merged(file)
        if held is None or file.first_ts is None or file.last_ts is None:
            return None
        pa = arrow()
        first, last = (
            pa.scalar(ts, pa.timestamp("ns", "UTC")) for ts in (file.first_ts, file.last_ts)
        )
        try:
            with self._store.open(held.name) as opened:
                return pa.parquet.read_table(
                    opened,
                    columns=columns,
                    filters=[*more, ("ts_recv", ">=", first), ("ts_recv", "<=", last)],
                    use_threads=False,
                )
        except FileNotFoundError:
            return None

    def _read(self, file: TableFile, symbols: set[str] | None = None) -> set[Fact]:
        column = _ID if file.table.startswith(NATIVE) else _COMMON_ID
        more: list[_Filter] = [] if symbols is None else [("symbol", "in", sorted(symbols))]
        pa = arrow()
        try:
            with self._store.open(file.name) as opened:
                if column not in pa.parquet.read_schema(opened).names:
                    return set()
                opened.seek(0)
                rows = pa.parquet.read_table(
                    opened, columns=["symbol", column], filters=more or None, use_threads=False
                )
        except FileNotFoundError:  # it became one with others, or retention took it
            rows = self.rows(file, None, *more)
            if rows is None or column not in rows.column_names:
                return set()
        symbol, native = (rows.column(name).to_pylist() for name in ("symbol", column))
        return {(s or "", i) for s, i in zip(symbol, native, strict=True) if i is not None}

    def _merged(self, file: TableFile) -> TableFile | None:
        """The file that holds the rows of another one now."""
        known = layout.parse(file.segment)
        if known is None:
            return None
        slot = layout.slot_of(known[0])
        return merged.holding(list(merged.records(self._store, [slot.feed])), file, slot)
