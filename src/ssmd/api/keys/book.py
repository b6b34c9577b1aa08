"""What is remembered of requests: counts by key, day and route, and the audit of what was read.

It is written in batches, beside the answers. While the database is away it waits, up to a bound; what
is beyond the bound, or is refused, is lost and counted. A connection that is lost while a batch is
committed can make it count twice.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from ssmd.api import telemetry as api_telemetry
from ssmd.api.callers import Answered, Caller, Scope
from ssmd.api.keys import telemetry
from ssmd.feeds.api import KeyLimits
from ssmd.model.errors import Unavailable
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring import audit, usage
from ssmd.secmaster.keyring.audit import Actor, Entry
from ssmd.secmaster.keyring.usage import Used

_MOST: Final = 20_000
"""So many accesses wait for the database."""
_BATCH: Final = 2_000
_REFUSED: Final = 400
_LAST_S: Final = 5.0
"""Longest time of the last writing, in seconds."""
_PRUNE_S: Final = 3_600.0


class Book:
    """Counts and the audit, until they are written.

    Args:
        limits: How often they are, and how long accesses are kept.
        clock: What time it is.
        database: Gives the database.
    """

    def __init__(
        self, limits: KeyLimits, clock: Clock, database: Callable[[], Awaitable[Database]]
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._database = database
        self._counts: dict[tuple[str, int, str], list[int]] = {}
        self._entries: deque[Entry] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._pruned: float | None = None

    def note(self, answered: Answered) -> None:
        """Remember a request that is over, if it was made with a key."""
        caller = answered.said.caller
        if caller is None or caller.key is None:
            return
        self._count(caller.key, answered)
        if _is_access(answered):
            self._entries.append(_entry(caller, caller.key, answered))
            self._trim()
        if self._writing is None:
            self._writing = asyncio.create_task(self._later())

    async def close(self) -> None:
        """Write what is left, if that can be done in a few seconds."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_S):
                await self._write()
        if self._entries:
            telemetry.lost(len(self._entries), reason="the API ended")

    async def _later(self) -> None:
        while self._counts or self._entries:
            await self._clock.sleep(self._limits.flush_s)
            await self._write()
        self._writing = None

    async def _write(self) -> None:
        await self._write_counts()
        while self._entries and await self._write_entries():
            pass
        await self._prune()
        telemetry.waiting(len(self._entries))

    async def _write_counts(self) -> None:
        taken, self._counts = self._counts, {}
        counts = [
            Used(
                key=key,
                day=datetime.fromtimestamp(day * 86_400, UTC).date(),
                route=route,
                requests=numbers[0],
                refused=numbers[1],
                bytes=numbers[2],
            )
            for (key, day, route), numbers in taken.items()
        ]
        try:
            if counts:
                await usage.add(await self._database(), counts)
        except (Unavailable, asyncio.CancelledError) as error:
            for place, numbers in taken.items():
                self._add(place, numbers)
            self._forgive("usage", error)
        except Exception as error:  # noqa: BLE001 - counting never fails a request
            api_telemetry.forgotten("usage", error=error)

    async def _write_entries(self) -> bool:
        """Write some of the audit; gives whether it is worth going on."""
        taken = [self._entries.popleft() for _ in range(min(_BATCH, len(self._entries)))]
        try:
            await audit.keep(await self._database(), taken)
        except (Unavailable, asyncio.CancelledError) as error:
            self._entries.extendleft(reversed(taken))
            self._trim()
            self._forgive("audit", error)
            return False
        except Exception as error:  # noqa: BLE001 - nor does the audit of what was read
            telemetry.lost(len(taken), reason=repr(error))
            api_telemetry.forgotten("audit", error=error)
        return True

    def _forgive(self, kind: str, error: BaseException) -> None:
        """It is tried again later, unless we are told to end."""
        if not isinstance(error, Exception):
            raise error
        api_telemetry.forgotten(kind, error=error)

    async def _prune(self) -> None:
        mono = self._clock.mono()
        if self._pruned is not None and mono - self._pruned < _PRUNE_S:
            return
        self._pruned = mono
        now = datetime.fromtimestamp(self._clock.wall() // SECOND_NS, UTC)
        try:
            until = now - timedelta(days=self._limits.audit_days)
            telemetry.pruned(await audit.prune(await self._database(), until))
        except Exception as error:  # noqa: BLE001 - it is done an hour later
            api_telemetry.forgotten("audit", error=error)

    def _count(self, key: str, answered: Answered) -> None:
        day = answered.at // SECOND_NS // 86_400
        self._add((key, day, answered.route), [1, answered.status >= _REFUSED, answered.sent])

    def _add(self, place: tuple[str, int, str], numbers: list[int]) -> None:
        known = self._counts.setdefault(place, [0, 0, 0])
        for index, number in enumerate(numbers):
            known[index] += number

    def _trim(self) -> None:
        over = len(self._entries) - _MOST
        if over > 0:
            for _ in range(over):
                self._entries.popleft()
            telemetry.lost(over, reason="the database was away for too long")


def _is_access(answered: Answered) -> bool:
    """Whether it belongs into the audit as an access: an act that was done is there already."""
    scope = answered.said.scope
    if scope is None:
        return False
    return scope is not Scope.ADMIN or answered.method == "GET" or answered.status >= _REFUSED


def _entry(caller: Caller, key: str, answered: Answered) -> Entry:
    feeds = answered.said.feeds
    return Entry(
        at=answered.at,
        kind="access",
        actor=Actor(
            key=key, name=caller.name, address=answered.address, identity=answered.identity
        ),
        action=answered.method,
        target=answered.route,
        status=answered.status,
        bytes=answered.sent,
        feeds=tuple(feeds) or None,
        details={"link": True} if caller.link else {},
    )
