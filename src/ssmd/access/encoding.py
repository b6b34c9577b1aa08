"""Rows as bytes, a piece at a time: what is read back is what was in the archive.

In texts every decimal has all its digits, a time is RFC 3339 in UTC with nine digits, and a null is
`null` in JSON and nothing in CSV. An integer that a venue chose, or that may otherwise be beyond
2^53, is a string in JSON: most readers of JSON would change it. Arrow and Parquet have the types of the archive.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ssmd.access.arrows import plain_schema

Format = Literal["ndjson", "csv", "arrow", "parquet"]
"""How rows are written as bytes."""
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.9fZ"
_COUNTERS: Final = frozenset({"ordinal", "record"})
"""64-bit integers that we count ourselves, from 0: they stay far below 2^53."""
_ROWS: Final = 65_536
"""Rows of one group in Parquet, and most rows that are encoded at once."""
_PAYLOAD: Final = "payload"


def encoded(kind: Format, schema: pl.Schema, pieces: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    """Rows as the bytes of one file.

    A stream that breaks lacks its end: Parquet its footer, Arrow its end mark; texts end in the
    middle of what carries them.

    Args:
        kind: How.
        schema: The columns.
        pieces: The rows.
    """
    yield from _WRITERS[kind](schema, _bounded(pieces))


def objects(frame: pl.DataFrame) -> list[bytes]:
    """Every row as a JSON object."""
    if not frame.height:
        return []
    told = io.BytesIO()
    _spelled(_readable(frame), as_json=True).write_ndjson(told)
    return told.getvalue().splitlines()


def _bounded(pieces: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same, no piece larger than is encoded at once."""
    for piece in pieces:
        if piece.height:
            yield from piece.iter_slices(_ROWS)


def _ndjson(_schema: pl.Schema, pieces: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    for piece in pieces:
        told = io.BytesIO()
        _spelled(_readable(piece), as_json=True).write_ndjson(told)
        yield told.getvalue()


def _csv(schema: pl.Schema, pieces: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    """RFC 4180: a header, CRLF, quotes where they are needed; lists with blanks between."""
    empty = _flat(pl.DataFrame(schema=schema))
    yield empty.write_csv(line_terminator="\r\n").encode()
    for piece in pieces:
        yield _flat(piece).write_csv(include_header=False, line_terminator="\r\n").encode()


def _flat(piece: pl.DataFrame) -> pl.DataFrame:
    lists = [name for name, kind in piece.schema.items() if isinstance(kind, pl.List)]
    joined = (pl.col(name).cast(pl.List(pl.String)).list.join(" ") for name in lists)
    return _spelled(_readable(piece), as_json=False).with_columns(joined)


def _arrow(schema: pl.Schema, pieces: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    wanted = plain_schema(schema)
    sink = _Sink()
    with pa.ipc.new_stream(sink, wanted) as writer:
        yield sink.take()
        for piece in pieces:
            writer.write_table(piece.to_arrow().cast(wanted))
            yield sink.take()
    yield sink.take()


def _parquet(schema: pl.Schema, pieces: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    wanted = plain_schema(schema)
    sink = _Sink()
    with pq.ParquetWriter(sink, wanted, compression="zstd") as writer:
        for group in _grouped(pieces):
            writer.write_table(group.to_arrow().cast(wanted), row_group_size=_ROWS)
            yield sink.take()
    yield sink.take()


def _grouped(pieces: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Small pieces together, so that a row group is worth its name."""
    kept: list[pl.DataFrame] = []
    for piece in pieces:
        kept.append(piece)
        if sum(each.height for each in kept) >= _ROWS:
            yield pl.concat(kept)
            kept = []
    if kept:
        yield pl.concat(kept)


class _Sink(io.RawIOBase):
    """Takes what a writer writes, to be given on."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever has bytes
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._parts)
        self._parts = []
        return taken


def _readable(piece: pl.DataFrame) -> pl.DataFrame:
    """Payloads as `text` where they are UTF-8, and as `b64` where they are not."""
    if _PAYLOAD not in piece.columns:
        return piece
    texts = [_text(each) for each in piece[_PAYLOAD].to_list()]
    is_text = pl.Series("", [each is not None for each in texts], dtype=pl.Boolean)
    b64 = pl.when(is_text).then(None).otherwise(pl.col(_PAYLOAD).bin.encode("base64"))
    return piece.with_columns(pl.Series("text", texts, dtype=pl.String), b64.alias("b64")).drop(
        _PAYLOAD
    )


def _text(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def _spelled(piece: pl.DataFrame, *, as_json: bool) -> pl.DataFrame:
    """Decimals and times as texts, to the last digit; in JSON large integers as well."""
    texts: list[pl.Expr] = []
    for name, kind in piece.schema.items():
        if isinstance(kind, pl.Datetime):
            texts.append(pl.col(name).dt.strftime(_TIME))
        elif isinstance(kind, pl.Decimal) or (as_json and _is_large(name, kind)):
            texts.append(pl.col(name).cast(pl.String))
    return piece.with_columns(texts)


def _is_large(name: str, kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Int64 | pl.UInt64) and name not in _COUNTERS


_Writer = Callable[[pl.Schema, Iterator[pl.DataFrame]], Iterator[bytes]]
_WRITERS: Final[Mapping[Format, _Writer]] = {
    "ndjson": _ndjson,
    "csv": _csv,
    "arrow": _arrow,
    "parquet": _parquet,
}
