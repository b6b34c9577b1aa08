"""After a round the database says what the venue lists, whatever it said before."""

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.settings import SyncSettings
from tests.secmaster.bazaar import Bazaar, event, fee, market, series, symbols
from tests.secmaster.server import Server, fresh
from tests.secmaster.syncing import ask, picture, synchronise

_NAMES = [f"M{n}" for n in range(8)]
_RELAXED = SyncSettings(closure_floor=1_000)

_fields = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["", "a", "b"]),
        "event": st.sampled_from(["E0", "E1"]),
        "tick_size": st.sampled_from(["0.1", "0.01"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), max_size=2),
        "aliases": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"])),
        "volume": st.sampled_from(["1", "2"]),
        "close_ts": st.sampled_from([10**18, 2 * 10**18]),
        "category": st.sampled_from([None, "c"]),
    },
)
_worlds = st.dictionaries(
    st.sampled_from(_NAMES), st.tuples(st.sampled_from(["active", "paused"]), _fields)
)
_histories = st.lists(st.tuples(_worlds, st.integers(1, 5)), min_size=1, max_size=3)


def shop_of(world: dict[str, tuple[str, dict[str, Any]]], size: int) -> Bazaar:
    """A venue that lists a world."""
    return Bazaar(
        series("S0"),
        fee("S0", effective_ts=10**18),
        event("E0", series="S0"),
        event("E1", series="S0"),
        *(market(name, status, **fields) for name, (status, fields) in world.items()),
        size=size,
    )


@given(history=_histories)
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
def test_the_tables_equal_the_world(
    history: list[tuple[dict[str, tuple[str, dict[str, Any]]], int]],
    address: Address,
    tmp_path_factory: Any,  # noqa: ANN401 - pytest's own
) -> None:
    """From any state to any other: what is listed is as it is listed, and the numbers add up."""
    folder: Path = tmp_path_factory.mktemp("world")

    async def live() -> None:  # an example begins where the one before it ended
        async with open_database(address.url, folder, SystemClock()) as database:
            for world, size in history:
                await _told(database, shop_of(world, size))

    asyncio.run(live())


async def _told(database: Database, shop: Bazaar) -> None:
    """One round, and what holds after it."""
    before = {
        row["symbol"]: row["listed"]
        for row in await ask(database, "SELECT symbol, listed FROM instrument")
    }
    done = await synchronise(database, shop, settings=_RELAXED)
    listed = set(symbols(shop.world))
    assert done.inserted == len(listed - before.keys())
    assert done.reopened == sum(not before[name] for name in listed & before.keys())
    assert done.closed == sum(before[name] for name in before.keys() - listed)
    assert done.inserted + done.changed + done.unchanged + done.reopened == len(listed)
    rows = await ask(database, "SELECT * FROM instrument")
    assert {row["symbol"] for row in rows} == before.keys() | listed
    assert {row["symbol"] for row in rows if row["listed"]} == listed
    told = {fields["symbol"]: fields for kind, fields in shop.world if kind == "instrument"}
    for row in rows:
        if row["listed"]:
            _check(row, told[row["symbol"]])
    names = await ask(database, "SELECT symbol, scheme, value FROM alias")
    mine = {
        (row["symbol"], row["scheme"], row["value"]) for row in names if row["symbol"] in listed
    }
    assert mine == {
        (name, scheme, value)
        for name, fields in told.items()
        for scheme, value in {"symbol": name, **fields.get("aliases", {})}.items()
    }
    now = await picture(database)
    again = await synchronise(database, shop, settings=_RELAXED)
    assert again.written == 0
    assert again.unchanged == len(listed)
    assert await picture(database) == now


def _check(row: dict[str, Any], fields: dict[str, Any]) -> None:
    for name in ("status", "raw_status", "title", "event", "category", "tags"):
        assert row[name] == fields.get(name, "" if name == "title" else None), name
    for name in ("tick_size",):
        assert (None if row[name] is None else str(row[name])) == fields.get(name)


@given(first=_worlds, second=_worlds)
@settings(max_examples=2, suppress_health_check=list(HealthCheck))
def test_incremental_ends_equal_to_full(
    first: dict[str, tuple[str, dict[str, Any]]],
    second: dict[str, tuple[str, dict[str, Any]]],
    server: Server,
    tmp_path_factory: Any,  # noqa: ANN401 - pytest's own
) -> None:
    """Of a venue that lists all in any case, and of one that lists what changed alone."""
    folder: Path = tmp_path_factory.mktemp("world")
    kept = {**first, **second}

    async def end(mode: Any, *, tells: bool) -> dict[str, list[dict[str, Any]]]:  # noqa: ANN401 - a mode
        async with fresh(server, folder) as database:
            await synchronise(database, shop_of(first, 3), settings=_RELAXED)
            shop = shop_of(kept if tells else second, 3)
            if tells and mode == "incremental":
                shop.tells_changes = True
                shop.world = [
                    each
                    for each in shop.world
                    if each[0] != "instrument" or each[1]["symbol"] in second
                ]
            await synchronise(database, shop, mode, settings=_RELAXED)
            return await picture(database)

    async def both() -> None:
        for tells in (False, True):
            assert await end("incremental", tells=tells) == await end("full", tells=tells)

    asyncio.run(both())
