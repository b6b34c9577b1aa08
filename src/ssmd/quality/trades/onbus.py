"""The trades that stand on the bus and are not archived yet: an archiver may be behind, or be off."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Final

from ssmd.access.stream import begin_after, newest
from ssmd.archive.contents import Position
from ssmd.bus.follow import Behind, Follower
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import Envelope
from ssmd.model.fact import Trade as TradeFact
from ssmd.model.venue import Venue
from ssmd.quality.trades.archived import Subject
from ssmd.quality.trades.matching import Trade
from ssmd.runtime.clock import Clock, within

Frame = tuple[str, int]
"""Where a trade stands: connection and ordinal."""
_IDLE_S: Final = 5.0
"""What has not come by then is not there: a piece of a message may lack for ever."""


async def waiting(
    root: Path, venue: Venue, whose: Subject, bus: BusSettings, clock: Clock
) -> list[tuple[Frame, Trade]]:
    """What the bus holds beyond what the files hold, with the frame of each trade.

    Args:
        root: The archive, whose newest position says where to begin.
        venue: Whose messages they are.
        whose: Which instrument of which feed.
        bus: Where the bus is.
        clock: What time it is.

    Raises:
        BusAway: The bus does not answer.
        StreamUnfit: There is no such stream.
        Damaged: A file of the archive is not what was written.
    """
    found: list[tuple[Frame, Trade]] = []
    places = await asyncio.to_thread(newest, root, whose.feed)
    for stream, position in places.items():
        async with Follower(bus, clock, stream) as follower:
            async for envelope in _rest(follower, position, clock):
                found += _trades(venue, whose.symbol, envelope)
    return found


async def _rest(
    follower: Follower, position: Position, clock: Clock
) -> AsyncGenerator[Envelope, None]:
    """Everything from a position on to what is the end of the stream now."""
    state = await follower.look()
    begin = begin_after(position, state)
    coming = follower.follow(begin, state.created)
    async with contextlib.aclosing(coming):
        while max(begin, follower.position) <= state.last:
            try:
                yield await within(clock, _IDLE_S, anext(coming))
            except (TimeoutError, Behind):
                return  # what was purged meanwhile is archived, and will be read there


def _trades(venue: Venue, symbol: str, envelope: Envelope) -> Iterator[tuple[Frame, Trade]]:
    """The trades of an instrument that a message tells as news, or again."""
    if symbol not in envelope.symbols or envelope.ordinal is None or envelope.ts_recv is None:
        return  # about others, or a record of our own
    for row in venue.rows(envelope).rows:
        for fact in venue.facts(row):
            if isinstance(fact, TradeFact) and fact.symbol == symbol:
                ts = envelope.ts_recv if fact.ts_event is None else fact.ts_event
                yield (
                    (envelope.connection, envelope.ordinal),
                    Trade(
                        ts=ts,
                        price=fact.price,
                        size=fact.size,
                        side=fact.side,
                        id=fact.trade_id,
                        ts_recv=envelope.ts_recv,
                    ),
                )
