"""The archived trades of an instrument, as researchers are given them."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from ssmd.access.completeness import losses
from ssmd.access.names import Register
from ssmd.access.opening import open_archive
from ssmd.access.times import Range
from ssmd.archive.ledger import store
from ssmd.archive.ledger.entries import Intent
from ssmd.archive.ledger.spans import Span
from ssmd.archive.store.opening import as_store
from ssmd.model.errors import ConfigError
from ssmd.quality.trades.matching import Trade
from ssmd.runtime.clock import Clock

_COLUMNS: Final = (
    "price", "size", "side", "trade_id", "source", "is_repeat", "connection", "ordinal",
)  # fmt: skip
_REST: Final = "rest"
"""The source of what a backfill brought."""


class Subject(msgspec.Struct, frozen=True):
    """Whose trades are compared.

    Attributes:
        feed: The feed that recorded them.
        symbol: The venue's own string for the instrument.
    """

    feed: str
    symbol: str


class Held(msgspec.Struct, frozen=True):
    """What is archived of a time.

    Attributes:
        trades: The trades, each once.
        frames: Which frames tell of them, repeats included: connection and ordinal.
    """

    trades: tuple[Trade, ...]
    frames: frozenset[tuple[str, int]]


def subject(root: Path, venue: str, instrument: str, feed: str | None = None) -> Subject:
    """The feed of a venue that holds an instrument.

    Args:
        root: The archive.
        venue: The venue's id.
        instrument: The venue's own symbol, or `venue:symbol`.
        feed: Its feed; None when only one of the venue's feeds holds it.

    Raises:
        ConfigError: None does, or several do.
    """
    register = Register(as_store(root), root)
    mine = [each for each in register.chosen(feed) if register.venue(each) == venue]
    if not mine:
        known = sorted({register.venue(each) for each in register.feeds()} - {""})
        what = f"of the venue {venue!r}" if feed is None else f"{feed!r} of the venue {venue!r}"
        message = f"There is no feed {what} in {root}."
        raise ConfigError(message, remedy=f"Recorded venues: {', '.join(known) or 'none'}.")
    holding: Mapping[str, object] = register.resolve(mine, instrument, Range())
    if len(holding) > 1:
        message = f"Several feeds hold {instrument!r}: {', '.join(sorted(holding))}."
        raise ConfigError(message, remedy="Name one with --feed.")
    (name,) = holding
    own = instrument.removeprefix(f"{venue}:")
    known_as = register.resolve(name, instrument, Range())[name]
    return Subject(name, next(iter(known_as or (own,))))


def held(root: Path, whose: Subject, since: int, until: int, clock: Clock) -> Held:
    """The archived trades of a time, by the venue's clock; down to what is being written now.

    What only repeats what another row tells is left out, as it is for everybody.

    Args:
        root: The archive.
        whose: Which instrument of which feed.
        since: From when on, ns.
        until: Up to when, ns, not included.
        clock: What time it is.
    """
    archive = open_archive(root, warn=False, clock=clock)
    frame = archive.trades(
        feed=whose.feed,
        instrument=whose.symbol,
        start=since,
        end=until,
        by="ts_event",
        repeats=True,
    )
    times = [pl.col(name).cast(pl.Int64) for name in ("ts_event", "ts_recv")]
    rows = frame.select(*times, *_COLUMNS).collect().rows(named=True)
    return Held(
        trades=tuple(_trade(row) for row in rows if not row["is_repeat"]),
        frames=frozenset((row["connection"], row["ordinal"]) for row in rows),
    )


def _trade(row: Mapping[str, Any]) -> Trade:
    return Trade(
        ts=row["ts_recv"] if row["ts_event"] is None else row["ts_event"],
        price=row["price"],
        size=row["size"],
        side=row["side"],
        id=row["trade_id"],
        ts_recv=row["ts_recv"],
        is_fetched=row["source"] == _REST,
    )


def is_wanted(
    root: Path, whose: Subject, since: int, until: int, channels: Collection[str]
) -> bool:
    """Whether the feed subscribed to a channel of the instrument at any moment of a time.

    Where no wish is on record at all (an import), what there is was wanted.
    """
    ledger = store.load(root, whose.feed, since, until)
    wishes = [entry for entry in ledger.entries if isinstance(entry, Intent)]
    return not wishes or any(
        entry.channel in channels and entry.symbol in {None, whose.symbol} for entry in wishes
    )


def newest(root: Path, feed: str, since: int) -> int:
    """When the newest that is archived of a feed was received, ns; `since` if that was before."""
    return store.load(root, feed, since).until


def lost(root: Path, whose: Subject, since: int, until: int) -> list[Span]:
    """When the ledger knows that something of the instrument is missing, and was not made good."""
    found = losses(root, {whose.feed: [whose.symbol]}, Range(since, until))
    return [(each.since, until if each.until is None else each.until) for each in found]
