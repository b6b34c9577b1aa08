"""Kraken spot's side of REST: what is listed, the books, the trades, the day.

Errors come with status 200, in the `error` array. A pair may be named by its key, its `altname` or
its `wsname`; the answer names it by its key.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from ssmd.model.frame import Now
from ssmd.model.simulated import Answer
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.kraken.names import altname, old
from ssmd.venues.kraken.simulated_book import QTY_DECIMALS, Side, fixed
from ssmd.venues.kraken.simulated_listing import Listing
from ssmd.venues.kraken.simulated_market import Market

_CODES: Final = {
    **{name: f"X{name}" for name in ("ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG")},
    **{name: f"X{name}" for name in ("XLM", "XMR", "XRP", "ZEC")},
    **{name: f"Z{name}" for name in ("AUD", "CAD", "EUR", "GBP", "JPY", "USD")},
}
"""The oldest assets have a letter before their names: X for coins, Z for money."""
_KEYS: Final = {"USDTUSD": "USDTZUSD", "XDGUSD": "XDGUSD", "XDGEUR": "XDGEUR"}
"""Keys of pairs that do not follow the rule of the others."""
_PRICE_DECIMALS: Final = 5
_DEPTH: Final = 100
_MARGINED: Final = "USD"
"""What is paid in it can be traded on margin here, up to a limit; the rest has no limit at all."""
_TAKER: Final = [[0, 0.4], [10000, 0.35], [50000, 0.24]]
_MAKER: Final = [[0, 0.25], [10000, 0.2], [50000, 0.14]]
"""What trading costs: volumes in 30 days, and percent."""
_DEEPEST: Final = 500
_MOST_TRADES: Final = 1000

_Query = Mapping[str, str]


class _Refused(Exception):
    """The venue's own words of what is wrong with a request."""


_encode: Final = msgspec.json.Encoder().encode


def answer(
    market: Market, service: str, path: str, query: Sequence[tuple[str, str]], now: Now
) -> Answer:
    """Answer a GET request."""
    respond = _METHODS.get(path)
    if service != "main" or respond is None:
        return Answer(404, _encode({"error": ["EGeneral:Unknown method"]}))
    try:
        result = respond(market, dict(query), now)
    except _Refused as refusal:
        return Answer(200, _encode({"error": [str(refusal)]}))
    return Answer(200, _encode({"error": [], "result": result}))


def key(symbol: str) -> str:
    """What `AssetPairs` calls a pair."""
    base, _, quote = symbol.partition("/")
    name = altname(symbol) or symbol
    both = _CODES.get(old(base)), _CODES.get(old(quote))
    return _KEYS.get(name) or ("".join(map(str, both)) if all(both) else name)


def _code(asset: str) -> str:
    return _CODES.get(old(asset), asset)


def _asked(market: Market, query: _Query) -> list[Listing]:
    """The pairs that are asked for.

    Raises:
        _Refused: One of them is none.
    """
    listings = []
    for name in query["pair"].split(","):
        found = [
            listing
            for symbol, listing in market.listings.items()
            if name in {key(symbol), altname(symbol), _wsname(symbol)}
        ]
        if not found:
            raise _Refused("EQuery:Unknown asset pair")
        listings += found
    return listings


def _one(market: Market, query: _Query) -> Listing:
    if "pair" not in query:
        raise _Refused("EGeneral:Invalid arguments")
    listings = _asked(market, query)
    if len(listings) != 1:
        raise _Refused("EQuery:Unknown asset pair")
    return listings[0]


def _whole(query: _Query, name: str, usual: int) -> int:
    text = query.get(name, str(usual))
    if not (text.isdecimal() and text.isascii()):
        raise _Refused(f"EGeneral:Invalid arguments:{name}")
    return int(text)


def _wsname(symbol: str) -> str:
    return "/".join(old(asset) for asset in symbol.split("/"))


def _class(query: _Query, name: str) -> bool:
    """Whether currencies are asked for; of the other class nothing is listed here."""
    asset_class = query.get(name, "currency")
    if asset_class not in {"currency", "tokenized_asset"}:
        raise _Refused(f"EGeneral:Invalid arguments:{name}")
    return asset_class == "currency"


def _assets(market: Market, query: _Query, now: Now) -> object:
    if not _class(query, "aclass"):
        return {}
    names = dict.fromkeys(asset for symbol in market.listings for asset in symbol.split("/"))
    return {
        _code(name): {
            "aclass": "currency",
            "altname": old(name),
            "decimals": 10,
            "display_decimals": 5,
            "collateral_value": 1.0,
            "status": "enabled",
            "margin_rate": "0.02",
        }
        for name in names
    }


def _asset_pairs(market: Market, query: _Query, now: Now) -> object:
    if not _class(query, "aclass_base"):
        return {}
    listings = _asked(market, query) if "pair" in query else list(market.listings.values())
    return {key(listing.symbol): _pair(listing) for listing in listings}


def _pair(listing: Listing) -> dict[str, object]:
    base, _, quote = listing.symbol.partition("/")
    leverage = [2, 3] if quote == _MARGINED else []
    limits = {"long_position_limit": 300, "short_position_limit": 240} if leverage else {}
    return {
        "altname": altname(listing.symbol),
        "wsname": _wsname(listing.symbol),
        "aclass_base": "currency",
        "base": _code(base),
        "aclass_quote": "currency",
        "quote": _code(quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": listing.decimals,
        "lot_decimals": QTY_DECIMALS,
        "lot_multiplier": 1,
        "leverage_buy": leverage,
        "leverage_sell": leverage,
        "fees": _TAKER,
        "fees_maker": _MAKER,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": fixed(1, listing.decimals),
        "status": listing.status,
        "execution_venue": "international",
        **limits,
    }


def _depth(market: Market, query: _Query, now: Now) -> object:
    listing = _one(market, query)
    count = _whole(query, "count", _DEPTH)
    if not 1 <= count <= _DEEPEST:
        raise _Refused("EGeneral:Invalid arguments:count")
    book = listing.book
    return {
        key(listing.symbol): {
            name: _levels(side, count, listing.decimals, now.wall // SECOND_NS)
            for name, side in (("asks", book.asks), ("bids", book.bids))
        }
    }


def _levels(side: Side, count: int, decimals: int, time: int) -> list[object]:
    return [
        [_price(side.price(at), decimals), _amount(side.sizes[at]), time]
        for at in side.keys[:count]
    ]


def _price(units: int, decimals: int) -> str:
    """A price with five decimals, or as many more as the pair has."""
    more = max(_PRICE_DECIMALS - decimals, 0)
    return fixed(units * 10**more, decimals + more)


def _amount(units: int) -> str:
    """A size with three decimals, as books show it."""
    return fixed(units // 10 ** (QTY_DECIMALS - 3), 3)


def _trades(market: Market, query: _Query, now: Now) -> object:
    listing = _one(market, query)
    since = _whole(query, "since", 0)
    count = _whole(query, "count", _MOST_TRADES)
    if not 1 <= count <= _MOST_TRADES:
        raise _Refused("EGeneral:Invalid arguments:count")
    if "since" in query and since <= listing.forgotten_ts:
        # The venue never forgets: to leave trades out without a word would be another venue.
        raise _Refused("EGeneral:Invalid arguments:since")
    after = [trade for trade in listing.tape if trade.ts >= since]
    page = after[:count] if "since" in query else after[-count:]
    trades = [
        [
            _price(trade.price, listing.decimals),
            fixed(trade.size, QTY_DECIMALS),
            trade.ts / SECOND_NS,
            trade.side[0],
            trade.ord_type[0],
            "",
            trade.trade_id,
        ]
        for trade in page
    ]
    return {key(listing.symbol): trades, "last": str(page[-1].ts if page else since)}


def _ticker(market: Market, query: _Query, now: Now) -> object:
    listings = _asked(market, query) if "pair" in query else list(market.listings.values())
    return {key(listing.symbol): _day(listing) for listing in listings}


def _day(listing: Listing) -> dict[str, object]:
    day, digits = listing.day, listing.decimals
    best = {}
    for name, side in (("a", listing.book.asks), ("b", listing.book.bids)):
        at = side.keys[0]
        size = _amount(side.sizes[at])
        best[name] = [_price(side.price(at), digits), size.partition(".")[0], size]
    volume = fixed(day.volume, QTY_DECIMALS)
    latest = fixed(listing.tape[-1].size if listing.tape else 0, QTY_DECIMALS)
    return {
        **best,
        "c": [_price(day.last, digits), latest],
        "v": [volume, volume],
        "p": [_price(day.vwap, digits)] * 2,
        "t": [day.count, day.count],
        "l": [_price(day.low, digits)] * 2,
        "h": [_price(day.high, digits)] * 2,
        "o": _price(day.open, digits),
    }


def _status(market: Market, query: _Query, now: Now) -> object:
    return {"status": "online", "timestamp": f"{format_rfc3339(now.wall)[:19]}Z"}


def _time(market: Market, query: _Query, now: Now) -> object:
    seconds = now.wall // SECOND_NS
    spelled = datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %y %H:%M:%S %z")
    return {"unixtime": seconds, "rfc1123": spelled}


_METHODS: Final[Mapping[str, Callable[[Market, _Query, Now], object]]] = {
    "/0/public/Assets": _assets,
    "/0/public/AssetPairs": _asset_pairs,
    "/0/public/Depth": _depth,
    "/0/public/SystemStatus": _status,
    "/0/public/Ticker": _ticker,
    "/0/public/Time": _time,
    "/0/public/Trades": _trades,
}
