"""Two truths: a quiet market is no fault, and a lost connection is never `ok`."""

from pathlib import Path

import msgspec

from ssmd.connector.conditions import Conditions
from ssmd.connector.rest import RestConnection, Rotation
from ssmd.connector.settings import Tuning
from ssmd.connector.supervisor import Supervisor
from ssmd.connector.telemetry import Telemetry
from ssmd.model.records import ClockState, Opened, decode_connection, encode
from ssmd.model.subscription import Limits, Subscription
from ssmd.runtime import metrics, universe_metrics
from ssmd.runtime.health import Health
from ssmd.runtime.timekeeping import Timekeeper
from ssmd.secmaster import universe_telemetry
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, Talk, a_frame, a_venue, an_id, make_spool
from tests.connector.stage import listen, stage
from tests.connector.test_rest import an_answer, ask, kept, lives
from tests.connector.test_supervisor import Puppet

SUB = Subscription("trade", "A/B")
KERNEL = ClockState(source="kernel", offset_s=0.001, error_s=0.002)


class Part:
    """A spool, or shards."""

    def __init__(self) -> None:
        self.trouble = self.warning = ""

    @property
    def condition(self) -> tuple[bool, str]:
        return not self.trouble, self.trouble


class Bus:
    """A publisher."""

    connected = True
    problem = ""


class Scene:
    """A connector's conditions over parts that do as they are told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.pause: str | None = None
        self.health = Health()
        self.spool, self.shards, self.bus = Part(), Part(), Bus()
        self.fits, self.owes = True, False
        venue = msgspec.structs.replace(a_venue(Talk), pause=lambda _: self.pause)
        self.conditions = Conditions(self.health, venue, self.clock, self.spool, self.shards)
        self.conditions.include(self.bus, lambda: self.fits, lambda: self.owes)

    def said(self) -> tuple[str, list[str], list[str]]:
        """Status, reasons and warnings of this moment."""
        self.conditions.look()
        return self.health.status, self.health.ready()[1], self.health.warnings


def test_all_well() -> None:
    """Nothing is asked about messages: a night without any is a good night."""
    assert Scene().said() == ("ok", [], [])


def test_each_part_says_what_is_wrong_with_it() -> None:
    """And nothing of it stays when it is mended."""
    scene = Scene()
    scene.shards.trouble, scene.spool.trouble = "not connected: feed-0", "the disk is full"
    scene.bus.connected, scene.bus.problem = False, "no answer"
    reasons = ["bus: no answer", "shards: not connected: feed-0", "spool: the disk is full"]
    assert scene.said() == ("degraded", reasons, [])
    scene.shards.trouble = scene.spool.trouble = ""
    scene.bus.connected, scene.bus.problem = True, ""
    assert scene.said() == ("ok", [], [])


def test_a_bus_that_takes_nothing_is_not_there() -> None:
    """Connected to a full stream, or before the first thing is stored: nobody may rely on us yet."""
    scene = Scene()
    scene.bus.problem = "maximum bytes exceeded"
    assert scene.said()[1] == ["bus: maximum bytes exceeded"]
    scene.bus.problem = ""
    scene.owes = True
    (reason,) = scene.said()[1]
    assert reason.startswith("bus: it is connected, and has stored nothing yet")
    scene.owes = False
    assert scene.said() == ("ok", [], [])


def test_a_pause_excuses_nothing_and_explains_it() -> None:
    """Closed by a maintenance it is as closed as ever; whoever is woken reads why."""
    scene = Scene()
    scene.pause = "maintenance"
    warning = ["venue: it pauses by its calendar: maintenance"]
    assert scene.said() == ("ok", [], warning)
    scene.shards.trouble = "not connected: feed-0"
    assert scene.said() == ("degraded", ["shards: not connected: feed-0"], warning)
    scene.pause = None
    scene.shards.trouble = ""
    assert scene.said() == ("ok", [], [])


def test_before_the_stream_is_known_to_fit_somebody_else_speaks_of_the_bus() -> None:
    """A publisher that is connected to a bus without our stream is not well."""
    scene = Scene()
    scene.health.set("bus", ok=False, reason="starting")
    scene.fits = False
    assert scene.said() == ("degraded", ["bus: starting"], [])


async def test_shards_that_are_quiet_are_well_and_lost_ones_are_not() -> None:
    """From a supervisor: nothing known yet, nothing wanted, connected and silent, lost."""
    clock, puppet = ManualClock(), Puppet(0)
    supervisor = Supervisor(
        FEED,
        Limits(subscriptions_per_connection=2, sends_per_second=1, connections=2),
        lambda _: puppet,
        clock=clock,
        tuning=Tuning(),
        telemetry=Telemetry(FEED),
    )
    assert supervisor.condition == (False, "what is wanted is not known yet")
    await supervisor.apply(())
    assert supervisor.condition[0]
    assert supervisor.warning == "nothing is wanted at the moment: no connection is made"
    await supervisor.apply({SUB})
    assert supervisor.condition == (False, "not connected: the puppet's problem")
    puppet.is_connected = True
    await clock.advance(86_400)
    supervisor.look()
    assert supervisor.condition[0]
    assert supervisor.warning == ""
    puppet.is_connected = False
    assert not supervisor.condition[0], "without waiting for the next look"
    await supervisor.close()


async def test_the_rungs_are_positions_that_were_reached(tmp_path: Path) -> None:
    """Each rung is shown when it is reached, and not before."""

    def rungs() -> list[float]:
        spool.inspect()
        return [
            metrics.SPOOL_POSITION.labels(FEED, "", rung)._value.get() for rung in metrics.RUNGS
        ]

    spool = make_spool(tmp_path)
    life = spool.lives.begin(an_id(), FEED, None)
    for _ in range(3):
        spool.write(a_frame(life.connection, life.next_ordinal()))
    spool.flush()
    assert rungs() == [2, -1, -1, -1]
    await spool.sync()
    assert rungs() == [2, 2, -1, -1]
    taken = spool.take(100)
    spool.acknowledged(taken[0][0], 1)
    spool.acknowledged(taken[1][0], 2)
    assert rungs() == [2, 2, 1, -1]
    spool.acknowledged(taken[2][0], 3)
    spool.archived(3)
    assert rungs() == [2, 2, 2, 2]
    spool.close()


async def test_a_rest_connection_says_how_right_the_clock_was(tmp_path: Path) -> None:
    """The first one says that nobody knows; the next what the venue told meanwhile."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = RestConnection(
        FEED,
        None,
        "a-venue",
        {},
        spool=spool,
        clock=clock,
        telemetry=Telemetry(FEED),
        rotation=Rotation(frames=1),
        timekeeper=Timekeeper(clock, lambda: None),
    )
    asked = rest.sent("https://a.net/x")
    date = "Fri, 15 Jan 2027 08:00:02 GMT"  # the clock says 08:00:00
    rest.answered(asked, an_answer(clock, date=date), "discovery")
    ask(rest, clock)
    rest.close()
    opened = [record for record in lives(kept(spool)) if isinstance(record, Opened)]
    assert [record.clock for record in opened] == [
        ClockState(source="unknown"),
        ClockState(source="venue", offset_s=2.75, error_s=0.75),
    ]
    spool.close()


async def test_a_socket_says_how_right_the_clock_was(tmp_path: Path) -> None:
    """Each connection's own record: a latency is read years later."""
    async with stage(tmp_path, listen) as scene:
        scene.shard._feed = msgspec.structs.replace(
            scene.shard._feed, timekeeper=Timekeeper(scene.clock, lambda: KERNEL)
        )
        await scene.until(lambda: scene.shard.is_connected)
        (opened,) = scene.opened()
    assert opened.clock == KERNEL


def test_records_of_before_the_clock_was_told_still_read() -> None:
    """An archive is read for years; what was not told is None."""
    old = (
        b'{"event":"opened","feed":"f","venue":"v","shard":0,"endpoint":"","local":"","peer":"",'
        b'"previous":null,"reason":"start","version":"0","host":"h"}'
    )
    record = decode_connection(old)
    assert isinstance(record, Opened)
    assert record.clock is None
    told = msgspec.structs.replace(record, clock=KERNEL)
    assert decode_connection(encode(told)) == told


def test_a_lookup_that_fails_and_a_market_without_room_are_counted() -> None:
    """Each market once, however often it is said; other troubles are no lookups."""
    telemetry = universe_telemetry.Telemetry("lookups")

    def counts() -> tuple[float, float]:
        return (
            universe_metrics.LOOKUP_FAILURES.labels("lookups", "")._value.get(),
            universe_metrics.DROPPED.labels("lookups", "")._value.get(),
        )

    telemetry.again("bus", "away", 1.0)
    telemetry.wanted(5, (), 0)
    assert counts() == (0, 0)
    telemetry.again("database", "away", 1.0)
    telemetry.wanted(5, ("A", "B"), 0)
    telemetry.wanted(5, ("A", "B"), 0)
    telemetry.wanted(5, ("B", "C"), 0)
    assert counts() == (1, 3)
