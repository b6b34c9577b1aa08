"""What Kraken spot lists: every pair of every class, from the venue or from saved bodies.

https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument
from ssmd.model.listing import Fee, Reject
from ssmd.model.rest import Catalog, CatalogQuery, Page, ReferenceQuery, Request, Saved
from ssmd.venues.kraken.names import modern
from ssmd.venues.kraken.pairs import read

CLASSES: Final = ("currency", "tokenized_asset")
"""The classes of base assets; `AssetPairs` lists one at a time, the first unless asked."""


class _Body(msgspec.Struct):
    result: dict[str, msgspec.Raw]


_body: Final = msgspec.json.Decoder(_Body)


def catalog(query: CatalogQuery) -> Catalog:
    """Every pair of every class, with its assets named as the venue's own table names them."""
    yield from _listing(query.categories, believed=False)


def reference(query: ReferenceQuery) -> Catalog:
    """The same with fees, and without what cannot be believed.

    The venue tells in one answer all that it lists, and nothing of when it changed: less than
    everything cannot be asked for. What it no longer names is gone.
    """
    yield from _listing(query.categories, believed=True)


def saved(bodies: Sequence[Saved]) -> Catalog:
    """Pages of saved `AssetPairs`, their assets named by saved `Assets` where there are some.

    Raises:
        ValueError: A file is neither, or none of them lists pairs.
    """
    names: dict[str, str] = {}
    listings: list[bytes] = []
    for each in bodies:
        found = _recognised(each)
        if _holds(found, "wsname"):
            listings.append(each.body)
        elif found:
            names |= _names(each.body)
    if not listings:
        files = ", ".join(each.name for each in bodies) or "no file"
        raise ValueError(f"{files}: none of it is an answer of `AssetPairs` with pairs in it")
    seen: dict[str, bytes] = {}
    for body in listings:
        yield _page(body, names, seen, believed=True)


def _listing(categories: tuple[str, ...], *, believed: bool) -> Catalog:
    """Ask for every class; one page each."""
    seen: dict[str, bytes] = {}
    for asset_class in _classes(categories):
        of_assets, of_pairs = (
            ((), ())
            if asset_class == CLASSES[0]
            else ((("aclass", asset_class),), (("aclass_base", asset_class),))
        )
        assets = yield Request("/0/public/Assets", of_assets)
        names = _names(assets)
        pairs = yield Request("/0/public/AssetPairs", of_pairs)
        # Who does not know the parameter answers every class with the same entries.
        yield _page(pairs, names, seen, believed=believed, known=dict(seen))


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


def _recognised(each: Saved) -> dict[str, msgspec.Raw]:
    """The entries of a saved answer; an empty one says nothing, of whatever it was.

    Raises:
        ValueError: It is neither pairs nor assets.
    """
    expected = "an answer of `AssetPairs` or `Assets` was expected"
    try:
        found = _body.decode(each.body).result
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{each.name}: {expected}: {error}") from error
    if found and not _holds(found, "wsname") and not _holds(found, "aclass"):
        raise ValueError(f"{each.name}: {expected}, and nothing in it is a pair or an asset")
    return found


def _holds(entries: Mapping[str, msgspec.Raw], name: str) -> bool:
    """Whether one of some entries has such a field: the others may be damaged."""
    for raw in entries.values():
        if name.encode() not in bytes(raw):
            continue
        try:
            if name in Fields(decode(bytes(raw))):
                return True
        except ValueError:
            continue
    return False


def _names(body: bytes) -> dict[str, str]:
    """What WebSocket v2 calls each asset, by its code."""
    names: dict[str, str] = {}
    for code, raw in _result(body, "Assets").items():
        try:
            name = Fields(decode(bytes(raw))).text("altname")
        except ValueError:
            continue  # the pair's own `wsname` tells it as well
        if name:
            names[code] = modern(name)
    return names


def _page(
    body: bytes,
    names: Mapping[str, str],
    seen: dict[str, bytes],
    *,
    believed: bool,
    known: Mapping[str, bytes] = MappingProxyType({}),
) -> Page:
    """The pairs of one answer.

    Args:
        body: The answer.
        names: What the assets are called, by their codes.
        seen: What was told before, by symbol; that of this page is added.
        believed: Leave out what cannot be believed, and tell fees.
        known: Entries that other answers told: the same once more says nothing.
    """
    result = _result(body, "AssetPairs")
    instruments: list[Instrument] = []
    fees: list[Fee] = []
    rejects = list(_repeated(body))
    told = dict(names)
    for key, raw in result.items():
        entry = read(key, bytes(raw), names, priced=believed)
        instrument = entry.instrument
        if instrument is None:
            rejects += entry.rejects
            continue
        if known.get(instrument.symbol) == instrument.payload:
            continue
        if instrument.symbol in seen:
            rejects.append(_once_more(key, instrument))
            continue
        seen[instrument.symbol] = instrument.payload
        rejects += entry.rejects
        if entry.sound or not believed:
            instruments.append(instrument)
        if entry.sound and entry.fee is not None:
            fees.append(entry.fee)
        told = dict(entry.names) | told if entry.names.keys() - told.keys() else told
    return Page(tuple(instruments), tuple(rejects), fees=tuple(_priced(fees, told)))


def _priced(fees: Iterable[Fee], names: Mapping[str, str]) -> Iterable[Fee]:
    """Fees with their currency named as pairs name it."""
    for fee in fees:
        currency = names.get(fee.currency or "", fee.currency)
        yield msgspec.structs.replace(fee, currency=currency)


def _once_more(key: str, instrument: Instrument) -> Reject:
    return Reject(
        reason=f"The pair {key[:60]!r} is {instrument.symbol!r} once more.",
        kind="duplicate",
        symbol=instrument.symbol,
        payload=instrument.payload,
    )


def _repeated(body: bytes) -> Iterable[Reject]:
    """Keys that stand in an answer twice: reading JSON leaves the last, without a word."""
    try:
        answer = json.loads(body, object_pairs_hook=tuple, parse_int=str)
    except RecursionError:
        return  # an entry nested that deeply is set aside by itself
    for name, value in answer:
        keys = Counter(key for key, _ in value) if name == "result" else {}
        for key, times in keys.items():
            if times > 1:
                reason = f"The key {key[:60]!r} stands {times} times in one answer: the last holds."
                yield Reject(reason=reason, kind="duplicate", symbol=key)
