"""What was received, frame by frame, byte for byte."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

import msgspec
import polars as pl

from ssmd.access.bars import TIME
from ssmd.access.completeness import Symbols
from ssmd.access.times import Range
from ssmd.archive import layout, reader
from ssmd.archive.layout import Place
from ssmd.archive.store.port import Store
from ssmd.model.envelope import Envelope

SCHEMA: Final = pl.Schema(
    {
        "feed": pl.String(),
        "connection": pl.String(),
        "ordinal": pl.Int64(),
        "record": pl.Int64(),
        "part": pl.Int32(),
        "parts": pl.Int32(),
        "type": pl.String(),
        "symbols": pl.List(pl.String()),
        "sequence": pl.Int64(),
        "ts_event": TIME,
        "ts_recv": TIME,
        "opcode": pl.Int32(),
        "payload": pl.Binary(),
    }
)
"""The columns of frames; `record` is set in what SSMD itself says of a connection."""

_ROWS: Final = 20_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which envelopes are wanted.

    Attributes:
        feeds: Of which feeds.
        symbols: About which instruments, in the venue's own strings; None for all.
        type: Of which message type; None for all.
        connection: Of which connection; None for all.
        ordinal: Which frame of its connection; None for all.
        asked: Received when; what was received at no known time is in no range.
    """

    feeds: Sequence[str]
    symbols: frozenset[str] | None = None
    type: str | None = None
    connection: str | None = None
    ordinal: int | None = None
    asked: Range = Range()


def wanted(
    about: tuple[Symbols, Range], kind: str | None = None, connection: str | None = None
) -> Wanted:
    """Which envelopes are wanted of some feeds, instruments and time."""
    symbols, asked = about
    names = [each for each in symbols.values() if each is not None]
    return Wanted(
        feeds=list(symbols),
        symbols=frozenset(chain.from_iterable(names)) if names else None,
        type=kind,
        connection=connection,
        asked=asked,
    )


def envelopes(store: Store, which: Wanted) -> Iterator[Envelope]:
    """The envelopes, feed by feed, segment by segment, as they were written.

    On one connection that is the order of their ordinals, but for what came late over the bus.
    """
    return (each.envelope for each in lines(store, which))


def lines(
    store: Store, which: Wanted, after: tuple[Place, int] | None = None
) -> Iterator[reader.Line]:
    """The same, each with where it rests.

    Args:
        store: The archive.
        which: Which of them.
        after: Only what stands after this line of this segment.
    """
    for feed in sorted(which.feeds):
        if after is not None and feed < after[0].feed:
            continue
        for line in reader.read(
            store,
            feed,
            type=which.type,
            since=which.asked.since,
            until=which.asked.until,
            connection=which.connection,
            after=after,
        ):
            found = line.envelope
            if (which.ordinal is None or found.ordinal == which.ordinal) and (
                which.symbols is None or not which.symbols.isdisjoint(found.symbols)
            ):
                yield line


def page(
    store: Store, which: Wanted, after: tuple[Place, int] | None, limit: int
) -> tuple[pl.DataFrame, tuple[Place, int] | None]:
    """Some of them, and the place of the last one; None at the end.

    A segment that becomes whole later, of a time before that place, is not told by going on.

    Args:
        store: The archive.
        which: Which of them.
        after: The place of the last one of the page before.
        limit: Most of them.
    """
    found = list(islice(lines(store, which, after), limit + 1))
    rows = pl.DataFrame(map(_row, (e.envelope for e in found[:limit])), schema=SCHEMA, orient="row")
    if len(found) <= limit:
        return rows, None
    last = found[limit - 1]
    parsed = layout.parse(last.file)
    assert parsed is not None  # noqa: S101 - the reader found it by its name
    return rows, (parsed[0], last.number)


def pieces(found: Iterator[Envelope]) -> Iterator[pl.DataFrame]:
    """The same as frames, some thousand rows at a time."""
    while rows := list(islice(found, _ROWS)):
        yield pl.DataFrame(map(_row, rows), schema=SCHEMA, orient="row")


def _row(each: Envelope) -> tuple[object, ...]:
    return (
        each.feed, each.connection, each.ordinal, each.record, each.part, each.parts, each.type,
        list(each.symbols), each.sequence, each.ts_event, each.ts_recv, int(each.opcode),
        each.payload,
    )  # fmt: skip
