"""Each check of a security master, red and green, on rows that a sync brought."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from ssmd import venues
from ssmd.feeds.policy import load_policy
from ssmd.feeds.quality import MasterPolicy
from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.secmaster import measured
from ssmd.quality.secmaster.gathering import gather
from ssmd.quality.secmaster.verdict import MasterFinding, judge
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.secmaster.database import Database
from ssmd.sim.manual_clock import ManualClock
from tests.quality.secmaster.conftest import Filled
from tests.secmaster.syncing import column

HOUR_S = 3600


def shipped() -> MasterPolicy:
    found = load_policy().secmaster
    assert found is not None
    return found


async def judged(
    database: Database, *, clock: Clock | None = None, policy: MasterPolicy | None = None
) -> Mapping[str, MasterFinding]:
    """Every finding, by name."""
    policy = policy or shipped()
    facts = await gather(
        database, policy, clock or SystemClock(), root=None, configured=lambda _: None
    )
    found = judge(measured(facts, noise=policy.noise), policy)
    return {each.name: each for each in found}


def bad(found: Mapping[str, MasterFinding]) -> list[str]:
    return [name for name, each in found.items() if each.bad]


async def write(database: Database, statement: str, **told: Any) -> int:  # noqa: ANN401 - parameters
    """Change rows as an operator does; gives how many."""
    async with database.writing("sql") as session:
        return (await session.execute(statement, told)).rowcount


def later(seconds: float) -> ManualClock:
    """So long from now."""
    return ManualClock(SystemClock().wall() + round(seconds * SECOND_NS))


@pytest.mark.parametrize("name", venues.names())
async def test_a_synchronised_venue_is_well(filled: Filled, name: str) -> None:
    """Every check is green, or says why it cannot be: no false alarm on what venues list."""
    async with filled(name) as database:
        found = await judged(database)
    assert bad(found) == []
    assert list(found) == list(shipped().checks)
    scores = {each.score for each in found.values() if each.state == "known"}
    assert scores == {100.0}, found
    silent = {each.name for each in found.values() if each.state != "known"}
    assert silent == {"count_stability", "subscribed_but_closed", "active_but_unsubscribed"}


async def test_what_is_not_asked_for_long_is_stale(pairs: Database) -> None:
    """By the hours since a good round: they are the value, and the venue is named."""
    found = await judged(pairs, clock=later(30 * HOUR_S))
    assert bad(found) == ["staleness", "unseen"] or bad(found) == ["staleness"]
    assert found["staleness"].value == pytest.approx(30, abs=0.1)
    assert "kraken 30.0 h ago" in found["staleness"].evidence
    early = await judged(pairs, clock=later(1.5 * HOUR_S))
    assert bad(early) == []


async def test_a_venue_that_was_never_asked_well_is_bad(pairs: Database) -> None:
    """However fresh the others are; the last error says why."""
    await write(pairs, "UPDATE sync_round SET state = 'failed', error = 'it broke'")
    found = await judged(pairs)
    assert bad(found) == ["staleness", "unseen"]
    assert found["staleness"].state == "unknown"
    assert "never had a good round: kraken" in found["staleness"].evidence
    assert "it broke" in found["staleness"].evidence


async def test_only_a_round_of_all_sees_what_is_gone(pairs: Database) -> None:
    """Rounds of changes keep it fresh, and never miss anything."""
    await write(pairs, "UPDATE sync_round SET mode = 'incremental'")
    assert bad(await judged(pairs)) == ["unseen"]


@pytest.mark.parametrize("symbol", ["", "A B", "kraken:ADA/USD", "A\tB"])
async def test_a_symbol_that_is_none(pairs: Database, symbol: str) -> None:
    """Empty, with blanks, or with its venue's name before it."""
    changed = "UPDATE instrument SET symbol = %(new)s WHERE symbol = 'ADA/USD'"
    assert await write(pairs, changed, new=symbol) == 1
    found = await judged(pairs)
    assert "namespace" in bad(found)
    assert found["namespace"].value == 1


async def test_a_venue_that_is_none(pairs: Database) -> None:
    """Rows that no code of ours could have written."""
    copy = (
        "INSERT INTO instrument (venue, symbol, kind, status, raw_status, status_source, restricted,"
        " title, price_ranges, aliases, details, payload) SELECT 'atlantis', symbol, kind, status,"
        " raw_status, status_source, restricted, title, price_ranges, aliases, details, payload"
        " FROM instrument LIMIT 2"
    )
    await write(pairs, copy)
    found = await judged(pairs)
    assert found["namespace"].value == 2
    assert "atlantis: 2 without a proper id" in found["namespace"].evidence


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("status = 'active', close_at = now() - interval '1 hour'", "active past its end"),
        ("status = 'paused', close_at = now() - interval '1 hour'", "paused past its end"),
        ("status = 'pre_open', open_at = now() - interval '1 hour'", "pre_open past its opening"),
        ("status = 'settled', result = '', settlement_value = NULL", "settled without a result"),
    ],
)
async def test_a_state_that_cannot_be(events: Database, changed: str, words: str) -> None:
    """By its own times, or by what it lacks; a tenth of all is more than a slip."""
    pick = f"UPDATE instrument SET {changed} WHERE id IN (SELECT id FROM instrument ORDER BY id LIMIT %(n)s)"  # noqa: S608 - our own text
    whole = (await column(events, "SELECT count(*) FROM instrument"))[0]
    number = await write(events, pick, n=whole // 10)
    found = await judged(events)
    assert bad(found) == ["status_anomalies"]
    value = found["status_anomalies"].value
    assert value is not None
    assert value >= number / whole
    assert f"kalshi: {number} {words}" in found["status_anomalies"].evidence


async def test_what_is_a_little_late_is_not_odd(events: Database) -> None:
    """A sweep or a round may still bring it: there is a grace."""
    await write(
        events,
        "UPDATE instrument SET close_at = now() - interval '1 minute' WHERE status = 'active'",
    )
    found = await judged(events)
    assert "active past" not in found["status_anomalies"].evidence


async def _set_aside(database: Database, kind: str, raw: str | None) -> None:
    await write(
        database,
        "INSERT INTO quarantine (venue, entity, symbol, kind, raw_status, reason, payload, first_at,"
        " last_at) SELECT venue, 'instrument', symbol, %(kind)s, %(raw)s, 'it is odd', '{}', now(),"
        " now() FROM instrument ORDER BY id LIMIT 4",
        kind=kind,
        raw=raw,
    )


async def test_a_state_nobody_knows(pairs: Database) -> None:
    """One word is one thing to do, until a round takes what was set aside."""
    await _set_aside(pairs, "unknown_status", "sleeping")
    found = await judged(pairs)
    assert bad(found) == ["unknown_statuses"]
    assert found["unknown_statuses"].value == 1
    assert "'sleeping', of 4 instruments" in found["unknown_statuses"].evidence
    await write(pairs, "UPDATE quarantine SET released_at = now()")
    assert bad(await judged(pairs)) == []


async def test_a_count_that_fell(pairs: Database) -> None:
    """Half of all that was active is paused: the change is the value, the counts are shown."""
    (begun,) = await column(pairs, "SELECT clock_timestamp()")
    active = await column(pairs, "SELECT count(*) FROM instrument WHERE status = 'active'")
    half = (
        "UPDATE instrument SET status = 'paused' WHERE id IN"
        " (SELECT id FROM instrument WHERE status = 'active' ORDER BY id LIMIT %(n)s)"
    )
    n = await write(pairs, half, n=active[0] * 2 // 3)
    now = SystemClock().wall()
    policy = msgspec.structs.replace(
        shipped(), compared_s=now / SECOND_NS - begun.timestamp(), noise=0.5
    )
    found = await judged(pairs, clock=ManualClock(now), policy=policy)
    assert "count_stability" in bad(found)
    assert found["count_stability"].value == pytest.approx(n / active[0])
    assert f"kraken spot: {active[0]} to {active[0] - n}" in found["count_stability"].evidence
    quiet = msgspec.structs.replace(policy, noise=100.0)
    assert bad(await judged(pairs, clock=ManualClock(now), policy=quiet)) == []


async def test_an_event_that_vanished_leaves_orphans(events: Database) -> None:
    """Instruments that name it hang in the air; so does what a round set aside as an orphan."""
    gone = "DELETE FROM event WHERE symbol IN (SELECT event FROM instrument WHERE listed LIMIT 30)"
    assert await write(events, gone)
    found = await judged(events)
    assert bad(found) == ["orphans"]
    assert "instruments whose event is nowhere" in found["orphans"].evidence


async def test_events_without_instruments(events: Database) -> None:
    """Listed long enough for its instruments to have come, and none did."""
    assert await write(events, "DELETE FROM instrument WHERE event IS NOT NULL AND id %% 2 = 0")
    await write(events, "UPDATE instrument SET event = NULL")
    found = await judged(events, clock=later(HOUR_S))
    assert "orphans" in bad(found)
    assert "events without an instrument" in found["orphans"].evidence
    assert "orphans" not in bad(await judged(events))


async def test_set_aside_orphans_count(pairs: Database) -> None:
    """They are not among the instruments, and lack all the same."""
    await _set_aside(pairs, "orphan", None)
    found = await judged(pairs)
    assert "4 instruments set aside, whose parent is nowhere" in found["orphans"].evidence


async def test_one_name_of_two_instruments(pairs: Database) -> None:
    """A name that should mean one; a name that may mean several is none, nor one of a closed."""
    shared = "UPDATE alias SET value = 'SAME' WHERE scheme = %(scheme)s AND symbol = ANY (%(of)s)"
    (one, two, *_) = await column(
        pairs, "SELECT symbol FROM instrument WHERE status = 'active' ORDER BY symbol"
    )
    await write(pairs, shared, scheme="altname", of=[one, two])
    found = await judged(pairs)
    assert bad(found) == ["alias_collisions"]
    assert found["alias_collisions"].value == 1
    assert "altname 'SAME'" in found["alias_collisions"].evidence
    await write(pairs, "UPDATE instrument SET status = 'paused' WHERE symbol = %(s)s", s=two)
    assert bad(await judged(pairs)) == []


async def test_an_empty_security_master_is_no_good_one(database: Database) -> None:
    """There is nothing to be judged: it is said, with what to do."""
    with pytest.raises(SsmdError, match="sync"):
        await judged(database)


@pytest.mark.parametrize("name", venues.names())
async def test_schemes_that_identify_are_there(filled: Filled, name: str) -> None:
    """Else the check would look for nothing."""
    identifying = venues.load(name).rest.identifying
    async with filled(name) as database:
        schemes = set(await column(database, "SELECT DISTINCT scheme FROM alias"))
    assert not identifying or identifying & schemes
