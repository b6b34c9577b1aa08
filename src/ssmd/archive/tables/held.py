"""Rows held as columns until their slot is whole: what a table's file will be written from."""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ssmd.archive.tables.schema import Shape, Type, arrow, type_of
from ssmd.model.fields import encode

_CHUNK: Final = 8192
_ROW_BYTES: Final = 500
"""What a row takes that is no column yet, about."""
_SHARED: Final = ("symbol", "ts_event", "native_id", "is_snapshot", "extra", "inexact")
_GIVEN: Final = frozenset({"feed", "instrument_id", "source", "is_repeat"})
"""Columns that are added when a file is written."""
_CODED: Final = frozenset({"symbol", "connection"})
"""Texts that come again and again: held once, and by number."""
HELD_TYPES: Final[dict[str, Type]] = {"is_rest": "bool", "native_id": "text"}
"""Columns that are held and stand in no file, or not in every one."""


class Place(NamedTuple):
    """Where rows stand: in which piece of which frame.

    Attributes:
        ts_recv: When it was received, ns.
        connection: On which connection.
        ordinal: Its frame.
        part: The piece.
        sequence: The venue's counter.
        is_rest: Whether the venue was asked for it afterwards.
    """

    ts_recv: int | None
    connection: str
    ordinal: int | None
    part: int
    sequence: int | None
    is_rest: bool


class Bad(msgspec.Struct, frozen=True):
    """A row that no column can hold.

    Attributes:
        place: Where it stands.
        row: Its number there.
        reason: What is wrong with it.
    """

    place: Place
    row: int
    reason: str


class Held:
    """The rows of one segment in one table.

    Attributes:
        shape: The table.
        rows: How many are held.
        bad: The rows that cannot be.
        tellers: Who tells of which symbol, of what has no id of its own: symbol, connection.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.rows = 0
        self._bytes = 0
        self.bad: list[Bad] = []
        self.tellers: set[tuple[str | None, str]] = set()
        self._pending: list[tuple[Place, int, msgspec.Struct]] = []
        self._batches: list[Any] = []
        self._spilt: list[Path] = []
        self._names = _held_names(shape)
        self._get: Callable[[Any], tuple[Any, ...]] = attrgetter(*_shared_names(shape), *shape.own)

    def add(self, place: Place, row: int, told: msgspec.Struct) -> None:
        """Take a row; it is turned into columns with others, later."""
        self._pending.append((place, row, told))
        if len(self._pending) >= _CHUNK:
            self.flush()

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        return self._bytes + _ROW_BYTES * len(self._pending)

    def flush(self) -> None:
        """Turn into columns what is not yet."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        batch = self._try(pending)
        if batch is None:
            pending = list(self._sound(pending))
            batch = self._try(pending) if pending else None
        if batch is None:
            return
        self.rows += batch.num_rows
        self._bytes += batch.nbytes
        self._batches.append(batch)
        self.tellers.update(
            (told.symbol, place.connection)  # type: ignore[attr-defined]  # every row has one
            for place, _, told in pending
            if told.native_id is None and not place.is_rest  # type: ignore[attr-defined]
        )

    def spill(self, path: Path) -> None:
        """Put what is held into a file that is there as long as this is."""
        self.flush()
        if not self._batches:
            return
        with (
            arrow().OSFile(str(path), "wb") as file,
            arrow().ipc.new_stream(file, self._batches[0].schema) as writer,
        ):
            for batch in self._batches:
                writer.write_batch(batch)
        self._spilt.append(path)
        self._batches, self._bytes = [], 0

    def batches(self) -> Iterator[Any]:
        """What is held, in the order in which it came."""
        self.flush()
        for path in self._spilt:
            with arrow().memory_map(str(path)) as file:
                yield from arrow().ipc.open_stream(file)
        yield from self._batches

    def column(self, name: str) -> list[Any]:
        """One column as a list, times as whole numbers."""
        return [value for batch in self.batches() for value in _list(batch.column(name))]

    def table(self) -> Any:  # noqa: ANN401 - it ships no types
        """What is held as one Arrow table of one piece."""
        return (
            arrow().Table.from_batches(list(self.batches())).unify_dictionaries().combine_chunks()
        )

    def _try(self, pending: Sequence[tuple[Place, int, Any]]) -> Any:  # noqa: ANN401 - see above
        """Rows as columns; None when some cannot be."""
        try:
            return self._batch(pending)
        except (arrow().ArrowException, ValueError, OverflowError, TypeError, ArithmeticError):
            return None

    def _sound(
        self, pending: Sequence[tuple[Place, int, Any]]
    ) -> Iterator[tuple[Place, int, msgspec.Struct]]:
        """The rows that can be columns; the others are put aside."""
        for each in pending:
            try:
                self._batch([each])
            except (
                arrow().ArrowException, ValueError, OverflowError, TypeError, ArithmeticError,
            ) as error:  # fmt: skip
                place, row, _ = each
                self.bad.append(Bad(place, row, f"{type(error).__name__}: {error}"))
            else:
                yield each

    def _batch(self, pending: Sequence[tuple[Place, int, Any]]) -> Any:  # noqa: ANN401 - see above
        places, numbers, told = zip(*pending, strict=True)
        ts, connections, ordinals, parts, sequences, rest = zip(*places, strict=True)
        columns: dict[str, Sequence[Any]] = {
            "ts_recv": ts,
            "connection": connections,
            "ordinal": ordinals,
            "part": parts,
            "row": numbers,
            "sequence": sequences,
            "is_rest": rest,
        }
        names = (*_shared_names(self.shape), *self.shape.own)
        columns |= dict(zip(names, zip(*map(self._get, told), strict=True), strict=True))
        columns["inexact"] = [encode(text) if text else None for text in columns["inexact"]]
        arrays = [_array(columns[name], kind, name) for name, kind in self._names.items()]
        return arrow().RecordBatch.from_arrays(arrays, names=list(self._names))


def _array(values: Sequence[Any], kind: Type, name: str) -> Any:  # noqa: ANN401 - see above
    """Values as a column."""
    pa = arrow()
    if kind == "time":  # from whole numbers: through `datetime` the last three digits would go
        return pa.array(values, pa.int64()).cast(type_of(kind))
    array = pa.array(values, type_of(kind))
    return array.dictionary_encode() if name in _CODED else array


def _list(array: Any) -> list[Any]:  # noqa: ANN401 - see above
    pa = arrow()
    values: list[Any] = (
        array.cast(pa.int64()) if pa.types.is_timestamp(array.type) else array
    ).to_pylist()
    return values


def _held_names(shape: Shape) -> dict[str, Type]:
    """What is held of a table's columns, and beside them."""
    names = {name: kind for name, kind in shape.columns.items() if name not in _GIVEN}
    return {**names, **HELD_TYPES}


def _shared_names(shape: Shape) -> tuple[str, ...]:
    """The attributes that every row of a table has."""
    names = {*shape.columns, "native_id"}
    return tuple(name for name in _SHARED if name in names)
