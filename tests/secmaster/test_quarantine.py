"""What cannot be taken is kept apart, said, and released when it can."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ssmd.model.listing import Reject
from ssmd.model.rest import Page
from ssmd.runtime import secmaster_metrics as metrics
from ssmd.secmaster.database import Database
from tests.secmaster.bazaar import VENUE, Bazaar, event, market, series
from tests.secmaster.syncing import ask, column, numbers, statuses, synchronise


async def kept(database: Database) -> list[tuple[str, str, str]]:
    """What is in quarantine now."""
    rows = await ask(
        database,
        "SELECT entity, symbol, kind FROM quarantine WHERE released_at IS NULL ORDER BY 1, 2, 3",
    )
    return [(row["entity"], row["symbol"], row["kind"]) for row in rows]


def unknown(symbol: str) -> tuple[str, dict[str, Any]]:
    """A market in a state that nobody knows."""
    return "reject", {
        "reason": f"{symbol}: frobbed is no status",
        "kind": "unknown_status",
        "symbol": symbol,
        "raw_status": "frobbed",
    }


def with_reject(reject: Reject) -> Bazaar:
    """A market that stands, and a reject beside it."""
    shop = Bazaar(market("M"))
    shop.alter = lambda page: msgspec.structs.replace(page, rejects=(reject,))
    return shop


async def test_an_unknown_status_is_kept_with_the_venues_word(database: Database) -> None:
    """The instrument stays as it was and is not closed; its known neighbours stand; it is counted."""
    shop = Bazaar(market("M1"), market("M2"))
    await synchronise(database, shop)
    counted = metrics.SET_ASIDE.labels(VENUE, "unknown_status")._value.get()
    shop.world[1] = unknown("M2")
    done = await synchronise(database, shop)
    assert numbers(done) == {"unchanged": 1, "quarantined": 1}
    assert done.set_aside[0].raw_status == "frobbed"
    assert await statuses(database) == {"M1": "active", "M2": "active"}
    assert await kept(database) == [("instrument", "M2", "unknown_status")]
    assert await column(database, "SELECT raw_status FROM quarantine") == ["frobbed"]
    assert metrics.SET_ASIDE.labels(VENUE, "unknown_status")._value.get() == counted + 1


async def test_what_is_taken_later_is_released(database: Database) -> None:
    """The row stays, with when; said again it is kept again, and the times are counted."""
    shop = Bazaar(unknown("M"))
    await synchronise(database, shop)
    await synchronise(database, shop)
    assert await column(database, "SELECT times FROM quarantine") == [2]
    shop.world = [market("M")]
    assert numbers(await synchronise(database, shop)) == {"inserted": 1}
    assert await kept(database) == []
    assert await column(database, "SELECT count(released_at) FROM quarantine") == [1]
    shop.world = [unknown("M")]
    await synchronise(database, shop)
    assert await kept(database) == [("instrument", "M", "unknown_status")]


@pytest.mark.parametrize(
    "fields",
    [
        {"tick_size": Decimal(-1)},
        {"tick_size": Decimal(0)},
        {"lot_size": Decimal("1e40")},
        {"volume": Decimal("1e200000")},
        {"volume": Decimal("NaN")},
        {"open_ts": 4 * 10**18, "close_ts": 1},
        {"close_ts": 10**30},
        {"title": "a\x00b"},
        {"category": "half \udc80"},
        {"tags": ("\x00",)},
        {"aliases": {"a": "b" * 5000}},
        {"event": "e" * 3000},
        {"payload": b'{"a": 1e999999}'},
        {"payload": b'{"a": "\\u0000"}'},
        {"payload": b"no json"},
        {"payload": b"\xff"},
        {"kind": "banana"},
        {"status": "banana"},
        {"venue": "another"},
    ],
    ids=str,
)
async def test_what_the_database_cannot_keep_is_set_aside_alone(
    database: Database, fields: dict[str, Any]
) -> None:
    """An absurd number, a text without room, a key too long: its neighbours are inserted."""
    shop = Bazaar(market("M1"), market("BAD"), market("M2"))

    def spoil(page: Page) -> Page:
        first, bad, last = page.instruments
        spoilt = msgspec.structs.replace(bad, **fields)
        return msgspec.structs.replace(page, instruments=(first, spoilt, last))

    shop.alter = spoil
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 2, "quarantined": 1}
    assert await kept(database) == [("instrument", "BAD", "absurd")]
    assert sorted(await statuses(database)) == ["M1", "M2"]


async def test_what_is_listed_twice_differently_is_said(database: Database) -> None:
    """The first of a page stands; the same twice is nothing to speak of."""
    shop = Bazaar(market("M"), market("M", title="other"), market("N"), market("N"), size=4)
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 2, "quarantined": 1}
    assert await kept(database) == [("instrument", "M", "duplicate")]
    assert await column(database, "SELECT title FROM instrument WHERE symbol = 'M'") == [""]


async def test_what_moves_to_a_later_page_counts_as_it_is_there(database: Database) -> None:
    """A listing that shifts names a market twice; the later page is the newer."""
    shop = Bazaar(market("M"), market("M", title="newer"), size=1)
    assert numbers(await synchronise(database, shop)) == {"inserted": 1}
    assert await column(database, "SELECT title FROM instrument") == ["newer"]


async def test_an_orphan_waits_for_its_parent(database: Database) -> None:
    """A market whose event is nowhere is kept apart, and so is an event whose series is not."""
    shop = Bazaar(
        series("S"),
        event("E", series="S"),
        event("LOST", series="NOWHERE"),
        market("M", event="E"),
        market("ORPHAN", event="MISSING"),
        market("GRANDCHILD", event="LOST"),
    )
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 1, "quarantined": 2}
    assert await kept(database) == [
        ("event", "LOST", "orphan"),
        ("instrument", "GRANDCHILD", "orphan"),
        ("instrument", "ORPHAN", "orphan"),
    ]
    shop.world += [event("MISSING", series="S"), series("NOWHERE")]
    assert numbers(await synchronise(database, shop)) == {"inserted": 2, "unchanged": 1}
    assert await kept(database) == []


async def test_a_venue_without_parents_has_no_orphans(database: Database) -> None:
    """It names an event that it lists nowhere, as some do."""
    done = await synchronise(database, Bazaar(market("M", event="E", series="S")))
    assert numbers(done) == {"inserted": 1}


async def test_what_is_doubtful_stands_and_is_said(database: Database) -> None:
    """It is inserted, counted as strange, and not as set aside."""
    shop = with_reject(Reject(reason="M has no category", kind="doubtful", symbol="M"))
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 1}
    assert done.doubtful == 1
    assert await kept(database) == [("instrument", "M", "doubtful")]
    shop.alter = lambda page: page
    await synchronise(database, shop)
    assert await kept(database) == []


async def test_what_has_no_name_is_kept_by_its_place(database: Database) -> None:
    """As many as come at once; a whole round without them releases them."""
    reject = Reject(reason="markets[3] is no market", payload=b"\x00\xff")
    shop = with_reject(reject)
    done = await synchronise(database, shop)
    assert numbers(done) == {"inserted": 1, "quarantined": 1}
    assert await kept(database) == [("instrument", "?1", "unreadable")]
    shop.alter = lambda page: page
    await synchronise(database, shop)
    assert await kept(database) == []
