"""A round brings a whole listing into the database, or nothing of it."""

import pytest

from ssmd.secmaster.database import Database
from tests.secmaster.bazaar import Bazaar, event, fee, market, series
from tests.secmaster.syncing import ask, column, numbers, statuses, synchronise


def a_world() -> Bazaar:
    """Two series, three events, five markets."""
    return Bazaar(
        series("S1", category="sports", tags=["a"]),
        series("S2", category="politics", tags=["b"]),
        fee("S1", effective_ts=10**18),
        fee("S2", effective_ts=10**18),
        event("E1", series="S1"),
        event("E2", series="S2"),
        market("M1", event="E1", series="S1", volume="12.5", aliases={"slug": "m-1"}),
        market("M2", event="E1", series="S1", tick_size="0.01"),
        market("M3", "pre_open", event="E2", series="S2"),
    )


async def test_a_listing_is_inserted_and_then_left_alone(database: Database) -> None:
    """The first round writes everything; the second nothing, and it says so."""
    shop = a_world()
    first = await synchronise(database, shop)
    assert numbers(first) == {"inserted": 3}
    assert first.by_table["series"]["inserted"] == 2
    assert first.by_table["event"]["inserted"] == 2
    assert first.by_table["fee"]["inserted"] == 2
    assert first.by_table["alias"]["inserted"] == 4
    assert first.by_table["activity"]["inserted"] == 1
    assert await statuses(database) == {"M1": "active", "M2": "active", "M3": "pre_open"}
    before = await column(database, "SELECT count(*) FROM change_set")
    second = await synchronise(database, shop)
    assert numbers(second) == {"unchanged": 3}
    assert second.written == 0
    assert await column(database, "SELECT count(*) FROM change_set") == before


@pytest.mark.parametrize("name", ["title", "category", "outcome", "tick_size", "close_ts", "tags"])
async def test_one_changed_field_is_one_changed_instrument(database: Database, name: str) -> None:
    """Whatever of an instrument changes is seen, and nothing else is written."""
    shop = a_world()
    await synchronise(database, shop)
    value = {"tick_size": "0.05", "close_ts": 2 * 10**18, "tags": ["x"]}.get(name, "other")
    shop.world[-2][1][name] = value
    done = await synchronise(database, shop)
    assert numbers(done) == {"changed": 1, "unchanged": 2}
    assert done.written == 1


async def test_what_moves_is_no_change_of_the_instrument(database: Database) -> None:
    """A volume is written to `activity` alone; a field that passes is not kept at all."""
    shop = a_world()
    await synchronise(database, shop)
    shop.world[6][1]["volume"] = "13"
    shop.world[6][1]["price"] = "0.5"
    done = await synchronise(database, shop)
    # The made-up venue states its volume in the payload too, which is kept: one change of each.
    assert done.by_table["activity"]["changed"] == 1
    payload = await column(database, "SELECT payload FROM instrument WHERE symbol = 'M1'")
    assert "price" not in payload[0]


async def test_a_name_that_is_gone_is_taken_away(database: Database) -> None:
    """The aliases of an instrument are those that are listed."""
    shop = a_world()
    await synchronise(database, shop)
    shop.world[6][1]["aliases"] = {"slug": "m-one"}
    await synchronise(database, shop)
    found = await column(database, "SELECT value FROM alias WHERE symbol = 'M1' ORDER BY 1")
    assert found == ["M1", "m-one"]


async def test_what_disappears_is_looked_up_and_then_closed(database: Database) -> None:
    """A lookup that names it is believed; what not even that names is no longer listed."""
    shop = a_world()
    await synchronise(database, shop)
    shop.gone = [market("M1", "settled", event="E1", series="S1", result="yes")]
    shop.world = shop.world[:6] + shop.world[8:]
    done = await synchronise(database, shop)
    assert numbers(done) == {"changed": 1, "unchanged": 1, "closed": 1}
    rows = await ask(
        database, "SELECT symbol, status, result, listed FROM instrument ORDER BY symbol"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("M1", "settled", "yes", True),
        ("M2", "active", None, False),
        ("M3", "pre_open", None, True),
    ]
    again = await synchronise(database, shop)
    assert numbers(again) == {"unchanged": 1}
    assert again.written == 0


async def test_what_comes_back_is_reopened(database: Database) -> None:
    """A symbol that is listed again goes on where it was."""
    shop = a_world()
    await synchronise(database, shop)
    whole = list(shop.world)
    shop.world = whole[:-1]
    assert numbers(await synchronise(database, shop)) == {"unchanged": 2, "closed": 1}
    shop.world = whole
    assert numbers(await synchronise(database, shop)) == {"unchanged": 2, "reopened": 1}
    assert (await statuses(database))["M3"] == "pre_open"


async def test_a_dry_run_says_the_same_and_does_nothing(database: Database) -> None:
    """Nothing is left of it, in no table."""
    shop = a_world()
    done = await synchronise(database, shop, dry_run=True)
    assert numbers(done) == {"inserted": 3}
    assert done.dry_run
    for table in ("series", "instrument", "change_set", "sync_round", "stage_instrument"):
        assert await column(database, f"SELECT count(*) FROM {table}") == [0]  # noqa: S608 - our own names
