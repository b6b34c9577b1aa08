"""The books at the end of a slot: put away in a file, and taken up again by the next."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ssmd.archive.store.port import Store
from ssmd.archive.tables import files, schema
from ssmd.archive.tables.built import TableFile
from ssmd.archive.tables.files import Origin
from ssmd.model.booking import BookReader, BookSaved
from ssmd.model.errors import Damaged

TABLE: Final = "books"
"""The name of this table in its files."""

Saved = Mapping[str, Sequence[BookSaved]]
"""The books of connections."""


def save(readers: Mapping[str, BookReader], alive: Iterable[str]) -> dict[str, Sequence[BookSaved]]:
    """What the readers of the connections that may go on know."""
    kept = {name: tuple(readers[name].save()) for name in sorted(alive) if name in readers}
    return {name: saved for name, saved in kept.items() if saved}


def table(saved: Saved, primary: Mapping[str, str], origin: Origin) -> Any:  # noqa: ANN401 - see `schema.arrow`
    """Books as rows, by symbol and connection.

    Args:
        saved: The books of every connection.
        primary: Whose book of a symbol counts, where several have one.
        origin: Of which feed and venue.
    """
    holders: dict[str, list[tuple[str, bool]]] = {}
    for name, books in saved.items():
        for book in books:
            holders.setdefault(book.symbol, []).append((name, book.ok))
    counts = {
        symbol: primary[symbol]
        if primary.get(symbol) in {name for name, _ in names}
        else min(names, key=lambda each: (not each[1], each[0]))[0]
        for symbol, names in holders.items()
        if symbol
    }
    rows = [
        {
            "feed": origin.feed,
            "instrument_id": f"{origin.venue}:{book.symbol}" if book.symbol else None,
            "symbol": book.symbol,
            "connection": name,
            "is_primary": counts.get(book.symbol) == name,
            "ok": book.ok,
            "depth": book.depth,
            "aux": book.aux,
            "bid_prices": [price for price, _ in book.bids],
            "bid_sizes": [size for _, size in book.bids],
            "ask_prices": [price for price, _ in book.asks],
            "ask_sizes": [size for _, size in book.asks],
        }
        for name, books in saved.items()
        for book in books
    ]
    rows.sort(key=lambda row: (str(row["symbol"]), str(row["connection"])))
    return schema.arrow().Table.from_pylist(rows, schema=schema.books())


def write(root: Path, name: str, rows: Any, origin: Origin) -> TableFile:  # noqa: ANN401 - see `schema.arrow`
    """Write books under the file's temporary name.

    Raises:
        OSError: The disk refused.
    """
    return files.write_plain(root, name, TABLE, rows, origin)


def read(store: Store, file: TableFile) -> dict[str, list[BookSaved]]:
    """The books of every connection, as they were put away.

    Raises:
        Damaged: The file is not what was written.
        Unavailable: The store does not answer.
    """
    pa = schema.arrow()
    try:
        with store.open(file.name) as opened:
            rows = pa.parquet.read_table(opened, use_threads=False)
        if rows.num_rows != file.rows:
            message = f"{file.name} holds {rows.num_rows} books, not {file.rows}."
            raise Damaged(message, remedy="Run `ssmd redecode`: it is made again from raw.")
    except (FileNotFoundError, pa.ArrowException) as error:
        message = f"{file.name} cannot be read: {error}."
        raise Damaged(message, remedy="Run `ssmd redecode`: it is made again from raw.") from error
    saved: dict[str, list[BookSaved]] = {}
    for row in rows.to_pylist():
        saved.setdefault(row["connection"], []).append(
            BookSaved(
                symbol=row["symbol"],
                depth=row["depth"],
                ok=row["ok"],
                aux=row["aux"],
                bids=tuple(zip(row["bid_prices"], row["bid_sizes"], strict=True)),
                asks=tuple(zip(row["ask_prices"], row["ask_sizes"], strict=True)),
            )
        )
    return saved
