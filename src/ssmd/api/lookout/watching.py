"""The lookout: looks at everything again and again, and answers at once with what it saw last."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from ssmd.api import reading
from ssmd.api.context import Context
from ssmd.api.lookout import asking, folding, telemetry
from ssmd.api.lookout.apart import Apart
from ssmd.api.lookout.memory import Memory
from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.feeds.policy import load_policy
from ssmd.model.errors import ConfigError, SsmdError, Unavailable
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality import history
from ssmd.secmaster.address import VARIABLE
from ssmd.secmaster.scores import Scored

LOOK_S: Final = 1.0
"""Between two looks at the services, in seconds."""
LEDGER_S: Final = 30.0
"""Between two looks at the ledger."""
SCORES_S: Final = 30.0
"""Between two looks at the verdicts on quality."""
_FIRST_S: Final = 5.0
"""Longest wait of a question for the very first look, in seconds."""
_SCORED_DAYS: Final = 30
"""A verdict that is older says nothing about today."""


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """The newest verdict on a feed.

    Attributes:
        score: 0..100; None when nothing of it counted.
        grade: `green`, `yellow` or `red`.
        date: Of which UTC day.
        running: Whether the day was not over.
        at: When it was judged, ns.
    """

    score: int | None
    grade: str
    date: str
    running: bool
    at: int


class Lookout:
    """Watches the services and the ledger of an application.

    Args:
        context: What it serves.

    Attributes:
        memory: What is known of services and feeds.
        coverage: How much of today every feed covered, as the last fold says.
        scores: The newest verdict on every feed.
        looked_at: When the last look at the services ended, ns; None before the first.
        folded_at: When the last look at the ledger ended, likewise.
        version: Goes up with every look.
    """

    def __init__(self, context: Context) -> None:
        self.memory = Memory()
        self.coverage: Mapping[str, folding.Share] = MappingProxyType({})
        self.scores: Mapping[str, Scores] = MappingProxyType({})
        self.looked_at: int | None = None
        self.folded_at: int | None = None
        self.version = 0
        self.apart = Apart()
        self._context = context
        self._first = asyncio.Event()
        self._news = asyncio.Condition()
        self._tasks = [
            asyncio.create_task(self._again(what, work, every_s), name=f"lookout-{what}")
            for what, work, every_s in (
                ("services", self.look, LOOK_S),
                ("ledger", self.fold, LEDGER_S),
                ("scores", self.judge, SCORES_S),
            )
        ]

    async def aclose(self) -> None:
        """Stop looking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ready(self) -> None:
        """Wait for the first look; whoever asks first is answered with what there is.

        Raises:
            Unavailable: There was none in time.
        """
        try:
            async with asyncio.timeout(_FIRST_S):
                await self._first.wait()
        except TimeoutError as error:
            raise Unavailable(
                "The services have not been looked at yet.", remedy="Ask again in a few seconds."
            ) from error

    async def changed(self, version: int) -> None:
        """Wait until something was looked at that is newer than a version."""
        async with self._news:
            await self._news.wait_for(lambda: self.version != version)

    def stale_s(self) -> float | None:
        """Time since the last look at the services, in seconds; None before the first."""
        return self._age(self.looked_at)

    async def look(self) -> None:
        """Look at the services."""
        context = self._context
        asked, archived = await asyncio.to_thread(self._there)
        seen = await asking.ask(asked)
        now = context.clock.now()
        self.memory.take(now, seen, archived)
        self.looked_at = now.wall
        self._first.set()
        await self._tell()

    async def fold(self) -> None:
        """Look at the ledger of today, in a process of its own."""
        await self._first.wait()
        since = folding.today(self._context.clock.wall())
        if not await asyncio.to_thread((self._context.root / layout.RAW).is_dir):
            return
        asked = folding.Covered(root=str(self._context.root), since=since)
        found = await self.apart.ask(asked, list[folding.Share])
        self.coverage = {each.feed: each for each in found}
        self.folded_at = self._context.clock.wall()
        await self._tell()

    async def judge(self) -> None:
        """Look at the verdicts on quality; a database that nobody made is not made for it."""
        await self._first.wait()
        if not self._has_database():
            return
        database = await reading.database(self._context)
        until = datetime.fromtimestamp(self._context.clock.wall() // SECOND_NS, UTC).date()
        since = until - timedelta(days=_SCORED_DAYS)
        policy = await asyncio.to_thread(load_policy)
        found = await history.scores(database, since=since, until=until)
        self.scores = {
            each.feed: _scores(each, history.feed_grade(each, policy).lower()) for each in found
        }
        await self._tell()

    def _there(self) -> tuple[list[asking.Service], list[str]]:
        """Who is to be asked, and of which feeds something is archived; in a thread."""
        context = self._context
        asked = asking.services(context.root, context.config.services, but=os.getpid())
        try:
            return asked, store.feeds(context.root)
        except ConfigError:  # nothing was recorded yet
            return asked, []

    def _has_database(self) -> bool:
        folder = layout.run_folder(self._context.root) / "postgres"
        named = self._context.database_url or os.environ.get(VARIABLE)
        return bool(named) or folder.is_dir()

    async def _again(self, what: str, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Do it for good; a failure is told, and what was known stays."""
        clock = self._context.clock
        succeeded = clock.mono()
        while True:
            began = clock.mono()
            try:
                await work()
            except (SsmdError, OSError) as error:
                telemetry.failed(what, error=error)
            except Exception as error:  # noqa: BLE001 - nobody else would be told, and the page would stand still
                telemetry.crashed(what, error=error)
            else:
                succeeded = clock.mono()
                telemetry.looked(what, seconds=succeeded - began)
            telemetry.aged(what, seconds=clock.mono() - succeeded)
            await clock.sleep(max(0.05, every_s - (clock.mono() - began)))

    async def _tell(self) -> None:
        self.version += 1
        async with self._news:
            self._news.notify_all()

    def _age(self, at: int | None) -> float | None:
        if at is None:
            return None
        return max(0.0, (self._context.clock.wall() - at) / SECOND_NS)


def lookout(context: Context) -> Lookout:
    """The lookout of an application; it begins at the first question."""
    return context.the(Lookout, Lookout)


def _scores(scored: Scored, grade: str) -> Scores:
    return Scores(
        score=scored.score,
        grade=grade,
        date=scored.day.isoformat(),
        running=scored.running,
        at=scored.at,
    )
