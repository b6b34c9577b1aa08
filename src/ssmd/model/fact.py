"""Facts in words that all venues share: what the tables across venues have rows for.

A venue makes them from its own rows alone (`Venue.facts`), one row at a time; only books need
what came before (`model/booking.py`). The annotations say how a column rests in a table, as those
of `model/row.py` do. Nothing is filled in: what a venue does not state is None.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec

from ssmd.model.fields import encode
from ssmd.model.row import Number, Rate, Row, Time


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What every fact has.

    Attributes:
        table: Name of the table it belongs to.
        symbol: The venue's own string for the instrument.
        ts_event: The venue's time of the fact, ns; None when unstated.
        native_id: The venue's own id of the fact, unique per symbol; None when it has none.
        is_snapshot: Whether it came with a (re)subscription or a re-sent state, instead of as
            news: such facts repeat what may be known already.
        inexact: Exact text of the values that their columns cannot hold, by column; those
            columns are None.
    """

    table: ClassVar[str] = ""

    symbol: str
    ts_event: Time | None = None
    native_id: str | None = None
    is_snapshot: bool = False
    inexact: Mapping[str, str] = {}


class Trade(Fact, frozen=True, kw_only=True):
    """One trade.

    Attributes:
        table: `trades`.
        price: In quote currency; of an outcome, dollars for one share of it.
        size: What changed hands, in the venue's unit of the instrument.
        side: What the aggressor did, `buy` or `sell`; None when the venue does not say.
        trade_id: The venue's own id; `native_id` under the name that people look for.
    """

    table: ClassVar[str] = "trades"

    price: Number | None = None
    size: Number | None = None
    side: str | None = None
    trade_id: str | None = None


class Quote(Fact, frozen=True, kw_only=True):
    """The best prices as the venue states them, not as a book would give them.

    A side that is said to be empty has no price and a size of 0; one that is not spoken of has
    neither.

    Attributes:
        table: `quotes`.
        bid: Best bid.
        bid_size: What rests there; None where the venue states prices alone.
        ask: Best ask.
        ask_size: What rests there.
    """

    table: ClassVar[str] = "quotes"

    bid: Number | None = None
    bid_size: Number | None = None
    ask: Number | None = None
    ask_size: Number | None = None


class Ticker(Fact, frozen=True, kw_only=True):
    """How an instrument stands, with its totals.

    What a venue computes comes with many digits, and rests where rates do.

    Attributes:
        table: `tickers`.
        last: Price of the last trade; None before there was one.
        volume: Traded within the venue's own span, 24 hours or ever since the listing.
        vwap: Average price of that span, weighted by volume.
        open_interest: Contracts outstanding.
        mark_price: What positions are valued at.
        index_price: The price that a contract follows.
        bid: Best bid; None for an empty side too.
        ask: Best ask; likewise.
    """

    table: ClassVar[str] = "tickers"

    last: Number | None = None
    volume: Number | None = None
    vwap: Number | None = None
    open_interest: Number | None = None
    mark_price: Rate | None = None
    index_price: Rate | None = None
    bid: Number | None = None
    ask: Number | None = None


class Lifecycle(Fact, frozen=True, kw_only=True):
    """Something happened to an instrument itself, or is said about its state.

    Attributes:
        table: `lifecycle`.
        event: What happened, in the venue's words.
        status: The state it is in from now on, in those of `model.instrument`; None where
            nothing says so.
        raw_status: The state in the venue's words; None where it states none.
        detail: JSON object of what else the row says.
    """

    table: ClassVar[str] = "lifecycle"

    event: str
    status: str | None = None
    raw_status: str | None = None
    detail: str | None = None


class Funding(Fact, frozen=True, kw_only=True):
    """What holding a perpetual costs.

    Attributes:
        table: `funding`.
        rate: The present rate as the venue states it, in the venue's own unit.
        rate_prediction: The next one.
        relative_rate: The present rate as a share of the price.
        next_at: When the next one begins to hold, ns.
    """

    table: ClassVar[str] = "funding"

    rate: Rate | None = None
    rate_prediction: Rate | None = None
    relative_rate: Rate | None = None
    next_at: Time | None = None


class Outcome(Fact, frozen=True, kw_only=True):
    """How an instrument ended.

    Attributes:
        table: `outcomes`.
        outcome: The result in the venue's words.
        value: What one contract pays, in quote currency.
        settled_at: When it was paid, ns.
        determined_at: When the result was found, ns.
    """

    table: ClassVar[str] = "outcomes"

    outcome: str | None = None
    value: Number | None = None
    settled_at: Time | None = None
    determined_at: Time | None = None


class BookLevel(Fact, frozen=True, kw_only=True):
    """One level of a book as it stands from now on; made by a book reader, not from a row.

    Attributes:
        table: `book`.
        side: `bid` or `ask`; None, as price and size, in the row of an empty snapshot.
        price: In quote currency; of an outcome, dollars for one share of it.
        size: All that rests there; 0 when the level is gone.
        book_ok: Whether the book is proved after the message that this is from.
    """

    table: ClassVar[str] = "book"

    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    book_ok: bool = False


COMMON_TABLES: Final[tuple[type[Fact], ...]] = (
    Trade,
    Quote,
    BookLevel,
    Ticker,
    Lifecycle,
    Funding,
    Outcome,
)
"""Every kind of fact."""


def states(fact: Fact) -> bool:
    """Whether a fact says anything at all of its own."""
    return any(
        getattr(fact, name) is not None or name in fact.inexact
        for name in fact.__struct_fields__[len(_FACT) :]
    )


def renamed(row: Row, names: Mapping[str, str]) -> Mapping[str, str]:
    """What is inexact in a row, by the columns of a fact made from it.

    Args:
        row: The row.
        names: The fact's columns, by the row's; `ts_event` keeps its name.
    """
    if not row.inexact:
        return row.inexact
    kept = {**names, "ts_event": "ts_event"}
    return {kept[name]: text for name, text in row.inexact.items() if name in kept}


def detail(row: Row, *left_out: str) -> str | None:
    """JSON object of what a row states in columns of its own, less some; None when nothing.

    Numbers are texts, so that no reader rounds them; times are ns. What the row could not hold or
    read is there as well, under `inexact` and `extra`.
    """
    told: dict[str, object] = {
        name: str(value) if _is_number(value) else value
        for name in row.__struct_fields__
        if name not in _SHARED and name not in left_out
        if (value := getattr(row, name)) is not None
    }
    if row.inexact:
        told["inexact"] = dict(row.inexact)
    return encode(told) if told else None


_FACT: Final = Fact.__struct_fields__
_SHARED: Final = frozenset(Row.__struct_fields__)


def _is_number(value: object) -> bool:
    return not isinstance(value, str | bool | int | tuple)
