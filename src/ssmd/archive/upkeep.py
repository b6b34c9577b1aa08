"""The streams' upkeep: check them now and then, purge what is archived and old."""

from collections.abc import Sequence
from typing import Final

from ssmd.archive import telemetry
from ssmd.archive.source import SourceArchiver
from ssmd.bus.errors import ApiRefused, BusAway, StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock
from ssmd.runtime.health import Health

PURGE_S: Final = 60.0
"""Pause between two purges, in seconds."""
CHECK_S: Final = 300.0
"""Pause between two checks of the streams, in seconds."""
AGAIN_S: Final = 1.0
"""Pause before looking again at what was missing, in seconds."""


class Upkeep:
    """Looks after the streams of an archiver."""

    def __init__(
        self,
        sources: Sequence[SourceArchiver],
        bus: BusSettings,
        keep_s: float,
        *,
        health: Health,
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._bus = bus
        self._keep_s = keep_s
        self._health = health
        self._clock = clock
        self._unfit: set[str] = set()

    async def run(self) -> None:
        """Check at once and every five minutes, purge every minute; ends when cancelled.

        A bus that is away is waited for; a stream that is not fit, or not there before its
        connector is, is looked at again soon.
        """
        while True:
            try:
                async with await Streams.connect(self._bus, self._clock) as streams:
                    await self._keep(streams)
            except BusAway as error:
                for source in self._sources:
                    telemetry.upkeep_failed(source.source.stream, error.message)
                await self._clock.sleep(AGAIN_S)

    async def _keep(self, streams: Streams) -> None:
        checked: float | None = None
        while True:
            now = self._clock.mono()
            check = bool(self._unfit) or checked is None or now - checked >= CHECK_S
            checked = now if check else checked
            for source in self._sources:
                try:
                    await self.look_after(streams, source, check=check)
                except (ApiRefused, BusAway) as error:
                    telemetry.upkeep_failed(source.source.stream, error.message)
            await self._clock.sleep(AGAIN_S if self._unfit else PURGE_S)

    async def look_after(self, streams: Streams, source: SourceArchiver, *, check: bool) -> int:
        """Check one stream, and purge it; returns how many messages went.

        Raises:
            ApiRefused: The server refuses.
            BusAway: The bus does not answer.
        """
        stream = source.source.stream
        condition = f"stream-{stream}"
        if check:
            try:
                await streams.state(stream)
            except StreamUnfit as error:
                self._unfit.add(stream)
                self._health.set(condition, False, error.message)
                return 0
            self._unfit.discard(stream)
            self._health.set(condition, True)
        archive = source.archive
        if archive is None:
            return 0
        old = archive.purgeable(self._clock.wall() - int(self._keep_s * SECOND_NS))
        if not old:
            return 0
        floor = min(old, await streams.archived_floor(stream))
        state = await streams.state(stream)
        position = archive.position
        if position is None or position.created != state.created or floor < state.first:
            return 0
        # The last message stays: it tells the next writer of a chained stream where to go on.
        gone = await streams.purge_below(stream, min(floor + 1, max(1, state.last)))
        telemetry.purged(stream, floor, gone)
        return gone
