"""Instruments that the bus told of, and the venue is to be asked about: gathered, asked, asked again."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from ssmd.model.errors import SsmdError
from ssmd.model.venue import Venue
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock
from ssmd.runtime.driver import Fetch
from ssmd.secmaster import telemetry
from ssmd.secmaster.database import Database
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.settings import KeeperSettings
from ssmd.secmaster.statement import Order

_ATTEMPTS: Final = 5
"""How often a venue is asked about what it told of and does not list yet."""
_AGAIN_S: Final = 2.0
"""Pause before it is asked again, in seconds; it doubles."""
_MOST_S: Final = 60.0


class Lookups:
    """Asks about instruments, many at once.

    Args:
        venue: Who is asked.
        database: Where its instruments are kept.
        clock: What time it is.
        settings: How many, how soon.
        early: Calls for a round, where a lookup cannot help.
    """

    def __init__(
        self,
        venue: Venue,
        database: Database,
        clock: Clock,
        settings: KeeperSettings,
        early: Callable[[], None],
    ) -> None:
        self._venue = venue
        self._database = database
        self._clock = clock
        self._settings = settings
        self._early = early
        self._wanted: dict[str, tuple[int, float]] = {}
        self._some = asyncio.Event()

    def want(self, symbols: Iterable[str]) -> None:
        """Have some instruments asked about; a venue that cannot tell has a round soon."""
        now = self._clock.mono()
        for symbol in symbols:
            if self._venue.rest.lookup is None or len(self._wanted) >= self._settings.lookups:
                self._early()
                return
            self._wanted[symbol] = (0, now)
        if self._wanted:
            self._some.set()

    async def run(self, synchroniser: Synchroniser, fetch: Fetch) -> None:
        """Ask, for ever; what fails is asked again."""
        while True:
            await self._some.wait()
            await self._clock.sleep(self._settings.lookup_s)
            now = self._clock.mono()
            due = tuple(symbol for symbol, (_, at) in self._wanted.items() if at <= now)
            if due:
                asked = {symbol: self._wanted.pop(symbol)[0] for symbol in due}
                await self._ask(asked, synchroniser, fetch)
            if not self._wanted:
                self._some.clear()

    async def _ask(self, asked: dict[str, int], synchroniser: Synchroniser, fetch: Fetch) -> None:
        telemetry.looking_up(self._venue.id, len(asked))
        order = Order(venue=self._venue, mode="lookup", symbols=tuple(asked))
        try:
            await synchroniser.run(order, fetch)
            missing = await self._missing(asked)
        except SsmdError:  # it is on record already
            missing = set(asked)
        for symbol in missing:
            attempt = asked[symbol] + 1
            if attempt < _ATTEMPTS and symbol not in self._wanted:
                pause = backoff.delay(attempt, _AGAIN_S, _MOST_S, 1.0)
                self._wanted[symbol] = (attempt, self._clock.mono() + pause)

    async def _missing(self, symbols: Iterable[str]) -> set[str]:
        """Those that the database still does not know."""
        wanted = set(symbols)
        async with self._database.session() as session:
            cursor = await session.execute(
                "SELECT symbol FROM instrument WHERE venue = %s AND symbol = ANY(%s)",
                (self._venue.id, sorted(wanted)),
            )
            return wanted - {row["symbol"] for row in await cursor.fetchall()}
