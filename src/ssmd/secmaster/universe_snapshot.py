"""What the database knows of a venue at one moment that is tied to the change stream."""

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from ssmd.secmaster.address import OPTIONS, Address
from ssmd.secmaster.errors import DatabaseAway
from ssmd.secmaster.locks import WRITERS
from ssmd.secmaster.times import EndlessLoader
from ssmd.secmaster.universe_changes import LISTED, MOVING
from ssmd.secmaster.universe_roster import Roster

# Whoever is gone without a word is noticed within half a minute.
_CONNECT = {"connect_timeout": "10", "keepalives_idle": "10", "keepalives_interval": "5"}
_BATCH = 500
_LOCK = f"SELECT pg_advisory_lock_shared({WRITERS}, ssmd.lock_key(%s))"
_UNLOCK = f"SELECT pg_advisory_unlock_shared({WRITERS}, ssmd.lock_key(%s))"
_FLOOR = "SELECT coalesce(max(id), 0) AS floor FROM ssmd.change_set WHERE venue = %s"
_COUNT = "SELECT count(*) AS listed FROM ssmd.instrument WHERE venue = %s AND listed"
_LISTED = (
    f"SELECT {', '.join(LISTED)} FROM ssmd.instrument"  # noqa: S608 - names of our own
    " WHERE venue = %s AND listed AND status = ANY (%s)"
)
_MOVING = f"SELECT {', '.join(MOVING)} FROM ssmd.activity WHERE venue = %s"  # noqa: S608 - names of our own

Session = AsyncConnection[DictRow]


async def read(address: Address, venue: str, roster: Roster) -> tuple[int, int]:
    """Fill a roster with what the database lists, as of one moment.

    The venue's writers are held up until that moment is fixed, no longer. They stamp their changes
    in turn, so that every change up to the number given is in what is read, and none after it: a
    stream whose end was looked at before brings the others.

    Args:
        address: Where the database is.
        venue: Whose instruments.
        roster: Takes them; empty.

    Returns:
        The number of the last change that is in it, and how many instruments are listed.

    Raises:
        DatabaseAway: It does not answer, or has no security master.
    """
    try:
        async with await _session(address) as session:
            await session.execute(_LOCK, (venue,))
            # In a transaction that repeats its reads the first query fixes what is seen: the lock
            # must be held by then.
            await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            floor = await _number(session, _FLOOR, venue, "floor")
            await session.execute(_UNLOCK, (venue,))
            listed = await _number(session, _COUNT, venue, "listed")
            async with session.cursor(name="universe") as rows:
                rows.itersize = _BATCH
                await rows.execute(_LISTED, (venue, sorted(roster.statuses)))
                async for row in rows:
                    roster.put(row)
            if roster.asks_activity:
                async with session.cursor(name="universe") as rows:
                    rows.itersize = _BATCH
                    await rows.execute(_MOVING, (venue,))
                    async for row in rows:
                        roster.move(row)
            return floor, listed
    except psycopg.Error as error:
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise DatabaseAway(address.public, words) from error


async def _session(address: Address) -> Session:
    session = await AsyncConnection.connect(
        address.using(**_CONNECT, keepalives_count="3"),
        autocommit=True,
        options=OPTIONS,
        application_name="ssmd-universe",
        row_factory=dict_row,
    )
    session.adapters.register_loader("timestamptz", EndlessLoader)
    return session


async def _number(session: Session, query: str, venue: str, name: str) -> int:
    row = await (await session.execute(query, (venue,))).fetchone()
    return 0 if row is None else int(row[name])
