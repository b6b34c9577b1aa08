"""Tables on disk: rows sorted by instrument and time, in files that are whole or not there."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ssmd.archive import durable, layout
from ssmd.archive.tables.built import TableFile
from ssmd.archive.tables.held import Held
from ssmd.archive.tables.schema import VERSION, arrow, schema

GROUP_ROWS: Final = 128 << 10
"""Most rows of a row group."""
ORDER: Final = ("symbol", "ts_recv", "connection", "ordinal", "part", "row")
"""What rows are sorted by; those without come last."""


class Origin(msgspec.Struct, frozen=True):
    """What a file is made from.

    Attributes:
        feed: The feed's name.
        venue: The venue's name.
        segment: The segment whose rows it holds.
        sha256: Its digest; empty while it is open.
    """

    feed: str
    venue: str
    segment: str
    sha256: str

    def told(self, table: str) -> dict[str, str]:
        """What stands in the file about itself."""
        return {
            "ssmd.schema": table,
            "ssmd.version": str(VERSION),
            "ssmd.segment": self.segment,
            "ssmd.sha256": self.sha256,
            "ssmd.feed": self.feed,
            "ssmd.venue": self.venue,
        }


class _Sink(io.RawIOBase):
    """A file being written, hashed as it grows."""

    def __init__(self, handle: int) -> None:
        super().__init__()
        self._handle = handle
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, block: Any, /) -> int:  # noqa: ANN401 - any buffer
        """Write a block whole."""
        content = bytes(block)
        durable.put(self._handle, content)
        self.sha256.update(content)
        self.bytes += len(content)
        return len(content)


def groups(held: Held, repeats: Any, origin: Origin) -> Iterator[Any]:  # noqa: ANN401 - see `arrow`
    """The rows of a table as they stand in its file, a row group at a time.

    Args:
        held: The rows.
        repeats: Whether each of them is told elsewhere too: a column.
        origin: What they are made from.
    """
    pa = arrow()
    table = held.table()
    order = _order(table)
    symbols = table.column("symbol").chunk(0)
    listed = pa.array(
        [f"{origin.venue}:{symbol}" for symbol in symbols.dictionary.to_pylist()], pa.string()
    )
    table = table.append_column(
        "instrument_id", pa.DictionaryArray.from_arrays(symbols.indices, listed)
    ).append_column("is_repeat", repeats)
    for at in range(0, table.num_rows, GROUP_ROWS):
        part = table.take(order.slice(at, GROUP_ROWS))
        rest = part.column("is_rest").combine_chunks()
        given = {
            "feed": _constant(origin.feed, part.num_rows),
            "source": pa.DictionaryArray.from_arrays(
                rest.cast(pa.int8()), pa.array(["live", "rest"], pa.string())
            ),
        }
        names = list(held.shape.columns)
        columns = [given[name] if name in given else part.column(name) for name in names]
        yield pa.Table.from_arrays(columns, names=names)


def plain(group: Any, columns: Mapping[str, Any]) -> Any:  # noqa: ANN401 - see `arrow`
    """A row group without numbers in place of texts."""
    return group.cast(schema(columns))


def write(root: Path, name: str, held: Held, repeats: Any, origin: Origin) -> TableFile:  # noqa: ANN401
    """Write a table's file under its temporary name; `put_in_place` gives it its own.

    Raises:
        OSError: The disk refused.
    """
    table = held.table()
    first_ts, last_ts = _bounds(table.column("ts_recv"))
    first_event, last_event = _bounds(table.column("ts_event"))
    untimed = table.column("ts_event").null_count
    del table
    size, sha256 = _write(root, name, groups(held, repeats, origin), origin.told(held.shape.name))
    return TableFile(
        name=name,
        table=held.shape.name,
        segment=origin.segment,
        rows=held.rows,
        bytes=size,
        sha256=sha256,
        first_ts=first_ts,
        last_ts=last_ts,
        first_event=first_event,
        last_event=last_event,
        untimed=untimed,
    )


def write_plain(
    root: Path, name: str, table: str, rows: Any, origin: Origin  # noqa: ANN401 - see `arrow`
) -> TableFile:  # fmt: skip
    """Write rows that are sorted already and have every column.

    Raises:
        OSError: The disk refused.
    """
    size, sha256 = _write(root, name, [rows], origin.told(table))
    return TableFile(
        name=name,
        table=table,
        segment=origin.segment,
        rows=rows.num_rows,
        bytes=size,
        sha256=sha256,
    )


def put_in_place(root: Path, names: list[str]) -> None:
    """Give files their names, durably.

    Raises:
        OSError: The disk refused.
    """
    for name in names:
        durable.rename(layout.temporary(root / name), root / name)
    for folder in sorted({(root / name).parent for name in names}):
        durable.sync_directory(folder)


def _write(root: Path, name: str, parts: Any, told: Mapping[str, str]) -> tuple[int, str]:  # noqa: ANN401
    path = root / name
    durable.make_folder(path.parent)
    writer = None
    with durable.writing(layout.temporary(path)) as handle:
        sink = _Sink(handle)
        for part in parts:
            if writer is None:
                writer = arrow().parquet.ParquetWriter(
                    sink, part.schema, compression="zstd", store_schema=False
                )
            writer.write_table(part, row_group_size=GROUP_ROWS)
        if writer is not None:
            writer.add_key_value_metadata(dict(told))
            writer.close()
    return sink.bytes, sink.sha256.hexdigest()


def _order(table: Any) -> Any:  # noqa: ANN401 - see `arrow`
    """The rows' numbers in the order of a file."""
    pa = arrow()
    keys = {
        name: _ranks(column.chunk(0)) if pa.types.is_dictionary(column.type) else column
        for name, column in ((name, table.column(name)) for name in ORDER)
    }
    return pa.compute.sort_indices(
        pa.table(keys), sort_keys=[(name, "ascending") for name in ORDER]
    )


def _ranks(column: Any) -> Any:  # noqa: ANN401 - see `arrow`
    """Texts as numbers of the same order."""
    pa = arrow()
    order = pa.compute.sort_indices(column.dictionary)
    places = pa.compute.sort_indices(order)
    return places.take(column.indices)


def _bounds(column: Any) -> tuple[int | None, int | None]:  # noqa: ANN401 - see `arrow`
    found = arrow().compute.min_max(column.cast(arrow().int64()))
    return found["min"].as_py(), found["max"].as_py()


def _constant(text: str, rows: int) -> Any:  # noqa: ANN401 - see `arrow`
    pa = arrow()
    zeros = pa.array([0], pa.int8()).take(pa.repeat(pa.scalar(0, pa.int64()), rows))
    return pa.DictionaryArray.from_arrays(zeros, pa.array([text], pa.string()))
