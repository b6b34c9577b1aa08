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

    async def run(self) -> None:
        """Check at once and every five minutes, purge every minute; ends when cancelled.

        Raises:
            BusAway: The bus cannot be reached; start again later.
        """
        checked: float | None = None
        async with await Streams.connect(self._bus, self._clock) as streams:
            while True:
                now = self._clock.mono()
                check = checked is None or now - checked >= CHECK_S
                checked = now if check else checked
                for source in self._sources:
                    try:
                        await self.look_after(streams, source, check=check)
                    except (ApiRefused, BusAway) as error:
                        telemetry.upkeep_failed(source.source.stream, error.message)
                await self._clock.sleep(PURGE_S)

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
                self._health.set(condition, True)
            except StreamUnfit as error:
                self._health.set(condition, False, error.message)
                return 0
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
        gone = await streams.purge_below(stream, floor + 1)
        telemetry.purged(stream, floor, gone)
        return gone
