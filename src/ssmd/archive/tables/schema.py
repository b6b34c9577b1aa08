"""The columns of every table: derived from what rows and facts are annotated with.

The order of the columns is a promise: people's SQL depends on it.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from ssmd.archive import layout
from ssmd.model.fact import COMMON_TABLES, Fact
from ssmd.model.fields import NUMBER_SCALE, RATE_SCALE
from ssmd.model.row import Row
from ssmd.model.venue import Venue

VERSION: Final = 1
"""Version of the columns; stands in every file."""
DIGITS: Final = 38
"""How many digits a decimal column holds."""

Type = Literal["text", "texts", "int", "small", "bool", "number", "rate", "time"]
"""What a column holds; `small` has 32 bits."""

PLACE: Final[Mapping[str, Type]] = {
    "connection": "text",
    "ordinal": "int",
    "part": "small",
    "row": "small",
    "sequence": "int",
}
"""Where a row stands: its frame, the piece of it, its number within the piece, from 0; and the
venue's own counter, if it has one."""

_NATIVE_HEAD: Final[Mapping[str, Type]] = {
    "feed": "text",
    "instrument_id": "text",
    "symbol": "text",
    "ts_event": "time",
    "ts_recv": "time",
}
_NATIVE_TAIL: Final[Mapping[str, Type]] = {
    "native_id": "text",
    "is_snapshot": "bool",
    "extra": "text",
    "inexact": "text",
    **PLACE,
    "source": "text",
    "is_repeat": "bool",
}
_COMMON_HEAD: Final[Mapping[str, Type]] = {
    "feed": "text",
    "instrument_id": "text",
    "ts_event": "time",
    "ts_recv": "time",
}
_COMMON_TAIL: Final[Mapping[str, Type]] = {
    "symbol": "text",
    "source": "text",
    **PLACE,
    "is_snapshot": "bool",
    "is_repeat": "bool",
    "inexact": "text",
}
_AFTER: Final = {"size": "is_snapshot"}
"""In the table of books, what stands behind what: a snapshot's row is read with its size."""
_BOOK: Final = "book"


class Shape(msgspec.Struct, frozen=True):
    """The columns of a table.

    Attributes:
        name: Which table: `trades`, `native/ticker`.
        columns: What each column holds, in order.
        own: The columns that are attributes of its rows.
    """

    name: str
    columns: dict[str, Type]
    own: tuple[str, ...]


REJECTS: Final = Shape(
    layout.REJECTS,
    {
        "feed": "text",
        "connection": "text",
        "ordinal": "int",
        "part": "small",
        "ts_recv": "time",
        "type": "text",
        "where": "text",
        "reason": "text",
    },
    (),
)
"""What gave no row."""

_BOOKS: Final[Mapping[str, Type]] = {
    "feed": "text",
    "instrument_id": "text",
    "symbol": "text",
    "connection": "text",
    "is_primary": "bool",
    "ok": "bool",
    "depth": "small",
    "aux": "text",
    "bid_prices": "texts",
    "bid_sizes": "texts",
    "ask_prices": "texts",
    "ask_sizes": "texts",
}


@cache
def arrow() -> Any:  # noqa: ANN401 - it ships no types
    """Arrow, loaded when it is first needed: it takes longer than all of `ssmd --help`."""
    import pyarrow as pa  # noqa: PLC0415 - see above
    import pyarrow.compute  # noqa: PLC0415 - see above
    import pyarrow.ipc  # noqa: PLC0415 - see above
    import pyarrow.parquet  # noqa: PLC0415 - see above

    return pa


@cache
def native(row: type[Row]) -> Shape:
    """The table of a kind of row, in the venue's own words."""
    own = _own(row, Row)
    name = f"{layout.NATIVE}{row.table}"
    return _shape(name, {**_NATIVE_HEAD, **own, **_NATIVE_TAIL}, own)


@cache
def common(fact: type[Fact]) -> Shape:
    """The table of a kind of fact, in words that all venues share."""
    own = _own(fact, Fact)
    columns: dict[str, Type] = dict(_COMMON_HEAD)
    for name, kind in own.items():
        columns[name] = kind
        if fact.table == _BOOK and (behind := _AFTER.get(name)) is not None:
            columns[behind] = _COMMON_TAIL[behind]
    return _shape(fact.table, {**columns, **_COMMON_TAIL}, own)


def natives(venue: Venue) -> dict[str, Shape]:
    """Every table of a venue in its own words, by name."""
    return {shape.name: shape for shape in map(native, venue.tables)}


@cache
def commons() -> dict[str, Shape]:
    """Every table in words that all venues share, by name."""
    return {shape.name: shape for shape in map(common, COMMON_TABLES)}


def named(feed: str, table: str) -> str:
    """How SQL names a feed's table in its venue's own words, given by type."""
    return f"{feed}_{table}".replace("-", "_")


def type_of(kind: Type) -> Any:  # noqa: ANN401 - it ships no types
    """The Arrow type of what a column holds."""
    return _types()[kind]


def schema(columns: Mapping[str, Type]) -> Any:  # noqa: ANN401 - it ships no types
    """The Arrow schema of columns."""
    return arrow().schema([arrow().field(name, type_of(kind)) for name, kind in columns.items()])


def books() -> Any:  # noqa: ANN401 - it ships no types
    """The Arrow schema of the books at the end of a slot, their levels the best first."""
    return schema(_BOOKS)


@cache
def _types() -> dict[Type, Any]:
    pa = arrow()
    return {
        "text": pa.string(),
        "texts": pa.list_(pa.field("element", pa.string(), nullable=False)),
        "int": pa.int64(),
        "small": pa.int32(),
        "bool": pa.bool_(),
        "number": pa.decimal128(DIGITS, NUMBER_SCALE),
        "rate": pa.decimal128(DIGITS, RATE_SCALE),
        "time": pa.timestamp("ns", tz="UTC"),
    }


def _shape(name: str, columns: dict[str, Type], own: Iterable[str]) -> Shape:
    return Shape(name, columns, tuple(own))


def _own(kind: type[msgspec.Struct], base: type[msgspec.Struct]) -> dict[str, Type]:
    """What a class adds to its base, in the order it is written."""
    hints = get_type_hints(kind, include_extras=True)
    shared = set(base.__struct_fields__)
    order = [name for name in hints if name in set(kind.__struct_fields__) - shared]
    return {name: _type(kind, name, hints[name]) for name in order}


def _type(kind: type, name: str, hint: object) -> Type:
    """What a field's annotation says that its column holds.

    Raises:
        TypeError: There is no column for it.
    """
    if get_origin(hint) in {Union, UnionType}:
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    for meta in get_args(hint)[1:]:
        if isinstance(meta, msgspec.Meta) and meta.extra:
            if "time" in meta.extra:
                return "time"
            if (rests := meta.extra.get("decimal")) is not None:
                return "rate" if rests[1] == RATE_SCALE else "number"
    plain: dict[object, Type] = {str: "text", int: "int", bool: "bool"}
    if hint in plain:
        return plain[hint]
    if get_origin(hint) is tuple and get_args(hint)[:1] == (str,):
        return "texts"
    if get_origin(hint) is Literal:
        return "text"
    message = f"{kind.__qualname__}.{name}: no column holds {hint}"
    raise TypeError(message)
