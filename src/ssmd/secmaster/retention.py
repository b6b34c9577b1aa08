"""What is let go with time: observations of funding, and the history of what moves."""

from datetime import datetime, timedelta
from typing import Final

from ssmd.runtime.clock import Clock
from ssmd.secmaster import telemetry
from ssmd.secmaster.database import Database
from ssmd.secmaster.settings import KeeperSettings
from ssmd.secmaster.times import moment

_FUNDING: Final = """
    WITH gone AS (DELETE FROM funding WHERE at < %(until)s RETURNING venue)
    SELECT venue, count(*) AS number FROM gone GROUP BY venue"""
_ACTIVITY: Final = """
    WITH gone AS (
        DELETE FROM activity_version WHERE least(valid_to, known_to) < %(until)s RETURNING venue)
    SELECT venue, count(*) AS number FROM gone GROUP BY venue"""


async def prune(database: Database, settings: KeeperSettings, clock: Clock) -> int:
    """Let go what is older than it is kept; gives how many rows. What holds now always stays.

    Args:
        database: Where it is kept.
        settings: How long.
        clock: What time it is.

    Raises:
        DatabaseAway: It does not answer.
    """
    now = moment(clock.wall())
    assert now is not None  # noqa: S101 - a clock always says a time
    kept = {
        "funding": (_FUNDING, settings.funding_days),
        "activity_version": (_ACTIVITY, settings.activity_days),
    }
    total = 0
    for table, (statement, days) in kept.items():
        total += await _prune(database, table, statement, now - timedelta(days=days))
    return total


async def _prune(database: Database, table: str, statement: str, until: datetime) -> int:
    total = 0
    async with database.session() as session, session.transaction():
        await session.execute("SELECT set_config('ssmd.prune', 'on', true)")
        cursor = await session.execute(statement, {"until": until})
        for row in await cursor.fetchall():
            telemetry.pruned(row["venue"], table, row["number"])
            total += row["number"]
    return total
