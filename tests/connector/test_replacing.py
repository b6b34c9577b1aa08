"""A connection is replaced by a better one that is there already, or by none."""

from collections.abc import Callable
from pathlib import Path

import pytest
import structlog.testing

from ssmd.connector.errors import ConnectFailed
from ssmd.connector.socket import Socket, connect
from ssmd.model.envelope import LEDGER
from ssmd.model.event import Reconnect, Refused
from ssmd.model.records import Leaving, decode_ledger
from ssmd.model.subscription import Subscription
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import (
    Peer,
    Talk,
)
from tests.connector.stage import SUB, WANTED, Stage, listen, stage

OTHER = Subscription("trade", "C/D")


class Venue:
    """Stands before `connect`: counts the attempts and refuses them on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refuses = False
        self.attempts: list[float] = []

        async def attempt(*args: object, **options: object) -> Socket:
            clock = options["clock"]
            assert isinstance(clock, ManualClock)
            self.attempts.append(clock.mono())
            assert len(self.attempts) < 200, "a storm"
            if self.refuses:
                raise ConnectFailed("ws://somewhere", "429 too many")
            return await connect(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr("ssmd.connector.shard.connect", attempt)


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Venue:
    """The door of the venue, in the test's hand."""
    return Venue(monkeypatch)


def holding(*held: frozenset[Subscription]) -> Callable[[], Talk]:
    """Sessions: the first holds the first set and is ready, the others hold theirs and never are.

    The stage makes one more, before all others, to read the limits of the venue.
    """
    made: list[Talk] = []

    def talk() -> Talk:
        session = Talk()
        index = len(made)
        session.acknowledged = held[min(index, len(held) - 1)]
        session.ready = index == 0
        made.append(session)
        return session

    return talk


async def live_for(s: Stage, seconds: float) -> None:
    """Time passes while the venue talks on all its sockets."""
    for _ in range(int(seconds / 0.5)):
        for peer in s.server.peers:
            if not peer.writer.is_closing():
                peer.send(b"{}")
        await s.clock.advance(0.5)


async def test_a_successor_that_holds_nothing_goes_and_the_old_one_stays(tmp_path: Path) -> None:
    """A healthy connection is not thrown away for one that the venue never answers."""
    async with stage(tmp_path, listen, holding(WANTED, frozenset()), ready_s=5.0) as s:
        await s.until(lambda: s.shard.is_connected)
        old = s.shard.current
        s.shard.reconnect()
        with structlog.testing.capture_logs() as logs:
            await s.until(lambda: bool(s.closed()))
        assert s.shard.current is old
        assert s.shard.is_connected
        assert s.closed()[0].reason == "planned_failed"
        assert s.opened()[1].reason == "planned"
        told = [entry for entry in logs if entry["event"] == "connector.successor_rejected"]
        assert [(entry["missing"], entry["retry_s"] > 0) for entry in told] == [(1, True)]


async def test_what_was_rejected_is_tried_again_and_names_whom_it_follows(tmp_path: Path) -> None:
    """The third connection replaces the first: the second was never anybody's successor."""
    async with stage(
        tmp_path, listen, holding(WANTED, frozenset(), WANTED), ready_s=5.0, backoff_base_s=2.0
    ) as s:
        await s.until(lambda: s.shard.is_connected)
        old = s.shard.current
        assert old is not None
        s.shard.reconnect()
        await s.until(lambda: len(s.closed()) == 2)
        assert [record.reason for record in s.closed()] == ["planned_failed", "planned"]
        assert [record.previous for record in s.opened()] == [None, *[old.connection.id] * 2]
        assert s.shard.is_connected
        await live_for(s, 60)
        assert len(s.opened()) == 3  # one success is enough


async def test_what_the_venue_refuses_to_the_successor_is_not_waited_for(tmp_path: Path) -> None:
    """A subscription that is refused today would keep an old connection for ever."""
    both = frozenset({SUB, OTHER})
    async with stage(tmp_path, listen, holding(both, both - WANTED), ready_s=5.0) as s:
        s.shard.want(both)
        await s.until(lambda: s.shard.is_connected)
        s.shard.reconnect()
        await s.until(lambda: len(s.talks) == 2)
        s.talks[1].ticking = [Refused(SUB, "no longer")]
        await s.until(lambda: bool(s.closed()))
        assert s.closed()[0].reason == "planned"


async def test_a_successor_that_is_refused_everything_replaces_nobody(tmp_path: Path) -> None:
    """It has all its answers, and would end what still comes on the old connection."""
    async with stage(tmp_path, listen, holding(WANTED, frozenset()), ready_s=5.0) as s:
        await s.until(lambda: s.shard.is_connected)
        old = s.shard.current
        s.shard.reconnect()
        await s.until(lambda: len(s.talks) == 2)
        s.talks[1].ticking = [Refused(SUB, "timeout")]
        s.talks[1].ready = True
        await s.until(lambda: bool(s.closed()))
        assert s.closed()[0].reason == "planned_failed"
        assert s.shard.current is old


async def test_what_is_not_wanted_any_more_keeps_no_connection(tmp_path: Path) -> None:
    """The old one still holds it, for the venue is slow to let go; the successor hears of it."""
    async with stage(tmp_path, listen, holding(WANTED | {OTHER}, WANTED), ready_s=5.0) as s:
        await s.until(lambda: s.shard.is_connected)
        s.shard.want(WANTED | {OTHER})
        s.shard.reconnect()
        await s.until(lambda: len(s.talks) == 2)
        s.shard.want(WANTED)
        await s.until(lambda: s.talks[1].wanted == WANTED)
        await s.until(lambda: bool(s.closed()))
        assert s.closed()[0].reason == "planned"


async def test_a_successor_is_better_than_nothing(tmp_path: Path) -> None:
    """When the old connection dies meanwhile, the new one counts, however little it holds yet."""
    async with stage(tmp_path, listen, holding(WANTED, frozenset()), ready_s=60.0) as s:
        await s.until(lambda: s.shard.is_connected)
        s.shard.reconnect()
        await s.until(lambda: len(s.opened()) == 2)
        s.server.peers[0].writer.close()
        await s.until(lambda: bool(s.closed()))
        assert s.closed()[0].reason == "lost"
        assert s.shard.is_connected
        await s.clock.advance(10)
        assert len(s.opened()) == 2


async def test_planned_attempts_that_fail_come_ever_more_rarely(
    tmp_path: Path, venue: Venue
) -> None:
    """The age of a connection is no reason to knock at a closed door ten times a second."""
    async with stage(tmp_path, listen, planned_s=20.0, backoff_cap_s=30.0) as s:
        await s.until(lambda: s.shard.is_connected)
        old = s.shard.current
        venue.refuses = True
        with structlog.testing.capture_logs() as logs:
            await live_for(s, 140)
        tried = venue.attempts[1:]
        assert 5 <= len(tried) <= 14
        assert tried[-1] - tried[-2] >= 10
        told = [entry for entry in logs if entry["event"] == "connector.connect_failed"]
        assert len(told) == len(tried)
        assert (told[0]["reason"], told[0]["retry_s"] < told[-1]["retry_s"]) == (
            "429 too many",
            True,
        )
        assert s.shard.current is old
        venue.refuses = False
        await s.until(lambda: len(s.opened()) == 2)
        await s.until(lambda: bool(s.closed()))
        assert s.closed()[0].reason == "planned"


async def test_a_remedy_that_fails_once_is_not_forgotten(tmp_path: Path, venue: Venue) -> None:
    """Whoever asked for another connection gets it."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        venue.refuses = True
        s.shard.reconnect()
        await s.until(lambda: len(venue.attempts) == 3)
        venue.refuses = False
        await s.until(lambda: len(s.opened()) == 2)
        assert s.opened()[1].reason == "planned"
        await live_for(s, 60)
        assert len(s.opened()) == 2  # and only one


async def test_the_old_connection_is_watched_while_its_successor_is_waited_for(
    tmp_path: Path, venue: Venue
) -> None:
    """It may end in the pause between two attempts; then everything is as after any end."""
    async with stage(tmp_path, listen, backoff_base_s=30.0) as s:
        await s.until(lambda: s.shard.is_connected)
        venue.refuses = True
        s.shard.reconnect()
        await s.until(lambda: len(venue.attempts) == 2)
        s.server.peers[0].writer.close()
        await s.until(lambda: bool(s.closed()))
        venue.refuses = False
        await s.until(lambda: len(s.opened()) == 2)
        assert s.opened()[1].reason == "reconnect"
        await live_for(s, 60)
        assert len(s.opened()) == 2  # which did what was asked for


async def test_what_is_left_unconfirmed_serves_until_its_successor_is_there(
    tmp_path: Path,
) -> None:
    """One late instrument costs the others of its shard nothing; the reason is on record."""
    order: list[str] = []

    async def script(peer: Peer) -> None:
        number = len(order)
        order.append(f"open {number}")
        await peer.listen()
        order.append(f"close {number}")

    async with stage(tmp_path, script) as s:
        await s.until(lambda: s.shard.is_connected)
        s.talks[0].ticking = [Reconnect("unconfirmed")]
        await s.until(lambda: bool(s.closed()))
        assert order == ["open 0", "open 1", "close 0"]
        assert (s.opened()[1].reason, s.closed()[0].reason) == ("planned", "unconfirmed")
        said = [decode_ledger(e.payload) for e in s.kept() if e.type == LEDGER]
        assert Leaving(reason="unconfirmed") in said
        assert s.shard.is_connected


async def test_unconfirmed_and_dead_is_dead(tmp_path: Path, venue: Venue) -> None:
    """A connection that waits for its successor is given up when it falls silent."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        old = s.shard.current
        assert old is not None
        venue.refuses = True
        s.talks[0].ticking = [Reconnect("unconfirmed")]
        await s.clock.advance(60)
        assert not old.is_over
        assert len(venue.attempts) < 20
        await s.clock.advance(32)
        await s.until(lambda: old.is_over)
        assert s.closed()[0].reason == "unconfirmed"


async def test_no_successor_opens_while_its_opening_cannot_be_kept(tmp_path: Path) -> None:
    """What is planned waits for room in the spool."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        s.spool._fail("full", "test")
        s.shard.reconnect()
        await s.clock.advance(30)
        assert len(s.server.peers) == 1
        s.spool.inspect()
        await s.until(lambda: len(s.opened()) == 2)
