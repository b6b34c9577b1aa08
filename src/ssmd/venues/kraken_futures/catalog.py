"""What Kraken Futures lists: instruments and how they stand, from the venue or from saved bodies.

Fees are not among it: the venue gave its fee schedules up on 2026-06-22, and `feeScheduleUid` with
them (docs.kraken.com/exchange/changelog); what is still stated of it is in `details`.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ssmd.model.rest import Catalog, CatalogQuery, ReferenceQuery, Request, Saved
from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kraken_futures.listings import instruments
from ssmd.venues.kraken_futures.tickers import Tickers


class _Listed(msgspec.Struct):
    instruments: list[msgspec.Raw]


class _Standing(msgspec.Struct, rename="camel"):
    tickers: list[msgspec.Raw]
    server_time: Any = None


class _Either(msgspec.Struct):
    """A saved answer; which it was is told by what it has."""

    instruments: list[msgspec.Raw] | None = None
    tickers: list[msgspec.Raw] | None = None


_listed: Final = msgspec.json.Decoder(_Listed)
_standing: Final = msgspec.json.Decoder(_Standing)
_either: Final = msgspec.json.Decoder(_Either)


def catalog(query: CatalogQuery) -> Catalog:
    """All instruments with the day's volume; the venue narrows nothing and has no pages."""
    yield from _listing(believed=False)


def reference(query: ReferenceQuery) -> Catalog:
    """The same with what holding them costs, and without what cannot be believed.

    The venue tells in one answer all that it lists, and nothing of when it changed: less than
    everything cannot be asked for. What it no longer names is gone.
    """
    yield from _listing(believed=True)


def saved(bodies: Sequence[Saved]) -> Catalog:
    """Pages of saved `/instruments`, joined with what saved `/tickers` there are.

    Tickers of several moments are as many observations; the latest says how a product stands.

    Raises:
        ValueError: A file is neither, or none of them lists instruments.
    """
    tickers = Tickers()
    listings: list[tuple[str, bytes]] = []
    for each in bodies:
        body = _bare(each.body)
        expected = "an answer of `/instruments` or `/tickers` was expected"
        try:
            found = _either.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{each.name}: {expected}: {error}") from error
        if found.instruments is not None:
            listings.append((each.name, body))
        elif found.tickers is not None:
            _add(tickers, body, f"{each.name}: tickers")
        else:
            raise ValueError(f"{each.name}: {expected}, and it has neither")
    if not listings:
        files = ", ".join(each.name for each in bodies) or "no file"
        raise ValueError(f"{files}: none of it is an answer of `/instruments`")
    seen: set[str] = set()
    rejects = tuple(tickers.rejects)
    for name, body in listings:
        entries = [bytes(entry) for entry in _listed.decode(body).instruments]
        where = f"{name}: instruments"
        page = instruments(entries, tickers, seen, believed=True, where=where)
        yield msgspec.structs.replace(page, rejects=(*rejects, *page.rejects))
        rejects = ()


def _listing(*, believed: bool) -> Catalog:
    """Ask for both answers; one page."""
    body = yield Request("/instruments")
    try:
        listed = _listed.decode(body).instruments
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the instruments are not as documented: {error}") from error
    body = yield Request("/tickers")
    tickers = Tickers()
    _add(tickers, body)
    entries = [bytes(entry) for entry in listed]
    page = instruments(entries, tickers, set(), believed=believed)
    yield msgspec.structs.replace(page, rejects=(*tickers.rejects, *page.rejects))


def _add(tickers: Tickers, body: bytes, where: str = "tickers") -> None:
    """Take an answer of `/tickers`.

    Raises:
        ValueError: It is none.
    """
    try:
        standing = _standing.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the {where} are not as documented: {error}") from error
    try:
        ts = parse_rfc3339(standing.server_time)
    except (TypeError, ValueError):
        ts = None  # nobody said when: it is what we saw when we saw it
    tickers.add([bytes(entry) for entry in standing.tickers], ts, where)


def _bare(body: bytes) -> bytes:
    """A saved body without the lines that some tools write above it: the address, the method."""
    start = body.find(b"\n{")
    return body if body.lstrip().startswith(b"{") or start < 0 else body[start:]
