"""What recorded frames say, read with `json` and `Decimal` alone: no code of ours is asked.

Each reader gives the rows of a message by table, as tuples of the columns named in `COLUMNS`.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Found = Iterator[tuple[str, tuple[Any, ...]]]

COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "kraken": {
        "native/ticker": (
            "symbol", "ts_event", "bid", "bid_size", "ask", "ask_size", "last", "volume", "vwap",
            "low", "high", "change", "change_pct", "trades", "is_snapshot",
        ),
        "native/trade": (
            "symbol", "ts_event", "side", "price", "size", "ord_type", "trade_id", "is_snapshot",
        ),
        "native/book": (
            "symbol", "ts_event", "side", "price", "size", "level", "checksum", "is_snapshot",
        ),
        "trades": ("instrument_id", "ts_event", "price", "size", "side", "trade_id"),
        "quotes": ("instrument_id", "ts_event", "bid", "bid_size", "ask", "ask_size"),
    },
    "kraken-futures": {
        "native/trade": ("symbol", "ts_event", "side", "price", "size", "seq", "is_snapshot"),
        "native/ticker_lite": ("symbol", "bid", "ask", "volume", "change", "premium", "tag"),
        "native/book": ("symbol", "ts_event", "side", "price", "size", "seq", "level"),
        "trades": ("instrument_id", "ts_event", "price", "size", "side", "trade_id"),
        "quotes": ("instrument_id", "bid", "ask"),
    },
    "polymarket": {
        "native/book": ("symbol", "ts_event", "market", "side", "level", "price", "size", "hash"),
        "native/price_change": ("symbol", "ts_event", "market", "side", "price", "size", "hash"),
        "native/last_trade_price": ("symbol", "ts_event", "market", "side", "price", "size"),
        "trades": ("instrument_id", "ts_event", "price", "size", "side"),
    },
    "kalshi": {
        "native/orderbook_delta": ("symbol", "ts_event", "side", "price", "delta", "sid"),
        "native/orderbook_snapshot": ("symbol", "side", "level", "price", "size", "sid"),
        "native/ticker": ("symbol", "ts_event", "yes_bid", "yes_ask", "volume", "open_interest"),
        "native/trade": ("symbol", "ts_event", "native_id", "side", "yes_price", "count"),
        "trades": ("instrument_id", "ts_event", "price", "size", "side", "trade_id"),
    },
}  # fmt: skip
"""The columns compared, by venue and table."""

_SIDES = {"buy": "bid", "sell": "ask", "BUY": "bid", "SELL": "ask"}


def rows(venue: str, capture: Path) -> dict[str, Counter[tuple[Any, ...]]]:
    """Every row of a capture, by table."""
    found: dict[str, Counter[tuple[Any, ...]]] = {name: Counter() for name in COLUMNS[venue]}
    for message in messages(capture):
        for table, row in _READERS[venue](message):
            found[table][row] += 1
    return found


def messages(capture: Path) -> Iterator[dict[str, Any]]:
    """The objects of a capture, those of array frames one by one."""
    content = capture.read_bytes()
    for line in (gzip.decompress(content) if capture.suffix == ".gz" else content).splitlines():
        try:
            message = json.loads(json.loads(line)["raw"], parse_float=Decimal)
        except ValueError:  # PONG
            continue
        yield from message if isinstance(message, list) else [message]


def ns(text: str) -> int:
    """The ns of an RFC 3339 time."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * 10**9 + int(fraction[:9].ljust(9, "0"))


def _kraken(message: dict[str, Any]) -> Found:
    kind, again = message.get("channel"), message.get("type") == "snapshot"
    if kind not in {"ticker", "trade", "book"}:
        return
    for item in message["data"]:
        symbol = item["symbol"]
        ts = ns(item["timestamp"]) if "timestamp" in item else None
        if kind == "ticker":
            quote = tuple(item[name] for name in ("bid", "bid_qty", "ask", "ask_qty"))
            rest = ("last", "volume", "vwap", "low", "high", "change", "change_pct", "trades")
            yield "native/ticker", (symbol, ts, *quote, *(item[name] for name in rest), again)
            yield "quotes", (f"kraken:{symbol}", ts, *quote)
        elif kind == "trade":
            price, size, side = item["price"], item["qty"], item["side"]
            key = item["trade_id"]
            yield "native/trade", (symbol, ts, side, price, size, item["ord_type"], key, again)
            yield "trades", (f"kraken:{symbol}", ts, price, size, side, str(key))
        else:
            for name, side in (("bids", "bid"), ("asks", "ask")):
                for index, level in enumerate(item[name]):
                    place = index if again else None
                    told = (symbol, ts, side, level["price"], level["qty"], place)
                    yield "native/book", (*told, item["checksum"], again)


def _futures(message: dict[str, Any]) -> Found:
    kind = message.get("feed")
    if "event" in message:
        return
    symbol = message.get("product_id")
    if kind in {"trade", "trade_snapshot"}:
        for item in message["trades"] if kind == "trade_snapshot" else [message]:
            ts = item["time"] * 10**6
            fact = (item["side"], item["price"], item["qty"])
            yield "native/trade", (symbol, ts, *fact, item["seq"], kind == "trade_snapshot")
            shared = (item["price"], item["qty"], item["side"], item["uid"])
            yield "trades", (f"kraken-futures:{symbol}", ts, *shared)
    elif kind == "ticker_lite":
        names = ("bid", "ask", "volume", "change", "premium", "tag")
        yield "native/ticker_lite", (symbol, *(message[name] for name in names))
        yield "quotes", (f"kraken-futures:{symbol}", message["bid"], message["ask"])
    elif kind == "book":
        ts = message["timestamp"] * 10**6
        change = (_SIDES[message["side"]], message["price"], message["qty"], message["seq"])
        yield "native/book", (symbol, ts, *change, None)
    elif kind == "book_snapshot":
        ts = message["timestamp"] * 10**6
        for name, side in (("bids", "bid"), ("asks", "ask")):
            for index, level in enumerate(message[name]):
                told = (side, level["price"], level["qty"], message["seq"], index)
                yield "native/book", (symbol, ts, *told)


def _polymarket(message: dict[str, Any]) -> Found:
    kind, market = message["event_type"], message["market"]
    ts = int(message["timestamp"]) * 10**6
    symbol = message.get("asset_id")
    if kind == "book":
        for name, side in (("bids", "bid"), ("asks", "ask")):
            for index, level in enumerate(message[name]):
                told = (side, index, Decimal(level["price"]), Decimal(level["size"]))
                yield "native/book", (symbol, ts, market, *told, message["hash"])
    elif kind == "price_change":
        changes = message.get("price_changes") or message["changes"]
        for change in changes:
            level = (_SIDES[change["side"]], Decimal(change["price"]), Decimal(change["size"]))
            whose = change.get("asset_id", symbol)
            digest = change.get("hash", message.get("hash"))
            yield "native/price_change", (whose, ts, market, *level, digest)
    elif kind == "last_trade_price":
        price, size, side = Decimal(message["price"]), Decimal(message["size"]), message["side"]
        yield "native/last_trade_price", (symbol, ts, market, side.lower(), price, size)
        yield "trades", (f"polymarket:{symbol}", ts, price, size, side.lower())


def _kalshi(message: dict[str, Any]) -> Found:
    kind, told = message["type"], message.get("msg") or {}
    symbol, sid = told.get("market_ticker"), message.get("sid")
    if kind == "orderbook_delta":
        price = Decimal(told["price_dollars"])
        size = Decimal(str(told.get("delta_fp", told.get("delta"))))
        ts = told.get("ts_ms")
        when = ns(told["ts"]) if "ts" in told else None if ts is None else ts * 10**6
        yield "native/orderbook_delta", (symbol, when, told["side"], price, size, sid)
    elif kind == "orderbook_snapshot":
        for side in ("yes", "no"):
            levels = told.get(f"{side}_dollars_fp") or told.get(f"{side}_dollars") or []
            for index, (price, size) in enumerate(levels):
                row = (symbol, side, index, Decimal(price), Decimal(size), sid)
                yield "native/orderbook_snapshot", row
    elif kind == "ticker":
        cents = (Decimal(told[name]) / 100 for name in ("yes_bid", "yes_ask"))
        totals = (told["volume"], told["open_interest"])
        yield "native/ticker", (symbol, told["ts"] * 10**9, *cents, *totals)
    elif kind == "trade":
        key, price, size = told["trade_id"], Decimal(told["yes_price_dollars"]), told["count"]
        side = {"yes": "buy", "no": "sell"}[told["taker_side"]]
        ts = told["ts"] * 10**9
        yield "native/trade", (symbol, ts, key, side, price, size)
        yield "trades", (f"kalshi:{symbol}", ts, price, size, side, key)


_READERS = {
    "kraken": _kraken,
    "kraken-futures": _futures,
    "polymarket": _polymarket,
    "kalshi": _kalshi,
}
