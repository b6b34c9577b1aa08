"""A venue's listing, page by page: asked for, or heard again, or read from files.

A generator cannot be stopped and gone on with later, but it does the same again when it hears the same
again. So every answer of a round is kept until the round is over, and a round that goes on after a
crash replays the answers it had: the venue is asked only for the rest.
"""

import zlib
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec

from ssmd.model.rest import Catalog, Page, Request
from ssmd.runtime.clock import Clock
from ssmd.runtime.driver import Fetch, off_loop
from ssmd.secmaster.database import Session
from ssmd.secmaster.settings import SyncSettings
from ssmd.secmaster.times import moment, nanoseconds


class Fetched(msgspec.Struct, frozen=True):
    """One page.

    Attributes:
        page: What it lists.
        at: When it came, ns since the Unix epoch.
    """

    page: Page
    at: int


class Answer(msgspec.Struct, frozen=True):
    """One answer.

    Attributes:
        body: What it holds.
        at: When it came, ns since the Unix epoch.
    """

    body: bytes
    at: int


class Answers(Protocol):
    """Who answers a generator."""

    async def ask(self, request: Request) -> Answer:
        """The answer to a request."""
        ...


class Live:
    """Answers of the venue itself."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock

    async def ask(self, request: Request) -> Answer:
        """Ask; raises as the fetcher does."""
        body = await self._fetch(request)
        return Answer(body, self._clock.wall())


class Kept:
    """Answers that are kept while a round goes on, and heard again when it is gone on with.

    Args:
        live: Who answers what was not asked before.
        session: Where they are kept; a connection outside a transaction.
        number: The round's.

    Attributes:
        heard: How many answers came from an earlier attempt.
    """

    def __init__(self, live: Answers, session: Session, number: int) -> None:
        self.heard = 0
        self._live = live
        self._session = session
        self._round = number
        self._n = 0
        self._diverged = False

    async def ask(self, request: Request) -> Answer:
        """Hear it again, or ask."""
        self._n += 1
        told = repr(request)
        kept = None if self._diverged else await self._again(told)
        if kept is not None:
            self.heard += 1
            return kept
        answer = await self._live.ask(request)
        body = await off_loop(zlib.compress, answer.body)
        async with self._session.transaction():
            await self._session.execute(
                "INSERT INTO stage_answer (round, n, request, body, fetched_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                (self._round, self._n, told, body, moment(answer.at)),
            )
        return answer

    async def _again(self, told: str) -> Answer | None:
        """What was answered at this place; None when nothing was, or something else was asked."""
        async with self._session.transaction():
            cursor = await self._session.execute(
                "SELECT request, body, fetched_at FROM stage_answer WHERE round = %s AND n = %s",
                (self._round, self._n),
            )
            row = await cursor.fetchone()
            if row is not None and row["request"] == told:
                body = await off_loop(zlib.decompress, row["body"])
                return Answer(body, nanoseconds(row["fetched_at"]) or 0)
            self._diverged = True
            await self._session.execute(
                "DELETE FROM stage_answer WHERE round = %s AND n >= %s", (self._round, self._n)
            )
        return None


class NoAnswers:
    """For listings out of files, which ask for nothing."""

    async def ask(self, request: Request) -> Answer:
        """Raises ValueError: there is nobody to ask."""
        raise ValueError(f"saved bodies were to be read, and {request.path} was asked for")


async def pages(
    catalog: Catalog, answers: Answers, clock: Clock, settings: SyncSettings
) -> AsyncGenerator[Fetched, None]:
    """Every page of a listing, as it comes; at the end all of it was listed.

    Raises:
        SsmdError: A request failed.
        ValueError: A body is not what the venue documents, or the listing runs in a circle.
    """
    asked: Counter[Request] = Counter()
    at = clock.wall()
    step = await _next(catalog, None)
    try:
        while step is not None:
            if isinstance(step, Page):
                yield Fetched(step, at)
                step = await _next(catalog, b"")
                continue
            asked[step] += 1
            if asked[step] > settings.max_repeats or asked.total() > settings.max_pages:
                raise ValueError(_circle(step, asked[step], asked.total()))
            answer = await answers.ask(step)
            at = answer.at
            step = await _next(catalog, answer.body)
    finally:
        catalog.close()


def _circle(request: Request, times: int, total: int) -> str:
    return (
        f"the listing does not end: {request.path} was asked for {times} times with the same"
        f" parameters, {total} requests in all"
    )


async def _next(catalog: Catalog, body: bytes | None) -> Request | Page | None:
    def step(given: bytes | None) -> Request | Page | None:
        try:
            return next(catalog) if given is None else catalog.send(given)
        except StopIteration:
            return None

    return step(None) if body is None else await off_loop(step, body)
