"""Asks a venue for a span of the past that is missing here, and puts on record what it tells."""

from collections.abc import Callable
from typing import Final

import msgspec

from ssmd.connector.rest import RestConnection
from ssmd.model.intervals import Intervals
from ssmd.model.missing import Missing
from ssmd.model.rest import History, Request, Span
from ssmd.runtime.driver import relate
from ssmd.runtime.http import Asked, Http

PURPOSE: Final = "backfill"
"""What its requests are for, as it is recorded."""


class Filling:
    """One span of one instrument on its way.

    Args:
        missing: What is asked for; its symbol is stated.
        http: What asks, after everybody else.
        record: Where it is kept.
        settled: Told of every span that is on record.

    Attributes:
        pages: Spans settled so far.
        facts: Facts in them.
        gone: Of these spans, those of which the venue keeps nothing any more.
    """

    def __init__(
        self,
        missing: Missing,
        http: Http,
        record: RestConnection,
        *,
        settled: Callable[[Span], None] = lambda _: None,
    ) -> None:
        self.pages = self.facts = self.gone = 0
        self._missing = missing
        self._http = http
        self._record = record
        self._tell = settled
        self._settled = Intervals()
        self._asked: Asked | None = None

    @property
    def left(self) -> tuple[Missing, ...]:
        """What is not settled yet."""
        missing = self._missing
        return tuple(
            msgspec.structs.replace(missing, since=first, until=last + 1)
            for first, last in self._settled.missing(missing.since, missing.until - 1)
        )

    async def run(self, history: History, max_requests: int) -> bool:
        """Ask until all is settled; gives whether it is. What is settled stays so in any case.

        Args:
            history: The venue's generator for this span.
            max_requests: Most requests it may take.

        Raises:
            SsmdError: A request failed.
            ValueError: A body is not what the venue documents.
        """
        try:
            return await relate(history, self._fetch, self._settle, max_requests)
        finally:
            self._read()

    async def _fetch(self, request: Request) -> bytes:
        return await self._http.fetch(request, PURPOSE, self._ask, patient=True)

    def _ask(self, asked: Asked) -> None:
        """An attempt is on record; the one before it, if any, has said all it had to say."""
        self._read()
        self._asked = asked
        self._record.brings(asked, self._missing.symbol or "")

    def _read(self) -> None:
        if self._asked is not None:
            self._record.read(self._asked)
            self._asked = None

    def _settle(self, span: Span) -> None:
        missing = self._missing
        if self._asked is None or not self._record.settled(
            self._asked, missing.channel, span, missing.cause
        ):
            return
        self._settled.add_range(span.since, span.until - 1)
        self.pages += 1
        self.facts += span.facts
        self.gone += span.gone
        self._tell(span)
