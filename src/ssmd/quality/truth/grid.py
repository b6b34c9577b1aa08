"""The price grids of instruments, as they were listed, and prices that are not on them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec
import polars as pl

from ssmd.access.archive import Archive
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.model.instrument import PriceRange
from ssmd.quality.checks.truth_facts import Gridded
from ssmd.quality.window import Window


class Steps(msgspec.Struct, frozen=True):
    """A stretch of prices with one step between them.

    Attributes:
        step: The tick.
        low: Where it begins; None for all prices.
        high: Where it ends.
    """

    step: Decimal
    low: Decimal | None = None
    high: Decimal | None = None

    def has(self, price: Decimal) -> bool:
        """Whether a price is one of its steps."""
        if not self.step:
            return True
        if self.low is None or self.high is None:
            return price % self.step == 0
        return self.low <= price <= self.high and (price - self.low) % self.step == 0


Listings = Mapping[str, tuple[Steps, ...]]
"""By `venue:symbol`: every stretch that was listed at some time of the day."""


class Grid(msgspec.Struct, frozen=True):
    """The grids of a feed's instruments.

    Attributes:
        listings: What is known.
        why: Why nothing is known; empty when something is.
    """

    listings: Listings
    why: str = ""


_NOTHING: Final = "No listing is archived: run `ssmd secmaster` and `ssmd cdc`."
_ranges = msgspec.json.Decoder(tuple[PriceRange, ...])


def listed(archive: Archive, venue: str, window: Window) -> Grid:
    """The grids of a venue's instruments when a day began and when it ended, from the archive.

    A grid that changed in between is taken as it was before and after.
    """
    found: dict[str, set[Steps]] = {}
    try:
        for at in (window.since, window.until - 1):
            rows = archive.instruments(venue=venue, as_of=at, unlisted=True)
            ticks = rows.select("instrument_id", "tick_size", "price_ranges").collect()
            for name, tick, ranges in ticks.iter_rows():
                found.setdefault(name, set()).update(steps(tick, ranges))
    except ConfigError as error:
        return Grid({}, f"{_NOTHING} ({error.message})")
    except SsmdError as error:
        return Grid({}, error.message)
    known = {name: tuple(each) for name, each in found.items() if each}
    return Grid(known, "" if known else f"No grid of an instrument of {venue} was listed then.")


def steps(tick: Decimal | None, ranges: str | None) -> tuple[Steps, ...]:
    """The grid of a listing: its ranges, or else its tick; nothing when it states neither.

    Args:
        tick: Its tick size.
        ranges: Its price ranges, as JSON.
    """
    known = _ranges.decode(ranges) if ranges else ()
    if known:
        return tuple(Steps(each.step, each.start, each.end) for each in known)
    return () if tick is None else (Steps(tick),)


class Prices:
    """Counts prices that are not on the grid of their instrument.

    Args:
        grid: What is known.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._prices = self._off = self._unlisted = 0
        self._example = ""

    def take(self, batch: pl.DataFrame, *columns: str) -> None:
        """Look at the prices in some columns of live rows."""
        for column in columns:
            counts = batch.group_by("instrument_id", pl.col(column).alias("price")).len()
            for name, price, count in counts.drop_nulls().iter_rows():
                self._look(name, price, count)

    def gridded(self) -> Gridded:
        """What was counted."""
        return Gridded(
            prices=self._prices,
            off=self._off,
            unlisted=self._unlisted,
            example=self._example,
            why=self._grid.why,
        )

    def _look(self, instrument: str, price: Decimal, count: int) -> None:
        steps_ = self._grid.listings.get(instrument)
        if steps_ is None:
            self._unlisted += count
            return
        self._prices += count
        if not any(each.has(price) for each in steps_):
            self._off += count
            self._example = self._example or f"{price.normalize():f} of {instrument}"
