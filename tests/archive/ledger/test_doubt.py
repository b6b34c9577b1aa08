"""What nobody can know is not said to be known: one false statement at a time."""

import msgspec

from ssmd.archive.ledger.condition import Minutes, conditions
from ssmd.archive.ledger.entries import Coverage, Gap, Hole, Intent, Outage, Repair
from ssmd.archive.ledger.merge import merge
from ssmd.model import records
from ssmd.model.timestamp import SECOND_NS
from tests.archive.ledger.made import BTC, ETH, MIDNIGHT, Scene, Wire, by_day, of, s, whole

ALL = ("trade", None)
STATUS = ("status", None)


def started(scene: Scene, at: float = 0, **more: object) -> Wire:
    """A connection that holds BTC at once."""
    wire = scene.connect(s(at), BTC, **more)  # type: ignore[arg-type]
    wire.acknowledge(s(at), BTC)
    return wire


def talk(wire: Wire, since: int, until: int, *symbols: str, kind: str = "trade") -> None:
    """A message of each every ten seconds."""
    for at in range(since, until, 10):
        for symbol in symbols:
            wire.frame(s(at), symbol, kind=kind)


def named(scene: Scene, symbol: str | None = "BTC/USD") -> list[str]:
    """The conditions of all whole minutes."""
    ledger = scene.fold()
    until = ledger.until // (60 * SECOND_NS) * 60 * SECOND_NS
    found: Minutes
    (found,) = conditions(ledger, s(0), until, lambda _: None, [symbol])
    return [found.at(s(60 * at)) for at in range(len(found.whole))]


def outages(scene: Scene) -> list[tuple[int, int | None, str]]:
    """Those of BTC."""
    return [
        (each.since, each.until, each.reason)
        for each in of(scene.fold(), Outage)
        if isinstance(each, Outage) and each.symbol == "BTC/USD"
    ]


def test_a_connection_that_fell_silent_proves_nothing_any_more() -> None:
    """It is live for three minutes after it was last heard of, as long as others go on."""
    scene = Scene()
    wire = started(scene)
    talk(wire, 0, 60, "BTC/USD")
    other = scene.connect(s(0), ETH, writer="OTHER-bbbb")
    other.acknowledge(s(1), ETH)
    talk(other, 10, 240, "ETH/USD")
    assert outages(scene) == []
    talk(other, 240, 600, "ETH/USD")
    assert outages(scene) == [(s(230), None, "unknown")]
    assert named(scene) == ["complete"] + 2 * ["quiet"] + 6 * ["unknown"]
    wire.frame(s(590), "BTC/USD")
    assert outages(scene) == []


def test_what_a_later_day_proves_takes_back_what_an_earlier_one_doubted() -> None:
    """The spool of a connection that fell silent comes a day late."""
    scene = Scene()
    wire = started(scene)
    other = scene.connect(s(0), ETH, writer="OTHER-bbbb")
    other.acknowledge(s(1), ETH)
    other.frame(s(4000), "ETH/USD")
    assert [e.reason for e in of(by_day(scene.facts())[0], Outage)] == ["start", "unknown"]
    wire.frame(MIDNIGHT + SECOND_NS, "BTC/USD")
    other.frame(MIDNIGHT + SECOND_NS, "ETH/USD")
    facts = scene.facts()
    assert [e.reason for e in of(merge(by_day(facts)), Outage)] == ["start"]
    assert merge(by_day(facts)) == whole(facts)


def test_a_clock_that_is_wrong_for_a_moment_moves_no_end() -> None:
    """The frame with the greatest number is the last one."""
    scene = Scene()
    wire = started(scene)
    wire.frame(s(3600), "BTC/USD")
    wire.frame(s(70), "BTC/USD")
    assert scene.fold().until == s(70)
    wire.close(s(71), "reset")
    again = scene.connect(s(99), BTC, previous=wire, reason="reconnect")
    again.acknowledge(s(100), BTC)
    assert outages(scene) == [(s(70), s(100), "reset")]


def test_a_reconnect_opens_after_what_it_replaces_has_closed_whatever_the_clock_says() -> None:
    """The clock was ahead, and is put right while nobody is connected."""
    scene = Scene()
    wire = started(scene, 300)
    wire.frame(s(310), "BTC/USD")
    wire.frame(s(290), "BTC/USD")
    wire.close(s(291), "reset")
    again = scene.connect(s(293), BTC, previous=wire, reason="reconnect")
    again.acknowledge(s(294), BTC)
    again.frame(s(400), "BTC/USD")
    intents = [(e.since, e.until, e.connection) for e in of(scene.fold(), Intent)]
    assert intents == [(s(293), None, wire.id)]
    assert of(scene.fold(), Outage)[-1].until == s(294)


def test_what_our_lost_records_may_have_said_is_not_known() -> None:
    """A gap may have been among them; a wish as well: neither is denied."""
    for declared in (True, False):
        scene = Scene()
        wire = started(scene)
        wire.say(s(30), records.Leaving(reason=""))
        scene.kept.pop()
        talk(wire, 40, 180, "BTC/USD")
        if declared:
            wire.say(s(180), records.Lost(ordinals=(), records=((3, 3),), reason="bus_loss"))
        wire.close(s(181), "shutdown")
        assert named(scene) == ["unknown"] * 3
        assert named(scene, "ETH/USD") == ["unknown"] * 3


def test_a_burst_with_lost_records_ends_no_intent() -> None:
    """What is missing may have been the wish."""
    scene = Scene()
    first = scene.connect(s(0), BTC, ETH)
    first.acknowledge(s(1), BTC, ETH)
    first.close(s(10), "reset")
    second = scene.connect(s(20), ETH, BTC, previous=first, reason="reconnect")
    scene.kept.pop()
    second.acknowledge(s(21), ETH)
    talk(second, 60, 190, "BTC/USD", "ETH/USD")
    assert [e.until for e in of(scene.fold(), Intent)] == [None, None]
    assert named(scene)[1:] == ["unknown", "unknown"]


def test_a_gap_begins_with_the_last_right_message_of_its_instrument() -> None:
    """Not with that of another; unknown is since it was acknowledged."""
    scene = Scene()
    wire = scene.connect(s(0), BTC, ETH)
    wire.acknowledge(s(1), BTC, ETH)
    wire.frame(s(10), "BTC/USD")
    talk(wire, 20, 100, "ETH/USD")
    eth = wire.frame(s(100), "ETH/USD")
    wire.gap(s(100), "trade", "ETH/USD", ordinal=eth)
    btc = wire.frame(s(700), "BTC/USD")
    wire.gap(s(700), "trade", "BTC/USD", ordinal=btc)
    assert sorted(e.since for e in of(scene.fold(), Gap)) == [s(10), s(90)]
    cut = of(whole(scene.facts(interval_s=300)), Gap)
    assert sorted(e.since for e in cut) == [s(1), s(90)]


def test_a_backfill_whose_answer_is_lost_repairs_nothing() -> None:
    """The record is there, the facts are not."""
    for lost, expected in ((False, "repaired"), (True, "lost")):
        scene = Scene()
        wire = started(scene)
        wire.close(s(10), "reset")
        again = scene.connect(s(50), BTC, previous=wire, reason="reconnect")
        again.acknowledge(s(51), BTC)
        talk(again, 60, 190, "BTC/USD")
        rest = scene.connect(s(70), shard="rest", reason="backfill")
        if lost:
            rest.skip(1)
        else:
            rest.frame(s(71), kind="_backfill")
        rest.backfill(s(71), BTC, s(0), s(60))
        rest.close(s(72), "done")
        assert named(scene)[0] == expected
        (repair,) = of(scene.fold(), Repair)
        assert isinstance(repair, Repair)
        assert repair.ordinal == (None if lost else 0)


def test_frames_that_may_be_on_their_way_make_minutes_unknown() -> None:
    """A successor, or the closing record, makes them lost; their coming makes them good."""
    scene = Scene()
    wire = started(scene)
    talk(wire, 0, 60, "BTC/USD")
    wire.skip(5)
    talk(wire, 100, 190, "BTC/USD")
    kept = list(scene.kept)
    assert named(scene) == ["unknown", "unknown", "complete"]
    started(scene, 200, previous=wire, reason="reconnect")
    assert named(scene)[:2] == ["lost", "lost"]
    scene.kept = list(kept)
    facts = scene.facts()
    wire.close(MIDNIGHT + SECOND_NS, "reset")
    writer, last = kept[-1]
    late = msgspec.structs.replace(last, ts_recv=MIDNIGHT)
    scene.kept += [
        (writer, msgspec.structs.replace(late, ordinal=ordinal)) for ordinal in range(7, 12)
    ]
    assert [e.reason for e in of(whole(facts), Hole)] == ["pending"]
    facts = scene.facts()
    assert of(merge(by_day(facts)), Hole) == of(whole(facts), Hole) == []


def test_an_instrument_is_judged_by_what_was_wanted_for_all_as_well() -> None:
    """Its gaps and backfills are its own."""
    scene = Scene()
    wire = scene.connect(s(0), BTC)
    wire.acknowledge(s(0), BTC)
    talk(wire, 0, 190, "BTC/USD")
    every = scene.connect(s(0), STATUS, ALL, shard=1)
    every.acknowledge(s(0), STATUS, ALL)
    every.frame(s(70), "ETH/USD")
    every.gap(s(70), "trade", "ETH/USD")
    every.close(s(130), "reset")
    again = scene.connect(s(150), STATUS, ALL, shard=1, previous=every, reason="reconnect")
    again.acknowledge(s(151), STATUS, ALL)
    assert named(scene) == ["complete", "lost", "lost"]
    again.backfill(s(160), ("status", "BTC/USD"), s(0), s(190))
    assert named(scene) == ["complete", "lost", "lost"]
    again.backfill(s(160), BTC, s(0), s(190))
    assert named(scene) == ["complete", "repaired", "repaired"]
    assert named(scene, "ETH/USD")[1] == "lost"


def test_an_instrument_of_all_has_gaps_by_its_own_name() -> None:
    """A gap of one of all is no gap of the others."""
    scene = Scene()
    wire = scene.connect(s(0), ALL)
    wire.acknowledge(s(0), ALL)
    talk(wire, 0, 190, "BTC/USD", "ETH/USD")
    wire.gap(s(190), "trade", "BTC/USD", ordinal=3)
    assert named(scene) == ["degraded"] * 3
    assert named(scene, "ETH/USD") == ["complete"] * 3


def test_a_gap_of_facts_is_over_with_the_frame_that_showed_it() -> None:
    """A history that is whole says that there is nothing but facts: no state has to be restored."""
    scene = Scene()
    wire = started(scene)
    wire.gap(s(70), "trade", "BTC/USD")
    talk(wire, 80, 240, "BTC/USD")
    assert [e.until for e in of(scene.fold(), Gap)] == [None]
    wire.backfill(s(240), BTC, s(69), s(75), whole=False)
    assert [e.until for e in of(scene.fold(), Gap)] == [None]
    wire.backfill(s(240), BTC, s(69), s(75))
    wire.gap(s(242), "trade", "BTC/USD")
    assert [e.until for e in of(scene.fold(), Gap)] == [s(70), s(242)]
    assert named(scene)[1:3] == ["repaired", "complete"]


def test_repairs_and_gaps_meet_whether_they_name_instruments_or_not() -> None:
    """All of a connection is whole when all it holds is; all of a channel is repaired at once."""
    for found, fixed in (((), ("BTC/USD",)), (("BTC/USD",), ())):
        scene = Scene()
        wire = started(scene)
        wire.gap(s(70), "trade", *found)
        wire.repair(s(75), "book", *fixed)
        wire.repair(s(76), "trade", *fixed)
        talk(wire, 80, 190, "BTC/USD")
        assert [e.until for e in of(scene.fold(), Gap)] == [s(76)]
        assert named(scene) == ["quiet", "repaired", "complete"]


def test_a_repair_by_name_is_good_for_that_name_only() -> None:
    """What else the connection holds waits for its own."""
    scene = Scene()
    wire = scene.connect(s(0), BTC, ETH)
    wire.acknowledge(s(0), BTC, ETH)
    wire.gap(s(70), "trade")
    wire.repair(s(75), "trade", "BTC/USD")
    talk(wire, 80, 190, "BTC/USD", "ETH/USD")
    assert named(scene)[1:] == ["repaired", "complete"]
    assert named(scene, "ETH/USD")[1:] == ["degraded", "degraded"]
    assert [e.until for e in of(scene.fold(), Gap)] == [None]


def test_a_connection_that_never_came_to_speak_wants_nothing_less() -> None:
    """It was closed before it could say what it wants."""
    scene = Scene()
    first = started(scene)
    first.close(s(10), "reset")
    scene.connect(s(20), previous=first, reason="reconnect").close(s(21), "handshake")
    assert [e.until for e in of(scene.fold(), Intent)] == [None]
    assert [e.ended for e in of(scene.fold(), Coverage)] == ["reset"]  # type: ignore[attr-defined]
