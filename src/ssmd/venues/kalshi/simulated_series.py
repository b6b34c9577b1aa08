"""What a simulated exchange lists when it is left to itself, and what a ticker says of its market.

Tickers carry a day as the exchange's do, but it is made up: what counts are the times REST tells,
which are laid around the moment the market is first spoken to.
"""

import re
from typing import Final

import msgspec

MULTIVARIATE: Final = "KXMVE"
"""What the tickers of combinations begin with."""
TICKER: Final = re.compile(r"[A-Z0-9]+(?:[-.][A-Z0-9]+)*")
_STRIKE: Final = re.compile(r"([TB])(\d+(?:\.\d+)?)")
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A family of events.

    Attributes:
        ticker: Its name.
        title: The question, without its date.
        category: As the exchange sorts them.
        tags: Finer than the category.
        frequency: How often a new event comes.
        grid: The label of its markets' prices.
        period_s: A market whose time is up goes on by whole multiples of this, in seconds.
    """

    ticker: str
    title: str
    category: str
    tags: tuple[str, ...]
    frequency: str
    grid: str = "linear_cent"
    period_s: int = 6 * _HOUR


class Plan(msgspec.Struct, frozen=True):
    """One market to be listed.

    Attributes:
        ticker: Its name.
        status: As REST tells it.
        close_s: When it closes, in seconds after the first moment; negative before it.
        opens_s: When it opens, in seconds after it is listed; None for when its status says.
    """

    ticker: str
    status: str = "active"
    close_s: int = 6 * _HOUR
    opens_s: int | None = None


_CRYPTO: Final = "Crypto"
KNOWN: Final = {
    series.ticker: series
    for series in (
        Series(
            ticker="KXBTC15M",
            title="Bitcoin price up in the next 15 minutes?",
            category=_CRYPTO,
            tags=("BTC", "15 min"),
            frequency="fifteen_min",
            grid="tapered_deci_cent",
            period_s=900,
        ),
        Series(
            ticker="KXSOL15M",
            title="Solana price up in the next 15 minutes?",
            category=_CRYPTO,
            tags=("SOL", "15 min"),
            frequency="fifteen_min",
            grid="deci_cent",
            period_s=900,
        ),
        Series(
            ticker="KXBTCD",
            title="Bitcoin price at the hour",
            category=_CRYPTO,
            tags=("BTC", "Hourly"),
            frequency="hourly",
        ),
        Series(
            ticker="KXETHD",
            title="Ethereum price at the hour",
            category=_CRYPTO,
            tags=("ETH", "Hourly"),
            frequency="hourly",
        ),
        Series(
            ticker="KXBTCMAXY",
            title="How high will Bitcoin get this year?",
            category=_CRYPTO,
            tags=("BTC", "Yearly"),
            frequency="annual",
            grid="deci_cent",
        ),
        Series(
            ticker="KXHIGHNY",
            title="Highest temperature in New York City",
            category="Climate and Weather",
            tags=("Daily temperature",),
            frequency="daily",
        ),
        Series(
            ticker="KXFED",
            title="Upper bound of the federal funds rate",
            category="Economics",
            tags=("Fed",),
            frequency="custom",
        ),
        Series(
            ticker="KXNBAGAME",
            title="Professional basketball game",
            category="Sports",
            tags=("Basketball",),
            frequency="custom",
        ),
    )
}


"""The series there are even when none of their markets is listed."""


def _usual() -> tuple[Plan, ...]:
    """A few dozen: hourly and quarterly coins first, then what a feed of coins does not want."""
    quarters = [
        Plan(f"KXBTC15M-27JAN15{hour}-{minute}", close_s=900 * k)
        for k, (hour, minute) in enumerate((("0815", "15"), ("0830", "30"), ("0845", "45")), 1)
    ]
    bitcoin = [
        Plan(f"KXBTCD-27JAN1517-T{94_999 + 500 * k}.99", close_s=9 * _HOUR) for k in range(12)
    ]
    ether = [Plan(f"KXETHD-27JAN1517-T{3_199 + 40 * k}.99", close_s=9 * _HOUR) for k in range(8)]
    unwanted = [
        Plan("KXBTC15M-27JAN150900-00", "initialized", 3_600),
        *(Plan(f"KXBTCD-27JAN1717-T{94_999 + 2_000 * k}.99", close_s=57 * _HOUR) for k in range(4)),
        *(Plan(f"KXETHD-27JAN1507-T{3_199 + 40 * k}.99", "closed", -60) for k in range(2)),
        *(Plan(f"KXETHD-27JAN1505-T{3_199 + 40 * k}.99", "finalized", -9_000) for k in range(3)),
        *(Plan(f"KXHIGHNY-27JAN15-B{36 + 2 * k}.5", close_s=20 * _HOUR) for k in range(5)),
        *(Plan(f"KXFED-27MAR-T{3.25 + k / 4:.2f}", close_s=62 * _DAY) for k in range(4)),
        *(Plan(f"KXNBAGAME-27JAN15LALBOS-{team}", close_s=14 * _DAY) for team in ("BOS", "LAL")),
        *(Plan(f"KXBTCMAXY-27DEC31-T{k}9999.99", close_s=350 * _DAY) for k in (12, 14)),
        Plan("KXMVESPORTSMULTIGAMEEXTENDED-S20270A1B2C3D4E5-6F708192A3B", close_s=14 * _DAY),
        Plan("KXMVESPORTSMULTIGAMEEXTENDED-S20275E4D3C2B1A0-B3A29180F76", close_s=14 * _DAY),
    ]
    return (*quarters, *bitcoin, *ether, *unwanted)


USUAL: Final = _usual()


def series_of(ticker: str) -> Series:
    """The series a ticker names; one that nobody described is made up."""
    name = ticker.partition("-")[0]
    known = KNOWN.get(name)
    if known is not None:
        return known
    combined = name.startswith(MULTIVARIATE)
    return Series(
        ticker=name,
        title="Combo" if combined else f"What becomes of {name}?",
        category="Sports" if combined else "World",
        tags=(),
        frequency="custom",
        grid="deci_cent" if combined else "linear_cent",
    )


def event_of(ticker: str) -> str:
    """The event a market's ticker names: its first two parts."""
    return "-".join(ticker.split("-")[:2])


def strike_of(ticker: str) -> tuple[str, str] | None:
    """Kind and number of a ticker's strike; None when it has no number."""
    match = _STRIKE.fullmatch(ticker.rpartition("-")[2])
    if match is None:
        return None
    return ("greater" if match[1] == "T" else "between"), match[2]
