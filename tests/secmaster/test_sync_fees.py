"""What trading costs over time: stretches without overlap, however late they are learned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ssmd.secmaster.database import Database
from tests.secmaster.bazaar import Bazaar, fee, market, series
from tests.secmaster.syncing import ask, column, synchronise

DAY = 86_400 * 10**9
T0 = 1_700_000_000 * 10**9


def moment(ns: int) -> datetime:
    """A time of the database."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)


async def stretches(database: Database, symbol: str = "S") -> list[tuple[str, Any, Any]]:
    """The rate of each stretch, with its ends in days from `T0`; None for no end."""
    rows = await ask(
        database,
        "SELECT taker->0->>'rate' AS rate, effective_from AS a, nullif(effective_to, 'infinity') AS b"
        " FROM fee WHERE symbol = %(symbol)s ORDER BY effective_from",
        symbol=symbol,
    )
    day = timedelta(days=1)
    return [
        (row["rate"], (row["a"] - moment(T0)) / day, row["b"] and (row["b"] - moment(T0)) / day)
        for row in rows
    ]


async def told(database: Database, *fees: tuple[str, dict[str, Any]]) -> dict[str, int]:
    """A round in which these fees are listed; gives what was done to fees."""
    statement = await synchronise(database, Bazaar(series("S"), *fees))
    return {name: n for name, n in statement.by_table["fee"].items() if n}


async def test_a_new_fee_ends_the_one_before(database: Database) -> None:
    """Where it begins, the other ends; nothing else is written."""
    await told(database, fee("S", "1", effective_ts=T0))
    assert await told(database, fee("S", "2", effective_ts=T0 + DAY)) == {
        "inserted": 1,
        "changed": 1,
    }
    assert await stretches(database) == [("1", 0, 1), ("2", 1, None)]
    assert await told(database, fee("S", "2", effective_ts=T0 + DAY)) == {"unchanged": 1}


async def test_a_fee_that_is_learned_late_is_put_where_it_belongs(database: Database) -> None:
    """Between two, and before all: the stretches are made again."""
    await told(database, fee("S", "1", effective_ts=T0), fee("S", "3", effective_ts=T0 + 2 * DAY))
    await told(database, fee("S", "2", effective_ts=T0 + DAY))
    await told(database, fee("S", "0", effective_ts=T0 - DAY))
    assert await stretches(database) == [("0", -1, 0), ("1", 0, 1), ("2", 1, 2), ("3", 2, None)]


async def test_a_correction_replaces_what_was_said_of_the_same_time(database: Database) -> None:
    """One fee for each beginning, the one that was told last."""
    await told(database, fee("S", "1", effective_ts=T0))
    assert await told(database, fee("S", "9", effective_ts=T0)) == {"changed": 1}
    assert await stretches(database) == [("9", 0, None)]


async def test_a_change_that_is_moved_leaves_nothing_behind(database: Database) -> None:
    """The venue's own id of it says that it is the same change, at another time."""
    await told(
        database,
        fee("S", "1", effective_ts=T0),
        fee("S", "2", effective_ts=T0 + DAY, source_id="c2"),
    )
    await told(database, fee("S", "2", effective_ts=T0 + 5 * DAY, source_id="c2"))
    assert await stretches(database) == [("1", 0, 5), ("2", 5, None)]


async def test_a_scheduled_fee_stands_beside_the_present_one(database: Database) -> None:
    """It is known ahead of time, and the present one goes on until then."""
    future = 4_000_000_000 * 10**9
    await told(database, fee("S", "1", effective_ts=T0), fee("S", "2", effective_ts=future))
    rows = await column(
        database,
        "SELECT taker->0->>'rate' FROM fee WHERE effective_from <= now() AND now() < effective_to",
    )
    assert rows == ["1"]


async def test_a_fee_without_a_beginning_holds_since_it_was_seen(database: Database) -> None:
    """The same again is nothing new; another one ends it."""
    await told(database, fee("S", "1"))
    assert await told(database, fee("S", "1")) == {"unchanged": 1}
    assert await told(database, fee("S", "2")) == {"inserted": 1, "changed": 1}
    found = await stretches(database)
    assert [rate for rate, _, _ in found] == ["1", "2"]
    assert found[0][2] == found[1][1]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_the_order_of_learning_does_not_matter(
    database: Database, order: tuple[int, ...]
) -> None:
    """Three changes, each learned in a round of its own, end as the same three stretches."""
    for day in order:
        await told(database, fee("S", str(day), effective_ts=T0 + day * DAY))
    assert await stretches(database) == [("0", 0, 1), ("1", 1, 2), ("2", 2, None)]


async def test_a_series_without_a_fee_is_said(database: Database) -> None:
    """One that has none, or only one of the future; not one whose markets have their own."""
    future = 4_000_000_000 * 10**9
    statement = await synchronise(
        database,
        Bazaar(
            *(series(name) for name in ("NONE", "PAST", "LATER", "MARKETS", "SOME")),
            fee("PAST", effective_ts=T0),
            fee("LATER", effective_ts=future),
            fee("M1", scope="instrument", effective_ts=T0),
            market("M1", series="MARKETS"),
            market("M2", series="SOME"),
        ),
    )
    assert statement.without_fee == 3


async def test_observations_of_funding_are_kept_once(database: Database) -> None:
    """The same time again is the same observation; another time is another."""
    first = ("funding", {"symbol": "P", "ts": T0, "rate": "0.001"})
    later = ("funding", {"symbol": "P", "ts": T0 + DAY, "rate": "0.002"})
    shop = Bazaar(market("P"), first)
    await synchronise(database, shop)
    shop.world.append(later)
    done = await synchronise(database, shop)
    assert done.by_table["funding"]["inserted"] == 1
    assert done.by_table["funding"]["unchanged"] == 1
    rates = await column(database, "SELECT rate::text FROM funding ORDER BY at")
    assert rates == ["0.001", "0.002"]
