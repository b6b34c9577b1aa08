"""The REST side of the simulated venue: listings, tickers, books, trades, complaints."""

import math
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final

from ssmd.model.frame import Now
from ssmd.model.simulated import Answer
from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kraken_futures.simulated_book import Side
from ssmd.venues.kraken_futures.simulated_listing import (
    EXPIRED,
    HISTORY,
    NOT_TRADEABLE,
    POST_ONLY,
    SUSPENDED,
    Listing,
)
from ssmd.venues.kraken_futures.simulated_market import Market
from ssmd.venues.kraken_futures.simulated_wording import MILLISECOND_NS, flag, moment, number

_SPOT: Final = {"XBT": "BTC"}
"""Names that the listings spell as the spot exchange does."""
_INDICES: Final = ("in_xbtusd", "rr_xbtusd")
"""Indices stand among the tickers, in lower case, and cannot be subscribed to."""


def answer(market: Market, path: str, query: Mapping[str, str], now: Now) -> Answer:
    """Answer a GET request."""
    millis = now.wall // MILLISECOND_NS
    match path.strip("/").split("/"):
        case ["instruments"]:
            every = (*market.listings.values(), *market.expired.values())
            listed = ",".join(map(_instrument, every))
            return _success(f'"instruments":[{listed}]', millis)
        case ["tickers"]:
            standing = [market.listing(symbol, now) for symbol in market.listings]
            entries = [_ticker(listing) for listing in standing if listing is not None]
            entries += [
                f'{{"symbol":"{name}","last":83744.0,"lastTime":"{moment(millis)}"}}'
                for name in _INDICES
            ]
            return _success(f'"tickers":[{",".join(entries)}]', millis)
        case ["tickers", symbol]:
            return _about(market, symbol, now, lambda found: f'"ticker":{_ticker(found)}')
        case ["orderbook"]:
            return _about(market, query.get("symbol"), now, _orderbook)
        case ["history"]:
            last = query.get("lastTime")
            return _about(market, query.get("symbol"), now, lambda found: _history(found, last))
    return Answer(404, b'{"status":"NOT_FOUND"}')


def _success(part: str, millis: int) -> Answer:
    body = f'{{"result":"success",{part},"serverTime":"{moment(millis)}"}}'
    return Answer(200, body.encode())


def _about(market: Market, symbol: str | None, now: Now, part: Callable[[Listing], str]) -> Answer:
    """An answer about one product; the venue complains in two shapes."""
    time = moment(now.wall // MILLISECOND_NS)
    if symbol is None:
        body = (
            '{"status":"BAD_REQUEST","result":"error",'
            f'"errors":[{{"code":0,"message":"400 BAD_REQUEST"}}],"serverTime":"{time}"}}'
        )
        return Answer(400, body.encode())
    listing = market.listing(symbol, now)
    if listing is None:
        body = f'{{"result":"error","error":"invalidArgument: symbol","serverTime":"{time}"}}'
        return Answer(200, body.encode())
    try:
        told = part(listing)
    except ValueError as error:
        body = f'{{"result":"error","error":"invalidArgument: {error}","serverTime":"{time}"}}'
        return Answer(200, body.encode())
    return _success(told, now.wall // MILLISECOND_NS)


def _instrument(listing: Listing) -> str:
    """A product as `/instruments` lists it."""
    base = _SPOT.get(listing.base, listing.base)
    ends = listing.maturity
    kind = "futures_inverse" if listing.inverse else "flexible_futures"
    underlying = f'"underlying":"rr_{listing.base.lower()}usd",' if listing.inverse else ""
    last = f'"lastTradingTime":"{moment(ends)}",' if ends is not None else ""
    unit = "contracts" if listing.inverse else "numNonContractUnits"
    margins = ",".join(
        f'{{"{unit}":{from_},"initialMargin":{initial},"maintenanceMargin":{initial / 2}}}'
        for from_, initial in ((0, 0.02), (500_000, 0.04), (2_000_000, 0.08))
    )
    funding = '"fundingRateCoefficient":8,"maxRelativeFundingRate":0.005,' if ends is None else ""
    category = "" if listing.symbol.startswith("PI_") else listing.category
    return (
        f'{{"symbol":"{listing.symbol}","type":"{kind}",{underlying}{last}'
        f'"tickSize":{number(1, listing.decimals)},"contractSize":1,'
        f'"tradeable":{flag(listing.standing not in {EXPIRED, NOT_TRADEABLE})},'
        '"impactMidSize":1000.0,"maxPositionSize":1200000.0,'
        f'"openingDate":"2022-03-22T13:15:36Z","marginLevels":[{margins}],{funding}'
        f'"isin":"GB00SIMULATE","contractValueTradePrecision":{listing.size_decimals},'
        f'"postOnly":{flag(listing.standing == POST_ONLY)},'
        '"feeScheduleUid":"00000000-0000-4000-8000-000000000000","mtf":true,'
        f'"base":"{base}","quote":"USD","pair":"{base}:USD","category":"{category}",'
        f'"tradfi":false,"isExpired":{flag(listing.standing == EXPIRED)}}}'
    )


def _ticker(listing: Listing) -> str:
    """A product as `/tickers` lists it: the same until something happens to it."""
    told = listing.figures()
    last = listing.recent[-1]
    funding = (
        f'"fundingRate":{told["funding"]},"fundingRatePrediction":{told["funding_prediction"]},'
    )
    return (
        f'{{"symbol":"{listing.symbol}","last":{told["last"]},"lastTime":"{moment(last.millis)}",'
        f'"tag":"{listing.tag}","pair":"{_SPOT.get(listing.base, listing.base)}:USD",'
        f'"markPrice":{told["mark"]},"bid":{told["bid"]},"bidSize":{told["bid_size"]},'
        f'"ask":{told["ask"]},"askSize":{told["ask_size"]},"vol24h":{told["volume"]},'
        f'"volumeQuote":{told["volume_quote"]},"openInterest":{told["open_interest"]},'
        f'"open24h":{told["open"]},"high24h":{told["high"]},"low24h":{told["low"]},'
        f'"lastSize":{last.size},{funding if listing.maturity is None else ""}'
        f'"suspended":{flag(listing.standing == SUSPENDED)},"indexPrice":{told["index"]},'
        f'"postOnly":{flag(listing.standing == POST_ONLY)},'
        f'"change24h":{told["change"]}}}'
    )


def _orderbook(listing: Listing) -> str:
    """The whole book, best prices first."""

    def side(levels: Side) -> str:
        pairs = (listing.level(key, levels) for key in levels.keys)
        return ",".join(f"[{price},{size}]" for price, size in pairs)

    book = listing.book
    return f'"orderBook":{{"bids":[{side(book.bids)}],"asks":[{side(book.asks)}]}}'


def _history(listing: Listing, last_time: str | None) -> str:
    """The latest trades, or the latest before a time, newest first.

    Raises:
        ValueError: It is no time.
    """
    try:
        before = math.inf if last_time is None else parse_rfc3339(last_time) / MILLISECOND_NS
    except ValueError as error:
        message = "lastTime"
        raise ValueError(message) from error
    page = islice((trade for trade in reversed(listing.tape) if trade.millis < before), HISTORY)
    trades = ",".join(
        f'{{"time":"{moment(trade.millis)}","trade_id":{trade.seq},"price":{trade.price},'
        f'"size":{trade.size},"side":"{trade.side}","type":"{trade.kind}","uid":"{trade.uid}"}}'
        for trade in page
    )
    return f'"history":[{trades}]'
