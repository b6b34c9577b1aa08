"""What is said of a minute."""

import pytest

from ssmd.archive.ledger.absences import absences
from ssmd.archive.ledger.condition import Minutes, conditions
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.model import records
from tests.archive.ledger.made import BTC, ETH, Scene, Wire, s

BOOK = ("book", "BTC/USD")


def held(scene: Scene, *keys: tuple[str, str | None]) -> Wire:
    """A connection that holds them from the first instant on."""
    wire = scene.connect(s(0), *keys)
    wire.acknowledge(s(0), *keys)
    return wire


def minutes(
    scene: Scene, count: int = 5, symbol: str | None = "BTC/USD", *, paused: tuple[int, ...] = ()
) -> Minutes:
    """Of one instrument, from noon on; the venue pauses in some of them."""
    quiet = {s(0) // MINUTE_NS + minute for minute in paused}
    (found,) = conditions(
        scene.fold(),
        s(0),
        s(60 * count),
        lambda ts: "night" if ts // MINUTE_NS in quiet else None,
        [symbol],
    )
    return found


def named(found: Minutes, channel: str | None = None) -> list[str]:
    return [found.at(found.since + at * MINUTE_NS, channel) for at in range(len(found.whole))]


def test_messages_make_complete_what_would_be_quiet_or_paused() -> None:
    """Only a pause for the whole minute is one; beyond the end nothing is known."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.frame(s(70), "BTC/USD")
    wire.frame(s(270), "ETH/USD")
    found = minutes(scene, 6, paused=(1, 2))
    assert named(found) == ["quiet", "complete", "venue_paused", "quiet", "unknown", "unknown"]
    assert found.counts() == {"complete": 1, "quiet": 2, "venue_paused": 1, "unknown": 2}


def test_an_outage_loses_every_minute_it_touches_until_it_is_backfilled() -> None:
    """The part that is not backfilled keeps its minutes lost."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.frame(s(50), "BTC/USD")
    wire.close(s(130), "reset")
    again = scene.connect(s(179), BTC, previous=wire, reason="reconnect")
    again.acknowledge(s(180), BTC)
    again.frame(s(300), "BTC/USD")
    assert named(minutes(scene)) == ["lost", "lost", "lost", "quiet", "quiet"]
    again.backfill(s(300), ("book", "BTC/USD"), s(0), s(300))
    assert named(minutes(scene))[:3] == ["lost", "lost", "lost"]
    again.backfill(s(300), BTC, s(50), s(121))
    assert named(minutes(scene))[:3] == ["repaired", "repaired", "lost"]
    again.backfill(s(300), BTC, s(120), s(180))
    assert named(minutes(scene))[:3] == ["repaired", "repaired", "repaired"]


def test_an_unexplained_outage_is_unknown_and_a_refusal_is_lost() -> None:
    """No closing record: nobody knows what it heard in the end."""
    scene = Scene()
    wire = held(scene, BTC)
    scene.connect(s(90), BTC, previous=wire).acknowledge(s(100), BTC)
    held(scene, ETH).frame(s(180))
    assert named(minutes(scene, 3)) == ["unknown", "unknown", "quiet"]


def test_a_gap_is_degraded_until_a_snapshot_repairs_it() -> None:
    """The end of its connection is no repair; a frozen one has none."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.gap(s(10), "trade", "BTC/USD")
    wire.frame(s(120), "BTC/USD")
    assert named(minutes(scene, 2)) == ["degraded", "degraded"]
    wire.repair(s(119), "trade", "BTC/USD")
    assert named(minutes(scene, 2)) == ["repaired", "repaired"]
    wire.judge(s(119), "BTC/USD", 20.0, action="none")
    assert named(minutes(scene, 2)) == ["repaired", "degraded"]


def test_a_renewal_within_a_gap_is_repaired_with_it() -> None:
    """Ended to be asked for anew, for the sake of the snapshot that made it right."""
    scene = Scene()
    wire = held(scene, BOOK)
    wire.gap(s(10), "book", "BTC/USD")
    wire.end(s(11), BOOK)
    wire.acknowledge(s(12), BOOK)
    wire.frame(s(120))
    assert named(minutes(scene, 2)) == ["lost", "degraded"]
    wire.repair(s(13), "book", "BTC/USD")
    assert named(minutes(scene, 2)) == ["repaired", "quiet"]


def test_losses_concern_whatever_their_connection_held_then() -> None:
    """And nothing that another connection held, or this one at another time."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.frame(s(10), "BTC/USD")
    wire.lose(s(10), wire.skip(2))
    wire.frame(s(61), "BTC/USD")
    wire.want(s(130), ETH)
    wire.acknowledge(s(130), ETH)
    wire.frame(s(180), "BTC/USD")
    assert named(minutes(scene, 3)) == ["lost", "lost", "quiet"]
    assert named(minutes(scene, 3, "ETH/USD")) == ["not_wanted", "not_wanted", "quiet"]
    twin = scene.connect(s(0), ETH, shard=1)
    twin.acknowledge(s(0), ETH)
    twin.frame(s(180))
    assert named(minutes(scene, 3, "ETH/USD")) == ["quiet", "quiet", "quiet"]


def test_an_instrument_is_as_good_as_its_worst_wanted_channel() -> None:
    """A channel that was not wanted has no say."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.want(s(70), BOOK)
    wire.acknowledge(s(130), BOOK)
    wire.frame(s(181), "BTC/USD")
    found = minutes(scene, 3)
    assert named(found, "trade") == ["quiet", "quiet", "quiet"]
    assert named(found, "book") == ["not_wanted", "lost", "lost"]
    assert named(found) == ["quiet", "lost", "lost"]
    assert [(x.since, x.until, x.condition) for x in found.stretches("book")] == [
        (s(0), s(60), "not_wanted"),
        (s(60), s(180), "lost"),
    ]


def test_who_is_wanted_with_all_others_is_judged_by_those_subscriptions() -> None:
    """Of an instrument that nobody named, its own messages tell that it spoke."""
    scene = Scene()
    wire = held(scene, ("trade", None))
    wire.frame(s(61), "BTC/USD")
    wire.frame(s(180), "ETH/USD")
    assert named(minutes(scene, 3)) == ["quiet", "complete", "quiet"]
    assert named(minutes(scene, 3, "SOL/USD")) == ["quiet", "quiet", "quiet"]
    assert named(minutes(scene, 3, None)) == ["quiet", "complete", "quiet"]


def test_before_the_archive_nothing_is_known_and_nobody_unnamed_is_wanted() -> None:
    """An instrument without any intent is not wanted, where anything is known."""
    scene = Scene()
    held(scene, BTC).frame(s(120), "BTC/USD")
    found = list(conditions(scene.fold(), s(-60), s(120), lambda _: None, ["BTC/USD", "X"]))
    assert named(found[0]) == ["unknown", "quiet", "quiet"]
    assert named(found[1]) == ["unknown", "not_wanted", "not_wanted"]
    with pytest.raises(IndexError):
        found[0].at(s(-61))


def test_a_silence_nobody_could_witness_is_unknown_and_not_quiet() -> None:
    """From its last message until it speaks again; minutes in which it spoke are complete."""
    scene = Scene()
    wire = held(scene, BTC, ETH)
    for symbol in ("BTC/USD", "ETH/USD"):
        wire.frame(s(50), symbol)
    assert named(minutes(scene, 0)) == []
    wire.judge(s(170), "BTC/USD", 120.0, action="none", verdict="unknown")
    wire.frame(s(310), "BTC/USD")
    wire.frame(s(430), "ETH/USD")
    expected = ["complete", *["unknown"] * 4, "complete", "quiet"]
    assert named(minutes(scene, 7)) == expected
    assert named(minutes(scene, 7, "ETH/USD")) == ["complete", *["quiet"] * 6]
    assert named(minutes(scene, 3, paused=(1,))) == ["complete", "venue_paused", "unknown"]
    assert [each.kind for each in absences(scene.fold(), "BTC/USD")] == []
    wire.backfill(s(430), BTC, s(120), s(240))
    assert named(minutes(scene, 4)) == ["complete", "unknown", "quiet", "quiet"]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("quiet", "quiet"), ("unknown", "unknown"), ("frozen", "degraded")],
)
def test_the_last_verdict_about_a_silence_counts(verdict: records.Verdict, expected: str) -> None:
    """A later one is about all of it; what was asked for anew is in doubt no more."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.frame(s(50), "BTC/USD")
    wire.judge(s(110), "BTC/USD", 60.0, action="none", verdict="unknown")
    wire.judge(s(300), "BTC/USD", 250.0, action="none", verdict=verdict)
    wire.acknowledge(s(300), BTC)
    wire.frame(s(420))
    worst = "degraded" if verdict == "frozen" else "complete"
    assert named(minutes(scene, 4)) == [worst, *[expected] * 3]


def test_a_doubt_ends_with_a_renewal_or_with_its_connection() -> None:
    """One about all of a connection ends with its verdict."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.judge(s(110), "BTC/USD", 50.0, action="none", verdict="unknown")
    wire.frame(s(170))
    again = scene.connect(s(171), BTC, previous=wire, reason="planned")
    again.acknowledge(s(172), BTC)
    again.judge(s(310), "BTC/USD,ETH/USD", 10.0, action="none", verdict="unknown")
    again.frame(s(420))
    expected = ["quiet", "unknown", "unknown", "quiet", "quiet", "unknown", "quiet"]
    assert named(minutes(scene, 7)) == expected


def test_what_came_without_any_wish_on_record_is_complete_where_it_spoke() -> None:
    """Between its messages nobody knows; before and after, nobody was there."""
    scene = Scene()
    wire = scene.connect(s(0), reason="import")
    for at, symbol in ((70, "BTC/USD"), (80, "ETH/USD"), (200, "BTC/USD"), (300, "ETH/USD")):
        wire.frame(s(at), symbol)
    wire.frame(s(361))
    expected = ["not_wanted", "complete", "unknown", "complete", "not_wanted", "not_wanted"]
    assert named(minutes(scene, 6)) == expected
    found = conditions(scene.fold(), s(0), s(360), lambda _: None)
    assert [each.symbol for each in found] == ["BTC/USD", "ETH/USD"]


def test_a_straggler_after_its_subscription_was_captured_all_the_same() -> None:
    """The silence before it was not wanted; one channel has no say for another."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.frame(s(50), "BTC/USD")
    wire.unwant(s(55), BTC)
    wire.end(s(56), BTC)
    wire.frame(s(130), "BTC/USD")
    wire.frame(s(240), "ETH/USD")
    found = minutes(scene, 4)
    assert named(found) == ["complete", "not_wanted", "complete", "not_wanted"]
    assert named(found, "trade")[2] == "not_wanted"


@pytest.mark.parametrize(("whole", "expected"), [(True, "repaired"), (False, "lost")])
def test_trades_do_not_make_a_book_good(whole: bool, expected: str) -> None:
    """A channel that says more than its history tells stays lost, though part of it is here."""
    scene = Scene()
    wire = held(scene, BTC)
    wire.frame(s(50), "BTC/USD")
    wire.close(s(51), "reset")
    again = scene.connect(s(52), BTC, previous=wire, reason="reconnect")
    again.acknowledge(s(53), BTC)
    again.backfill(s(100), BTC, s(0), s(60), whole=whole)
    again.frame(s(300), "BTC/USD")
    assert named(minutes(scene))[0] == expected
