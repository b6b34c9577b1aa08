"""What frames are in common words and of which kinds, and the standard library's reading of times."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from ssmd.archive import line
from ssmd.model.envelope import Envelope
from ssmd.model.fact import Fact
from ssmd.model.frame import Frame, Opcode
from ssmd.model.row import Row
from ssmd.model.venue import Venue
from tests.venues.booking import Labels
from tests.venues.conversation import START

Kind = TypeVar("Kind", bound=Fact)


def facts(venue: Venue, payloads: Iterable[bytes]) -> list[Fact]:
    """Everything that frames of one connection state, in order."""
    labels = Labels(venue)
    return [
        fact
        for payload in payloads
        for piece in labels.pieces(Frame(payload, Opcode.TEXT, START, 0.0))
        for row in piece.rows
        for fact in venue.facts(row)
    ]


def is_declared(venue: Venue, envelope: Envelope, rows: Iterable[Row]) -> bool:
    """Whether what a message tells is what `tells` and `snapshots` say of its type."""
    told: set[type[Row | Fact]] = set()
    begins = False
    for row in rows:
        told |= {type(row), *map(type, venue.facts(row))}
        begins |= row.is_snapshot
    mark = venue.snapshots.get(envelope.type)
    shows = mark is not None and mark in line.encode(envelope)
    return told <= venue.tells[envelope.type] and (shows or not begins)


def of(kind: type[Kind], found: Iterable[Fact]) -> list[Kind]:
    """The facts of one table."""
    return [fact for fact in found if isinstance(fact, kind)]


def number(text: str | Decimal | int | None) -> Decimal | None:
    """A number as it was written."""
    return None if text is None else Decimal(text)


def moment(text: str) -> int:
    """An RFC 3339 time with whole microseconds, in ns."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return int(at.replace(microsecond=0).timestamp()) * 10**9 + at.microsecond * 1000
