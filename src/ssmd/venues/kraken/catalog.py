"""What Kraken spot lists, as its `AssetPairs` state it.

https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument, Status
from ssmd.model.rest import Catalog, CatalogQuery, Page, Request
from ssmd.venues.kraken.names import modern, v2_symbol

CLASSES: Final = ("currency", "tokenized_asset")
"""The classes of base assets; `AssetPairs` lists one at a time, the first unless asked."""

STATUSES: Final[dict[str, tuple[Status, bool]]] = {
    "online": ("active", False),
    "post_only": ("active", True),
    "limit_only": ("active", True),
    "cancel_only": ("paused", False),
    "reduce_only": ("paused", False),
    "maintenance": ("paused", False),
    "work_in_progress": ("pre_open", False),
    "delisted": ("closed", False),
}
"""The venue's words for the state of a pair, REST's and the instrument channel's: ours, and
whether only some orders are accepted."""


class _Body(msgspec.Struct):
    result: dict[str, msgspec.Raw]


_body: Final = msgspec.json.Decoder(_Body)


def catalog(query: CatalogQuery) -> Catalog:
    """Every pair of every class, with its assets named as the venue's own table names them."""
    seen: set[str] = set()
    for asset_class in _classes(query.categories):
        of_assets, of_pairs = (
            ((), ())
            if asset_class == CLASSES[0]
            else ((("aclass", asset_class),), (("aclass_base", asset_class),))
        )
        assets = yield Request("/0/public/Assets", of_assets)
        names = _names(assets)
        pairs = yield Request("/0/public/AssetPairs", of_pairs)
        yield _page(pairs, names, seen)


def _classes(categories: tuple[str, ...]) -> tuple[str, ...]:
    """Which classes to ask for; all of them when none of those wanted is known."""
    wanted = {category.casefold() for category in categories}
    return tuple(name for name in CLASSES if name in wanted) or CLASSES


def _result(body: bytes, what: str) -> dict[str, msgspec.Raw]:
    try:
        return _body.decode(body).result
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"{what} is not as documented: {error}"
        raise ValueError(message) from error


def _names(body: bytes) -> dict[str, str]:
    """What WebSocket v2 calls each asset, by its key."""
    names: dict[str, str] = {}
    for key, raw in _result(body, "Assets").items():
        try:
            name = Fields(decode(bytes(raw))).text("altname")
        except ValueError:
            continue  # the pair's own `wsname` tells it as well
        if name:
            names[key] = modern(name)
    return names


def _page(body: bytes, names: Mapping[str, str], seen: set[str]) -> Page:
    instruments: list[Instrument] = []
    rejects: list[str] = []
    for key, raw in _result(body, "AssetPairs").items():
        try:
            instrument = _instrument(key, bytes(raw), names)
        except ValueError as error:
            rejects.append(f"The pair {key[:60]!r} cannot be read: {error}.")
            continue
        if instrument.symbol in seen:
            rejects.append(f"The pair {key[:60]!r} is {instrument.symbol!r} once more.")
            continue
        seen.add(instrument.symbol)
        instruments.append(instrument)
        if instrument.raw_status not in STATUSES:
            rejects.append(
                f"The pair {key[:60]!r} has an unknown status {instrument.raw_status[:60]!r}: "
                "it is listed as paused."
            )
    return Page(tuple(instruments), tuple(rejects))


def _instrument(key: str, payload: bytes, names: Mapping[str, str]) -> Instrument:
    """One entry of `AssetPairs`.

    Raises:
        ValueError: It is not as documented.
    """
    fields = Fields(decode(payload))
    wsname = fields.need_text("wsname")
    symbol = v2_symbol(wsname)
    base, _, quote = symbol.partition("/")
    raw_status = fields.text("status") or ""
    status, restricted = STATUSES.get(raw_status, ("paused", False))
    tick_size = fields.number("tick_size")
    lot_size = _step(fields.integer("lot_decimals"))
    multiplier = fields.number("lot_multiplier")
    instrument = Instrument(
        venue="kraken",
        symbol=symbol,
        kind="spot",
        status=status,
        raw_status=raw_status,
        restricted=restricted,
        title=symbol,
        base=names.get(fields.text("base") or "", base),
        quote=names.get(fields.text("quote") or "", quote),
        category=fields.text("aclass_base"),
        tick_size=tick_size if tick_size is not None else _step(fields.integer("pair_decimals")),
        lot_size=lot_size * multiplier if lot_size is not None and multiplier else lot_size,
        min_size=fields.number("ordermin"),
        min_notional=fields.number("costmin"),
        aliases={
            "rest_key": key,
            "altname": fields.need_text("altname"),
            "wsname": wsname,
            "v2": symbol,
        },
        payload=payload,
    )
    if fields.inexact:
        message = f"no such number: {dict(fields.inexact)}"
        raise ValueError(message[:200])
    return instrument


def _step(decimals: int | None) -> Decimal | None:
    """The smallest step of a number with so many decimals."""
    return Decimal(1).scaleb(-decimals) if decimals is not None and 0 <= decimals < 39 else None  # noqa: PLR2004 - no column holds more
