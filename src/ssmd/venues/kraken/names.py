"""The two spellings of two assets, and how REST wants a pair to be named.

`AssetPairs` gives every pair three names: a key (`XXBTZUSD`), an `altname` (`XBTUSD`) and a
`wsname` (`XBT/USD`). WebSocket v2 has a fourth (`BTC/USD`): the `wsname` with Bitcoin and Dogecoin
spelled as everybody does, and it refuses the `wsname` itself (recorded). All 1,434 pairs recorded
on 2026-01-12 have the `wsname` without its stroke as `altname`, and the `pair` parameter takes an
`altname` (docs.kraken.com, spot-rest-api, get-order-book): so a v2 symbol says what to ask for.
"""

from typing import Final

_MODERN: Final = {"XBT": "BTC", "XDG": "DOGE"}
_OLD: Final = {modern: old for old, modern in _MODERN.items()}


def modern(asset: str) -> str:
    """An asset as WebSocket v2 spells it: whole names only, `AIXBT` and `XAUT` stay."""
    return _MODERN.get(asset, asset)


def old(asset: str) -> str:
    """An asset as REST spells it."""
    return _OLD.get(asset, asset)


def v2_symbol(wsname: str) -> str:
    """The symbol of WebSocket v2.

    Raises:
        ValueError: It is not made of two names.
    """
    base, stroke, quote = wsname.partition("/")
    if not (base and stroke and quote) or "/" in quote:
        message = f"`wsname` is not of two assets: {wsname[:60]!r}"
        raise ValueError(message)
    return f"{modern(base)}/{modern(quote)}"


def altname(symbol: str) -> str | None:
    """What REST calls a v2 symbol; None when it is no pair."""
    base, _, quote = symbol.partition("/")
    return old(base) + old(quote) if base and quote else None
