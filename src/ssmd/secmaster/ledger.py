"""The rounds of a venue in the database: one at a time, and what of a broken one can be gone on with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from ssmd.model.rest import ReferenceQuery
from ssmd.secmaster import locks, staging
from ssmd.secmaster.database import Session
from ssmd.secmaster.errors import RoundBusy
from ssmd.secmaster.settings import SyncSettings
from ssmd.secmaster.statement import Order, Statement
from ssmd.secmaster.times import nanoseconds

_WORDS: Final = 2_000


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What a round needs to be gone on with.

    Attributes:
        begun: When it began, by the database's clock.
        query: What the venue is asked.
    """

    begun: datetime
    query: ReferenceQuery


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round.

    Attributes:
        number: Of the round; its rows of the stage tables carry it.
        begun: When it began, by the database's clock.
        query: What the venue is asked.
        continued: Whether it goes on with one that broke off.
        recorded: Whether it has a row in `sync_round`.
    """

    number: int
    begun: datetime
    query: ReferenceQuery
    continued: bool = False
    recorded: bool = False


@asynccontextmanager
async def alone(session: Session, venue: str) -> AsyncIterator[None]:
    """Be the only one who synchronises a venue; a process that dies lets go.

    Raises:
        RoundBusy: Somebody else does.
    """
    held = await _one(
        session, "SELECT pg_try_advisory_lock(%s, lock_key(%s)) AS held", (locks.ROUNDS, venue)
    )
    if not held["held"]:
        raise RoundBusy(venue)
    try:
        yield
    finally:
        if not session.closed:
            await _one(
                session, "SELECT pg_advisory_unlock(%s, lock_key(%s))", (locks.ROUNDS, venue)
            )


@asynccontextmanager
async def staged(session: Session, number: int) -> AsyncIterator[None]:
    """Mark the rows that a round stages as somebody's; a process that dies leaves them to all."""
    await _one(session, "SELECT pg_advisory_lock_shared(%s, %s)", (locks.STAGES, number))
    try:
        yield
    finally:
        if not session.closed:
            await _one(session, "SELECT pg_advisory_unlock_shared(%s, %s)", (locks.STAGES, number))


async def begin(session: Session, order: Order, settings: SyncSettings, now: datetime) -> Round:
    """Begin a round, or find the one that broke off; call under `alone`.

    Args:
        session: A connection outside a transaction.
        order: What is to be done.
        settings: How old a round may be that is gone on with.
        now: What time it is.
    """
    async with session.transaction():
        last = None if order.mode in ("saved", "lookup") else await _last_good(session, order)
        query, mode = _asked(order, last, now, settings)
        if order.dry_run:
            return await _unrecorded(session, query)
        broken = await _broken(session, order, mode, now - timedelta(seconds=settings.resume_s))
        if broken is not None:
            await session.execute(
                "UPDATE sync_round SET state = 'running', error = NULL WHERE id = %s",
                (broken.number,),
            )
            return broken
        made = await _unrecorded(session, query)
        resume = msgspec.json.encode(Resume(begun=made.begun, query=query)).decode()
        await session.execute(
            "INSERT INTO sync_round (id, venue, mode, state, started_at, asked_since, resume)"
            " OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, 'running', %s, %s, %s)",
            (
                made.number,
                order.venue.id,
                mode,
                now,
                last if query.changed_since_ts is not None else None,
                None if order.mode == "saved" else resume,
            ),
        )
    return msgspec.structs.replace(made, recorded=True)


async def unrecorded(session: Session) -> Round:
    """A round that leaves no row behind: some instruments are looked up."""
    async with session.transaction():
        return await _unrecorded(session, ReferenceQuery())


async def done(session: Session, number: int, statement: Statement, now: datetime) -> None:
    """Say that a round was applied; within its transaction."""
    await session.execute(
        "UPDATE sync_round SET state = 'done', finished_at = %s, resume = NULL, counts = %s"
        " WHERE id = %s",
        (now, msgspec.json.encode(statement).decode(), number),
    )


async def failed(
    session: Session, number: int, why: str, now: datetime, *, resumable: bool
) -> None:
    """Say that a round broke off, and whether the next may go on with it."""
    async with session.transaction():
        await session.execute(
            "UPDATE sync_round SET state = 'failed', finished_at = %s, error = %s,"
            " resume = CASE WHEN %s THEN resume END WHERE id = %s",
            (now, why[:_WORDS], resumable, number),
        )


async def clean(session: Session, mine: int) -> None:
    """Take away what rounds staged that nobody goes on with."""
    async with session.transaction():
        cursor = await session.execute(
            "SELECT round FROM stage_instrument UNION SELECT round FROM stage_answer"
            " UNION SELECT round FROM stage_event UNION SELECT round FROM stage_reject"
            " EXCEPT SELECT id FROM sync_round WHERE resume IS NOT NULL AND state <> 'abandoned'"
        )
        found = [row["round"] for row in await cursor.fetchall() if row["round"] != mine]
    for number in found:
        async with session.transaction():
            free = await session.execute(
                "SELECT pg_try_advisory_xact_lock(%s, %s) AS free", (locks.STAGES, number)
            )
            row = await free.fetchone()
            if row is not None and row["free"]:
                await staging.discard(session, number)


def _asked(
    order: Order, last: datetime | None, now: datetime, settings: SyncSettings
) -> tuple[ReferenceQuery, str]:
    """What the venue is asked, and how that is called: without a good round before, all of it.

    Even then what ended a moment ago is asked for, as the next round will: it writes nothing.
    """
    mode = "full" if order.mode == "incremental" and last is None else str(order.mode)
    since = nanoseconds((last or now) - timedelta(seconds=settings.overlap_s))
    if mode == "incremental" and order.venue.rest.tells_changes:
        return ReferenceQuery(changed_since_ts=since), mode
    return ReferenceQuery(ended_since_ts=since), mode


async def _last_good(session: Session, order: Order) -> datetime | None:
    cursor = await session.execute(
        "SELECT max(started_at) AS at FROM sync_round"
        " WHERE venue = %s AND state = 'done' AND mode IN ('full', 'incremental')",
        (order.venue.id,),
    )
    row = await cursor.fetchone()
    return None if row is None else row["at"]


async def _broken(session: Session, order: Order, mode: str, oldest: datetime) -> Round | None:
    """The venue's last round, when it broke off and can be gone on with; others are given up."""
    cursor = await session.execute(
        "SELECT id, mode, state, started_at, resume FROM sync_round WHERE venue = %s"
        " AND state IN ('running', 'failed', 'done') ORDER BY id DESC LIMIT 1",
        (order.venue.id,),
    )
    row = await cursor.fetchone()
    fit = (
        row is not None
        and row["state"] != "done"
        and row["resume"] is not None
        and row["mode"] == mode
        and row["started_at"] >= oldest
    )
    kept = row["id"] if fit and row is not None else 0
    await session.execute(
        "UPDATE sync_round SET state = CASE state WHEN 'running' THEN 'abandoned' ELSE state END,"
        " resume = NULL WHERE venue = %s AND id <> %s"
        " AND (state = 'running' OR state = 'failed' AND resume IS NOT NULL)",
        (order.venue.id, kept),
    )
    if not kept or row is None:
        return None
    told = msgspec.json.decode(row["resume"], type=Resume)
    return Round(number=kept, begun=told.begun, query=told.query, continued=True, recorded=True)


async def _unrecorded(session: Session, query: ReferenceQuery) -> Round:
    cursor = await session.execute(
        "SELECT nextval(pg_get_serial_sequence('sync_round', 'id')) AS number,"
        " clock_timestamp() AS begun"
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - one row is what this gives
    return Round(number=row["number"], begun=row["begun"], query=query)


async def _one(session: Session, query: str, values: tuple[Any, ...]) -> dict[str, Any]:
    async with session.transaction():
        cursor = await session.execute(query, values)
        row = await cursor.fetchone()
    return row or {}
