"""Two connections that hold the same: what one heard, the other need not have heard."""

import random

import msgspec
import pytest

from ssmd.archive.ledger.absences import absences
from ssmd.archive.ledger.condition import conditions
from ssmd.archive.ledger.entries import Coverage, Gap, Ledger
from ssmd.archive.ledger.found import Found
from ssmd.archive.ledger.sound import Sound
from ssmd.model import records
from tests.archive.ledger.made import BTC, ETH, Key, Scene, Wire, s

ALL = ("trade", None)


def pair(scene: Scene, *keys: Key, other: Key = BTC) -> tuple[Wire, Wire]:
    """Two processes on one feed, from the first instant on."""
    one = scene.connect(s(0), *(keys or (BTC,)))
    one.acknowledge(s(0), *(keys or (BTC,)))
    twin = scene.connect(s(0), other, writer="TWIN-bbbb")
    twin.acknowledge(s(0), other)
    return one, twin


def talk(wire: Wire, since: int, until: int) -> None:
    """A message every ten seconds."""
    for at in range(since, until, 10):
        wire.frame(s(at), "BTC/USD")


def named(scene: Scene, symbol: str = "BTC/USD", count: int = 3) -> list[str]:
    """The conditions of the first minutes."""
    (found,) = conditions(scene.fold(), s(0), s(60 * count), lambda _: None, [symbol])
    return [found.at(s(60 * at)) for at in range(count)]


def repaired(scene: Scene, symbol: str = "BTC/USD") -> list[tuple[str, str]]:
    """What is listed as missing but for outages, and what made it good."""
    return [
        (each.kind, each.evidence.repaired)
        for each in absences(scene.fold(), symbol)
        if each.kind != "outage"
    ]


@pytest.mark.parametrize("other", [BTC, ALL])
@pytest.mark.parametrize("declared", [True, False])
def test_a_hole_of_one_is_no_hole_where_the_other_heard_all(other: Key, declared: bool) -> None:
    """The minutes are complete; the entry stays, with a word that the other has it."""
    scene = Scene()
    one, twin = pair(scene, other=other)
    talk(one, 0, 60)
    gone = one.skip(3)
    if declared:
        one.lose(s(80), gone)
    talk(one, 100, 190)
    one.close(s(190))
    talk(twin, 0, 200)
    assert named(scene) == ["complete"] * 3
    assert repaired(scene) == [("loss" if declared else "hole", "twin")]


def test_a_gap_of_one_is_none_where_the_other_heard_all() -> None:
    """Whether a snapshot ended it or not; a frozen instrument is another matter."""
    scene = Scene()
    one, twin = pair(scene)
    one.gap(s(70), "trade", "BTC/USD")
    one.repair(s(75), "trade", "BTC/USD")
    one.gap(s(130), "trade", "BTC/USD")
    talk(one, 0, 200)
    talk(twin, 0, 200)
    assert named(scene) == ["complete"] * 3
    assert repaired(scene) == [("gap", "twin"), ("gap", "twin")]
    one.judge(s(180), "BTC/USD", 100.0)
    assert named(scene) == ["complete", "degraded", "degraded"]


def test_only_where_the_other_heard_all_is_it_made_good() -> None:
    """Two holes of two connections leave what they have in common; so does an end."""
    scene = Scene()
    one, twin = pair(scene)
    talk(one, 0, 30)
    one.skip(1)
    talk(one, 130, 200)
    one.close(s(200))
    talk(twin, 0, 90)
    twin.close(s(90))
    assert named(scene) == ["complete", "lost", "lost"]
    assert repaired(scene) == [("hole", "no")]
    scene = Scene()
    one, twin = pair(scene)
    talk(one, 0, 30)
    one.skip(1)
    talk(one, 70, 200)
    one.close(s(200))
    talk(twin, 0, 110)
    twin.skip(1)
    talk(twin, 170, 200)
    twin.close(s(200))
    assert named(scene) == ["complete"] * 3
    scene = Scene()
    one, twin = pair(scene)
    for wire in (one, twin):
        talk(wire, 0, 70)
        wire.skip(1)
        talk(wire, 100, 200)
        wire.close(s(200))
    assert named(scene) == ["complete", "lost", "complete"]
    assert repaired(scene) == [("hole", "no"), ("hole", "no")]


def test_who_holds_another_instrument_hears_nothing_for_this_one() -> None:
    """Nor who begins later, or does not know what it missed."""
    scene = Scene()
    one, twin = pair(scene, BTC, ETH)
    talk(one, 0, 70)
    one.skip(1)
    talk(one, 100, 200)
    one.close(s(200))
    talk(twin, 0, 200)
    assert named(scene)[1] == "complete"
    assert named(scene, "ETH/USD")[1] == "lost"
    assert repaired(scene) == [("hole", "partly")]
    twin.say(s(200), records.Leaving(reason=""))
    scene.kept.pop()
    twin.frame(s(230), "BTC/USD")
    twin.close(s(231))
    assert named(scene, count=4)[1] == "lost"


def test_what_is_left_of_a_fault_is_what_a_plain_look_finds() -> None:
    """However many connections come and go, and wherever their faults lie."""
    for seed in range(200):
        chance = random.Random(seed)
        held = {f"c{at}": _spans(chance, 3) for at in range(6)}
        faults = {who: _spans(chance, 4) for who in held}
        entries = [
            _entry(table, who, span)
            for table, told in ((Coverage, held), (Gap, faults))
            for who, spans in told.items()
            for span in spans
        ]
        ledger = Ledger(
            feed="f", venue="v", since=0, until=100, entries=tuple(entries), activity=()
        )
        sound = Sound(Found(ledger), "trade", "A", 100)
        for who, spans in faults.items():
            for span in spans:
                left = {at for low, high in sound.left(span, who) for at in range(low, high)}
                plain = {at for at in range(*span) if not _others(held, faults, who, at)}
                assert left == plain


def _others(
    held: dict[str, list[tuple[int, int]]],
    faults: dict[str, list[tuple[int, int]]],
    who: str,
    at: int,
) -> bool:
    """Whether any other connection heard all there was at a moment."""
    return any(
        other != who
        and any(low <= at < high for low, high in spans)
        and not any(low <= at < high for low, high in faults[other])
        for other, spans in held.items()
    )


def _spans(chance: random.Random, most: int) -> list[tuple[int, int]]:
    return [
        (since, since + chance.randint(1, 20))
        for since in (chance.randint(0, 70) for _ in range(chance.randint(0, most)))
    ]


def _entry(table: type[Coverage | Gap], who: str, span: tuple[int, int]) -> Coverage | Gap:
    place = {"feed": "f", "since": span[0], "until": span[1], "reason": "", "connection": who}
    common = place | {"record": 0, "file": "", "channel": "trade", "ordinal": None}
    if table is Coverage:
        return msgspec.convert(common | {"symbol": "A", "ended": ""}, Coverage)
    return msgspec.convert(common | {"symbols": ("A",), "expected": 0, "found": 0}, Gap)
