"""An archive as a recorder would have made it from the venues' own simulations, and the truth."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ssmd import venues
from ssmd.archive.importer import import_capture
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.tables.compactor import Compactor
from ssmd.model.simulated import Emission, KeepsBooks
from ssmd.sim.manual_clock import ManualClock
from tests.venues.conversation import START, Exchange, everything

Sides = tuple[Mapping[Decimal, Decimal], Mapping[Decimal, Decimal]]
"""Bids and asks: sizes by price."""


class Truth(NamedTuple):
    """What a venue's simulation says its book was.

    Attributes:
        feed: Whose.
        symbol: Of which instrument.
        at: When, ns.
        sides: The levels.
    """

    feed: str
    symbol: str
    at: int
    sides: Sides


class Played(Exchange):
    """A conversation that is written down frame by frame, with the time of each."""

    def __init__(self, name: str, *, rate: float, seed: int) -> None:
        self.lines: list[str] = []
        self.truths: list[Truth] = []
        super().__init__(name, rate=rate, seed=seed)

    def _hear(self, emissions: Sequence[Emission]) -> None:
        for emission in emissions:
            if not emission.opcode.is_control:
                line = {"ts_recv": self.now.wall, "raw": emission.payload.decode()}
                self.lines.append(json.dumps(line))
        super()._hear(emissions)

    def play(self, seconds: float) -> None:
        """Let time pass; every now and then the venue is asked for its books."""
        until = self.now.mono + seconds
        while self.now.mono < until:
            self.live(1.0)
            assert isinstance(self.server, KeepsBooks)
            for state in self.server.books():
                sides = _exactly(state.bids), _exactly(state.asks)
                self.truths.append(Truth(self.venue.id, state.symbol, self.now.wall, sides))


def _exactly(levels: Sequence[tuple[str, str]]) -> Mapping[Decimal, Decimal]:
    return {Decimal(price): Decimal(size) for price, size in levels}


def played(
    root: Path, *, seconds: float = 150.0, rate: float = 5.0, seed: int = 1
) -> dict[str, list[Truth]]:
    """Record all venues into an archive, slots of a minute, and make its tables."""
    told: dict[str, list[Truth]] = {}
    for name in venues.names():
        exchange = Played(name, rate=rate, seed=seed)
        symbols = exchange.market.symbols[:3]
        exchange.want(everything(exchange.venue, symbols))
        exchange.play(seconds * 2 / 3)
        exchange.market.delist(symbols[2:])
        exchange.play(seconds / 3)
        capture = root.parent / f"{name}.jsonl"
        capture.write_text("\n".join(exchange.lines), encoding="utf-8")
        clock, settings = ManualClock(exchange.now.wall), ArchiveSettings(interval_s=60)
        import_capture(capture, name, exchange.venue, root, clock=clock, settings=settings)
        told[name] = exchange.truths
    Compactor(root, ManualClock(START)).run_once()
    return told
