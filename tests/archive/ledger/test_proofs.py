"""What messages build is not proved after some of them are missing."""

import random

import msgspec
import pytest

from ssmd.archive.ledger.condition import conditions
from ssmd.archive.ledger.entries import Unproved
from ssmd.archive.ledger.explain import explain
from ssmd.archive.ledger.merge import merge
from ssmd.model.timestamp import SECOND_NS
from tests.archive.ledger.made import MIDNIGHT, Key, Scene, Wire, by_day, of, s, whole

BTC_BOOK, ETH_BOOK = ("book", "BTC/USD"), ("book", "ETH/USD")
BTC, ETH = "BTC/USD", "ETH/USD"


def held(scene: Scene, *keys: Key, venue: str = "kraken", at: float = 0) -> Wire:
    """A connection that holds books from the first instant on, and their first snapshots."""
    wire = scene.connect(s(at), *keys, venue=venue)
    wire.acknowledge(s(at), *keys)
    for key in keys:
        wire.snapshot(s(at), key[1] or "")
    return wire


def talk(wire: Wire, since: int, until: int, *symbols: str) -> None:
    """A change of each book every ten seconds."""
    for at in range(since, until, 10):
        for symbol in symbols:
            wire.frame(s(at), symbol, kind="book")


def named(scene: Scene, symbol: str = BTC, count: int = 5) -> list[str]:
    (found,) = conditions(scene.fold(), s(0), s(60 * count), lambda _: None, [symbol])
    return [found.at(s(60 * at)) for at in range(count)]


def unproved(scene: Scene) -> list[tuple[int, int | None, str, tuple[str, ...]]]:
    return [
        (each.since, each.until, each.reason, each.symbols)  # type: ignore[attr-defined]
        for each in of(scene.fold(), Unproved)
    ]


@pytest.mark.parametrize("declared", [True, False])
def test_a_book_with_a_hole_is_degraded_until_it_is_stated_anew(declared: bool) -> None:
    """Each by itself; the hole itself is worse, and the connection's end is an end too."""
    scene = Scene()
    wire = held(scene, BTC_BOOK, ETH_BOOK)
    talk(wire, 0, 60, BTC, ETH)
    gone = wire.skip(1)
    if declared:
        wire.lose(s(90), gone)
    talk(wire, 90, 200, BTC, ETH)
    wire.snapshot(s(200), ETH)
    talk(wire, 210, 310, BTC, ETH)
    wire.close(s(310))
    assert named(scene) == ["lost", "lost", "degraded", "degraded", "degraded"]
    assert named(scene, ETH) == ["lost", "lost", "degraded", "degraded", "complete"]
    reason = "loss" if declared else "hole"
    assert unproved(scene) == [
        (s(50), s(300), reason, (BTC,)),
        (s(50), s(200), reason, (ETH,)),
    ]


def test_it_is_explained_why_a_minute_with_all_its_messages_is_degraded() -> None:
    """In one more sentence; and so is a silence that nobody could witness."""
    scene = Scene()
    wire = held(scene, BTC_BOOK)
    talk(wire, 0, 60, BTC)
    wire.skip(1)
    talk(wire, 90, 310, BTC)
    wire.judge(s(310), BTC, 30.0, verdict="unknown")
    told = explain(scene.fold(), BTC, s(200), "degraded", ())
    assert "its book is not proved from" in told.sentence
    assert "frames 8..8 are missing" in told.sentence
    assert told.evidence[-1] == f"unproved (hole): {wire.id}"
    told = explain(scene.fold(), BTC, s(300), "degraded", ())
    assert "no witness could say" in told.sentence


def test_facts_that_build_nothing_are_whole_again_with_the_next_one() -> None:
    """Trades, and whatever a venue that nobody knows publishes."""
    for key, venue in ((("trade", BTC), "kraken"), (BTC_BOOK, "venue")):
        scene = Scene()
        wire = held(scene, key, venue=venue)
        talk(wire, 0, 60, BTC)
        wire.skip(1)
        talk(wire, 90, 310, BTC)
        wire.close(s(310))
        assert named(scene) == ["lost", "lost", "complete", "complete", "complete"]
        assert unproved(scene) == []


def test_what_was_not_held_then_is_not_concerned() -> None:
    """Asked for later, or given back earlier, or anew: a snapshot comes with it."""
    scene = Scene()
    wire = held(scene, BTC_BOOK)
    wire.want(s(10), ETH_BOOK)
    wire.acknowledge(s(10), ETH_BOOK)
    wire.end(s(40), ETH_BOOK)
    talk(wire, 50, 60, BTC)
    wire.skip(1)
    talk(wire, 90, 130, BTC)
    wire.acknowledge(s(130), ETH_BOOK)
    wire.end(s(170), BTC_BOOK)
    wire.acknowledge(s(171), BTC_BOOK)
    wire.snapshot(s(240), BTC)
    talk(wire, 250, 310, BTC)
    assert unproved(scene) == [(s(50), s(170), "hole", (BTC,))]


def test_what_one_twin_cannot_prove_the_other_may() -> None:
    """As with the frames themselves."""
    scene = Scene()
    wire, twin = held(scene, BTC_BOOK), held(scene, BTC_BOOK)
    talk(twin, 0, 200, BTC)
    twin.skip(1)
    talk(twin, 210, 310, BTC)
    talk(wire, 0, 60, BTC)
    wire.skip(1)
    talk(wire, 90, 310, BTC)
    for each in (wire, twin):
        each.close(s(310))
    assert named(scene) == ["complete", "complete", "complete", "lost", "degraded"]


def test_frames_that_come_late_take_the_doubt_back() -> None:
    """A day later as well."""
    scene = Scene()
    wire = held(scene, BTC_BOOK)
    talk(wire, 0, 60, BTC)
    wire.skip(2)
    talk(wire, 90, 310, BTC)
    assert unproved(scene) == [(s(50), None, "hole", (BTC,))]
    sample = scene.kept[-1]
    for gone in (8, 9):
        scene.kept.append(
            (sample[0], msgspec.structs.replace(sample[1], ts_recv=MIDNIGHT, ordinal=gone))
        )
    assert unproved(scene) == []
    assert of(merge(by_day(scene.facts())), Unproved) == []


@pytest.mark.parametrize("seed", range(20))
def test_day_by_day_and_slot_by_slot_is_all_at_once(seed: int) -> None:
    """Holes, losses and snapshots around midnight, wherever segments end."""
    chance = random.Random(seed)
    scene = Scene()
    at = MIDNIGHT - 300 * SECOND_NS
    wires = [scene.connect(at, BTC_BOOK, ETH_BOOK, venue="kraken") for _ in range(2)]
    for wire in wires:
        wire.acknowledge(at, BTC_BOOK, ETH_BOOK)
    for _ in range(60):
        at += chance.randint(1, 20) * SECOND_NS
        wire, symbol = chance.choice(wires), chance.choice((BTC, ETH))
        match chance.randint(0, 9):
            case 0:
                wire.skip(chance.randint(1, 3))
            case 1:
                wire.lose(at, wire.skip(2))
            case 2:
                wire.snapshot(at, symbol)
            case 3:
                wire.end(at, ("book", symbol))
                wire.acknowledge(at, ("book", symbol))
            case _:
                wire.frame(at, symbol, kind="book")
    if seed % 2:
        wires[0].close(at)
    facts = scene.facts()
    assert merge(by_day(facts)) == whole(facts)
    fine = [(e.since, e.until, e.symbols) for e in of(whole(scene.facts(interval_s=30)), Unproved)]  # type: ignore[attr-defined]
    assert fine == [(e.since, e.until, e.symbols) for e in of(whole(facts), Unproved)]  # type: ignore[attr-defined]
