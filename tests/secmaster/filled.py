"""A security master that a test fills by hand, through the same rows as a sync."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import sql

from ssmd.model.instrument import Instrument, PriceRange
from ssmd.model.listing import Fee, FeeStep, FundingState, ListedEvent, Series
from ssmd.secmaster import rows
from ssmd.secmaster.database import Database, Session

SEEN = datetime.fromisoformat("2026-11-01T00:00:00Z")
NS = 1_000_000_000
CLOSE = int(datetime.fromisoformat("2026-12-01T00:00:00Z").timestamp()) * NS
NO_FIELDS: frozenset[str] = frozenset()

PAIR = Instrument(
    venue="kraken",
    symbol="BTC/USD",
    kind="spot",
    status="active",
    raw_status="online",
    title="Bitcoin / US dollar",
    base="BTC",
    quote="USD",
    category="currency",
    tick_size=Decimal("0.1"),
    min_size=Decimal("0.00005"),
    aliases={"rest_key": "XXBTZUSD", "altname": "XBTUSD", "wsname": "XBT/USD", "v2": "BTC/USD"},
    details={"cost_decimals": "5", "long_position_limit": None},
)
EURO = Instrument(
    venue="kraken", symbol="ETH/EUR", kind="spot", status="paused", raw_status="cancel_only",
    title="Ether / euro", base="ETH", quote="EUR", aliases={"altname": "ETHEUR"},
)  # fmt: skip
PERPETUAL = Instrument(
    venue="kraken_futures", symbol="PF_XBTUSD", kind="perpetual", status="active",
    title="Bitcoin perpetual", base="BTC", quote="USD", aliases={"product": "PF_XBTUSD"},
)  # fmt: skip
TWIN = Instrument(
    venue="atlantis", symbol="BTCUSD", kind="spot", status="active", base="BTC", quote="USD"
)


def market(number: int) -> Instrument:
    """One of the markets of an event."""
    ticker = f"KXBTC-26DEC-T{number}"
    return Instrument(
        venue="kalshi",
        symbol=ticker,
        kind="event",
        status="active",
        raw_status="active",
        title=f"Bitcoin above {number}?",
        quote="USD",
        event="KXBTC-26DEC",
        series="KXBTC",
        category="Crypto",
        tags=("BTC", "Hourly"),
        close_ts=CLOSE,
        price_ranges=(PriceRange(Decimal("0.01"), Decimal("0.99"), Decimal("0.01")),),
        volume=Decimal(12),
        aliases={"ticker": ticker, "event_ticker": "KXBTC-26DEC", "series_ticker": "KXBTC"},
    )


SERIES = Series(venue="kalshi", symbol="KXBTC", title="Bitcoin price", category="Crypto")
EVENT = ListedEvent(
    venue="kalshi", symbol="KXBTC-26DEC", series="KXBTC", title="Bitcoin in December"
)
FEES = (
    Fee(venue="kalshi", scope="series", symbol="KXBTC", kind="quadratic", multiplier=Decimal(1)),
    Fee(
        venue="kraken", scope="instrument", symbol="BTC/USD", kind="ladder",
        taker=(FeeStep(volume=Decimal(0), rate=Decimal("0.4")),),
    ),
)  # fmt: skip
FUNDING = FundingState(
    venue="kraken_futures", symbol="PF_XBTUSD", ts=CLOSE - 86_400 * 60 * NS, rate=Decimal("0.0001")
)
EVERYTHING = (PAIR, EURO, PERPETUAL, TWIN, market(1), market(2), market(3))


async def insert(session: Session, table: str, found: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows."""
    for row in found:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(row))
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({})")
        await session.execute(query.format(sql.Identifier(table), names, marks), list(row.values()))


async def fill(database: Database, instruments: Iterable[Instrument] = EVERYTHING) -> None:
    """A small security master: instruments, and what belongs to them."""
    async with database.writing("sync") as session:
        await insert(session, "series", [rows.series_row(SERIES, NO_FIELDS)])
        await insert(session, "event", [rows.event_row(EVENT, NO_FIELDS)])
        await insert(
            session,
            "fee",
            [rows.fee_row(each, SEEN) | {"effective_to": "infinity"} for each in FEES],
        )
        await insert(session, "funding", [rows.funding_row(FUNDING, SEEN)])
        for one in instruments:
            await insert(session, "instrument", [rows.instrument_row(one, NO_FIELDS, "rest")])
            await insert(session, "alias", rows.alias_rows(one))
            if (moving := rows.activity_row(one)) is not None:
                await insert(session, "activity", [moving])
