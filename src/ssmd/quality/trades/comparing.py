"""One comparison from beginning to end: what is archived, what REST tells, and what comes of it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive.ledger.spans import Span
from ssmd.bus.settings import BusSettings
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.model.venue import Venue
from ssmd.quality.trades import archived
from ssmd.quality.trades.archived import Subject
from ssmd.quality.trades.asking import Told, ask, channels
from ssmd.quality.trades.comparison import Comparison, compare
from ssmd.quality.trades.matching import Trade
from ssmd.quality.trades.onbus import waiting
from ssmd.runtime.clock import Clock
from ssmd.secmaster.trades_run import TradesRun

_MARGIN_S: Final = 5.0
"""So much is looked at on either side of a window, at least."""
_ON_ITS_WAY_S: Final = 60.0
"""So long after the newest that is archived, more may be on its way."""
_COMMITTED_S: Final = 1.0
"""Streams of one feed are not committed at one moment."""


class Fresh(msgspec.Struct, frozen=True):
    """The end of a window that is too fresh: the venue's history, or the files, may lack it still.

    Attributes:
        since: From when on, ns.
        until: Up to when.
        archived: How many trades of it are archived.
    """

    since: int
    until: int
    archived: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison amounts to, and of what.

    Attributes:
        venue: The venue's id.
        instrument: `venue:symbol`.
        feed: Who recorded it.
        asked_at: When REST was asked, ns.
        comparison: What came of it.
        too_fresh: What was left out at the end; None when nothing was.
        on_bus: How many of our trades stand on the bus alone: they are not archived yet.
    """

    venue: str
    instrument: str
    feed: str
    asked_at: int
    comparison: Comparison
    too_fresh: Fresh | None
    on_bus: int


async def run(
    root: Path,
    venue: Venue,
    whose: Subject,
    window: Span,
    *,
    addresses: Mapping[str, str],
    clock: Clock,
    bus: BusSettings | None = None,
) -> Result:
    """Compare an instrument's archived trades of a window with what REST tells of them.

    The archive is read after REST was asked, so that what was on its way meanwhile is there.

    Args:
        root: The archive.
        venue: Who is asked.
        whose: Which instrument of which feed.
        window: [from, to), ns, by the venue's clock.
        addresses: Of the venue's REST services, by name.
        clock: What time it is.
        bus: Where what is not archived yet stands; None looks at the files alone.

    Raises:
        SsmdError: The archive cannot be read, or the bus does not answer.
    """
    how = venue.rest.retold
    now = clock.wall()
    since, until = window
    settled_until = max(since, min(until, now - round(how.settles_s * SECOND_NS)))
    if bus is None:
        settled_until = max(since, min(settled_until, await _archived_until(root, whose, now)))
    margin = round(max(_MARGIN_S, how.early_s, how.late_s) * SECOND_NS)
    low, high = max(0, since - margin), settled_until + margin
    told = Told(trades=(), settled=(), requests=0, trouble="all of it is too fresh")
    if settled_until > since:
        told = await _theirs(root, venue, whose, (low, min(high, now)), addresses, clock)
    compared = (since, settled_until if settled_until > since else until)
    ours, on_bus = await _ours(root, venue, whose, (low, max(high, until)), clock, bus)
    lost = await asyncio.to_thread(archived.lost, root, whose, low, high)
    fresh = None
    if settled_until < until:
        number = sum(settled_until <= each.ts < until for each in ours)
        fresh = Fresh(settled_until, until, number)
    return Result(
        venue=venue.id,
        instrument=f"{venue.id}:{whose.symbol}",
        feed=whose.feed,
        asked_at=now,
        comparison=compare(
            [each for each in ours if each.ts < max(high, compared[1])],
            told.trades,
            compared,
            told.settled,
            how,
            lost=lost,
            why=told.trouble,
        ),
        too_fresh=fresh,
        on_bus=on_bus,
    )


async def _theirs(
    root: Path,
    venue: Venue,
    whose: Subject,
    time: Span,
    addresses: Mapping[str, str],
    clock: Clock,
) -> Told:
    """What REST tells of trades that we wanted; nobody is asked about those that we did not."""
    named = channels(venue, whose.symbol)
    if named and not await asyncio.to_thread(archived.is_wanted, root, whose, *time, named):
        trouble = f"the feed did not subscribe to its trades then ({', '.join(named)})"
        return Told(trades=(), settled=(), requests=0, trouble=trouble)
    return await ask(venue, whose.symbol, *time, addresses=addresses, clock=clock)


async def _archived_until(root: Path, whose: Subject, now: int) -> int:
    """Up to when the files hold what was heard, ns; the rest may be on its way to them.

    An archiver that died is started again within seconds, and commits several times a second. What
    it has not brought for a minute is not on its way any more: then the files hold what they hold.
    """
    since = now - round(_ON_ITS_WAY_S * SECOND_NS)
    newest = await asyncio.to_thread(archived.newest, root, whose.feed, since)
    return now if newest <= since else newest - round(_COMMITTED_S * SECOND_NS)


async def _ours(
    root: Path, venue: Venue, whose: Subject, time: Span, clock: Clock, bus: BusSettings | None
) -> tuple[list[Trade], int]:
    """What we have of a time, and how much of it stands on the bus alone.

    The bus is read first: what is archived meanwhile is known by its frame.
    """
    found = [] if bus is None else await waiting(root, venue, whose, bus, clock)
    held = await asyncio.to_thread(archived.held, root, whose, *time, clock)
    alone = [
        trade
        for frame, trade in found
        if frame not in held.frames and time[0] <= trade.ts < time[1]
    ]
    return [*held.trades, *alone], len(alone)


def kept(result: Result) -> TradesRun | None:
    """What is kept of a comparison, for the day's verdict; None when nothing was compared."""
    found = result.comparison
    if found.status == "UNKNOWN":
        return None
    said = [found.why, *found.caveats]
    if found.mismatched:
        said.insert(0, f"{found.mismatched} of the missing are archived otherwise")
    return TradesRun(
        venue=result.venue,
        instrument=result.instrument.removeprefix(f"{result.venue}:"),
        since=found.since,
        until=found.until,
        matched=found.matched,
        missing=found.missing + found.mismatched,
        extra=found.extra,
        sizes={"api": str(found.size.api), "archive": str(found.size.archive)},
        caveat="; ".join(each for each in said if each),
        at=result.asked_at,
    )


def told(result: Result, *, detailed: bool) -> dict[str, object]:
    """A result for a program: times as RFC 3339, numbers exact; the trades only when wanted."""
    found = msgspec.to_builtins(result.comparison)
    listed = found.pop("trades")
    found["from"], found["to"] = (format_rfc3339(found.pop(name)) for name in ("since", "until"))
    fresh = result.too_fresh
    return {
        "venue": result.venue,
        "instrument": result.instrument,
        "feed": result.feed,
        "asked_at": format_rfc3339(result.asked_at),
        **found,
        "too_fresh": fresh
        and {
            "from": format_rfc3339(fresh.since),
            "to": format_rfc3339(fresh.until),
            "archived": fresh.archived,
        },
        "on_bus": result.on_bus,
        **({"trades": listed} if detailed else {}),
    }
