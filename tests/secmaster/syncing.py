"""What tests of synchronisation ask the database, and how they run a round."""

from typing import Any

from ssmd.runtime.clock import Clock, SystemClock
from ssmd.secmaster.database import Database
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.settings import SyncSettings
from ssmd.secmaster.statement import Mode, Order, Statement
from tests.secmaster.bazaar import Bazaar

NUMBERS = ("inserted", "changed", "unchanged", "closed", "reopened", "quarantined")


async def synchronise(
    database: Database,
    shop: Bazaar,
    mode: Mode = "full",
    *,
    clock: Clock | None = None,
    settings: SyncSettings | None = None,
    **more: Any,  # noqa: ANN401 - fields of the order
) -> Statement:
    """One round."""
    order = Order(venue=shop.venue(), mode=mode, **more)
    made = Synchroniser(database, clock or SystemClock(), settings)
    return await made.run(order, None if mode == "saved" else shop.fetch)


def numbers(statement: Statement) -> dict[str, int]:
    """What a round did to instruments, without what it did not do."""
    return {name: value for name in NUMBERS if (value := getattr(statement, name))}


async def ask(database: Database, query: str, **told: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - parameters
    """The rows of a query."""
    async with database.session() as session:
        cursor = await session.execute(query, told)
        return await cursor.fetchall() if cursor.description else []


async def column(database: Database, query: str, **told: Any) -> list[Any]:  # noqa: ANN401 - parameters
    """The only column of a query."""
    return [next(iter(row.values())) for row in await ask(database, query, **told)]


async def statuses(database: Database) -> dict[str, str]:
    """The status of every instrument that is listed."""
    rows = await ask(database, "SELECT symbol, status FROM instrument WHERE listed")
    return {row["symbol"]: row["status"] for row in rows}


async def picture(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Everything that is said now, without bookkeeping."""
    told = {}
    for table in ("series", "event", "instrument", "alias", "fee", "activity"):
        rows = await ask(
            database,
            f"SELECT to_jsonb(t) - '{{id,valid_from,known_from,told_from,change_id,status_at,status_source,effective_from,effective_to}}'::text[] AS row"  # noqa: S608 - names of our own
            f" FROM {table} t ORDER BY 1",
        )
        told[table] = [row["row"] for row in rows]
    return told
