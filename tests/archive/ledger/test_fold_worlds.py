"""The fold against an oracle that walks through time; days one by one against all at once."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.archive.ledger.carry import Carry
from ssmd.archive.ledger.condition import conditions, summary
from ssmd.archive.ledger.entries import Coverage, Gap, Hole, Intent, Loss, Outage
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.ledger.fold import fold
from ssmd.archive.ledger.merge import merge
from tests import tier
from tests.archive.ledger.made import FEED, MIDNIGHT, by_day, whole
from tests.archive.ledger.truth import Truth
from tests.archive.ledger.world import KEYS, OPERATIONS, STEP, Op, World

NOON = MIDNIGHT // STEP - 3 * 60 * 12
"""A step in the middle of the first day."""
WORLDS = tier.scale(gate=100, full=4000)

operations: st.SearchStrategy[list[Op]] = st.lists(
    st.tuples(
        st.integers(0, OPERATIONS - 1), st.integers(0, 5), st.integers(0, 11), st.integers(1, 3)
    ),
    min_size=tier.scale(gate=0, full=15),
    max_size=60,
)


def steps(ts: int | None) -> int | None:
    if ts is None:
        return None
    assert ts % STEP == 0
    return ts // STEP


@settings(max_examples=WORLDS, deadline=None)
@given(operations)
def test_it_says_what_an_oracle_finds_step_by_step(done: list[Op]) -> None:
    """Intents, coverages and outages with their reasons, exactly."""
    world = World(done, NOON)
    ledger = world.scene.fold()
    truth = Truth(world)
    for key in KEYS:
        mine = [
            e for e in ledger.entries if (getattr(e, "channel", 0), getattr(e, "symbol", 0)) == key
        ]
        intents = [(steps(e.since), steps(e.until)) for e in mine if isinstance(e, Intent)]
        assert intents == [(spell.since, spell.until) for spell in world.intents[key]]
        covers = [
            (e.connection, steps(e.since), steps(e.until)) for e in mine if isinstance(e, Coverage)
        ]
        assert sorted(covers, key=str) == sorted(
            (
                (conn.wire.id, spell.since, spell.until)
                for conn in world.conns
                for spell in conn.covers[key]
            ),
            key=str,
        )
        outages = [
            (steps(e.since), steps(e.until), e.reason) for e in mine if isinstance(e, Outage)
        ]
        assert outages == truth.outages(key)


@settings(max_examples=WORLDS, deadline=None)
@given(operations)
def test_it_finds_every_gap_hole_and_loss(done: list[Op]) -> None:
    """From when to when, on which connection."""
    world = World(done, NOON)
    ledger = world.scene.fold()
    truth = Truth(world)
    gaps = [
        (e.connection, e.channel, symbol, steps(e.since), steps(e.until))
        for e in ledger.entries
        if isinstance(e, Gap)
        for symbol in e.symbols
    ]
    assert sorted(gaps, key=str) == truth.gaps()
    for table, declared in ((Loss, True), (Hole, False)):
        found = [e for e in ledger.entries if isinstance(e, table)]
        assert sorted(
            ((e.connection, steps(e.since), steps(e.until)) for e in found), key=str
        ) == sorted(truth.missing(declared=declared), key=str)


@settings(max_examples=WORLDS, deadline=None)
@given(operations)
def test_every_minute_is_what_the_oracle_makes_of_its_steps(done: list[Op]) -> None:
    """Channel by channel; an instrument is as good as its worst wanted channel."""
    world = World(done, NOON)
    ledger = world.scene.fold()
    truth = Truth(world)
    until = (world.last // 3 + 1) * MINUTE_NS
    for one in conditions(ledger, world.first * STEP, until, lambda _: None):
        columns = []
        for channel in one.channels:
            told = [each for s in one.stretches(channel) for each in [s.condition] * _length(s)]
            assert told == truth.minutes((channel, one.symbol))
            columns.append(one.channels[channel])
        worst = bytes(map(max, *columns, *columns))
        assert one.whole == truth.captured(one.symbol, worst)


@settings(max_examples=WORLDS, deadline=None)
@given(operations)
def test_day_by_day_is_all_at_once(done: list[Op]) -> None:
    """However much is open at midnight; what is carried survives JSON."""
    world = World(done, MIDNIGHT // STEP - 25)
    facts = world.scene.facts()
    one = whole(facts)
    assert merge(by_day(facts)) == one
    day = MIDNIGHT - 86_400 * 10**9
    first = [each for each in facts if "date=2027-01-15" in each.segment]
    _, carry = fold(FEED, first, carry=None, since=day, until=MIDNIGHT)
    assert msgspec.json.decode(msgspec.json.encode(carry), type=Carry) == carry


@settings(max_examples=WORLDS // 3, deadline=None)
@given(operations, st.integers(0, 1000))
def test_neither_order_nor_cut_of_the_segments_matters(done: list[Op], seed: int) -> None:
    """Facts come as files are listed, and slots are a setting."""
    world = World(done, MIDNIGHT // STEP - 25)
    facts = world.scene.facts(interval_s=60)
    shuffled = random.Random(seed).sample(facts, len(facts))
    assert whole(shuffled) == whole(facts)
    plain = [msgspec.structs.replace(entry, file="") for entry in whole(facts).entries]
    coarse = [msgspec.structs.replace(entry, file="") for entry in world.scene.fold().entries]
    assert plain == coarse


@settings(max_examples=WORLDS // 3, deadline=None)
@given(operations, st.integers(-5, 60), st.integers(0, 90))
def test_conditions_partition_every_minute(done: list[Op], before: int, length: int) -> None:
    """Also before the archive began and beyond its end: nothing is left out, nothing said twice."""
    world = World(done, NOON)
    ledger = world.scene.fold()
    since = world.first * STEP - before * MINUTE_NS
    until = since + length * MINUTE_NS
    count = -(-until // MINUTE_NS) - since // MINUTE_NS
    wanted = {key[1] for key in KEYS if world.intents[key]}
    found = list(conditions(ledger, since, until, lambda _: None))
    assert {one.symbol for one in found} == wanted
    for one, (symbol, counts) in zip(found, summary(found), strict=True):
        assert symbol == one.symbol
        assert sum(counts.values()) == count
        for channel in (None, *one.channels):
            edge = since // MINUTE_NS * MINUTE_NS
            for stretch in one.stretches(channel):
                assert (stretch.since, _length(stretch) > 0) == (edge, True)
                edge = stretch.until
            assert count == 0 or edge == -(-until // MINUTE_NS) * MINUTE_NS


def _length(stretch: object) -> int:
    return int((stretch.until - stretch.since) // MINUTE_NS)  # type: ignore[attr-defined]
