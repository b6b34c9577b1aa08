"""What a message of the bus says about instruments themselves. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.fact import Fact, Lifecycle, Outcome
from ssmd.model.instrument import Status
from ssmd.model.records import PLANNED, Opened, decode_connection
from ssmd.model.row import Row
from ssmd.model.venue import Venue
from ssmd.secmaster.statuses import STATUSES

_KINDS: Final[frozenset[type[Row | Fact]]] = frozenset({Lifecycle, Outcome})


class News(msgspec.Struct, kw_only=True):
    """One event of one instrument.

    Attributes:
        symbol: The instrument, in the venue's own string.
        event: What happened, in the venue's words.
        status: The state from then on; None where nothing says so.
        raw_status: The same in the venue's words; the event, where it states none.
        at: The venue's time of it, ns; our receipt where it states none; None in imports.
        result: How it was decided; None when not told.
        value: What one contract pays; None when not told.
        detail: JSON object of what else is said.
        is_snapshot: Whether it only repeats how things stand.
    """

    symbol: str
    event: str
    status: Status | None = None
    raw_status: str = ""
    at: int | None = None
    result: str | None = None
    value: Decimal | None = None
    detail: str | None = None
    is_snapshot: bool = False


def types_of(venue: Venue) -> tuple[str, ...]:
    """The types of a venue's messages that can tell such things."""
    everything = frozenset(venue.types)
    told = {kind for kind, kinds in venue.tells.items() if not kinds & _KINDS}
    return tuple(sorted(kind for kind in everything - told if not kind.startswith("_")))


def was_away(envelope: Envelope) -> bool:
    """Whether a message says that nobody listened for a while: what was told then, nobody heard.

    A connection says so that follows another, unless that one still lived. Of a handover nobody
    can be sure at once: whom it takes over from may have died a moment ago.
    """
    if envelope.type != CONNECTION or envelope.record is None:
        return False
    try:
        record = decode_connection(envelope.payload)
    except msgspec.DecodeError:
        return False  # of another version; the next round learns of what was missed
    return (
        isinstance(record, Opened)
        and isinstance(record.shard, int)
        and record.previous is not None
        and record.reason != PLANNED
    )


def news_of(venue: Venue, envelope: Envelope) -> list[News]:
    """The events in a message, in its order; what a venue tells of one in several facts is one."""
    found: dict[tuple[str, str], News] = {}
    last: dict[str, News] = {}
    for fact in _facts(venue, envelope):
        if isinstance(fact, Lifecycle):
            one = _event(fact, envelope)
            found[one.symbol, one.event] = last[one.symbol] = one
        elif isinstance(fact, Outcome):
            known = last.get(fact.symbol)
            if known is None:
                known = News(
                    symbol=fact.symbol, event="outcome", at=fact.ts_event or envelope.ts_recv
                )
                found[known.symbol, known.event] = last[fact.symbol] = known
            known.result = fact.outcome or known.result
            known.value = fact.value if fact.value is not None else known.value
    return list(found.values())


def _facts(venue: Venue, envelope: Envelope) -> Iterator[Fact]:
    for row in venue.rows(envelope).rows:
        yield from venue.facts(row)


def _event(fact: Lifecycle, envelope: Envelope) -> News:
    known: Mapping[str, Status] = {name: name for name in STATUSES}
    status = known.get(fact.status or "")
    return News(
        symbol=fact.symbol,
        event=fact.event,
        status=status,
        raw_status=fact.raw_status or ("" if status is None else fact.event),
        at=fact.ts_event or envelope.ts_recv,
        detail=fact.detail,
        is_snapshot=fact.is_snapshot,
    )
