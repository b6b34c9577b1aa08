"""What recorded feeds subscribe to now, against what the security master says of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ssmd import venues
from ssmd.archive.ledger import store
from ssmd.archive.ledger.entries import Intent
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.quality import MasterPolicy
from ssmd.feeds.universe import Master
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.secmaster import Subscribed
from ssmd.runtime.clock import Clock
from ssmd.secmaster import anomalies, universe_snapshot
from ssmd.secmaster.database import Database
from ssmd.secmaster.rows import Row
from ssmd.secmaster.times import moment
from ssmd.secmaster.universe_roster import Roster

_OVER = frozenset({"closed", "determined", "settled", "void"})


async def subscriptions(
    database: Database,
    root: Path,
    configured: Callable[[str], FeedConfig | None],
    policy: MasterPolicy,
    clock: Clock,
) -> tuple[Subscribed, ...]:
    """How the subscriptions of every recorded feed stand.

    Args:
        database: The security master.
        root: The archive, whose ledger says what is subscribed to.
        configured: A feed's configuration by name; None when nobody knows it.
        policy: How late is late.
        clock: What time it is.
    """
    return tuple(
        [
            await _feed(database, root, name, configured(name), policy, clock)
            for name in await asyncio.to_thread(store.feeds, root)
        ]
    )


async def _feed(
    database: Database,
    root: Path,
    feed: str,
    config: FeedConfig | None,
    policy: MasterPolicy,
    clock: Clock,
) -> Subscribed:
    now = clock.wall()
    since = now - round(policy.recent_s * SECOND_NS)
    ledger = await asyncio.to_thread(store.load, root, feed, since)
    if ledger.venue not in venues.names():
        return Subscribed(feed=feed, why="it is of no venue")
    if ledger.until <= since:
        why = f"nothing of it was archived for {policy.recent_s / 60:g} min"
        return Subscribed(feed=feed, why=why)
    subscribed = {
        entry.symbol
        for entry in ledger.entries
        if isinstance(entry, Intent) and entry.until is None and entry.symbol is not None
    }
    before = moment(now - round(policy.grace_s * SECOND_NS))
    assert before is not None  # noqa: S101 - a number gives a time
    async with database.session() as session:
        rows = await anomalies.standing(session, ledger.venue, subscribed)
    if subscribed and not rows:
        return Subscribed(feed=feed, why="the security master has none of its instruments")
    told = Subscribed(
        feed=feed,
        number=len(subscribed),
        closed=tuple(row["symbol"] for row in rows if _is_over(row, before)),
        unknown=len(subscribed) - len(rows),
    )
    if config is None or config.universe.secmaster is None:
        return told
    wanted = await _wanted(database, ledger.venue, config.universe.secmaster, clock)
    lacking = wanted - subscribed
    async with database.session() as session:
        standing = await anomalies.standing(session, ledger.venue, lacking)
    return Subscribed(
        feed=told.feed,
        number=told.number,
        closed=told.closed,
        unknown=told.unknown,
        wanted=len(wanted),
        unsubscribed=tuple(row["symbol"] for row in standing if row["known_from"] < before),
    )


def _is_over(row: Row, before: datetime) -> bool:
    """Whether an instrument has traded no longer since before a time."""
    return (row["status"] in _OVER or not row["listed"]) and row["known_from"] < before


async def _wanted(database: Database, venue: str, master: Master, clock: Clock) -> set[str]:
    """What a universe wants at this moment: by the same roster that a connector keeps."""
    roster = Roster(master.filters, venues.load(venue).clocked, master.max_instruments)
    await universe_snapshot.read(database.address, venue, roster)
    roster.settle(clock.wall())
    return set(roster.wanted)
