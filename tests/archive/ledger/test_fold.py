"""What each record means to the ledger, one rule at a time."""

import msgspec

from ssmd.archive.ledger.entries import (
    Coverage,
    Entry,
    Gap,
    Hole,
    Intent,
    Ledger,
    Loss,
    Outage,
    Repair,
)
from ssmd.archive.ledger.merge import merge
from ssmd.model import records
from ssmd.model.timestamp import SECOND_NS
from tests.archive.ledger.made import BTC, ETH, MIDNIGHT, WRITER, Scene, Wire, by_day, of, s, whole

Told = tuple[int, int | None, str]
"""Since, until, reason."""


def told(ledger: Ledger, table: type[Entry], symbol: str = "BTC/USD") -> list[Told]:
    """The entries of one instrument, told shortly."""
    return [
        (entry.since, entry.until, entry.reason)
        for entry in of(ledger, table)
        if symbol in {getattr(entry, "symbol", None), *getattr(entry, "symbols", ())}
    ]


def started(scene: Scene, at: float = 0, **more: object) -> Wire:
    """A connection that holds BTC from a second after its opening on."""
    wire = scene.connect(s(at), BTC, **more)  # type: ignore[arg-type]
    wire.acknowledge(s(at + 1), BTC)
    return wire


def test_a_start_is_an_outage_until_it_is_acknowledged() -> None:
    """A second in which nobody listened is a second in which nobody listened."""
    scene = Scene()
    started(scene).frame(s(9), "BTC/USD")
    ledger = scene.fold()
    assert told(ledger, Intent) == [(s(0), None, "start")]
    assert told(ledger, Coverage) == [(s(1), None, "start")]
    assert told(ledger, Outage) == [(s(0), s(1), "start")]
    assert (ledger.since, ledger.until, ledger.venue) == (s(0), s(9), "venue")


def test_what_was_never_acknowledged_is_out_since_it_was_wanted() -> None:
    """By now `never`; refused, when the venue said so."""
    scene = Scene()
    wire = scene.connect(s(0), BTC, ETH)
    wire.decline(s(5), ETH)
    wire.frame(s(9))
    ledger = scene.fold()
    assert told(ledger, Outage) == [(s(0), None, "never")]
    assert told(ledger, Outage, "ETH/USD") == [(s(0), None, "refused")]


def test_a_reconnect_ends_no_intent_and_its_outage_begins_at_the_last_frame() -> None:
    """Records do not prove that anybody listened; the closing record tells why."""
    scene = Scene()
    first = started(scene)
    first.frame(s(10), "BTC/USD")
    first.close(s(100), "silence")
    second = scene.connect(s(101), BTC, previous=first, reason="reconnect")
    second.acknowledge(s(102), BTC)
    ledger = scene.fold()
    assert told(ledger, Intent) == [(s(0), None, "start")]
    assert told(ledger, Outage)[1:] == [(s(10), s(102), "silence")]
    outage = of(ledger, Outage)[1]
    assert isinstance(outage, Outage)
    assert (outage.connection, outage.record, outage.ended_by) == (first.id, 3, second.id)


def test_make_before_break_leaves_no_outage() -> None:
    """While one replaces another, the union counts."""
    scene = Scene()
    first = started(scene)
    second = scene.connect(s(20), BTC, previous=first, reason="planned")
    second.acknowledge(s(21), BTC)
    first.frame(s(22))
    first.close(s(23), "planned")
    second.frame(s(50))
    assert told(scene.fold(), Outage) == [(s(0), s(1), "start")]


def test_a_silent_connection_hides_no_outage_behind_its_successor() -> None:
    """Both are over in the end; what was between their frames is still missing."""
    scene = Scene()
    first = started(scene)
    first.frame(s(10))
    second = scene.connect(s(20), BTC, previous=first, reason="planned")
    second.acknowledge(s(21), BTC)
    second.frame(s(25))
    second.close(s(26), "reset")
    first.close(s(40), "silence")
    outages = told(scene.fold(), Outage)[1:]
    assert outages == [(s(10), s(21), "silence"), (s(25), None, "reset")]


def test_what_was_hidden_at_midnight_is_found_on_the_day_after() -> None:
    """Nobody knows yet that the old one is silent, when the day ends."""
    scene = Scene()
    first = started(scene)
    first.frame(MIDNIGHT - 90 * SECOND_NS)
    second = scene.connect(MIDNIGHT - 60 * SECOND_NS, BTC, previous=first, reason="planned")
    second.acknowledge(MIDNIGHT - 59 * SECOND_NS, BTC)
    first.close(MIDNIGHT + SECOND_NS, "silence")
    second.close(MIDNIGHT + 2 * SECOND_NS, "reset")
    facts = scene.facts()
    ledger = merge(by_day(facts))
    assert ledger == whole(facts)
    assert told(ledger, Outage)[1:] == [
        (MIDNIGHT - 90 * SECOND_NS, MIDNIGHT - 59 * SECOND_NS, "silence"),
        (MIDNIGHT - 59 * SECOND_NS, None, "reset"),
    ]


def test_a_twin_covers_what_the_other_loses() -> None:
    """Two processes on one feed: nothing is out as long as one of them holds it."""
    scene = Scene()
    first, other = started(scene), started(scene, 0.5)
    first.frame(s(10))
    first.close(s(20), "reset")
    other.frame(s(60))
    assert told(scene.fold(), Outage) == [(s(0), s(1), "start")]


def test_a_dead_process_is_an_outage_until_it_is_back_with_the_reason_found_later() -> None:
    """The bus may answer only after the new connections hold everything."""
    scene = Scene()
    first = started(scene)
    first.frame(s(10))
    second = scene.connect(s(60), BTC, previous=first)
    second.acknowledge(s(61), BTC)
    assert told(scene.fold(), Outage)[1:] == [(s(10), s(61), "unknown")]
    first.close(s(3600), "died", by="recovery")
    second.frame(s(3600))
    assert told(scene.fold(), Outage)[1:] == [(s(10), s(61), "died")]
    assert of(scene.fold(), Coverage)[0].until == s(10)


def test_the_reason_found_after_midnight_corrects_the_day_before() -> None:
    """The later ledger is believed."""
    day = MIDNIGHT - s(0)
    scene = Scene()
    first = started(scene)
    second = scene.connect(s(60), BTC, previous=first)
    second.acknowledge(s(61), BTC)
    first.close(MIDNIGHT + day, "died", by="recovery")
    second.frame(MIDNIGHT + day)
    facts = scene.facts()
    ledgers = by_day(facts)
    assert told(ledgers[0], Outage)[1:] == [(s(1), s(61), "unknown")]
    assert merge(ledgers) == whole(facts)
    assert told(merge(ledgers), Outage)[1:] == [(s(1), s(61), "died")]


def test_who_stops_the_recorder_sees_an_outage() -> None:
    """Nobody unsubscribed: it lasts as long as anything is known."""
    scene = Scene()
    wire = started(scene)
    wire.close(s(10), "shutdown")
    other = scene.connect(s(11), ETH, shard=7)
    other.frame(s(99))
    ledger = scene.fold()
    assert told(ledger, Intent) == [(s(0), None, "start")]
    assert told(ledger, Outage)[1:] == [(s(1), None, "shutdown")]
    assert ledger.until == s(99)


def test_unwanted_ends_an_intent_unless_another_connection_wants_it() -> None:
    """Moved is not gone; asked for anew is not gone either."""
    scene = Scene()
    first, twin = started(scene), started(scene, 2)
    first.unwant(s(5), BTC)
    assert told(scene.fold(), Intent) == [(s(0), None, "start")]
    twin.unwant(s(6), BTC, "reconcile")
    twin.want(s(6), BTC, "reconcile")
    assert told(scene.fold(), Intent) == [(s(0), None, "start")]
    twin.unwant(s(8), BTC)
    assert told(scene.fold(), Intent) == [(s(0), s(8), "start")]
    ended = of(scene.fold(), Intent)[0]
    assert isinstance(ended, Intent)
    assert ended.ended == "plan"


def test_what_a_successor_does_not_ask_for_is_not_wanted_any_more() -> None:
    """It said all it wants; whoever is waited for by nobody has no outage."""
    scene = Scene()
    first = scene.connect(s(0), BTC, ETH)
    first.acknowledge(s(1), BTC, ETH)
    first.close(s(10), "reset")
    second = scene.connect(s(20), ETH, previous=first, reason="reconnect")
    assert told(scene.fold(), Intent) == [(s(0), None, "start")]  # it may still be speaking
    second.acknowledge(s(21), ETH)
    ledger = scene.fold()
    assert told(ledger, Intent) == [(s(0), s(21), "start")]
    assert told(ledger, Outage)[1:] == [(s(1), s(21), "reset")]
    assert told(ledger, Intent, "ETH/USD") == [(s(0), None, "start")]


def test_a_burst_that_death_cut_short_ends_nothing() -> None:
    """Half a list of wishes is no list of wishes."""
    scene = Scene()
    first = scene.connect(s(0), BTC, ETH)
    first.acknowledge(s(1), BTC, ETH)
    first.close(s(10), "reset")
    second = scene.connect(s(20), BTC, previous=first, reason="reconnect")
    second.close(s(30), "died", by="recovery")
    third = scene.connect(s(40), BTC, ETH, previous=second)
    third.acknowledge(s(41), BTC, ETH)
    ledger = scene.fold()
    assert told(ledger, Intent, "ETH/USD") == [(s(0), None, "start")]
    assert told(ledger, Outage, "ETH/USD")[1:] == [(s(1), s(41), "reset")]


def test_a_smaller_plan_ends_what_a_lost_shard_held() -> None:
    """Of its own process only: a twin, and another category, number their shards for themselves."""
    for writer, is_same, shards, ended in (
        (WRITER, True, 1, s(30)),
        ("OTHER-bbbb", True, 1, None),
        (WRITER, False, 1, None),
        (WRITER, True, 2, None),
    ):
        scene = Scene()
        kept = scene.connect(s(0), ETH, shard=0, shards=2, writer=writer)
        lost = started(scene, shard=1, shards=2)
        lost.close(s(10), "shutdown")
        kept.close(s(10), "shutdown")
        before = kept if is_same else None
        scene.connect(s(30), ETH, shard=0, shards=shards, writer=writer, previous=before)
        assert told(scene.fold(), Intent) == [(s(0), ended, "start")]


def test_a_renewal_is_an_outage_of_its_own() -> None:
    """The venue confirmed the end: what it sent until it confirmed again never came."""
    scene = Scene()
    wire = started(scene)
    wire.end(s(10), BTC)
    wire.acknowledge(s(12), BTC)
    assert told(scene.fold(), Outage)[1:] == [(s(10), s(12), "unsubscribed")]
    wire.end(s(20), BTC)
    wire.decline(s(21), BTC)
    assert told(scene.fold(), Outage)[2:] == [(s(20), None, "refused")]


def test_a_gap_lasts_from_the_last_right_message_to_its_repair() -> None:
    """For each instrument by itself; other channels and connections are not concerned."""
    scene = Scene()
    wire = started(scene)
    wire.frame(s(5), "BTC/USD", kind="book")
    wire.frame(s(6), "ETH/USD", kind="book")
    wire.frame(s(8), "BTC/USD", kind="trade")
    showed = wire.frame(s(10), "ETH/USD", kind="book")
    wire.gap(s(10), "book", "BTC/USD", "ETH/USD", ordinal=showed)
    wire.repair(s(11), "trade", "BTC/USD")
    wire.repair(s(12), "book", "BTC/USD")
    wire.frame(s(30))
    assert told(scene.fold(), Gap) == [(s(6), s(12), "sequence")]
    assert told(scene.fold(), Gap, "ETH/USD") == [(s(6), None, "sequence")]
    wire.close(s(40))
    assert told(scene.fold(), Gap, "ETH/USD") == [(s(6), s(30), "sequence")]
    assert told(scene.fold(), Repair) == [
        (s(6), s(12), "snapshot"),
        (s(11), s(11), "snapshot"),
    ]


def test_a_frozen_instrument_has_a_gap_until_it_is_asked_for_anew() -> None:
    """It began when it fell silent; without a remedy it is known up to the judgement."""
    scene = Scene()
    wire = started(scene)
    wire.judge(s(100), "BTC/USD", 60.0)
    assert told(scene.fold(), Gap) == [(s(40), None, "frozen")]
    successor = scene.connect(s(110), BTC, previous=wire, reason="planned")
    successor.acknowledge(s(111), BTC)
    assert told(scene.fold(), Gap) == [(s(40), s(111), "frozen")]
    successor.judge(s(300), "BTC/USD", 10.0, action="none")
    assert told(scene.fold(), Gap)[1:] == [(s(290), s(300), "frozen")]


def test_a_connection_that_says_nothing_at_all_is_a_gap_of_all_of_it() -> None:
    """Three were asked about for all; its successor's first answer ends it."""
    scene = Scene()
    wire = started(scene)
    wire.judge(s(100), "BTC/USD,ETH/USD", 60.0, action="reconnect")
    (gap,) = of(scene.fold(), Gap)
    assert isinstance(gap, Gap)
    assert (gap.symbols, gap.since, gap.until) == ((), s(40), None)
    successor = scene.connect(s(110), BTC, previous=wire, reason="planned")
    successor.acknowledge(s(111), BTC)
    assert of(scene.fold(), Gap)[0].until == s(111)


def test_holes_and_losses_lie_between_the_frames_around_them() -> None:
    """As long as the connection is open, what is missing may be on its way."""
    scene = Scene()
    wire = started(scene)
    wire.frame(s(10), "BTC/USD")
    declared = wire.skip(3)
    wire.lose(s(15), declared)
    wire.frame(s(20), "BTC/USD")
    hole = wire.skip(2)
    wire.frame(s(30), "BTC/USD")
    tail = wire.skip(1)
    ledger = scene.fold()
    assert told(ledger, Loss) == [(s(10), s(20), "spool_full")]
    assert told(ledger, Hole) == [(s(20), s(30), "pending")]
    wire.close(s(40))
    ledger = scene.fold()
    assert told(ledger, Hole) == [(s(20), s(30), "missing"), (s(30), s(40), "missing")]
    assert [entry.ordinals for entry in of(ledger, Hole)] == [hole, tail]  # type: ignore[attr-defined]


def test_what_is_declared_lost_after_closing_is_no_hole_any_more() -> None:
    """Also when the declaration is read a day later."""
    scene = Scene()
    wire = started(scene)
    wire.frame(s(10), "BTC/USD")
    gone = wire.skip(2)
    wire.close(s(20))
    before = by_day(scene.facts(), days=1)
    assert told(before[0], Hole) == [(s(10), s(20), "missing")]
    wire.lose(MIDNIGHT + SECOND_NS, gone)
    wire.close(MIDNIGHT + 2 * SECOND_NS, "died", by="recovery")
    facts = scene.facts()
    ledger = merge(by_day(facts))
    assert ledger == whole(facts)
    assert of(ledger, Hole) == []
    assert told(ledger, Loss) == [(s(10), s(20), "spool_full")]
    assert told(ledger, Outage)[-1][2] == "reset"


def test_a_backfill_repairs_the_span_it_is_whole_for() -> None:
    """What the venue no longer keeps is told as well, and repairs nothing."""
    scene = Scene()
    rest = scene.connect(s(100), shard="rest", reason="backfill")
    rest.backfill(s(101), BTC, s(0), s(50))
    rest.backfill(s(102), BTC, s(50), s(60), ordinal=None)
    ledger = scene.fold()
    assert told(ledger, Repair) == [(s(0), s(50), "backfill"), (s(50), s(60), "backfill")]
    assert [entry.ordinal for entry in of(ledger, Repair)] == [0, None]  # type: ignore[attr-defined]
    assert told(ledger, Intent) == []


def test_an_import_was_wanted_as_far_as_it_was_acknowledged() -> None:
    """Nobody recorded the wish of whoever made the recording."""
    scene = Scene()
    wire = scene.connect(s(0), reason="import")
    wire.acknowledge(s(1), BTC)
    wire.frame(s(9), "BTC/USD")
    wire.close(s(9), "import")
    ledger = scene.fold()
    assert told(ledger, Intent) == told(ledger, Coverage) == [(s(1), s(9), "import")]
    assert told(ledger, Outage) == []


def test_a_clock_that_steps_back_does_not_turn_the_story_round() -> None:
    """Within a connection the numbers of the records say what came first."""
    scene = Scene()
    wire = started(scene, 10)
    wire.unwant(s(5), BTC)
    assert told(scene.fold(), Intent) == [(s(10), s(11), "start")]


def test_a_record_that_cannot_be_read_says_nothing() -> None:
    """A later version's word is no reason to lose the ones we know."""
    scene = Scene()
    started(scene)
    scene.kept = [
        (writer, msgspec.structs.replace(envelope, payload=b'{"event":"news"}'))
        if envelope.record == 2
        else (writer, envelope)
        for writer, envelope in scene.kept
    ]
    ledger = scene.fold()
    assert told(ledger, Coverage) == []
    assert told(ledger, Intent) == [(s(0), None, "start")]


def test_a_machine_that_slept_was_not_there_from_when_it_fell_asleep() -> None:
    """What the kernel had kept is read after waking: that makes no coverage of the night."""
    scene = Scene()
    wire = started(scene)
    wire.frame(s(5), "BTC/USD")
    wire.frame(s(3605), "BTC/USD")
    wire.say(s(3605), records.Leaving(reason="host_suspended", since=s(6)))
    wire.close(s(3606), "host_suspended")
    again = scene.connect(s(3607), BTC, previous=wire, reason="reconnect")
    again.acknowledge(s(3608), BTC)
    assert told(scene.fold(), Outage)[1:] == [(s(6), s(3608), "host_suspended")]
