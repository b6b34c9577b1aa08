"""What was received, frame by frame, byte for byte."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

import msgspec
import polars as pl

from ssmd.access.bars import TIME
from ssmd.access.completeness import Symbols
from ssmd.access.times import Range
from ssmd.archive import reader
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
        asked: Received when; what was received at no known time is in no range.
    """

    feeds: Sequence[str]
    symbols: frozenset[str] | None = None
    type: str | None = None
    connection: str | None = None
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
    for feed in which.feeds:
        asked = which.asked
        for line in reader.read(
            store,
            feed,
            type=which.type,
            since=asked.since,
            until=asked.until,
            connection=which.connection,
        ):
            found = line.envelope
            if which.symbols is None or not which.symbols.isdisjoint(found.symbols):
                yield found


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
