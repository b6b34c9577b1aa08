"""What a process takes over from another one, as the stream tells it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import structlog.testing

from ssmd.bus.errors import StreamUnfit
from ssmd.connector.heritage import LONGEST_S, Heritage
from ssmd.connector.rest import RestConnection
from ssmd.connector.spool.lives import Life, Lives
from ssmd.connector.telemetry import Telemetry
from ssmd.connector.universe import SharedUniverse
from ssmd.feeds.share import WHOLE, Share
from ssmd.model.envelope import CONNECTION, CONTROL, Envelope
from ssmd.model.errors import Unavailable
from ssmd.model.records import Closed, Opened, encode
from ssmd.model.subscription import Subscription
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, an_id, make_spool, until
from tests.connector.stage import listen, stage
from tests.connector.test_rest import an_answer, kept, lives

OPENED = Opened(
    feed=FEED, venue="v", shard=0, endpoint="", local="", peer="", previous=None,
    reason="start", version="0", host="h",
)  # fmt: skip
CLOSED = Closed(last_ordinal=0, last_record=1, by="connector", reason="lost")
OLD_NS = 3600 * 10**9


class Stream:
    """A bus that holds what connections said, and when; it answers when it is let."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.kept: list[tuple[int, Envelope]] = []
        self.trouble: Exception | None = None
        self.slow: set[bool] = set()

    def opens(self, connection: str, age_ns: int = OLD_NS) -> Life:
        """A connection begins so long ago."""
        life = Life(connection, FEED, None)
        self.say(life, CONNECTION, encode(OPENED), age_ns)
        return life

    def closes(self, life: Life, age_ns: int = OLD_NS) -> None:
        """It ends."""
        self.say(life, CONNECTION, encode(CLOSED), age_ns)

    def say(self, life: Life, kind: str, payload: bytes = b"{}", age_ns: int = 0) -> None:
        """Anything of it that is no data."""
        at = self.clock.wall() - age_ns
        self.kept.append((at, life.say(kind, payload, at)))

    async def scan(
        self, kinds: tuple[str, ...], since: int | None
    ) -> AsyncIterator[tuple[int, Envelope]]:
        """See `Scan`; it is slow to tell of all times, or of the last ones."""
        if self.trouble is not None:
            raise self.trouble
        if (since is None) in self.slow:
            await self.clock.sleep(10 * LONGEST_S)
        for number, (at, envelope) in enumerate(self.kept):
            if envelope.type in kinds and (since is None or at >= since):
                yield number, envelope

    async def tell(self, lives: Lives, share: Share = WHOLE) -> None:
        """Let somebody learn."""
        told = Heritage(share, lives, self.scan, self.clock, Telemetry(FEED)).learn()
        task = asyncio.ensure_future(told)
        await until(task.done, self.clock)
        await task


async def test_whoever_lives_hands_over_and_whoever_died_does_not() -> None:
    """Told apart by a sign of life: a connection that lives ticks."""
    stream, lives = Stream(ManualClock()), Lives()
    living, dead, ended = (stream.opens(an_id(1, shard)) for shard in (0, 1, 2))
    stream.say(living, CONTROL)
    stream.closes(ended)
    await stream.tell(lives)
    assert lives.before("feed-0", "start") == (living.connection, "handover")
    assert lives.before("feed-1", "start") == (dead.connection, "start")
    assert lives.before("feed-2", "start") == (ended.connection, "start")
    assert lives.before("feed-3", "start") == (None, "start")


async def test_what_closed_a_moment_ago_is_over() -> None:
    """It was heard of lately, and that was its end; of two the later one counts."""
    stream, lives = Stream(ManualClock()), Lives()
    first, second = stream.opens(an_id(1)), stream.opens(an_id(2), 0)
    stream.say(first, CONTROL)
    stream.closes(second, 0)
    await stream.tell(lives)
    assert lives.before("feed-0", "start") == (second.connection, "start")


async def test_a_connection_older_than_the_stream_is_known_by_its_signs() -> None:
    """Its opening record was archived and purged long ago."""
    stream, lives = Stream(ManualClock()), Lives()
    life = Life(an_id(1), FEED, None)
    life.record = 700
    stream.say(life, CONTROL)
    await stream.tell(lives)
    assert lives.before("feed-0", "start") == (life.connection, "handover")


async def test_others_shards_are_not_ours() -> None:
    """Another replica's, another feed's; our own number theirs from a thousand on."""
    stream, lives = Stream(ManualClock()), Lives()
    stream.opens(an_id(1, 0))
    mine = stream.opens(an_id(1, 1003))
    stream.opens(an_id(1, 2003))
    other = Life(an_id(1, 1004).replace(FEED, "other"), "other", None)
    stream.say(other, CONNECTION, encode(OPENED))
    await stream.tell(lives, Share(1, 3))
    assert lives.latest == {"feed-1003": mine.connection}


async def test_what_the_own_spool_knows_is_no_handover() -> None:
    """After a crash the stream still hears of it; its own recovery closes it."""
    stream, lives = Stream(ManualClock()), Lives()
    life = stream.opens(an_id(1))
    stream.say(life, CONTROL)
    lives.begin(life.connection, FEED, None)
    await stream.tell(lives)
    assert lives.before("feed-0", "start") == (life.connection, "start")
    newer = lives.begin(an_id(5), FEED, None)
    await stream.tell(lives)
    assert lives.before("feed-0", "start") == (newer.connection, "start")


async def test_a_bus_that_does_not_tell_delays_nothing() -> None:
    """Away: not at all; slow: a second. What was told by then counts, and it is said."""
    stream, lives = Stream(ManualClock()), Lives()
    life = stream.opens(an_id(1))
    stream.say(life, CONTROL)
    began = stream.clock.mono()
    stream.trouble = Unavailable("no server answers", remedy="")
    with structlog.testing.capture_logs() as logs:
        await stream.tell(lives)
    assert [log["reason"] for log in logs] == ["no server answers"]
    assert lives.latest == {}
    assert stream.clock.mono() - began < LONGEST_S / 2
    stream.trouble = StreamUnfit("S", "it does not exist", remedy="")
    with structlog.testing.capture_logs() as logs:
        await stream.tell(lives)
    assert logs == [], "the first start of all is no trouble"
    stream.trouble, stream.slow = None, {True, False}
    with structlog.testing.capture_logs() as logs:
        await stream.tell(lives)
    assert [log["reason"] for log in logs] == ["the bus is slow"]
    assert lives.latest == {}
    assert LONGEST_S <= stream.clock.mono() - began < 2 * LONGEST_S
    stream.slow = {True}
    await stream.tell(lives)
    assert lives.before("feed-0", "start") == (life.connection, "handover")


async def test_a_socket_and_rest_say_whom_they_follow(tmp_path: Path) -> None:
    """In record 0, and every wish with the same reason; the next connection follows our own."""
    other = an_id(1)
    async with stage(tmp_path / "a", listen) as scene:
        scene.spool.lives.succeeds(other, alive=True)
        await scene.until(lambda: scene.shard.is_connected)
        assert scene.shard.current is not None
        mine = scene.shard.current.connection.id
        scene.shard.current.socket.abort("lost")
        await scene.until(lambda: len(scene.opened()) == 2)
        first, second = scene.opened()
    assert (first.previous, first.reason) == (other, "handover")
    assert mine < other, "the other's clock is ahead"
    assert (second.previous, second.reason) == (mine, "reconnect")
    clock = ManualClock()
    spool = make_spool(tmp_path / "b", clock)
    before = other.replace("-0-", "-rest1-")
    spool.lives.succeeds(before, alive=True)
    rest = RestConnection(
        FEED, None, "v", {}, spool=spool, clock=clock, telemetry=Telemetry(FEED), share=Share(1, 2)
    )
    rest.answered(rest.sent("https://a.net/x"), an_answer(clock), "discovery")
    assert rest.id is not None
    assert rest.id.startswith("feed-rest1-")
    rest.close()
    (opened,) = (record for record in lives(kept(spool)) if isinstance(record, Opened))
    assert (opened.shard, opened.previous, opened.reason) == ("rest", before, "handover")
    spool.close()


async def test_every_universe_is_narrowed_as_it_changes() -> None:
    """To what is this share's; a change of another's share is none of ours."""
    names = [f"S{number}" for number in range(40)]

    class Changing:
        async def watch(self) -> AsyncIterator[frozenset[Subscription]]:
            for count in (10, 20, 20, 40, 0):
                wanted = frozenset(Subscription("trade", name) for name in names[:count])
                yield wanted | {Subscription("lifecycle")}

    for index in range(3):
        share = Share(index, 3)
        told = [wanted async for wanted in SharedUniverse(Changing(), share).watch()]
        assert len(told) == 4
        for wanted, count in zip(told, (10, 20, 40, 0), strict=True):
            mine = {name for name in names[:count] if share.holds(name)}
            assert {item.symbol for item in wanted} - {None} == mine
            assert (Subscription("lifecycle") in wanted) == (index == 0)
