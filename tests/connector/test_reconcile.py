"""What is wanted is held against what was answered: refusals are told, the unanswered asked again."""

import asyncio
from pathlib import Path

import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from ssmd.connector.reconcile import Reconciler, Refusals
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Live
from ssmd.connector.supervisor import Supervisor
from ssmd.connector.telemetry import Telemetry
from ssmd.model.event import Event, Reconnect, Refused, Subscribed
from ssmd.model.subscription import Limits, Subscription
from ssmd.runtime import metrics
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, Talk, until
from tests.connector.stage import SUB, WANTED, listen, stage
from tests.connector.test_supervisor import Puppet, subs

LIMITS = Limits(subscriptions_per_connection=2, sends_per_second=1, connections=2)


class Line:
    """A connection that only remembers what it was asked."""

    def __init__(self, wanted: frozenset[Subscription], opened_mono: float = 0.0) -> None:
        self.id = f"{FEED}-0-x"
        self.session = Talk()
        self.wanted = wanted
        self.refused: set[Subscription] = set()
        self.refusal = ""
        self.opened_mono = opened_mono
        self.wants: list[tuple[frozenset[Subscription], str]] = []

    def want(self, subscriptions: frozenset[Subscription], reason: str) -> None:
        self.wanted = subscriptions
        self.wants.append((subscriptions, reason))

    def refuse(self, *names: str, words: str = "no such market") -> None:
        self.refused |= subs(*names)
        self.refusal = words


def a_reconciler() -> Reconciler:
    return Reconciler(Tuning(), Telemetry(FEED))


def test_all_refused_is_loud_and_some_refused_is_said() -> None:
    """One misspelt symbol is not the end of the feed; all of them are."""
    refusals, line = Refusals(), Line(subs("a", "b"))
    wanted = {0: subs("a", "b")}
    refusals.look(wanted, {0: line})
    assert refusals.judge(subs("a", "b")) == ("", "")
    line.refuse("a")
    refusals.look(wanted, {0: line})
    assert refusals.judge(subs("a", "b")) == (
        "",
        "1 of 2 subscriptions are refused: no such market",
    )
    line.refuse("b", words="not today")
    refusals.look(wanted, {0: line})
    assert refusals.judge(subs("a", "b")) == ("every subscription was refused: not today", "")


def test_a_channel_about_all_symbols_is_no_comfort() -> None:
    """Lifecycle messages alone are not what was meant."""
    whole = subs("a") | {Subscription("lifecycle")}
    refusals, line = Refusals(), Line(whole)
    line.session.acknowledged = frozenset({Subscription("lifecycle")})
    line.refuse("a")
    refusals.look({0: whole}, {0: line})
    assert refusals.judge(whole)[0]
    assert refusals.judge(frozenset({Subscription("lifecycle")})) == (
        "",
        "1 of 1 subscriptions are refused: no such market",
    )


def test_a_new_connection_that_is_not_answered_yet_changes_nothing() -> None:
    """Else the complaint would come and go with every reconnect."""
    refusals, line, wanted = Refusals(), Line(subs("a")), {0: subs("a")}
    line.refuse("a")
    refusals.look(wanted, {0: line})
    fresh = Line(subs("a"))
    for latest in ({0: fresh}, {}):
        refusals.look(wanted, latest)
        assert refusals.judge(subs("a"))[0] == "every subscription was refused: no such market"
    fresh.session.acknowledged = subs("a")
    refusals.look(wanted, {0: fresh})
    assert refusals.judge(subs("a")) == ("", "")


def test_what_is_no_longer_wanted_is_no_longer_complained_about() -> None:
    """Delisted, refused, dropped from the plan."""
    refusals, line = Refusals(), Line(subs("a", "b"))
    line.refuse("a")
    refusals.look({0: subs("a", "b")}, {0: line})
    assert refusals.refused == subs("a")
    refusals.look({0: subs("b")}, {0: line})
    assert refusals.judge(subs("b")) == ("", "")


def test_what_was_never_answered_is_asked_for_again() -> None:
    """Withdrawn and wanted anew; once a look, and only what was missing at the look before too."""
    reconciler, line = a_reconciler(), Line(subs("a", "b", "c"))
    line.session.acknowledged = subs("a")
    line.refuse("b")
    asked = metrics.RECONCILED.labels(FEED, "", "0")
    before = asked._value.get()
    reconciler.look(0, line, 59.0)
    reconciler.look(0, line, 60.0)
    assert line.wants == []  # it may be under way
    reconciler.look(0, line, 120.0)
    assert line.wants == [(subs("a", "b"), "reconcile"), (subs("a", "b", "c"), "reconcile")]
    reconciler.look(0, line, 180.0)
    assert len(line.wants) == 2  # just asked
    reconciler.look(0, line, 240.0)
    assert len(line.wants) == 4
    assert asked._value.get() - before == 2
    line.session.acknowledged = subs("a", "c")
    for mono in (300.0, 360.0, 420.0):
        reconciler.look(0, line, mono)
    assert len(line.wants) == 4


def test_a_session_that_is_still_asking_is_left_to_it() -> None:
    """Thousands at one a second take their time; for ever is too long."""
    reconciler, line = a_reconciler(), Line(subs("a"))
    line.session.ready = False
    for mono in range(0, 600, 60):
        reconciler.look(0, line, float(mono))
    assert line.wants == []
    reconciler.look(0, line, 600.0)
    reconciler.look(0, line, 660.0)
    assert len(line.wants) == 2


def test_another_connection_begins_from_nothing() -> None:
    """What its predecessor missed says nothing about it."""
    reconciler, line = a_reconciler(), Line(subs("a"))
    reconciler.look(0, line, 60.0)
    successor = Line(subs("a"))
    successor.id = f"{FEED}-0-y"
    reconciler.look(0, successor, 120.0)
    assert successor.wants == []


names = st.sets(st.sampled_from("abcdef")).map(lambda each: subs(*each))


@given(wanted=names, acknowledged=names, refused=names, looks=st.integers(1, 6))
def test_whatever_is_answered_is_left_alone(
    wanted: frozenset[Subscription],
    acknowledged: frozenset[Subscription],
    refused: frozenset[Subscription],
    looks: int,
) -> None:
    """Only what is missing is withdrawn, and in the end everything is wanted as before."""
    reconciler, line = a_reconciler(), Line(wanted)
    line.session.acknowledged = acknowledged
    line.refused = set(refused)
    for each in range(1, looks + 1):
        reconciler.look(0, line, 60.0 * each)
    assert line.wanted == wanted
    missing = wanted - acknowledged - refused
    withdrawn = [wanted - asked for asked, _ in line.wants[::2]]
    assert all(one <= missing for one in withdrawn)
    assert len(withdrawn) == (looks // 2 if missing else 0)


def supervise(clock: ManualClock) -> Supervisor:
    return Supervisor(FEED, LIMITS, Puppet, clock=clock, tuning=Tuning(), telemetry=Telemetry(FEED))


def a_live(line: Line) -> Live:
    return Live(line, None)  # type: ignore[arg-type]


async def test_the_supervisor_says_what_is_refused_and_what_has_no_room() -> None:
    """Loudly when it is everything; as a warning when it is not."""
    supervisor = supervise(ManualClock())
    await supervisor.apply(subs("a", "b", "c", "d", "e"))
    lines = [Line(subs("a", "b")), Line(subs("c", "d"))]
    for shard, line in zip(supervisor.shards.values(), lines, strict=True):
        assert isinstance(shard, Puppet)
        shard.is_connected, shard.current = True, a_live(line)
    supervisor.look()
    assert supervisor.condition == (True, "")
    assert supervisor.warning == "1 subscriptions found no room on 2 connections"
    lines[0].refuse("a", "b")
    supervisor.look()
    assert supervisor.condition[0]
    assert "2 of 4 subscriptions are refused: no such market" in supervisor.warning
    lines[1].refuse("c", "d")
    supervisor.look()
    assert supervisor.condition == (False, "every subscription was refused: no such market")
    for shard in supervisor.shards.values():  # all refused: the venue hangs up
        assert isinstance(shard, Puppet)
        shard.is_connected, shard.latest, shard.current = False, shard.current, None
    supervisor.look()
    assert supervisor.condition == (False, "every subscription was refused: no such market")
    assert metrics.REFUSED.labels(FEED, "", "1")._value.get() == 2
    await supervisor.close()


async def test_a_connection_that_nobody_saw_alive_is_heard_all_the_same() -> None:
    """Opened, refused and hung up between two looks."""
    supervisor = supervise(ManualClock())
    await supervisor.apply(subs("a"))
    gone = Line(subs("a"))
    gone.refuse("a")
    shard = supervisor.shards[0]
    assert isinstance(shard, Puppet)
    shard.latest = a_live(gone)
    supervisor.look()
    assert supervisor.condition == (False, "every subscription was refused: no such market")
    await supervisor.close()


async def test_the_supervisor_reconciles_connections_that_are_open() -> None:
    """Every minute; a shard that is away is left alone."""
    clock = ManualClock()
    supervisor = supervise(clock)
    await supervisor.apply(subs("a", "b", "c"))
    lines = [Line(subs("a", "b"), clock.mono()), Line(subs("c"), clock.mono())]
    for shard, line in zip(supervisor.shards.values(), lines, strict=True):
        assert isinstance(shard, Puppet)
        shard.is_connected, shard.current = line is lines[0], a_live(line)
    task = asyncio.create_task(supervisor.reconcile())
    await clock.advance(121)
    assert [len(line.wants) for line in lines] == [2, 0]
    task.cancel()
    await supervisor.close()


class Hostile(Talk):
    """A session whose venue refuses everything, and gives up."""

    def want(self, subscriptions: frozenset[Subscription], now: object) -> list[Event]:
        return [Refused(SUB, "unknown market"), Reconnect("all_refused")]


async def test_a_real_shard_shows_what_was_refused_after_its_connection_is_gone(
    tmp_path: Path,
) -> None:
    """It may last a millisecond, and nobody looks that often."""
    async with stage(tmp_path, listen, Hostile) as s:
        await s.until(lambda: bool(s.closed()))
        refusals = Refusals()
        latest = s.shard.latest
        assert latest is not None
        refusals.look({0: WANTED}, {0: latest.connection})
        assert refusals.judge(WANTED)[0] == "every subscription was refused: unknown market"
        assert s.closed()[0].reason == "all_refused"


async def test_a_wish_is_sent_while_the_socket_is_idle(tmp_path: Path) -> None:
    """Commands once waited for the next frame, which a quiet market never sent."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        before = s.clock.mono()
        s.shard.want(WANTED | subs("C/D", "E/F"))
        peer = s.server.peers[0]
        await until(lambda: len(peer.got) == 2)
        assert peer.got[1] == (1, b"want 3")
        assert s.clock.mono() == before
        live = s.shard.current
        assert live is not None
        assert live.connection.frames == 0


async def test_asking_again_through_a_real_connection_is_on_record(tmp_path: Path) -> None:
    """The ledger shows why a subscription was ended and begun."""

    class Deaf(Talk):
        def open(self, now: object) -> list[Event]:
            return [Subscribed(Subscription("trade", "other"))]

    async with stage(tmp_path, listen, Deaf) as s:
        await s.until(lambda: s.shard.is_connected)
        live = s.shard.current
        assert live is not None
        reconciler = a_reconciler()
        with structlog.testing.capture_logs() as logs:
            for later in (60.0, 120.0):
                reconciler.look(0, live.connection, live.connection.opened_mono + later)
        assert [entry["event"] for entry in logs] == ["connector.asked_again"]
        said = [e.payload for e in s.kept() if b"reconcile" in e.payload]
        assert [b"unwanted" in payload for payload in said] == [True, False]


async def test_what_is_not_answered_yet_is_not_held() -> None:
    """A connection that is open and still asks: nobody may end for it. Once answered it is."""
    supervisor = supervise(ManualClock())
    await supervisor.apply(subs("a", "b"))
    line, shard = Line(subs("a", "b")), supervisor.shards[0]
    assert isinstance(shard, Puppet)
    shard.is_connected, shard.current = True, a_live(line)
    line.session.ready = False
    ok, reason = supervisor.condition
    assert not ok
    assert reason == f"not everything asked for is answered yet on {line.id}"
    line.session.ready = True
    assert supervisor.condition == (True, "")
    line.session.ready = False  # an instrument more is no new beginning
    assert supervisor.condition == (True, "")
    await supervisor.close()
