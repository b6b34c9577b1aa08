"""What Atlantis offers over REST: its markets in one page, and how each stands."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument, Status
from ssmd.model.listing import Reject
from ssmd.model.rest import (
    Catalog,
    CatalogQuery,
    Complaint,
    Page,
    ReferenceQuery,
    Request,
    Rest,
    Saved,
    Service,
    Witness,
)
from ssmd.venues.atlantis.messages import CHANNELS

_STATES: Final[dict[str, Status]] = {"open": "active", "ebb": "paused", "sunk": "closed"}
"""Our word for each of the venue's."""


class _Listed(msgspec.Struct):
    markets: list[msgspec.Raw]


class _Complaint(msgspec.Struct):
    oops: str
    again: bool = False


_listed: Final = msgspec.json.Decoder(_Listed)
_complaint: Final = msgspec.json.Decoder(_Complaint)


def complaint(body: bytes) -> Complaint | None:
    """What a body complains of: `{"oops": "...", "again": true}`."""
    try:
        told = _complaint.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Complaint(told.oops[:300], retryable=told.again)


def catalog(query: CatalogQuery | ReferenceQuery) -> Catalog:
    """All markets; the venue narrows nothing and has no pages."""
    yield _page((yield Request("/markets")), "the venue")


def saved(bodies: Sequence[Saved]) -> Catalog:
    """The same, out of files."""
    for each in bodies:
        yield _page(each.body, each.name)


def _page(body: bytes, where: str) -> Page:
    """The markets of one answer.

    Raises:
        ValueError: It is none.
    """
    try:
        entries = _listed.decode(body).markets
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{where}: the markets are not as documented: {error}") from error
    found: list[Instrument] = []
    rejects: list[Reject] = []
    for at, entry in enumerate(entries):
        try:
            found.append(_instrument(bytes(entry)))
        except (ValueError, ArithmeticError) as error:
            rejects.append(Reject(reason=f"markets[{at}]: {error}", payload=bytes(entry)))
    return Page(tuple(found), tuple(rejects))


def _instrument(entry: bytes) -> Instrument:
    """One entry.

    Raises:
        ValueError: It cannot be read.
    """
    fields = Fields(decode(entry))
    symbol, state = fields.need_text("m"), fields.need_text("state")
    if state not in _STATES:
        raise ValueError(f"`state` is no state: {state[:60]}")
    return Instrument(
        venue="atlantis",
        symbol=symbol,
        kind="spot",
        status=_STATES[state],
        raw_status=state,
        title=fields.text("name") or symbol,
        base=symbol,
        quote="shells",
        category=fields.text("shoal"),
        tick_size=fields.number("tick"),
        volume_24h=fields.number("day"),
        payload=entry,
    )


def witness(symbol: str, channels: frozenset[str], nonce: str) -> Witness | None:
    """How a market stands: the answer changes with its book and its deals only."""
    if not channels & CHANNELS:
        return None
    return _stand(Request(f"/markets/{symbol}", (("nonce", nonce),)))


def _stand(request: Request) -> Witness:
    body = yield request
    fields = Fields(decode(body))
    fields.need_text("m")
    return hashlib.sha256(body).digest()


REST: Final = Rest(
    services={
        # Ten a second are documented ("Guests", section 4); half of them leave room for others.
        "main": Service(base="https://api.atlantis.localhost", tokens_per_second=5.0, burst=5.0)
    },
    complaint=complaint,
    catalog=catalog,
    witness=witness,
    reference=catalog,
    saved=saved,
)
