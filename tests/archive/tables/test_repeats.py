"""`is_repeat`: the rows where it is false tell every fact once."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssmd import venues
from ssmd.archive import reader
from ssmd.archive.ledger import store as ledger
from ssmd.archive.ledger.entries import Coverage, Gap
from ssmd.archive.tables import build as building
from ssmd.archive.twins.election import anchors, primaries
from ssmd.archive.twins.merge import flag
from ssmd.archive.twins.told import tell
from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.records import Acknowledged, Backfilled, Ended, GapFound, Judged
from ssmd.model.row import Decoded
from ssmd.model.timestamp import SECOND_NS
from tests.archive.tables.made import (
    FEED,
    SLOT_NS,
    START,
    Talk,
    built,
    compact,
    record,
    rows,
    taken,
)

LATER = START + SLOT_NS


def trades(root: Path) -> list[str]:
    """The ids of the trades to take."""
    return sorted(taken(rows(root, "trades", "trade_id", "is_repeat")), key=int)


def prices(root: Path, table: str = "quotes") -> list[int]:
    """The bids to take, in the order of receipt."""
    found = taken(rows(root, table, "ts_recv", "bid", "is_repeat"))
    return [int(price) for _, price in sorted(found)]


def in_time(*talks: Sequence[Envelope]) -> list[Envelope]:
    """What several connections say, in the order of receipt."""
    return sorted((each for talk in talks for each in talk), key=lambda each: each.ts_recv or 0)


def test_trades_that_are_sent_again_are_repeats(tmp_path: Path) -> None:
    """After a reconnect the venue tells past trades again: in the slot, the next, and much later."""
    first = Talk()
    said = [first.opened(), first.trades(*range(5)), first.closed()]
    second = Talk(ts=START + SECOND_NS, previous=first.id)
    said += [second.opened("reconnect"), second.trades(3, 4, 5, again=True)]
    second.ts = LATER
    said += [second.trades(6), second.trades(5, 6, 7, again=True)]
    third = Talk(ts=START + 5 * SLOT_NS, previous=second.id)
    said += [third.opened("reconnect"), third.trades(0, 5, 7, 8, again=True)]
    record(tmp_path, said)
    compact(tmp_path)
    assert trades(tmp_path) == [str(key) for key in range(9)]
    live = rows(tmp_path, "trades", "trade_id", "is_snapshot", "is_repeat")
    assert Counter(live)["3", True, True] == 1
    native = rows(tmp_path, "native/trade", "native_id", "is_snapshot", "is_repeat")
    assert Counter(native) == Counter(live), "both tables flag the same"


def test_what_an_earlier_slot_gains_is_a_repeat_later(tmp_path: Path) -> None:
    """A late trade may be told again in a slot long built: that slot is made again."""
    talk = Talk()
    said = [talk.opened(), talk.trades(0), talk.trades(1)]
    talk.ts = START + 4 * SLOT_NS
    said.append(talk.trades(2))
    other = Talk(ts=START + 8 * SLOT_NS, previous=talk.id)
    said += [other.opened("reconnect"), other.trades(0, 1, 2, again=True)]
    late = said.pop(2)
    record(tmp_path, said)
    compact(tmp_path)
    assert [row for row in rows(tmp_path, "trades", "trade_id", "is_repeat") if row[0] == "1"] == [
        ("1", False)
    ]
    record(tmp_path, [late])
    again = compact(tmp_path)
    assert [slot.time for slot in again.built] == ["0800", "0900", "1000"]
    assert trades(tmp_path) == ["0", "1", "2"]
    assert compact(tmp_path).built == []


def page(talk: Talk, *ids: int) -> Envelope:
    """A page of the venue's past trades."""
    listed = [[f"{100 + key}", "1.0", START // SECOND_NS + key, "b", "l", "", key] for key in ids]
    body = {"error": [], "result": {"XXBTZUSD": listed, "last": "1"}}
    return talk.frame(BACKFILL, body, "BTC/USD")


def test_fetched_trades_fill_in_and_repeat_nothing(tmp_path: Path) -> None:
    """A backfill tells what was missed, beside what was not: live rows come first."""
    talk = Talk()
    said = [talk.opened(), talk.trades(1), talk.trades(2)]
    rest = Talk(9, START + 300 * SECOND_NS)
    rest.ts = START + 300 * SECOND_NS
    fetched = [rest.opened("backfill"), page(rest, 2, 3, 4)]
    rest.ts = START + 2 * SLOT_NS
    fetched.append(page(rest, 4, 5))
    record(tmp_path, said + fetched)
    compact(tmp_path)
    told = rows(tmp_path, "trades", "trade_id", "source", "is_repeat")
    assert sorted(told) == [
        ("1", "live", False),
        ("2", "live", False),
        ("2", "rest", True),
        ("3", "rest", False),
        ("4", "rest", False),
        ("4", "rest", True),
        ("5", "rest", False),
    ]


def twin(
    shard: int, ticks: Sequence[int], *, ts: int = START, opens: bool = True
) -> list[Envelope]:
    """A connection that begins with a state and goes on with a quote every ten seconds."""
    talk = Talk(shard, ts)
    said = [talk.opened()] if opens else []
    for number, price in enumerate(ticks):
        talk.ts = ts + number * 10 * SECOND_NS + shard * 1_000_000
        said.append(talk.ticker(price, again=number == 0))
    return said


def test_of_twins_one_is_taken(tmp_path: Path) -> None:
    """Two connections that say the same, slot after slot: what has no id is taken from one."""
    ticks = range(200)
    record(tmp_path, in_time(twin(0, ticks), twin(1, ticks)))
    compact(tmp_path)
    assert len(built(tmp_path)) == 3
    assert prices(tmp_path) == list(ticks)
    names = set(taken(rows(tmp_path, "quotes", "connection", "is_repeat")))
    assert len(names) == 1, "it is not changed where nothing asks for it"


def test_who_is_primary_stays_so_from_slot_to_slot(tmp_path: Path) -> None:
    """A state that the other tells in between, or its name, is no reason to change."""
    first = twin(1, range(200))
    second = Talk(0, START + 500 * SECOND_NS)
    said = [second.opened()]
    for number in range(50, 200):
        second.ts = START + number * 10 * SECOND_NS + 2_000_000
        said.append(second.ticker(number, again=number in {50, 92, 150}))
    record(tmp_path, in_time(first, said))
    compact(tmp_path)
    assert len(built(tmp_path)) == 3
    assert set(taken(rows(tmp_path, "quotes", "connection", "is_repeat"))) == {first[0].connection}
    assert prices(tmp_path) == list(range(200))


def test_a_twin_that_dies_is_followed_by_the_other(tmp_path: Path) -> None:
    """The other one counts from there on, in that slot and in those after it.

    What was under way to both at that moment has no id: it may be there once more.
    """
    ticks = range(200)
    dies = twin(0, ticks[:130])
    record(tmp_path, in_time(dies, twin(1, ticks)))
    compact(tmp_path)
    assert prices(tmp_path) == [*ticks[:130], *ticks[129:]]


def test_a_planned_successor_takes_over_with_its_first_state(tmp_path: Path) -> None:
    """While both live, nothing is told twice: make before break."""
    old = Talk()
    said = [old.opened()]
    new = Talk(ts=START + 55 * SECOND_NS, previous=old.id)
    for number in range(10):
        old.ts = START + number * 10 * SECOND_NS
        said.append(old.ticker(number, again=number == 0))
    new.ts = START + 55 * SECOND_NS
    said += [new.opened("planned"), new.ticker(5, again=True)]
    for number in range(6, 20):
        new.ts = START + number * 10 * SECOND_NS + 1_000_000
        said.append(new.ticker(number))
    old.ts = START + 96 * SECOND_NS
    said.append(old.closed())
    record(tmp_path, in_time(said))
    compact(tmp_path)
    found = taken(rows(tmp_path, "quotes", "ts_recv", "connection", "bid", "is_repeat"))
    assert [int(price) for _, _, price in sorted(found)] == [0, 1, 2, 3, 4, 5, *range(5, 20)]
    assert [name for _, name, _ in sorted(found)][6:] == [new.id] * 15


def test_shards_that_tell_different_things_are_no_twins(tmp_path: Path) -> None:
    """One connection tells an instrument's trades, another its quotes: both count."""
    one, two = Talk(0), Talk(1)
    said = [one.opened(), two.opened(), two.ticker(1, again=True)]
    for key in range(5):
        said += [one.trades(key), two.ticker(key + 2)]
    record(tmp_path, said)
    compact(tmp_path)
    assert len(trades(tmp_path)) == 5
    assert len(prices(tmp_path)) == 6


def test_a_subscription_that_moves_takes_its_facts_along(tmp_path: Path) -> None:
    """The old connection lives on with other instruments: it does not count for this one."""
    one, two = Talk(0), Talk(1)
    said = [one.opened(), two.opened()]
    for number in range(6):
        one.ts = START + number * SECOND_NS
        said.append(one.ticker(number, again=number == 0))
    one.ts = START + 6 * SECOND_NS
    ended = Ended(channel="ticker", symbol="BTC/USD", ordinal=None)
    said.append(one.ledger(ended))
    for number in range(6, 12):
        two.ts = START + number * SECOND_NS
        said.append(two.ticker(number))
    one.ts = START + 600 * SECOND_NS
    said.append(one.heartbeat())
    record(tmp_path, in_time(said))
    compact(tmp_path)
    assert prices(tmp_path) == list(range(12))


@pytest.mark.parametrize("how", ["gap", "frozen"])
def test_a_broken_twin_does_not_count(tmp_path: Path, how: str) -> None:
    """From where a state is broken on, the one that is whole is taken."""
    one, two = Talk(0), Talk(1)
    said = [one.opened(), two.opened()]
    for number in range(20):
        for talk in (one, two):
            talk.ts = START + number * SECOND_NS + talk.shard * 1_000_000
            if talk is two or number < 5 or how == "gap":
                again = number in {0, 6} if talk is two else number == 0
                said.append(talk.ticker(number, again=again))
    one.ts = START + 5 * SECOND_NS + 2_000_000
    if how == "gap":
        said.append(
            one.ledger(
                GapFound(
                    channel="ticker",
                    symbols=("BTC/USD",),
                    kind="sequence",
                    expected=1,
                    found=2,
                    ordinal=5,
                )
            )
        )
    else:
        one.ts = START + 19 * SECOND_NS
        said += [
            one.heartbeat(),
            one.ledger(
                Judged(
                    symbol="BTC/USD",
                    verdict="frozen",
                    silent_s=14.0,
                    missed=9.0,
                    evidence="",
                    action="none",
                )
            ),
        ]
    record(tmp_path, in_time(said))
    compact(tmp_path)
    found = taken(rows(tmp_path, "quotes", "ts_recv", "connection", "bid", "is_repeat"))
    by = {int(price): name for _, name, price in sorted(found)}
    assert sorted(by) == list(range(20))
    assert {by[number] for number in range(7, 20)} == {two.id}


def test_rows_of_pages_without_ids_count_within_their_span(tmp_path: Path) -> None:
    """A page tells more than was missing: only what it was asked for is news."""
    rest = Talk(9)
    said = [rest.opened("backfill")]
    told = [page(rest, *range(10))]
    span = Backfilled(
        channel="trade", symbol="BTC/USD", since=START + 3 * SECOND_NS,
        until=START + 6 * SECOND_NS, facts=3, ordinal=0, cause="asked",
    )  # fmt: skip
    record(tmp_path, [*said, *told, rest.ledger(span)])
    without = _without_ids(tmp_path)
    assert without == [3, 4, 5]


def _without_ids(root: Path) -> list[int]:
    """Build as if the venue gave no ids; the seconds of the trades to take."""
    kraken = venues.load(FEED)

    def reader(envelope: Envelope) -> Decoded:
        decoded = kraken.rows(envelope)
        return Decoded(
            tuple(msgspec.structs.replace(row, native_id=None) for row in decoded.rows),
            decoded.rejects,
        )

    patched = msgspec.structs.replace(kraken, rows=reader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "load", lambda _: patched)
        compact(root)
    times = taken(rows(root, "trades", "ts_event", "is_repeat"))
    return sorted((ts - START) // SECOND_NS for ts in times)


steps = st.lists(st.sampled_from(["both", "one", "two"]), min_size=5, max_size=40)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps, lives=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_facts_with_ids_are_taken_as_twins_are_merged(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], lives: tuple[int, int]
) -> None:
    """The flags of a slot are those of `archive.twins.flag` over the whole ledger."""
    root = tmp_path_factory.mktemp("twins")
    talks = Talk(0), Talk(1)
    said = [talk.opened() for talk in talks]
    for talk, name in zip(talks, ("one", "two"), strict=True):
        said.append(talk.ledger(Acknowledged(channel="trade", symbol="BTC/USD", ordinal=None)))
        for number, step in enumerate(steps[: lives[talk.shard]]):
            talk.ts = START + number * SECOND_NS + talk.shard * 1_000_000
            if step in {"both", name}:
                said.append(talk.trades(number))
    record(root, in_time(said))
    compact(root)
    kept = ledger.load(root, FEED)
    told = list(tell((each.envelope for each in reader.read(root)), venues.load(FEED).rows))
    coverage = [each for each in kept.entries if isinstance(each, Coverage)]
    gaps = [each for each in kept.entries if isinstance(each, Gap)]
    elected = primaries("BTC/USD", coverage, gaps, anchors(told), kept.until)
    expected = Counter(each.told.row.native_id for each in flag(told, elected) if each.is_primary)
    assert Counter(trades(root)) == expected
    assert max(expected.values(), default=1) == 1
