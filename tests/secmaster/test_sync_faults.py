"""Whatever goes wrong with a listing: a clear report, and never a table that is half of it."""

import asyncio
from typing import Any

import msgspec
import pytest

from ssmd.model.errors import SsmdError, Unavailable
from ssmd.model.rest import ReferenceQuery, Saved
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database
from ssmd.secmaster.errors import BadListing, RoundBusy, RoundFailed, TooManyClosed
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.settings import SyncSettings
from ssmd.secmaster.statement import Order
from tests.secmaster.bazaar import Bazaar, event, fee, market, series
from tests.secmaster.syncing import ask, column, numbers, picture, statuses, synchronise


def a_world(size: int = 2) -> Bazaar:
    """A listing of five pages, whose instruments come last."""
    return Bazaar(
        series("S"),
        fee("S", effective_ts=10**18),
        event("E", series="S"),
        *(market(f"M{n}", event="E", series="S") for n in range(7)),
        size=size,
    )


def another_world() -> Bazaar:
    """The same, all of it changed, one instrument gone and one new."""
    shop = a_world()
    for _, fields in shop.world[2:]:
        fields["title"] = "other"
    shop.world[-1] = market("NEW", event="E", series="S")
    return shop


@pytest.mark.parametrize("page", range(5))
async def test_a_connection_that_dies_at_any_page_changes_nothing(
    database: Database, page: int
) -> None:
    """Nothing is applied and nothing closed; the next round goes on, and does all of it."""
    await synchronise(database, a_world())
    before = await picture(database)
    shop = another_world()

    def die(number: int) -> None:
        if number == page:
            raise Unavailable("the line is dead", remedy="wait")

    shop.before = die
    with pytest.raises(Unavailable, match="the line is dead"):
        await synchronise(database, shop)
    assert await picture(database) == before
    assert await column(database, "SELECT state FROM sync_round ORDER BY id") == ["done", "failed"]
    shop.before = lambda _: None
    asked = len(shop.asked)
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 1, "changed": 6, "closed": 1}
    assert done.heard_again == page
    assert len(shop.asked) - asked == 5 - page + 1  # the pages that were not heard, and a lookup
    assert await column(database, "SELECT state FROM sync_round ORDER BY id") == ["done", "done"]


@pytest.mark.parametrize("page", [0, 2, 4])
async def test_a_process_that_dies_is_gone_on_with(database: Database, page: int) -> None:
    """What it staged is not applied by anybody; what it was answered is not asked for again."""
    shop = a_world()

    def die(number: int) -> None:
        if number == page:
            raise asyncio.CancelledError

    shop.before = die
    with pytest.raises(asyncio.CancelledError):
        await synchronise(database, shop)
    assert await statuses(database) == {}
    assert await column(database, "SELECT state FROM sync_round") == ["running"]
    shop.before = lambda _: None
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 7}
    assert done.heard_again == page
    assert await column(database, "SELECT count(*) FROM stage_answer") == [0]


async def test_a_death_between_staging_and_applying_is_rolled_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the midst of the transaction too: nothing of it is there, and the next round is whole."""
    shop = another_world()
    await synchronise(database, a_world())
    before = await picture(database)

    async def die(*_: Any, **__: Any) -> None:  # noqa: ANN401 - whatever it is given
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr("ssmd.secmaster.fees.write_funding", die)
        with pytest.raises(asyncio.CancelledError):
            await synchronise(database, shop)
    assert await picture(database) == before
    asked = len(shop.asked)
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 1, "changed": 6, "closed": 1}
    assert len(shop.asked) == asked, "all was answered before"


async def test_an_old_round_is_not_gone_on_with(database: Database) -> None:
    """Its answers are too old to be the listing of now."""
    shop = a_world()
    shop.before = lambda number: _raise(Unavailable("away", remedy="wait")) if number == 3 else None
    with pytest.raises(Unavailable):
        await synchronise(database, shop)
    shop.before = lambda _: None
    done = await synchronise(database, shop, settings=SyncSettings(resume_s=0))
    assert done.heard_again == 0
    assert await column(database, "SELECT count(*) FROM stage_answer") == [0]


async def test_what_is_asked_otherwise_is_not_answered_out_of_memory(database: Database) -> None:
    """A listing that takes another way the second time hears the venue from there on."""
    shop = a_world()
    shop.before = lambda number: _raise(Unavailable("away", remedy="wait")) if number == 4 else None
    with pytest.raises(Unavailable):
        await synchronise(database, shop)
    shop.before = lambda _: None
    shop.reference = lambda _: iter_listing(shop)  # type: ignore[method-assign,assignment]
    done = await synchronise(database, shop)
    assert done.heard_again == 0
    assert numbers(done) == {"inserted": 7}


def iter_listing(shop: Bazaar) -> Any:  # noqa: ANN401 - a generator
    """The same listing, asked for with another parameter."""
    return Bazaar.reference(shop, ReferenceQuery(changed_since_ts=7))


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"entries": 5, "next": null}',
        b'{"entries": [["instrument", {"symbol": 5}]], "next": null}',
        b'{"entries": [["nothing", {}]], "next": null}',
        b"<html>busy</html>",
        b"\xff\xfe",
    ],
)
async def test_a_page_that_is_none_stops_the_round(database: Database, body: bytes) -> None:
    """Nothing is applied, nothing closed, nothing kept to be heard again; the reason is said."""
    await synchronise(database, a_world())
    before = await picture(database)
    shop = another_world()
    shop.spoil = lambda number, whole: body if number == 3 else whole
    with pytest.raises(RoundFailed, match="Nothing of it was applied"):
        await synchronise(database, shop)
    assert await picture(database) == before
    assert await column(database, "SELECT count(*) FROM stage_instrument") == [0]
    assert await column(database, "SELECT count(*) FROM stage_answer") == [0]


async def test_a_cursor_that_runs_in_a_circle_stops_the_round(database: Database) -> None:
    """After so many times the same request, nobody believes that it ends."""
    shop = a_world()
    shop.spoil = lambda _, whole: whole.replace(b'"next":4', b'"next":0')
    with pytest.raises(RoundFailed, match="does not end"):
        await synchronise(database, shop, settings=SyncSettings(max_repeats=20))
    assert await statuses(database) == {}
    assert len(shop.asked) < 50


async def test_a_listing_without_end_stops_the_round(database: Database) -> None:
    """Cursors that are ever new run out as well."""
    shop = a_world()
    shop.spoil = lambda number, whole: msgspec.json.encode(
        {**msgspec.json.decode(whole), "next": 100 + number}
    )
    with pytest.raises(RoundFailed, match="does not end"):
        await synchronise(database, shop, settings=SyncSettings(max_pages=30))
    assert await statuses(database) == {}


async def test_a_venue_that_lists_nothing_is_not_believed(database: Database) -> None:
    """An empty answer closes nothing, unless somebody says that it is so."""
    whole = Bazaar(*(market(f"M{n}") for n in range(200)), size=50)
    await synchronise(database, whole)
    empty = Bazaar()
    with pytest.raises(TooManyClosed, match="200 of 200"):
        await synchronise(database, empty)
    assert len(await statuses(database)) == 200
    done = await synchronise(database, empty, accept_closures=True)
    assert numbers(done) == {"closed": 200}


async def test_two_rounds_of_a_venue_do_not_go_on_at_once(database: Database) -> None:
    """The second is told so; afterwards it can."""
    shop, other = a_world(), a_world()
    reached, go_on = asyncio.Event(), asyncio.Event()
    fetch = shop.fetch

    async def slow(request: Any) -> bytes:  # noqa: ANN401 - a request
        reached.set()
        await go_on.wait()
        return await fetch(request)

    shop.fetch = slow  # type: ignore[method-assign]
    first = asyncio.create_task(synchronise(database, shop))
    await reached.wait()
    with pytest.raises(RoundBusy):
        await synchronise(database, other)
    go_on.set()
    assert numbers(await first) == {"inserted": 7}
    assert numbers(await synchronise(database, other)) == {"unchanged": 7}


async def test_a_lookup_goes_on_beside_a_round(database: Database) -> None:
    """A new market need not wait for a listing that takes minutes."""
    shop = a_world()
    reached, go_on = asyncio.Event(), asyncio.Event()
    fetch = shop.fetch

    async def slow(request: Any) -> bytes:  # noqa: ANN401 - a request
        if request.path == "/list" and len(shop.asked) == 4:
            reached.set()
            await go_on.wait()
        return await fetch(request)

    shop.fetch = slow  # type: ignore[method-assign]
    first = asyncio.create_task(synchronise(database, shop))
    await reached.wait()
    found = await synchronise(database, a_market_of_its_own(), "lookup", symbols=("NEW",))
    assert numbers(found) == {"inserted": 1}
    go_on.set()
    assert numbers(await first) == {"inserted": 7}
    assert (await statuses(database))["NEW"] == "active", (
        "it came after the round began: not missed"
    )


def a_market_of_its_own() -> Bazaar:
    """A market that names no parent."""
    return Bazaar(market("NEW"))


async def test_a_saved_body_that_is_no_listing_is_refused(database: Database) -> None:
    """The file is named; nothing is applied."""
    shop = a_world()
    bodies = (Saved("good.json", shop.body(shop.world)), Saved("bad.json", b'{"no": 1}'))
    with pytest.raises(BadListing, match=r"bad\.json"):
        await synchronise(database, shop, "saved", saved=bodies)
    assert await statuses(database) == {}


async def test_saved_bodies_close_nothing_unless_they_are_everything(database: Database) -> None:
    """A part of a listing is no reason to believe that the rest is gone."""
    shop = a_world()
    await synchronise(database, shop)
    part = (Saved("part.json", shop.body(shop.world[:5])),)
    assert numbers(await synchronise(database, shop, "saved", saved=part)) == {"unchanged": 2}
    done = await synchronise(database, shop, "saved", saved=part, whole=True)
    assert numbers(done) == {"unchanged": 2, "closed": 5}


async def test_a_database_that_goes_away_fails_the_round_alone(database: Database) -> None:
    """Every session but ours is cut; the round says so, and the next one works."""
    shop = a_world()

    async def cut() -> None:
        await ask(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    fetch = shop.fetch

    async def cutting(request: Any) -> bytes:  # noqa: ANN401 - a request
        if len(shop.asked) == 2:
            await cut()
        return await fetch(request)

    shop.fetch = cutting  # type: ignore[method-assign]
    with pytest.raises(SsmdError):
        await Synchroniser(database, SystemClock()).run(Order(venue=shop.venue()), shop.fetch)
    assert await statuses(database) == {}
    done = await synchronise(database, a_world())
    assert numbers(done) == {"inserted": 7}
