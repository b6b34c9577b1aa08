"""Cross-venue facts of Atlantis' rows: it publishes nothing but deals and depths."""

from collections.abc import Iterable, Mapping
from typing import Final

from ssmd.model.fact import Fact, Trade, renamed
from ssmd.model.row import Row
from ssmd.venues.atlantis.rows import Deal, Level

_LEVELS: Final[frozenset[type[Row | Fact]]] = frozenset({Level})
TELLS: Final[Mapping[str, frozenset[type[Row | Fact]]]] = {
    "deal": frozenset({Deal, Trade}),
    "depth": _LEVELS,
    "depth_whole": _LEVELS,
}
"""What the messages of a type can tell."""


def facts(row: Row) -> Iterable[Fact]:
    """What a row says in words that all venues share; never raises."""
    if not isinstance(row, Deal) or row.symbol is None:
        return ()
    trade = Trade(
        symbol=row.symbol,
        ts_event=row.ts_event,
        native_id=row.native_id,
        is_snapshot=row.is_snapshot,
        price=row.price,
        size=row.size,
        side=row.side,
        trade_id=row.native_id,
        inexact=renamed(row, {"price": "price", "size": "size"}),
    )
    return (trade,)
