"""One stream into the archive: from the files' position on, acknowledged when it is durable."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine
from errno import ENOSPC
from pathlib import Path
from typing import Any, Final, TypeVar

from ssmd.archive import identity, telemetry
from ssmd.archive.errors import DiskRefused, WriterBusy
from ssmd.archive.manifest import BusLoss
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive
from ssmd.bus.consumer import Consumer
from ssmd.bus.errors import BusAway, PinLost, Rebuilt, StreamUnfit
from ssmd.bus.present import Place, Present
from ssmd.bus.settings import BusSettings
from ssmd.feeds.archiver import ArchiverConfig, Source
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop

_RETRY_S: Final = 0.5
_RETRY_CAP_S: Final = 5.0
_STANDBY_S: Final = 0.5
_TICK_S: Final = 1.0
_WHOLE_STREAM: Final = ""
"""No filter: an archiver consumes a whole stream."""

_OPENING: Final = threading.Lock()
"""Several sources begin at once, each in a thread of its own: one archive is read at a time."""
_T = TypeVar("_T")


class SourceArchiver:
    """Archives one stream for as long as its service runs.

    Attributes:
        source: What is archived.
        archive: The archive while it is ours; None while it is not.
    """

    def __init__(
        self,
        source: Source,
        config: ArchiverConfig,
        root: Path,
        bus: BusSettings,
        *,
        health: Health,
        clock: Clock,
        sealed: Callable[[str], None] = lambda _feed: None,
    ) -> None:
        """Begin with nothing open.

        Args:
            source: What is archived.
            config: How.
            root: The archive.
            bus: Where it comes from.
            health: Told whether it works.
            clock: Tells the time.
            sealed: Told the feed whenever a segment was sealed, or may have been.
        """
        self.source = source
        self.archive: Archive | None = None
        self._config = config
        self._root = root
        self._bus = bus
        self._health = health
        self._clock = clock
        self._sealed = sealed
        self._condition = f"archive-{source.stream}"
        self._uncommitted = 0
        self._committed_at = self._ticked_at = clock.mono()
        self._take_over = True
        health.set(self._condition, False, "starting")

    async def run(self, stop: Stop) -> None:
        """Archive until asked to stop; then commit, acknowledge and seal everything.

        Raises:
            Damaged: A file the archive rests on is not what was written.
            ConfigError: The path cannot hold an archive.
        """
        attempt = 0
        while not stop.requested.is_set():
            try:
                self._check_space()
                self.archive = await asyncio.to_thread(self._open_archive)
                self._sealed(self.source.feed)
                attempt = 0
                self._take_over = True  # the lock is ours: whoever held the consumer is dead
                await self._serve(self.archive, stop)
            except WriterBusy as error:
                telemetry.standby(self.source.stream, error.owner)
                self._health.set(self._condition, False, f"standby: {error.message}")
                await self._pause(stop, _STANDBY_S)
            except DiskRefused as error:
                self._health.set(self._condition, False, error.message)
                await self._pause(stop, self._delay(attempt))
                attempt += 1
            finally:
                if self.archive is not None:
                    await asyncio.to_thread(self.archive.close)
                    self.archive = None

    async def _serve(self, archive: Archive, stop: Stop) -> None:
        """Consume, through every loss of the bus, until asked to stop; then drain."""
        attempt = 0
        async with Consumer(self._clock, feed=self.source.feed) as consumer:
            while not stop.requested.is_set():
                try:
                    if not await self._open_consumer(archive, consumer, stop):
                        break
                    attempt = 0
                    self._health.set(self._condition, True)
                    await self._consume(archive, consumer, stop)
                except (Rebuilt, BusAway, StreamUnfit) as error:
                    archive.discard()
                    self._take_over = self._take_over and not isinstance(error, PinLost)
                    telemetry.source_reset(self.source.stream, error.message)
                    self._health.set(self._condition, False, error.message)
                    await self._pause(stop, self._delay(attempt))
                    attempt += 1
            await self._commit(archive, consumer)
            await asyncio.to_thread(archive.seal_all)
            self._sealed(self.source.feed)

    async def _open_consumer(self, archive: Archive, consumer: Consumer, stop: Stop) -> bool:
        """Begin where the files end; False when asked to stop before that."""
        ident = identity.ensure(self._root, self._clock.wall())
        opened = await _unless(
            stop,
            lambda: consumer.open(
                self._bus,
                self.source.stream,
                self.source.consumer or f"archive-{ident.id}",
                _WHOLE_STREAM,
                lambda present: self._begin(archive, present),
                take_over=self._take_over,
            ),
        )
        self._uncommitted = 0
        self._committed_at = self._clock.mono()
        return opened

    async def _begin(self, archive: Archive, present: Present) -> Place:
        """The position to begin after; what the bus has lost by now is declared."""
        begin, loss = await begin_after(self.source.stream, archive, present)
        if loss is not None:
            archive.declare_bus_loss(loss)
        archive.adopt(present.state.created, begin.sequence, begin.ts)
        return begin

    async def _consume(self, archive: Archive, consumer: Consumer, stop: Stop) -> None:
        commit = self._config.commit
        while not stop.requested.is_set():
            now = self._clock.mono()
            left = commit.interval_s - (now - self._committed_at)
            deliveries = await consumer.fetch(max(0.0, min(left, _TICK_S)))
            archive.append(deliveries, consumer.safe, consumer.stored)
            self._uncommitted += len(deliveries)
            if deliveries:
                ts = deliveries[-1].envelope.ts_recv
                telemetry.delivered(self.source.feed, self.source.stream, ts)
            now = self._clock.mono()
            if (
                now - self._committed_at >= commit.interval_s
                or archive.pending_bytes >= commit.bytes
                or self._uncommitted >= commit.messages
            ):
                await self._commit(archive, consumer)
                self._check_space()
            if now - self._ticked_at >= _TICK_S:
                self._ticked_at = now
                if await asyncio.to_thread(archive.tick, self._clock.wall()):
                    self._sealed(self.source.feed)

    async def _commit(self, archive: Archive, consumer: Consumer) -> None:
        """Make durable what was appended, and only then acknowledge it."""
        if not await consumer.is_sound():
            archive.discard()
            return
        mark = await asyncio.to_thread(archive.commit)
        self._uncommitted = 0
        self._committed_at = self._clock.mono()
        await consumer.ack(mark.sequence)

    def _open_archive(self) -> Archive:
        rotation = self._config.rotation
        settings = ArchiveSettings(
            interval_s=rotation.interval_s,
            grace_s=rotation.grace_s,
            open_segments=rotation.max_open_slots,
            frame_bytes=self._config.frame_bytes,
        )
        with _OPENING:
            return Archive(self._root, self.source.stream, clock=self._clock, settings=settings)

    def _check_space(self) -> None:
        """Stop while there is still room to finish what is open.

        Raises:
            DiskRefused: There is less free space than the configuration asks for.
        """
        storage = self._config.storage
        folder = next(
            each for each in (self._root, *self._root.absolute().parents) if each.is_dir()
        )
        free = shutil.disk_usage(folder).free
        telemetry.disk_free(self.source.feed, self.source.stream, free)
        if free < storage.min_free_bytes:
            reason = f"{free} bytes are free, fewer than min_free_bytes {storage.min_free_bytes}"
            raise DiskRefused(self._root, OSError(ENOSPC, reason))
        if free < storage.low_disk_bytes:
            telemetry.disk_low(self.source.stream, free)

    async def _pause(self, stop: Stop, seconds: float) -> None:
        await _unless(stop, lambda: self._clock.sleep(seconds))

    def _delay(self, attempt: int) -> float:
        return backoff.delay(attempt, _RETRY_S, _RETRY_CAP_S, 1.0)


async def begin_after(
    stream: str, archive: Archive, present: Present
) -> tuple[Place, BusLoss | None]:
    """Where to begin, and what the bus lost since the files' position.

    A position counts only where the stream still holds the message that stood there when it was
    written. If it does not, the newest earlier position counts that it does hold, and from there on
    everything comes again: what is archived is dropped, what was given an old number is not missed.

    Args:
        stream: Name of the stream.
        archive: Knows the files' positions.
        present: The stream as it is now.

    Raises:
        BusAway: The bus does not answer.
        ApiRefused: It refuses to say.
    """
    state, position = present.state, archive.position
    start = Place(max(0, state.first - 1))
    if position is None:
        return start, None
    if position.created != state.created:
        return start, BusLoss(stream, state.created, None, None)
    begin = start
    for at in (position, *archive.known):
        if at.created != state.created or at.sequence > state.last:
            continue
        if at.sequence <= start.sequence:
            break  # what stood there is purged, and so is what stood before
        place = Place(at.sequence, at.stored)
        # A line of before this was known is taken at its word, as long as nothing speaks against it.
        if (at is position and not at.stored) or await present.holds(place):
            begin = place
            break
    if begin.sequence == position.sequence and begin.ts in {0, position.stored}:
        return begin, None
    if begin.sequence > position.sequence:
        return begin, BusLoss(stream, state.created, position.sequence + 1, begin.sequence)
    return begin, BusLoss(stream, state.created, begin.sequence + 1, position.sequence)


async def _unless(stop: Stop, work: Callable[[], Coroutine[Any, Any, _T]]) -> bool:
    """Await something; False, with the work cancelled, when asked to stop before it ended."""
    task = asyncio.ensure_future(work())
    asked = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for each in (task, asked):
            each.cancel()
        await asyncio.gather(task, asked, return_exceptions=True)
