"""A frozen instrument is found, proved and redriven; a quiet one is left alone."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ssmd.connector.inquiry import Statement
from ssmd.connector.liveness import Liveness
from ssmd.connector.settings import Tuning
from ssmd.connector.telemetry import Telemetry
from ssmd.model.errors import Unavailable
from ssmd.model.records import Judged
from ssmd.model.rest import Request, Witness
from ssmd.model.subscription import Subscription
from ssmd.model.venue import Venue
from ssmd.runtime import metrics
from ssmd.runtime.tasks import Stop, Tasks
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import Talk, a_venue

NAMES = ("A", "B", "C")


class Holder:
    """A shard with a connection of which only the counters live."""

    def __init__(self, connection: str = "feed-0-1") -> None:
        self.index = 0
        self.wanted = frozenset(Subscription("trade", name) for name in NAMES)
        self.is_connected = True
        self.judged: list[Judged] = []
        self.renewed: list[frozenset[Subscription]] = []
        self.reconnects = 0
        self.current: Any = SimpleNamespace(
            connection=SimpleNamespace(
                id=connection,
                counts={("trade", name): 0 for name in NAMES},
                data=0,
                session=SimpleNamespace(acknowledged=self.wanted),
                judge=self.judged.append,
                renew=self.renewed.append,
            )
        )

    def reconnect(self) -> None:
        self.reconnects += 1

    def speak(self, *names: str) -> None:
        for name in names:
            self.current.connection.counts["trade", name] += 1
            self.current.connection.data += 1


class Stand:
    """The venue's truth, the watcher, and a hand on the clock."""

    def __init__(self, *, pause: Callable[[int], str | None] = lambda _: None) -> None:
        self.clock = ManualClock()
        self.shard = Holder()
        self.state = 0
        self.moves = True
        self.asked: list[tuple[str, frozenset[str]]] = []
        self.away = False
        self.frozen: set[str] = set()
        venue = a_venue(Talk)
        venue = msgspec.structs.replace(
            venue, pause=pause, rest=msgspec.structs.replace(venue.rest, witness=self.witness)
        )
        self.liveness = self.watcher(venue)

    def watcher(self, venue: Venue) -> Liveness:
        return Liveness(
            venue,
            lambda: [self.shard],
            self.ask,
            clock=self.clock,
            telemetry=Telemetry("feed"),
            tuning=Tuning(frozen_messages=30, frozen_s=30.0),
        )

    def witness(self, symbol: str, channels: frozenset[str], nonce: str) -> Witness | None:
        assert nonce
        self.asked.append((symbol, channels))

        def testify() -> Witness:
            return (yield Request("/book"))

        return testify()

    def ask(self, witness: Witness) -> Awaitable[Statement]:
        async def answer() -> Statement:
            next(witness)
            if self.away:
                message = "REST is away."
                raise Unavailable(message, remedy="Wait.")
            return Statement(str(self.state).encode(), f"answer {len(self.asked)}")

        return answer()

    async def live(self, seconds: int) -> None:
        """Everybody has a message each second, except the frozen."""
        for _ in range(seconds):
            self.shard.speak(*(name for name in NAMES if name not in self.frozen))
            self.state += self.moves
            await self.clock.advance(1.0)

    async def until_judged(self) -> None:
        for _ in range(300):
            if self.shard.judged:
                return
            await self.live(1)


@asynccontextmanager
async def watching(stand: Stand) -> AsyncIterator[Stand]:
    """The watcher runs, over a market that was alive for ten minutes."""
    stop = Stop()
    async with Tasks(stop, stand.clock) as tasks:
        tasks.start("liveness", stand.liveness.run, restart=False)
        await stand.live(600)
        assert stand.asked == []
        yield stand


async def test_a_frozen_instrument_is_redriven() -> None:
    """REST moves, the stream does not: asked again first, moved to a new connection next."""
    async with watching(Stand()) as s:
        s.frozen = {"A"}
        await s.until_judged()
        (judged,) = s.shard.judged
        assert (judged.symbol, judged.verdict, judged.action) == ("A", "frozen", "resubscribe")
        assert judged.silent_s >= 30
        assert judged.missed >= 30
        assert judged.evidence.startswith("answer 1 and answer 2")
        assert s.shard.renewed == [frozenset({Subscription("trade", "A")})]
        assert s.asked[0] == ("A", frozenset({"trade"}))
        await s.live(60)
        assert [each.action for each in s.shard.judged] == ["resubscribe", "reconnect"]
        assert s.shard.reconnects == 1
    assert {each.symbol for each in s.shard.judged} == {"A"}


async def test_what_speaks_again_after_a_resubscription_is_left_alone() -> None:
    """The snapshot is not enough; news is."""
    async with watching(Stand()) as s:
        s.frozen = {"A"}
        while not s.shard.renewed:
            await s.live(5)
        s.shard.speak("A")
        await s.live(12)
        s.frozen = set()
        await s.live(300)
    assert len(s.shard.judged) == 1
    assert s.shard.reconnects == 0


async def test_a_snapshot_alone_does_not_prove_life() -> None:
    """A venue may answer the request and freeze on: the connection is replaced."""
    async with watching(Stand()) as s:
        s.frozen = {"A"}
        while not s.shard.renewed:
            await s.live(5)
        s.shard.speak("A")
        await s.live(120)
    assert s.shard.reconnects == 1


async def test_frozen_again_soon_after_is_moved_at_once() -> None:
    """A snapshot that came late looked like life: asking once more would bring no more."""
    async with watching(Stand()) as s:
        s.frozen = {"A"}
        while not s.shard.renewed:
            await s.live(1)
        await s.live(15)
        s.shard.speak("A")
        await s.live(120)
        assert [each.action for each in s.shard.judged] == ["resubscribe", "reconnect"]
        s.frozen = set()
        await s.live(1200)
        s.frozen = {"A"}
        while len(s.shard.judged) < 3:
            await s.live(5)
    assert s.shard.judged[-1].action == "resubscribe"


async def test_a_quiet_instrument_is_not_disturbed() -> None:
    """The witness sees no change either: no alarm, and no second question for a while."""
    async with watching(Stand()) as s:
        s.moves = False
        s.frozen = {"A"}
        await s.live(900)
        (judged,) = s.shard.judged
        assert (judged.verdict, judged.action) == ("quiet", "none")
        questions = len(s.asked)
        await s.live(600)
        assert len(s.asked) == questions
    assert (s.shard.renewed, s.shard.reconnects) == ([], 0)


async def test_who_speaks_while_the_witness_is_asked_is_alive() -> None:
    """No verdict: the question answered itself."""
    async with watching(Stand()) as s:
        s.frozen = {"A"}
        while not s.asked:
            await s.live(1)
        s.frozen = set()
        await s.live(120)
    assert s.shard.judged == []


@pytest.mark.parametrize("how", ["away", "no witness"])
async def test_without_a_witness_nobody_is_accused(how: str) -> None:
    """`unknown` is an answer, with its reason."""
    stand = Stand()
    if how == "no witness":
        stand.liveness = stand.watcher(a_venue(Talk))
    async with watching(stand) as s:
        s.away = True
        s.frozen = {"A"}
        await s.until_judged()
    (judged,) = s.shard.judged
    assert (judged.verdict, judged.action) == ("unknown", "none")
    assert judged.evidence in {"REST is away.", "the venue's REST cannot tell"}
    assert (s.shard.renewed, s.shard.reconnects) == ([], 0)


async def test_a_pause_of_the_venue_is_no_silence() -> None:
    """By its calendar: nobody is suspected, however much the others say."""
    paused = False
    async with watching(Stand(pause=lambda _: "lunch" if paused else None)) as s:
        paused = True
        s.frozen = {"A"}
        await s.live(600)
        assert s.asked == []
        paused = False
        await s.until_judged()
    assert [each.symbol for each in s.shard.judged] == ["A"]


async def test_a_lost_connection_is_no_silence() -> None:
    """What nobody can send is not missed."""
    async with watching(Stand()) as s:
        s.shard.is_connected = False
        s.frozen = {"A"}
        await s.live(600)
    assert s.asked == []


class TwoChannels(Holder):
    """Each instrument has a book and trades."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = frozenset(
            Subscription(channel, name) for name in NAMES for channel in ("trade", "book")
        )
        connection = self.current.connection
        connection.session.acknowledged = self.wanted
        connection.counts |= {("book", name): 0 for name in NAMES}

    def speak(self, *names: str) -> None:
        super().speak(*names)
        for name in NAMES:
            self.current.connection.counts["book", name] += 1
            self.current.connection.data += 1


async def test_a_frozen_channel_is_found_beside_a_living_one() -> None:
    """The likely form of a forgotten subscription: only that channel is asked for again."""
    stand = Stand()
    stand.shard = TwoChannels()
    venue = msgspec.structs.replace(stand.liveness._venue, channels=frozenset({"trade", "book"}))
    stand.liveness = stand.watcher(venue)
    async with watching(stand) as s:
        s.frozen = {"A"}
        await s.until_judged()
        assert s.asked[0] == ("A", frozenset({"trade"}))
        assert s.shard.renewed == [frozenset({Subscription("trade", "A")})]


async def test_a_connection_without_any_data_is_replaced() -> None:
    """Its keepalives are answered and nobody is left to compare with."""
    async with watching(Stand()) as s:
        s.frozen = set(NAMES)
        await s.until_judged()
        (judged,) = s.shard.judged
        assert (judged.verdict, judged.action) == ("frozen", "reconnect")
        assert judged.evidence.startswith("no data on the whole connection")
        assert s.shard.reconnects == 1
        await s.live(600)
        assert s.shard.reconnects == 1, "not again for a quarter of an hour"
        await s.live(3000)
        assert s.shard.reconnects == 2, "but tried again"
    assert {each.action for each in s.shard.judged} <= {"reconnect", "none"}


async def test_a_market_that_sleeps_as_a_whole_is_left_alone() -> None:
    """REST stands still as well: quiet."""
    async with watching(Stand()) as s:
        s.moves = False
        s.frozen = set(NAMES)
        await s.until_judged()
        while not s.shard.judged:
            await s.live(10)
        assert {each.verdict for each in s.shard.judged} == {"quiet"}
    assert s.shard.reconnects == 0


async def test_what_stays_frozen_stays_visible() -> None:
    """No remedy is left, and a look at the metrics must not say that all is well."""
    async with watching(Stand()) as s:
        s.frozen = {"A"}
        await s.live(600)
        assert s.shard.reconnects == 1
        shown = metrics.SUSPECTS.labels("feed", "")
        assert shown._value.get() == 1
        s.frozen = set()
        await s.live(10)
        assert shown._value.get() == 0


async def test_a_channel_about_all_symbols_has_no_witness() -> None:
    """It is missed like any other, and the ledger says that nobody can tell."""
    stand = Stand()
    stand.shard.wanted |= {Subscription("news")}
    connection = stand.shard.current.connection
    connection.session.acknowledged = stand.shard.wanted
    connection.counts["news", ""] = 0
    venue = msgspec.structs.replace(stand.liveness._venue, channels=frozenset({"trade", "news"}))
    stand.liveness = stand.watcher(venue)
    talks = True

    async def live(seconds: int) -> None:
        for _ in range(seconds):
            connection.counts["news", ""] += talks
            connection.data += talks
            await stand.live(1)

    stop = Stop()
    async with Tasks(stop, stand.clock) as tasks:
        tasks.start("liveness", stand.liveness.run, restart=False)
        await live(600)
        talks = False
        for _ in range(200):
            if stand.shard.judged:
                break
            await live(1)
    (judged,) = stand.shard.judged
    assert (judged.symbol, judged.verdict, judged.action) == ("", "unknown", "none")
    assert stand.asked == []
