"""Rows as Arrow, in the types of the files."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa


def reader(frame: pl.LazyFrame) -> Any:  # noqa: ANN401 - it ships no types
    """A `pyarrow.RecordBatchReader` of a frame's rows; it is collected piece by piece."""
    schema = plain_schema(frame.collect_schema())

    def batches() -> Iterator[Any]:
        for piece in frame.collect_batches(maintain_order=True):
            yield from piece.to_arrow().cast(schema).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def plain_schema(columns: pl.Schema) -> Any:  # noqa: ANN401 - it ships no types
    """The types of the files: Polars' own texts and lists are wider."""
    empty = pl.DataFrame(schema=columns).to_arrow()
    return pa.schema([field.with_type(_plain(field.type)) for field in empty.schema])


def _plain(kind: Any) -> Any:  # noqa: ANN401 - it ships no types
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_large_list(kind):
        return pa.list_(_plain(kind.value_type))
    return kind
