"""What is declared lost is lost only as far as it is not archived."""

import msgspec

from ssmd.archive.ledger.entries import Hole, Ledger, Loss
from ssmd.archive.ledger.merge import merge
from ssmd.model.timestamp import SECOND_NS
from tests.archive.ledger.made import BTC, MIDNIGHT, Scene, Wire, by_day, of, s, whole


def started(scene: Scene) -> Wire:
    """A connection that holds BTC from a second after its opening on."""
    wire = scene.connect(s(0), BTC)
    wire.acknowledge(s(1), BTC)
    return wire


def lost(ledger: Ledger) -> list[tuple[int, int]]:
    """Which frames are listed as lost."""
    return [entry.ordinals for entry in of(ledger, Loss)]  # type: ignore[attr-defined]


def arrive(scene: Scene, wire: Wire, at: int, *ordinals: int) -> None:
    """Frames come that were given up."""
    sample = next(kept for kept in scene.kept if kept[1].ordinal is not None)
    for ordinal in ordinals:
        late = msgspec.structs.replace(
            sample[1], connection=wire.id, ordinal=ordinal, ts_recv=at + ordinal
        )
        scene.kept.append((sample[0], late))


def test_what_was_declared_lost_and_came_all_the_same_is_not_lost() -> None:
    """Recovery does not know what a late delivery brings; what is in the archive is there."""
    scene = Scene()
    wire = started(scene)
    wire.frame(s(10), "BTC/USD")
    wire.skip(5)
    wire.lose(s(15), (2, 3), (5, 6))
    wire.frame(s(20), "BTC/USD")
    assert lost(scene.fold()) == [(2, 3), (5, 6)]
    arrive(scene, wire, s(11), 3, 4, 5)
    assert lost(scene.fold()) == [(2, 2), (6, 6)]
    arrive(scene, wire, s(11), 2, 6)
    assert lost(scene.fold()) == []


def test_what_came_after_midnight_takes_back_what_was_listed_as_lost() -> None:
    """All that one record declares is told again together."""
    for came, left in (
        ((3,), [(2, 2), (4, 4), (6, 7)]),
        ((2, 3, 4), [(6, 7)]),
        ((2, 3, 4, 6, 7), []),
    ):
        scene = Scene()
        wire = started(scene)
        wire.frame(s(10), "BTC/USD")
        wire.skip(3)
        wire.frame(s(12), "BTC/USD")
        wire.skip(2)
        wire.lose(s(15), (2, 4), (6, 7))
        arrive(scene, wire, MIDNIGHT, *came)
        wire.frame(MIDNIGHT + SECOND_NS, "BTC/USD")
        facts = scene.facts()
        ledgers = by_day(facts)
        assert lost(ledgers[0]) == [(2, 4), (6, 7)]
        assert merge(ledgers) == whole(facts)
        assert sorted(lost(merge(ledgers))) == left


def test_a_complete_connection_of_which_recovery_declares_a_loss_has_lost_nothing() -> None:
    """A restarted connector reads a torn spool of what was archived the day before."""
    scene = Scene()
    wire = started(scene)
    wire.frame(s(10), "BTC/USD")
    wire.close(s(20))
    wire.lose(MIDNIGHT + SECOND_NS, (0, 1))
    wire.close(MIDNIGHT + 2 * SECOND_NS, "died", by="recovery")
    facts = scene.facts()
    assert merge(by_day(facts)) == whole(facts)
    assert lost(whole(facts)) == []
    assert of(whole(facts), Hole) == []
