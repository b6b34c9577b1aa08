"""The shapes of rows, for the OpenAPI document: made from the columns of the tables themselves."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from pydantic import Field, create_model

from ssmd.api.wire import Big, Exact, Time, Wire

_TEXTS: Final[Mapping[type[pl.DataType], Any]] = {
    pl.String: str,
    pl.Boolean: bool,
    pl.Int8: int,
    pl.Int16: int,
    pl.Int32: int,
    pl.UInt8: int,
    pl.UInt16: int,
    pl.UInt32: int,
    pl.Int64: Big,
    pl.UInt64: Big,
}
_OURS: Final = frozenset({"ordinal", "record"})
_MEANINGS: Final[Mapping[str, str]] = {
    "feed": "Of which feed.",
    "instrument_id": "`venue:symbol`.",
    "symbol": "The venue's own string.",
    "ts_event": "When it happened, by the venue's clock; null when it says nothing.",
    "ts_recv": "When we received it.",
    "connection": "The connection it came by.",
    "ordinal": "Which frame of that connection.",
    "part": "Which part of that frame.",
    "row": "Which row of that part.",
    "sequence": "The venue's own counter.",
    "side": "What the aggressor did; of a book, the side of the level.",
    "source": "Where it was said.",
    "is_snapshot": "Whether it is part of a snapshot.",
    "is_repeat": "Whether it tells again what another row tells.",
    "inexact": "Texts of numbers that no column can hold; those columns are null.",
    "book_ok": "Whether the book is proved after it.",
    "text": "What was received, when it is text.",
    "b64": "What was received, when it is not, in base64.",
}


class RowsPage(Wire):
    """Some rows, how to go on, and what is missing of the time."""

    next: str | None = Field(description="Give it as `cursor` to go on; null at the end.")
    incomplete: list[str] = Field(
        description="What is missing of the time and was not made good, a sentence each."
    )


def page_of(name: str, schema: pl.Schema, more: Mapping[str, Any] | None = None) -> type[RowsPage]:
    """The shape of a page of rows.

    Args:
        name: What rows are called, `Trade`.
        schema: Their columns.
        more: Fields that are not columns, by name: their types.
    """
    fields: dict[str, Any] = {
        column: (_kind(column, kind) | None, Field(default=None, description=_meaning(column)))
        for column, kind in schema.items()
    }
    fields |= {
        column: (kind, Field(default=None, description=_meaning(column)))
        for column, kind in (more or {}).items()
    }
    row = create_model(name, __base__=Wire, __doc__=f"A row: {name}.", **fields)
    return create_model(
        f"{name}Page",
        __base__=RowsPage,
        __doc__=RowsPage.__doc__,
        items=(list[row], Field(description="The rows, in the order of their receipt.")),  # type: ignore[valid-type] # it is made here
    )


def _meaning(column: str) -> str:
    return _MEANINGS.get(column, f"`{column}`, as in the table; see the reference of tables.")


def _kind(column: str, kind: pl.DataType) -> Any:  # noqa: ANN401 - a type
    if isinstance(kind, pl.Decimal):
        return Exact
    if isinstance(kind, pl.Datetime):
        return Time
    if isinstance(kind, pl.List):
        return list[str]
    if column in _OURS:
        return int
    return _TEXTS[type(kind)]
