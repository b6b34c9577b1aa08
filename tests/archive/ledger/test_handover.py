"""A process takes over from another: the ledger knows of no moment without coverage, and no ghost."""

import pytest

from ssmd.archive.ledger.entries import Coverage, Intent, Outage
from ssmd.archive.ledger.merge import merge
from ssmd.feeds.share import SHARDS
from tests.archive.ledger.made import BTC, ETH, MIDNIGHT, Scene, Wire, by_day, of, s, whole


def handed(scene: Scene, at: int, *, reason: str = "handover") -> tuple[Wire, Wire]:
    """One that holds a pair of instruments, and its successor of another process."""
    old = scene.connect(s(0), BTC, ETH, shards=1)
    old.acknowledge(s(1), BTC, ETH)
    new = scene.connect(s(at), BTC, ETH, previous=old, reason=reason, shards=1)
    new.acknowledge(s(at + 1), BTC, ETH)
    return old, new


def live(wire: Wire, since: int, until: int) -> None:
    """A message every ten seconds."""
    for at in range(since, until, 10):
        wire.frame(s(at), "BTC/USD")


def spans(scene: Scene, table: type) -> list[tuple[int, int | None, str]]:
    """What the ledger tells of one instrument: since, until, in seconds after noon; and why."""
    noon = s(0)
    return [
        (
            (e.since - noon) // 10**9,
            None if e.until is None else (e.until - noon) // 10**9,
            getattr(e, "ended", "") or e.reason,
        )
        for e in of(scene.fold(), table)
        if getattr(e, "symbol", "") == "BTC/USD"
    ]


def test_a_handover_leaves_no_outage_and_one_intent() -> None:
    """Both hold it for a while; the old one ends; nothing was missing."""
    scene = Scene()
    old, new = handed(scene, 50)
    live(old, 10, 90)
    live(new, 60, 200)
    old.close(s(95), "shutdown")
    assert spans(scene, Outage) == [(0, 1, "start")]
    assert spans(scene, Intent) == [(0, None, "start")]
    assert spans(scene, Coverage) == [(1, 80, "shutdown"), (51, None, "handover")]


def test_the_old_one_is_not_over_because_the_new_one_reconnects() -> None:
    """What follows the successor does not follow whom it relieved: that one lives."""
    scene = Scene()
    old, new = handed(scene, 50)
    live(old, 10, 150)
    live(new, 60, 70)
    new.close(s(75), "lost")
    again = scene.connect(s(80), BTC, ETH, previous=new, reason="reconnect", shards=1)
    again.acknowledge(s(81), BTC, ETH)
    live(again, 90, 200)
    old.close(s(155), "shutdown")
    assert spans(scene, Outage) == [(0, 1, "start")]
    assert (1, 140, "shutdown") in spans(scene, Coverage)


def test_who_died_with_its_volume_is_unknown_once_it_is_silent() -> None:
    """Nobody closes it; its coverage ends with its last frame, and the time after it was lost."""
    scene = Scene()
    old, new = handed(scene, 50)
    live(old, 10, 31)
    live(new, 60, 210)
    assert spans(scene, Coverage)[0] == (1, None, "start"), "it may yet speak"
    live(new, 210, 500)
    assert spans(scene, Coverage)[0] == (1, 30, "unknown")
    assert (30, 51, "unknown") in spans(scene, Outage)
    new.unwant(s(500), BTC)
    assert spans(scene, Intent) == [(0, 500, "plan")], "no ghost wants it for ever"


def test_what_recovery_says_of_it_later_counts() -> None:
    """The volume came back: its spool knows how it ended."""
    scene = Scene()
    old, new = handed(scene, 50)
    live(old, 10, 31)
    live(new, 60, 500)
    old.close(s(510), by="recovery", reason="died")
    assert spans(scene, Coverage)[0] == (1, 30, "died")
    assert (30, 51, "died") in spans(scene, Outage)


@pytest.mark.parametrize("dies", [True, False])
def test_over_midnight_it_is_the_same(dies: bool) -> None:
    """Folded day by day, merged, and all at once."""
    scene = Scene()
    second = 10**9
    begin = MIDNIGHT - 100 * second
    old = scene.connect(begin, BTC)
    old.acknowledge(begin + second, BTC)
    new = scene.connect(MIDNIGHT - 30 * second, BTC, previous=old, reason="handover")
    new.acknowledge(MIDNIGHT - 29 * second, BTC)
    for at in range(-95, -35 if dies else 300, 5):
        old.frame(MIDNIGHT + at * second, "BTC/USD")
    for at in range(-25, 600, 5):
        new.frame(MIDNIGHT + at * second, "BTC/USD")
    if not dies:
        old.close(MIDNIGHT + 300 * second, "shutdown")
    new.unwant(MIDNIGHT + 600 * second, BTC)
    facts = scene.facts()
    assert merge(by_day(facts)) == whole(facts)


def test_a_smaller_plan_ends_shards_of_its_own_share_alone() -> None:
    """Replicas number their shards apart: one that shrinks says nothing of another's."""
    scene = Scene()
    first = scene.connect(s(0), BTC, shard=0, shards=2)
    lost = scene.connect(s(0), ETH, shard=1, shards=2)
    other = scene.connect(s(0), ("trade", "SOL/USD"), shard=SHARDS, shards=2)
    third = scene.connect(s(0), ("trade", "ADA/USD"), shard=2 * SHARDS, shards=2)
    keys = (BTC, ETH, ("trade", "SOL/USD"), ("trade", "ADA/USD"))
    for wire, key in zip((first, lost, other, third), keys, strict=True):
        wire.acknowledge(s(1), key)
        wire.frame(s(5), key[1])
        wire.close(s(10))
    away = scene.connect(
        s(15), ("trade", "SOL/USD"), shard=SHARDS, previous=other, reason="reconnect", shards=1
    )
    away.acknowledge(s(16), ("trade", "SOL/USD"))
    again = scene.connect(s(20), BTC, shard=0, previous=first, reason="reconnect", shards=1)
    again.acknowledge(s(21), BTC)
    intents = {e.symbol: e.until for e in of(scene.fold(), Intent) if isinstance(e, Intent)}
    assert intents == {"BTC/USD": None, "ETH/USD": s(20), "SOL/USD": None, "ADA/USD": None}
    assert not [e for e in of(scene.fold(), Outage) if e.until is None and e.symbol != "ADA/USD"]  # type: ignore[attr-defined]


def test_who_was_relieved_and_lives_goes_on_over_midnight() -> None:
    """It holds what its successor, which reconnected before and is lost after, does not."""
    scene, second = Scene(), 10**9
    old = scene.connect(MIDNIGHT - 300 * second, BTC)
    old.acknowledge(MIDNIGHT - 299 * second, BTC)
    new = scene.connect(MIDNIGHT - 200 * second, BTC, previous=old, reason="handover")
    new.acknowledge(MIDNIGHT - 199 * second, BTC)
    new.close(MIDNIGHT - 100 * second)
    again = scene.connect(MIDNIGHT - 90 * second, BTC, previous=new, reason="reconnect")
    again.acknowledge(MIDNIGHT - 89 * second, BTC)
    again.frame(MIDNIGHT + 50 * second, "BTC/USD")
    again.close(MIDNIGHT + 60 * second)
    for at in range(-290, 400, 10):
        old.frame(MIDNIGHT + at * second, "BTC/USD")
    old.acknowledge(MIDNIGHT + 100 * second, ETH)
    facts = scene.facts()
    for ledger in (merge(by_day(facts)), whole(facts)):
        assert [e.reason for e in of(ledger, Outage)] == ["start"]
        held = [e for e in of(ledger, Coverage) if e.connection == old.id]
        assert [(e.symbol, e.until) for e in held if isinstance(e, Coverage)] == [
            ("BTC/USD", None),
            ("ETH/USD", None),
        ]


def test_when_the_dead_let_go_does_not_depend_on_who_asks() -> None:
    """What nobody else wants any more ends when the silence was long enough, not at the next news."""
    scene, second = Scene(), 10**9
    old = scene.connect(MIDNIGHT - 900 * second, BTC, ETH)
    old.acknowledge(MIDNIGHT - 899 * second, BTC, ETH)
    new = scene.connect(MIDNIGHT - 850 * second, BTC, previous=old, reason="handover")
    new.acknowledge(MIDNIGHT - 849 * second, BTC)
    old.frame(MIDNIGHT - 840 * second, "BTC/USD")
    for at in range(-840, 600, 10):
        new.frame(MIDNIGHT + at * second, "BTC/USD")
    new.unwant(MIDNIGHT + 600 * second, BTC)
    facts = scene.facts()
    assert merge(by_day(facts)) == whole(facts)
    (ended,) = [e for e in of(whole(facts), Intent) if getattr(e, "symbol", "") == "ETH/USD"]
    assert ended.until == MIDNIGHT - 660 * second


def test_what_only_the_old_one_wanted_is_wanted_until_it_ends() -> None:
    """It records it all that time; the new one, of another share or list, does not."""
    scene = Scene()
    old = scene.connect(s(0), BTC, ETH)
    old.acknowledge(s(1), BTC, ETH)
    new = scene.connect(s(50), BTC, previous=old, reason="handover")
    new.acknowledge(s(51), BTC)
    live(old, 10, 90)
    live(new, 60, 200)
    old.close(s(95), "shutdown")
    intents = {e.symbol: e.until for e in of(scene.fold(), Intent) if isinstance(e, Intent)}
    assert intents == {"BTC/USD": None, "ETH/USD": s(95)}
