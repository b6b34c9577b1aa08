"""What becomes of instruments because their time has come."""

from typing import Any

from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Clocked
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database
from ssmd.secmaster.sweep import sweep
from ssmd.sim.manual_clock import ManualClock
from tests.secmaster.bazaar import VENUE, Bazaar, market
from tests.secmaster.syncing import ask, column, numbers, statuses, synchronise

NOW = 1_750_000_000 * SECOND_NS
"""Before the database's own clock: a time that is told is never later than when it is known."""
RULES = (Clocked("pre_open", "open_ts", "active"), Clocked("active", "close_ts", "closed"))


async def world(
    database: Database, clock: ManualClock, *markets: tuple[str, dict[str, Any]]
) -> Bazaar:
    """A round at the clock's time."""
    shop = Bazaar(*markets)
    shop.clocked = RULES
    await synchronise(database, shop, clock=clock)
    return shop


async def test_a_market_opens_and_closes_by_the_clock(database: Database) -> None:
    """At its times and not before; valid since then, said by the clock."""
    clock = ManualClock(wall=NOW)
    opening, closing = NOW + 10 * SECOND_NS, NOW + 20 * SECOND_NS
    await world(
        database, clock, market("M", "pre_open", open_ts=opening, close_ts=closing), market("N")
    )
    assert (await sweep(database, VENUE, RULES, clock)).number == 0
    await clock.advance(9.9)
    assert (await sweep(database, VENUE, RULES, clock)).number == 0
    await clock.advance(0.1)
    assert (await sweep(database, VENUE, RULES, clock)).number == 1
    assert await statuses(database) == {"M": "active", "N": "active"}
    await clock.advance(15)
    assert (await sweep(database, VENUE, RULES, clock)).number == 1
    assert await statuses(database) == {"M": "closed", "N": "active"}
    rows = await ask(
        database,
        "SELECT status_source, raw_status, extract(epoch FROM status_at)::bigint AS since"
        " FROM instrument WHERE symbol = 'M'",
    )
    assert tuple(rows[0].values()) == ("clock", "raw pre_open", closing // SECOND_NS)


async def test_a_change_is_valid_from_the_time_itself(database: Database) -> None:
    """However late the clock is looked at, history says when it was so."""
    clock = SystemClock()
    opening = (clock.wall() // SECOND_NS + 2) * SECOND_NS
    await synchronise(database, Bazaar(market("M", "pre_open", open_ts=opening)), clock=clock)
    inserted = await column(
        database, "SELECT extract(epoch FROM valid_from)::numeric FROM instrument"
    )
    while not await sweep(database, VENUE, RULES, clock):
        await clock.sleep(0.05)
    rows = await ask(
        database,
        "SELECT status, extract(epoch FROM valid_from)::numeric AS since"
        " FROM instrument_version WHERE known_to = 'infinity' ORDER BY valid_from",
    )
    if inserted[0] < opening // SECOND_NS:  # else the machine is so slow that it came too late
        assert [row["status"] for row in rows] == ["pre_open", "active"]
    assert rows[-1]["since"] == max(opening // SECOND_NS, inserted[0])


async def test_one_sweep_does_what_several_would_have(database: Database) -> None:
    """After a long sleep a market opens and closes at once, each at its own time."""
    clock = ManualClock(wall=NOW)
    times = {"open_ts": NOW + SECOND_NS, "close_ts": NOW + 2 * SECOND_NS}
    await world(database, clock, market("M", "pre_open", **times))
    clock.leap(3600)
    assert (await sweep(database, VENUE, RULES, clock)).number == 2
    assert await statuses(database) == {"M": "closed"}


async def test_nothing_due_writes_nothing(database: Database) -> None:
    """Not even a change set, however often the clock is looked at."""
    clock = ManualClock(wall=NOW)
    await world(database, clock, market("M", "pre_open", open_ts=NOW + SECOND_NS))
    before = await column(database, "SELECT count(*) FROM change_set")
    for _ in range(5):
        await sweep(database, VENUE, RULES, clock)
    assert await column(database, "SELECT count(*) FROM change_set") == before


async def test_the_clock_does_not_insist(database: Database) -> None:
    """A venue that says otherwise long after the time is believed, round after round."""
    clock = ManualClock(wall=NOW)
    shop = await world(database, clock, market("M", "active", close_ts=NOW + SECOND_NS))
    await clock.advance(2)
    await sweep(database, VENUE, RULES, clock)
    assert await statuses(database) == {"M": "closed"}
    await synchronise(database, shop, clock=clock)
    assert await statuses(database) == {"M": "closed"}, "the page may be a moment old"
    await clock.advance(60)
    assert numbers(await synchronise(database, shop, clock=clock)) == {"changed": 1}
    assert (await sweep(database, VENUE, RULES, clock)).number == 0
    assert await statuses(database) == {"M": "active"}


async def test_a_time_that_is_moved_is_waited_for_again(database: Database) -> None:
    """The venue puts its opening off just after it passed: back, and open at the new time."""
    clock = ManualClock(wall=NOW)
    shop = await world(database, clock, market("M", "pre_open", open_ts=NOW + SECOND_NS))
    await clock.advance(2)
    await sweep(database, VENUE, RULES, clock)
    shop.world = [market("M", "pre_open", open_ts=NOW + 100 * SECOND_NS)]
    await synchronise(database, shop, clock=clock)
    assert await statuses(database) == {"M": "pre_open"}
    await clock.advance(100)
    await sweep(database, VENUE, RULES, clock)
    assert await statuses(database) == {"M": "active"}


async def test_what_is_not_listed_is_left_alone(database: Database) -> None:
    """Nor does a rule that the status machine does not allow do anything."""
    clock = ManualClock(wall=NOW)
    shop = await world(database, clock, market("M", "active", close_ts=NOW + SECOND_NS))
    shop.world = []
    await synchronise(database, shop, clock=clock)
    await clock.advance(10)
    assert (await sweep(database, VENUE, RULES, clock)).number == 0
    absurd = (Clocked("settled", "close_ts", "active"),)
    assert (await sweep(database, VENUE, absurd, clock)).number == 0
