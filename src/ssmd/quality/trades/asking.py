"""Asks a venue's REST for the trades of an instrument, by the same generators that backfill it."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from ssmd.archive.ledger.spans import Span as Time
from ssmd.archive.ledger.spans import joined
from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.errors import SsmdError
from ssmd.model.fact import Trade as TradeFact
from ssmd.model.frame import Opcode
from ssmd.model.rest import Request, Span
from ssmd.model.venue import Venue
from ssmd.quality.trades.matching import Trade
from ssmd.runtime.clock import Clock
from ssmd.runtime.driver import relate
from ssmd.runtime.http import Http, HttpTuning

PURPOSE: Final = "reconcile"
"""What the requests are for."""
_TUNING: Final = HttpTuning(attempts=3, cap_s=5.0, retry_after_s=30.0)
"""Somebody waits for the answer: what is away for longer than this is said to be away."""
_REQUESTS: Final = 1_000
"""Most requests for one channel of one window."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What REST told of an instrument's trades.

    Attributes:
        trades: The trades, each as often as it happened.
        settled: Of which time it told everything, [from, to), ns.
        requests: How many requests it took.
        unread: How many entries could not be read.
        trouble: Why it did not tell all that was asked; empty when it did.
    """

    trades: tuple[Trade, ...]
    settled: tuple[Time, ...]
    requests: int
    unread: int = 0
    trouble: str = ""


def channels(venue: Venue, symbol: str) -> tuple[str, ...]:
    """The channels of whose past the venue's REST tells; empty when it tells of none."""
    return tuple(
        channel
        for channel in sorted(venue.channels)
        if venue.rest.history(channel, symbol, 0, 1) is not None
    )


async def ask(
    venue: Venue,
    symbol: str,
    since: int,
    until: int,
    *,
    addresses: Mapping[str, str],
    clock: Clock,
) -> Told:
    """Ask for all trades of a time; what cannot be had is said, never raised.

    Args:
        venue: Who is asked.
        symbol: The venue's own string for the instrument.
        since: From when on, ns.
        until: Up to when, ns, not included.
        addresses: Of the venue's REST services, by name.
        clock: Paces it.
    """
    told = [Told(trades=(), settled=(), requests=0, trouble="the venue keeps no history of it")]
    async with Http(venue.rest, clock=clock, addresses=addresses, tuning=_TUNING) as http:
        named = channels(venue, symbol)
        if named:
            told = [await _channel(venue, http, each, symbol, (since, until)) for each in named]
    return Told(
        trades=tuple(trade for each in told for trade in each.trades),
        settled=tuple(joined(span for each in told for span in each.settled)),
        requests=sum(each.requests for each in told),
        unread=sum(each.unread for each in told),
        trouble="; ".join(each.trouble for each in told if each.trouble),
    )


async def _channel(venue: Venue, http: Http, channel: str, symbol: str, time: Time) -> Told:
    history = venue.rest.history(channel, symbol, *time)
    assert history is not None  # noqa: S101 - it was asked before
    pages: list[bytes] = []
    spans: list[Span] = []
    fetch = http.fetcher(PURPOSE)

    async def page(request: Request) -> bytes:
        body = await fetch(request)
        pages.append(body)
        return body

    trouble = ""
    try:
        if not await relate(history, page, spans.append, _REQUESTS):
            trouble = f"it takes more than {_REQUESTS} requests: ask for a shorter window"
    except SsmdError as error:
        trouble = error.message
    except ValueError as error:
        trouble = f"the answer cannot be understood: {error}"
    if gone := [span for span in spans if span.gone]:
        trouble = trouble or "the venue keeps nothing that old any more"
    trades, unread = _read(venue, symbol, pages)
    return Told(
        trades=trades,
        settled=tuple((each.since, each.until) for each in spans if each not in gone),
        requests=len(pages),
        unread=unread,
        trouble=trouble or (f"{unread} of its entries cannot be read" if unread else ""),
    )


def _read(venue: Venue, symbol: str, pages: list[bytes]) -> tuple[tuple[Trade, ...], int]:
    """The trades of pages that overlap: each as often as the page says that tells most of it.

    Trades may be equal in everything the venue tells: those of one page are all counted, and no
    page is counted against another.
    """
    most: Counter[bytes] = Counter()
    found: dict[bytes, Trade] = {}
    unread = 0
    for number, body in enumerate(pages):
        decoded = venue.rows(_envelope(symbol, number, body))
        unread += len(decoded.rejects)
        here: Counter[bytes] = Counter()
        for row in decoded.rows:
            for fact in venue.facts(row):
                if not isinstance(fact, TradeFact) or fact.symbol != symbol:
                    continue
                if fact.ts_event is None:
                    unread += 1
                    continue
                key = msgspec.json.encode(row)
                here[key] += 1
                found[key] = _trade(fact, fact.ts_event)
        most |= here
    return tuple(found[key] for key in most.elements()), unread


def _trade(fact: TradeFact, ts: int) -> Trade:
    return Trade(ts=ts, price=fact.price, size=fact.size, side=fact.side, id=fact.trade_id)


def _envelope(symbol: str, number: int, body: bytes) -> Envelope:
    """A page as the archive would hold it, for whoever reads rows of it."""
    return Envelope(
        feed="",
        category=None,
        type=BACKFILL,
        symbols=(symbol,),
        connection=PURPOSE,
        ordinal=number,
        record=None,
        part=0,
        parts=1,
        opcode=Opcode.TEXT,
        sequence=None,
        ts_event=None,
        ts_recv=None,
        payload=body,
    )
