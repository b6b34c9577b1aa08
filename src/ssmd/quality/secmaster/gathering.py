"""Gathers what is known of a security master, for a verdict over it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ssmd import venues
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.quality import MasterPolicy
from ssmd.quality.checks.secmaster import Known, MasterFacts, Odd
from ssmd.quality.secmaster.subscriptions import subscriptions
from ssmd.runtime.clock import Clock
from ssmd.secmaster import anomalies
from ssmd.secmaster.ask import check_venue
from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.rows import Row
from ssmd.secmaster.times import moment


async def gather(
    database: Database,
    policy: MasterPolicy,
    clock: Clock,
    *,
    root: Path | None,
    configured: Callable[[str], FeedConfig | None],
) -> MasterFacts:
    """Everything the checks ask about.

    Args:
        database: The security master.
        policy: How late is late.
        clock: What time it is.
        root: The archive whose feeds are looked at; None for none.
        configured: A feed's configuration by name; None when nobody knows it.

    Raises:
        NothingSynced: There is no instrument at all.
        DatabaseAway: It does not answer.
    """
    now = moment(clock.wall())
    assert now is not None  # noqa: S101 - a clock always says a time
    before = now - timedelta(seconds=policy.grace_s)
    async with database.session() as session:
        await check_venue(session, None)
        told = await anomalies.rounds(session)
        instruments, events = await anomalies.totals(session)
        facts = MasterFacts(
            rounds=tuple(_known(row, now) for row in told),
            instruments=instruments,
            events=events,
            ill_named=_odd(
                await anomalies.ill_named(session, venues.names()), "without a proper id"
            ),
            anomalies=_odd(await _anomalies(session, before)),
            unknown_statuses=tuple(
                map(_status, await anomalies.set_aside(session, "unknown_status"))
            ),
            before=await _counts(session, told, now - timedelta(seconds=policy.compared_s)),
            now=await anomalies.active(session, now),
            orphans=_odd(await anomalies.orphans(session, before))
            + tuple(map(_orphan, await anomalies.set_aside(session, "orphan"))),
            collisions=tuple(map(_collision, await _collisions(session, told))),
        )
    if root is None:
        return facts
    found = await subscriptions(database, root, configured, policy, clock)
    return msgspec.structs.replace(facts, subscribed=found)


async def _anomalies(session: Session, before: datetime) -> list[Row]:
    late = [
        row
        for name in venues.names()
        for row in await anomalies.late(session, name, venues.load(name).clocked, before)
    ]
    return [
        *late,
        *await anomalies.unopened(session, before),
        *await anomalies.unresolved(session),
    ]


async def _collisions(session: Session, told: Iterable[Row]) -> list[Row]:
    known = [row["venue"] for row in told if row["venue"] in venues.names()]
    return [
        row
        for name in known
        for row in await anomalies.collisions(session, name, venues.load(name).rest.identifying)
    ]


async def _counts(
    session: Session, told: Iterable[Row], at: datetime
) -> dict[tuple[str, str], int]:
    """Active instruments at a time; a venue that came later is left out."""
    old = {row["venue"] for row in told if row["since"] <= at}
    return {key: n for key, n in (await anomalies.active(session, at)).items() if key[0] in old}


def _known(row: Row, now: datetime) -> Known:
    good, whole = (
        None if (at := row[name]) is None else max(0.0, (now - at).total_seconds())
        for name in ("good_at", "whole_at")
    )
    return Known(venue=row["venue"], good_s=good, whole_s=whole, error=row["error"])


def _odd(rows: Iterable[Row], what: str = "") -> tuple[Odd, ...]:
    return tuple(
        Odd(
            venue=row["venue"],
            what=what or row["what"],
            number=row["n"],
            samples=tuple(row["samples"]),
        )
        for row in rows
    )


def _status(row: Row) -> Odd:
    """One unknown word is one thing to do, however many instruments are in that state."""
    what = f"state nobody knows: {row['raw_status']!r}, of {row['n']} {row['entity']}s"
    return Odd(venue=row["venue"], what=what, number=1, samples=tuple(row["samples"][:1]))


def _orphan(row: Row) -> Odd:
    what = f"{row['entity']}s set aside, whose parent is nowhere"
    return Odd(venue=row["venue"], what=what, number=row["n"], samples=tuple(row["samples"]))


def _collision(row: Row) -> Odd:
    what = f"{row['scheme']} {row['value']!r}, which {row['n']} instruments have"
    return Odd(venue=row["venue"], what=what, number=1, samples=tuple(row["samples"]))
