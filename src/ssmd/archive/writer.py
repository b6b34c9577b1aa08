"""The archive of one stream, as its writer sees it: append, commit, acknowledge."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from ssmd.archive import committed, identity, layout, telemetry
from ssmd.archive.chain import Chain
from ssmd.archive.contents import Position
from ssmd.archive.errors import DiskRefused
from ssmd.archive.floor import Floor
from ssmd.archive.ledger import segments
from ssmd.archive.lock import Lock
from ssmd.archive.manifest import BusLoss, Manifest
from ssmd.archive.seen import Seen
from ssmd.archive.segment import Segment
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.startup import start
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.watermark import Watermark
from ssmd.runtime.clock import Clock

_DEFAULT: Final = ArchiveSettings()


class Delivered(Protocol):
    """An envelope with the stream sequence it came from; `bus.consumer.Delivery` is one."""

    @property
    def sequence(self) -> int:
        """Its stream sequence; of its last piece, when it came in pieces."""
        ...

    @property
    def envelope(self) -> Envelope:
        """What was delivered."""
        ...


class Archive:
    """Writes one stream's envelopes, each once, and knows up to where they are durable.

    `append` takes envelopes in any order and any number of times; `commit` makes them durable
    and gives the position that may be acknowledged. After a `DiskRefused` the archive is dead:
    close it and make another, which recovers what is on disk as after a crash.

    Attributes:
        writer: The name it writes under.
        pending_bytes: Payload bytes appended and not yet committed.
    """

    def __init__(
        self,
        root: Path,
        stream: str,
        *,
        clock: Clock,
        settings: ArchiveSettings = _DEFAULT,
    ) -> None:
        """Take the writer's lock, seal what a crash left open, and learn what is archived.

        Args:
            root: The archive.
            stream: The stream it archives; an import's own name.
            clock: Tells the time.
            settings: How segments are cut.

        Raises:
            WriterBusy: A live process writes as this writer.
            DiskRefused: The disk is full or failing.
            ConfigError: The path cannot hold an archive.
            Damaged: A file the archive rests on is not what was written.
        """
        self._root = root
        self._stream = stream
        self._clock = clock
        self._settings = settings
        self._lock: Lock | None = None
        self._segments: dict[tuple[str, int], Segment] = {}
        self._pending: dict[tuple[str, int], list[Envelope]] = {}
        try:
            self.writer = layout.writer(stream, identity.ensure(root, clock.wall()).id)
            self._lock = Lock(root, self.writer)
            begun = start(root, self.writer, settings)
        except OSError as error:
            self.close()
            raise DiskRefused(root, error) from error
        except BaseException:
            self.close()
            raise
        self._chain: Chain = begun.chain
        self._seen: Seen = begun.seen
        self.pending_bytes = 0
        self._last_ts: int | None = None
        self._forget()
        position = self._chain.position
        self._commits = position.commit if position else 0
        self._created = position.created if position else 0
        self._durable = position.sequence if position else 0
        self._stored = self._durable_stored = position.stored if position else 0
        self._floor = Floor(self._durable)
        self._failure: OSError | None = None
        telemetry.writer_started(
            self.writer,
            connections=len(self._seen),
            recovered=begun.recovered,
            number=self._chain.last.number if self._chain.last else 0,
            sequence=position.sequence if position else None,
        )

    @property
    def position(self) -> Watermark | None:
        """The durable bus position, or the one adopted since; None when there never was one."""
        if not self._created:
            return None
        return Watermark(self._stream, self._created, self._durable, self._durable_stored)

    @property
    def known(self) -> list[Watermark]:
        """Durable bus positions the files tell of, the newest first."""
        return [
            Watermark(self._stream, at.created, at.sequence, at.stored)
            for at in self._chain.known()
        ]

    @property
    def open_segments(self) -> int:
        """How many segments are open."""
        return len(self._segments)

    def purgeable(self, before: int) -> int:
        """The stream sequence up to which everything was sealed before a time, ns; 0 if none."""
        return self._chain.milestone(self._created, before)

    def is_complete(self, connection: str) -> bool:
        """Whether a connection is closed and all of it is archived or declared lost."""
        return self._seen.is_complete(connection)

    def adopt(self, created: int, sequence: int, stored: int = 0) -> None:
        """Deliveries come from this incarnation of the stream, from `sequence` + 1 on.

        Drops what is uncommitted.

        Args:
            created: When the stream was created, ns.
            sequence: Everything up to here is archived, or is not in the stream.
            stored: When the bus stored the message that stands there, ns; 0 when unknown.
        """
        self._created, self._durable, self._durable_stored = created, sequence, stored
        self.discard()

    def declare_bus_loss(self, loss: BusLoss) -> None:
        """State in the next manifest that the bus had lost something before we came for it."""
        self._chain.bus_losses.append(loss)
        self._chain.rewind(0 if loss.first is None else loss.first - 1)
        telemetry.bus_lost(loss)

    def append(
        self, deliveries: Iterable[Delivered], floor: int | None = None, stored: int = 0
    ) -> int:
        """Take deliveries to be committed; those archived already are dropped and counted.

        Args:
            deliveries: In any order; the same one may come again.
            floor: The consumer's word that nothing up to this sequence is owed beyond what it
                gave; None when it gives none.
            stored: When the bus stored the message at `floor`, ns; 0 when unknown.

        Returns:
            How many were new.
        """
        new, count, before = 0, 0, self._floor.value
        feed = ""
        for delivery in deliveries:
            feed = delivery.envelope.feed
            new += self.put(delivery.envelope)
            count += 1
            self._floor.add(delivery.sequence)
        if floor is not None:
            self._floor.raise_to(floor)
        if self._floor.value != before:
            self._stored = stored if self._floor.value == floor else 0
        telemetry.duplicates_dropped(feed, self._stream, count - new)
        return new

    def put(self, envelope: Envelope, ts: int | None = None) -> bool:
        """Take one envelope that came from no stream.

        Args:
            envelope: What to archive.
            ts: The time that places it in a slot when it has no `ts_recv` itself, ns.

        Returns:
            Whether it was new.
        """
        if not self._seen.add(envelope):
            return False
        when = envelope.ts_recv if envelope.ts_recv is not None else ts
        if when is None:
            when = envelope.ts_event or self._last_ts or self._clock.wall()
        self._last_ts = when
        key = envelope.feed, layout.slot(when, self._settings.interval_s)
        batch = self._pending.get(key)
        if batch is None:
            batch = self._pending[key] = []
        batch.append(envelope)
        self.pending_bytes += len(envelope.payload)
        return True

    def discard(self) -> None:
        """Drop what was appended since the last commit: it will be delivered again."""
        self._pending.clear()
        self.pending_bytes = 0
        self._seen.discard()
        self._floor = Floor(self._durable)
        self._stored = self._durable_stored

    def commit(self) -> Watermark:
        """Make everything appended durable.

        Returns:
            What may be acknowledged: everything up to there is on disk. Its sequence is 0 when
            nothing may be.

        Raises:
            DiskRefused: The disk is full or failing; nothing was committed. Close the archive.
        """
        begun = self._clock.mono()
        try:
            self._check()
            carrier = self._write()
            self._state_position(carrier)
        except OSError as error:
            self._fail(error)
            raise DiskRefused(self._root, error) from error
        self._seen.commit()
        self._durable, self._durable_stored = self._floor.value, self._stored
        written, self._pending = self._pending, {}
        self.pending_bytes = 0
        committed.tell(
            self._stream,
            written,
            seconds=self._clock.mono() - begun,
            segments=len(self._segments),
            now=self._clock.wall(),
        )
        return Watermark(self._stream, self._created, self._durable, self._durable_stored)

    def tick(self, now: int) -> list[Manifest]:
        """Tell of holes, and seal the segments whose slot is over for longer than the grace.

        Commit first.

        Args:
            now: ns since the Unix epoch, UTC.

        Raises:
            DiskRefused: The disk is full or failing. Close the archive.
        """
        for connection, holes in self._seen.holes(
            now - int(self._settings.hole_grace_s * SECOND_NS)
        ):
            telemetry.holes_found(self._stream, connection, holes)
        telemetry.conservation(self._stream, self._seen.differences())
        grace = int(self._settings.grace_s * SECOND_NS)
        over = [
            key
            for key in self._segments
            if layout.slot_end(key[1], self._settings.interval_s) + grace <= now
        ]
        if over:
            self._forget()
        return self._seal(over)

    def seal_all(self) -> list[Manifest]:
        """Seal every open segment; commit first.

        Raises:
            DiskRefused: The disk is full or failing. Close the archive.
        """
        return self._seal(sorted(self._segments, key=lambda key: key[1]))

    def close(self) -> None:
        """Let go of files and lock; what is uncommitted is lost. Twice is fine."""
        self._abandon()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _write(self) -> Segment | None:
        """Write what is pending; all but the segment returned are synced."""
        carrier: Segment | None = None
        for key in sorted(self._pending, key=lambda key: key[1]):
            if carrier is not None:
                carrier.sync()
            carrier = self._segment(key)
            carrier.write(self._pending[key])
            carrier.last_write = self._commits + 1
        return carrier

    def _state_position(self, carrier: Segment | None) -> None:
        """Write the bus position where it belongs, and sync it with the last lines."""
        known = self._chain.position
        at = self._created, self._floor.value, self._stored
        moved = self._created != 0 and (known is None or known.place != at)
        if carrier is None and self._segments and moved:
            carrier = max(self._segments.values(), key=lambda segment: segment.last_write)
        if carrier is None and not moved:
            return
        self._commits += 1
        position = Position(self._commits, self._stream, *at)
        if carrier is not None:
            if self._created:
                carrier.write_position(position, self._clock.wall())
            carrier.sync()
        if self._created:
            self._chain.position = position
        if carrier is None:
            self._chain.write_head()

    def _segment(self, key: tuple[str, int]) -> Segment:
        """The open segment of a slot; opens a new one, sealing another if there are too many."""
        segment = self._segments.get(key)
        if segment is not None:
            return segment
        while len(self._segments) >= self._settings.open_segments:
            idle = min(self._segments, key=lambda k: (self._segments[k].last_write, k[1]))
            self._seal_one(idle)
        feed, slot = key
        index = 0
        while True:
            place = layout.place(feed, slot, self.writer, index)
            if not any((self._root / place.name(kind)).exists() for kind in layout.KINDS):
                segment = Segment(self._root, place, slot, self._settings)
                self._segments[key] = segment
                return segment
            index += 1

    def _seal(self, keys: Sequence[tuple[str, int]]) -> list[Manifest]:
        try:
            self._check()
            return [self._seal_one(key) for key in keys]
        except OSError as error:
            self._fail(error)
            raise DiskRefused(self._root, error) from error

    def _seal_one(self, key: tuple[str, int]) -> Manifest:
        begun = self._clock.mono()
        segment = self._segments[key]
        sealed = segment.finish()
        counts = self._seen.take_counts()
        made = self._chain.seal(
            segment.place,
            sealed,
            segment.tally.contents(),
            slot=segment.slot,
            interval_s=self._settings.interval_s,
            by="rotation",
            counts=counts,
        )
        del self._segments[key]
        segments.keep(self._root, segment.place, segment.tally, made.sha256)
        telemetry.segment_sealed(
            self._stream, made, seconds=self._clock.mono() - begun, now=self._clock.wall()
        )
        return made

    def _check(self) -> None:
        """Refuse everything once the disk refused something: nothing may be claimed after it."""
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: OSError) -> None:
        self._failure = error
        telemetry.disk_refused(self._stream, str(error))
        self._abandon()

    def _abandon(self) -> None:
        """Leave the open segments to recovery."""
        for segment in self._segments.values():
            segment.close()
        self._segments.clear()
        self._pending.clear()

    def _forget(self) -> None:
        if self._settings.horizon_s is not None:
            self._seen.forget(self._clock.wall() - int(self._settings.horizon_s * SECOND_NS))
