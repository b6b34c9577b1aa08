"""A shard keeps one connection alive, whatever happens to it."""

import asyncio
from pathlib import Path

from ssmd.connector.gate import Gate
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Feed, Shard
from ssmd.connector.supervisor import Supervisor
from ssmd.connector.telemetry import Telemetry
from ssmd.model.event import Event, Reconnect, Send
from ssmd.model.frame import Opcode
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import (
    FEED,
    Peer,
    Talk,
    a_venue,
    make_spool,
    until,
    venue_server,
)
from tests.connector.stage import WANTED, listen, stage


class Busy(Talk):
    """A session whose timers never rest."""

    def tick(self, now: object) -> list[Event]:
        return [Send(b"ping", Opcode.PING)]


async def test_a_silent_socket_is_found_however_busy_the_timers(tmp_path: Path) -> None:
    """Waking up and sending are no signs of life from the venue."""
    async with stage(tmp_path, listen, Busy) as s:
        await s.until(lambda: s.shard.is_connected)
        began = s.clock.mono()
        await s.until(lambda: bool(s.closed()))
        assert 89 < s.clock.mono() - began < 100
        assert s.closed()[0].reason == "silence"
        assert len(s.server.peers[0].got) > 500  # it did send all the time
        await s.until(lambda: len(s.opened()) == 2)
        assert s.opened()[1].reason == "reconnect"
        assert s.opened()[1].previous == s.kept()[0].connection


async def test_a_stepped_wall_clock_kills_nothing(tmp_path: Path) -> None:
    """Timers run on the monotonic clock alone."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        s.clock.step_wall(86_400)
        await s.clock.advance(5)
        s.clock.step_wall(-10 * 86_400)
        await s.clock.advance(5)
        assert s.closed() == []
        assert s.shard.is_connected


async def test_a_planned_reconnect_makes_before_it_breaks(tmp_path: Path) -> None:
    """The successor opens, subscribes and is ready before the old one goes."""
    order: list[str] = []

    async def script(peer: Peer) -> None:
        number = len(order)
        order.append(f"open {number}")
        await peer.listen()
        order.append(f"close {number}")

    talks: list[Talk] = []

    def talk() -> Talk:
        talks.append(Talk())
        talks[-1].ready = len(talks) == 1
        return talks[-1]

    async with stage(tmp_path, script, talk) as s:
        await s.until(lambda: s.shard.is_connected)
        old = s.shard.current
        s.shard.reconnect()
        await s.until(lambda: len(order) == 2)
        assert order == ["open 0", "open 1"]
        assert s.shard.current is old  # until the new one holds everything
        talks[1].ready = True
        await s.until(lambda: bool(s.closed()))
        first, second = s.opened()
        assert order == ["open 0", "open 1", "close 0"]
        assert s.closed()[0].reason == "planned"
        assert (second.reason, second.previous) == ("planned", old.connection.id if old else "")
        assert s.shard.is_connected
        assert (first.reason, talks[1].wanted) == ("start", WANTED)


async def test_a_successor_that_never_gets_ready_is_waited_for_within_bounds(
    tmp_path: Path,
) -> None:
    """A refused subscription must not keep two connections open for ever."""

    def talk() -> Talk:
        made = Talk()
        made.ready = False
        return made

    async with stage(tmp_path, listen, talk, ready_s=5.0) as s:
        await s.until(lambda: s.shard.is_connected)
        s.shard.reconnect()
        await s.until(lambda: bool(s.closed()))
        assert s.closed()[0].reason == "planned"


async def test_pauses_grow_until_a_connection_has_lived(tmp_path: Path) -> None:
    """A venue that drops us at once is not hammered; one good life forgives."""

    async def script(peer: Peer) -> None:
        peer.writer.close()

    async with stage(tmp_path, script, backoff_base_s=1.0, backoff_cap_s=64.0) as s:
        await s.until(lambda: len(s.closed()) >= 4)
        assert s.shard._attempt >= 4
    async with stage(tmp_path / "second", listen, lived_s=5.0) as s:
        await s.until(lambda: s.shard.is_connected)
        s.shard._attempt = 9
        await s.clock.advance(6)
        s.server.peers[0].writer.close()
        await s.until(lambda: bool(s.closed()))
        assert s.shard._attempt <= 1


async def test_a_session_that_gives_up_is_replaced(tmp_path: Path) -> None:
    """The reason is the session's own."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        s.talks[0].ticking = [Reconnect("pong")]
        await s.until(lambda: len(s.opened()) == 2)
        assert s.closed()[0].reason == "pong"


async def test_no_connection_opens_while_its_opening_cannot_be_kept(tmp_path: Path) -> None:
    """Nothing received is nothing lost."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        s.spool._fail("full", "test")
        s.server.peers[0].writer.close()
        await s.until(lambda: not s.shard.is_connected)
        await s.clock.advance(300)
        assert len(s.server.peers) == 1
        s.spool.inspect()
        await s.until(lambda: len(s.server.peers) == 2)
        await s.until(lambda: len(s.opened()) == 2)
        assert len(s.closed()) == 1


async def test_the_watchdog_needs_nobodys_help(tmp_path: Path) -> None:
    """A hung shard cannot hide its dead connection."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    async with venue_server(listen) as server:
        feed = Feed(
            name=FEED,
            category=None,
            venue=a_venue(Talk),
            endpoint=server.url,
            limits=a_venue(Talk, silence_s=10_000).limits,
        )
        tuning = Tuning()
        telemetry = Telemetry(FEED)

        def make(index: int) -> Shard:
            return Shard(
                index, feed, spool=spool, clock=clock,
                gate=Gate(clock, interval_s=0, at_once=1), tuning=tuning,
                telemetry=telemetry.shard(index),
            )  # fmt: skip

        supervisor = Supervisor(
            FEED, feed.limits, make, clock=clock, tuning=tuning, telemetry=telemetry
        )
        await supervisor.apply(WANTED)
        await until(lambda: not supervisor.disconnected)
        shard = supervisor.shards[0]
        assert isinstance(shard, Shard)
        live = shard.current
        assert live is not None
        for ticker in list(shard._tickers):
            ticker.cancel()
        watchdog = asyncio.create_task(supervisor.watchdog())
        await clock.advance(119)
        assert not live.is_over
        await clock.advance(3)
        await until(lambda: live.is_over)
        assert live.socket.ended.result().reason == "watchdog"
        await until(lambda: len(server.peers) == 2, clock)
        watchdog.cancel()
        closing = asyncio.create_task(supervisor.close())
        await until(closing.done, clock)
    spool.close()


async def test_a_talking_socket_is_kept(tmp_path: Path) -> None:
    """Every received frame moves the deadline, control frames too."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        live = s.shard.current
        assert live is not None
        for number in range(5):
            await s.clock.advance(50)
            s.server.peers[0].send(b"beat", 1 if number % 2 else 9)
            await until(lambda number=number: live.connection.frames > number)  # type: ignore[misc]
        assert s.shard.current is live
        assert s.shard.is_connected
