"""What was missed is asked for over REST, one span after the other, when nobody else asks."""

import asyncio
from typing import Final

import msgspec

from ssmd.connector.absence import Absences, Before
from ssmd.connector.filling import Filling
from ssmd.connector.rest import RestConnection
from ssmd.connector.settings import Tuning
from ssmd.connector.telemetry import Telemetry
from ssmd.model.errors import SsmdError
from ssmd.model.missing import Missing
from ssmd.model.rest import Rest
from ssmd.model.subscription import Subscription
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock
from ssmd.runtime.http import Http

_LOOK_S: Final = 5.0
_WAITING: Final = 20_000
"""Most spans that wait: two for each of ten thousand instruments."""
_PAUSES_S: Final = (30.0, 60.0, 120.0, 300.0, 600.0)
"""Pauses after a span that had no answer, however often it was asked for; then it is given up."""

Key = tuple[str, str]
"""A channel and a symbol."""


class _Waiting(msgspec.Struct):
    """A span that waits.

    Attributes:
        missing: What is to be asked for.
        due: Not before this time, monotonic seconds.
        failures: How often it had no answer.
    """

    missing: Missing
    due: float
    failures: int = 0


class Backfill:
    """Asks for what is missing, in the order in which it was found to be over.

    One request at a time, and only when nobody else waits to ask the same service: a connector that
    comes back with ten thousand instruments is busy with this for minutes, its discovery and its
    witnesses are not. What it gives up is said, and left to `ssmd backfill`, as is what waits when
    the process ends.

    Args:
        rest: What the venue offers.
        http: What asks.
        record: Where requests and answers are kept.
        clock: The time.
        telemetry: Told of everything.
        tuning: How much is asked for, and when.
        before: What is known of the process before this one.

    Attributes:
        absences: Finds what is missing; to be told of all connections.
        pending: How many spans wait, or are being asked for.
    """

    def __init__(
        self,
        rest: Rest,
        http: Http,
        record: RestConnection,
        *,
        clock: Clock,
        telemetry: Telemetry,
        tuning: Tuning,
        before: Before | None = None,
    ) -> None:
        self.absences = Absences(self._is_told, self.add, clock, before=before)
        self._rest = rest
        self._http = http
        self._record = record
        self._clock = clock
        self._telemetry = telemetry
        self._tuning = tuning
        self._waiting: dict[Key, list[_Waiting]] = {}
        self.pending = 0
        self._news = asyncio.Event()
        self._looked = clock.mono()

    def add(self, missing: Missing) -> None:
        """Have a span asked for; what overlaps one that waits becomes part of it."""
        if missing.symbol is None:
            self._telemetry.backfill_given_up("all_symbols", missing)
            return
        due = self._clock.mono() + self._tuning.backfill_delay_s
        for waiting in list(self._waiting.get((missing.channel, missing.symbol), ())):
            other = waiting.missing
            if other.since <= missing.until and missing.since <= other.until:
                self._take(waiting)
                self.pending -= 1
                missing = msgspec.structs.replace(
                    missing,
                    since=min(missing.since, other.since),
                    until=max(missing.until, other.until),
                    cause=other.cause,
                )
        self._put(_Waiting(self._newest(missing), due))

    def report(self) -> None:
        """Look at what is heard, and make visible how much waits; to be called every second."""
        self._telemetry.backfill_pending(self.pending)
        if self._clock.mono() - self._looked >= _LOOK_S:
            self._looked = self._clock.mono()
            self.absences.look()

    async def run(self) -> None:
        """Ask, until cancelled."""
        try:
            while True:
                waiting = await self._next()
                try:
                    pause_s = await self._ask(waiting)
                finally:
                    self.pending -= 1
                await self._clock.sleep(pause_s)
        finally:
            if pending := self.pending:
                self._telemetry.backfill_left(pending)

    def _is_told(self, subscription: Subscription) -> bool:
        probe = self._rest.history(subscription.channel, subscription.symbol or "", 0, 1)
        return probe is not None

    def _newest(self, missing: Missing) -> Missing:
        """As much of a span, from its end, as is asked for without being told to."""
        since = missing.until - round(self._tuning.backfill_span_s * SECOND_NS)
        if since <= missing.since:
            return missing
        older = msgspec.structs.replace(missing, until=since)
        self._telemetry.backfill_given_up("too_long", older)
        return msgspec.structs.replace(missing, since=since)

    def _put(self, waiting: _Waiting) -> None:
        missing = waiting.missing
        if self.pending >= _WAITING:
            self._telemetry.backfill_given_up("queue_full", missing)
            return
        self._waiting.setdefault((missing.channel, missing.symbol or ""), []).append(waiting)
        self.pending += 1
        self._news.set()

    def _take(self, waiting: _Waiting) -> None:
        key = waiting.missing.channel, waiting.missing.symbol or ""
        self._waiting[key].remove(waiting)
        if not self._waiting[key]:
            del self._waiting[key]

    async def _next(self) -> _Waiting:
        """The first span that is due, taken from the queue."""
        while True:
            self._news.clear()
            now, pause_s = self._clock.mono(), _LOOK_S
            for each in (each for waiting in self._waiting.values() for each in waiting):
                if each.due <= now:
                    self._take(each)
                    return each
                pause_s = min(pause_s, each.due - now)
            if self._waiting:
                await self._clock.sleep(pause_s)
            else:
                await self._news.wait()

    async def _ask(self, waiting: _Waiting) -> float:
        """Ask for one span; what of it cannot be had is asked for again, or given up.

        Returns:
            How long the venue is to be left alone, in seconds.
        """
        missing = waiting.missing
        symbol = missing.symbol or ""
        history = self._rest.history(missing.channel, symbol, missing.since, missing.until)
        if history is None:
            return 0.0  # nobody ever promised that it keeps one
        filling = Filling(missing, self._http, self._record)
        reason, error, pause_s = "too_many_requests", "", 0.0
        try:
            await filling.run(history, self._tuning.backfill_requests)
        except SsmdError as failure:
            error = failure.message
            reason = "unanswered" if failure.retryable else "refused"
            if failure.retryable and waiting.failures < len(_PAUSES_S):
                pause_s = _PAUSES_S[waiting.failures]
        except Exception as failure:  # noqa: BLE001 - a page that nobody understands is no reason to die
            reason, error = "unreadable", f"{type(failure).__name__}: {failure}"
        except asyncio.CancelledError:
            self._again(waiting, filling)
            raise
        self._telemetry.backfilled(missing, filling.pages, filling.facts, filling.gone)
        if pause_s:
            self._again(waiting, filling)
            return pause_s
        for left in filling.left:
            self._telemetry.backfill_given_up(reason, left, error)
        return 0.0

    def _again(self, waiting: _Waiting, filling: Filling) -> None:
        """Back into the queue with what is not settled."""
        for left in filling.left:
            self._put(_Waiting(left, waiting.due, waiting.failures + 1))
