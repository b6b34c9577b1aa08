"""Made-up rows, and what the ledger would say of their connections."""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from ssmd.archive.ledger.entries import Coverage, Gap
from ssmd.archive.twins.told import Source, Told
from ssmd.model.row import Number, Row

S = 1_000_000_000
A, B, C = "feed-0-a", "feed-0-b", "feed-0-c"


class Trade(Row, frozen=True, kw_only=True):
    """A fact; with the venue's own id or without."""

    table: ClassVar[str] = "trade"

    price: Number | None = None


class Level(Row, frozen=True, kw_only=True):
    """A piece of a state."""

    table: ClassVar[str] = "book"

    price: Number | None = None


def trade(
    ts: float,
    connection: str = A,
    *,
    id_: str | None = None,
    price: int = 1,
    symbol: str = "X",
    source: Source = "live",
    ordinal: int = 0,
    snapshot: bool = False,
) -> Told:
    """A trade that was told at a second."""
    row = Trade(symbol=symbol, native_id=id_, price=Decimal(price), is_snapshot=snapshot)
    return told(row, ts, connection, source, ordinal)


def level(
    ts: float, connection: str = A, *, price: int = 1, snapshot: bool = False, symbol: str = "X"
) -> Told:
    """A level of a book that was told at a second."""
    return told(Level(symbol=symbol, price=Decimal(price), is_snapshot=snapshot), ts, connection)


def told(row: Row, ts: float, connection: str, source: Source = "live", ordinal: int = 0) -> Told:
    """A row with its provenance."""
    return Told(
        row=row,
        connection=connection,
        ordinal=ordinal,
        part=0,
        index=0,
        ts_recv=round(ts * S),
        source=source,
    )


def covered(
    connection: str, since: float, until: float | None, symbol: str = "X", channel: str = "book"
) -> Coverage:
    """A subscription that was live between two seconds."""
    return Coverage(
        feed="feed",
        since=round(since * S),
        until=None if until is None else round(until * S),
        reason="start",
        connection=connection,
        record=1,
        file="",
        channel=channel,
        symbol=symbol,
        ordinal=0,
        ended="",
    )


def gap(connection: str, since: float, until: float | None, symbols: Iterable[str] = ("X",)) -> Gap:
    """A book that was broken between two seconds."""
    return Gap(
        feed="feed",
        since=round(since * S),
        until=None if until is None else round(until * S),
        reason="checksum",
        connection=connection,
        record=1,
        file="",
        channel="book",
        symbols=tuple(symbols),
        expected=1,
        found=2,
        ordinal=0,
    )
