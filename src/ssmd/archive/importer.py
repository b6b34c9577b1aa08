"""Recorded frames through session and archive, without a network."""

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ssmd import __version__
from ssmd.archive import capture as captures
from ssmd.archive.capture import Recorded, Survey
from ssmd.archive.hearing import Heard, hear
from ssmd.archive.ledger.keeping import bring
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, UNREAD, Envelope
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.records import Closed, ConnectionRecord, GapFound, LedgerRecord, Opened
from ssmd.model.session import Session
from ssmd.model.subscription import Limits, Shard
from ssmd.model.timestamp import connection_id
from ssmd.model.venue import SessionOptions, Venue
from ssmd.runtime.clock import Clock

_COMMIT_BYTES: Final = 16 << 20
_TOLD: Final = 1000
_SHARD: Final = "import"
_TIME_HEX: Final = 12
_REST_BITS: Final = 42


class ImportedGap(msgspec.Struct, frozen=True, kw_only=True):
    """A hole in a venue's counter, or a checksum that failed.

    Attributes:
        connection: On which connection.
        ordinal: The frame that showed it.
        channel: On which channel.
        symbols: Which instruments are concerned.
        kind: How it was found.
        expected: What should have come.
        found: What came.
        subscription: What they count, when it is not the symbols themselves.
    """

    connection: str
    ordinal: int | None
    channel: str
    symbols: tuple[str, ...]
    kind: str
    expected: int
    found: int
    subscription: str | None


class ImportResult(msgspec.Struct, kw_only=True):
    """What an import read.

    Attributes:
        frames: Lines of the capture.
        envelopes: What they were archived as; more when frames were split.
        unread: Frames no session understood.
        by_type: Envelopes by message type.
        gaps: What the venue, or the recorder, lost.
        connections: How many connections the capture held.
        added: Envelopes and records that were not archived before.
    """

    frames: int = 0
    envelopes: int = 0
    unread: int = 0
    by_type: dict[str, int] = {}
    gaps: list[ImportedGap] = []
    connections: int = 0
    added: int = 0


def import_capture(
    capture: Path,
    feed: str,
    venue: Venue,
    root: Path,
    *,
    clock: Clock,
    parameters: Mapping[str, object] | None = None,
    limits: Limits | None = None,
    settings: ArchiveSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportResult:
    """Archive a capture as its venue's session understands it; a second time adds nothing.

    Args:
        capture: `{"ts_recv", "raw"}` JSONL, gzip or not.
        feed: The feed it becomes part of.
        venue: Whose frames they are.
        root: The archive.
        clock: Dates what has no time of its own.
        parameters: The feed's parameters of the venue.
        limits: Override of the venue's limits.
        settings: How segments are cut.
        progress: Told the frames done, and the frames there are.

    Raises:
        ConfigError: The capture is broken; nothing was imported.
        WriterBusy: Another import into this feed runs.
        DiskRefused: The disk is full or failing; repeating the import completes it.
        Damaged: A file the archive rests on is not what was written.
    """
    survey = captures.survey(capture)
    cut = msgspec.structs.replace(settings or ArchiveSettings(), horizon_s=None)
    archive = Archive(root, f"import-{feed}", clock=clock, settings=cut)
    options = SessionOptions(
        limits=limits or venue.limits, parameters=dict(parameters or {}), passive=True
    )
    try:
        run = _Import(archive, feed, venue, options, survey, capture.name, clock)
        for recorded in captures.frames(capture):
            run.take(recorded)
            if progress is not None and run.result.frames % _TOLD == 0:
                progress(run.result.frames, survey.frames)
        run.end()
        if progress is not None:
            progress(survey.frames, survey.frames)
        return run.result
    finally:
        archive.close()
        bring(root, feed, clock)


class _Import:
    """One run over a capture."""

    def __init__(
        self,
        archive: Archive,
        feed: str,
        venue: Venue,
        options: SessionOptions,
        survey: Survey,
        source: str,
        clock: Clock,
    ) -> None:
        self.result = ImportResult()
        self._archive = archive
        self._feed = feed
        self._venue = venue
        self._options = options
        self._survey = survey
        self._source = f"{source} sha256:{survey.sha256}"
        self._clock = clock
        self._session: Session | None = None
        self._connection = ""
        self._known = False
        self._ordinal = self._record = 0
        self._slot: int | None = None

    def take(self, recorded: Recorded) -> None:
        """One frame."""
        self.result.frames += 1
        frame = Frame(recorded.raw.encode(), Opcode.TEXT, recorded.ts_recv, 0.0)
        session = self._session or self._open(frame, None)
        heard = hear(session, frame)
        if heard.begins_anew and self._ordinal:
            previous = self._connection
            self._close(frame.ts_recv, "discontinuity")
            heard = hear(self._open(frame, previous), frame)
        self._keep(frame, heard)
        if self._archive.pending_bytes >= _COMMIT_BYTES:
            self._archive.commit()

    def end(self) -> None:
        """Everything was read: close, commit, seal."""
        if self._session is not None:
            self._close(None, "import")
        self._archive.commit()
        self._archive.seal_all()

    def _open(self, frame: Frame, previous: str | None) -> Session:
        """Begin a connection, with a session that never heard anything."""
        index = self.result.connections
        self.result.connections += 1
        digits = self._survey.sha256
        time = int(digits[:_TIME_HEX], 16) * 1_000_000
        rest = int(digits[_TIME_HEX:], 16) & (1 << _REST_BITS) - 1
        self._connection = connection_id(self._feed, _SHARD, time, index << _REST_BITS | rest)
        self._known = self._archive.is_complete(self._connection)
        self._ordinal = self._record = 0
        session = self._venue.session(Shard(self._feed, 0, frozenset()), self._options)
        session.open(Now(frame.ts_recv or 0, 0.0))
        self._session = session
        self._place(frame.ts_recv, None)
        self._say(
            CONNECTION,
            Opened(
                feed=self._feed,
                venue=self._venue.id,
                shard=0,
                endpoint="",
                local="",
                peer="",
                previous=previous,
                reason="import",
                version=__version__,
                host=socket.gethostname(),
                source=self._source,
            ),
            frame.ts_recv,
        )
        return session

    def _close(self, ts: int | None, reason: str) -> None:
        closed = Closed(
            last_ordinal=self._ordinal - 1, last_record=self._record, by="import", reason=reason
        )
        self._say(CONNECTION, closed, ts)
        self._session = None

    def _keep(self, frame: Frame, heard: Heard) -> None:
        """Archive a frame and what the session said of it."""
        self._place(frame.ts_recv, heard.ts_event)
        ordinal = self._ordinal
        self._ordinal += 1
        for part, piece in enumerate(heard.pieces):
            self.result.envelopes += 1
            self.result.by_type[piece.type] = self.result.by_type.get(piece.type, 0) + 1
            self._put(
                Envelope(
                    feed=self._feed,
                    category=None,
                    type=piece.type,
                    symbols=piece.symbols,
                    connection=self._connection,
                    ordinal=ordinal,
                    record=None,
                    part=part,
                    parts=len(heard.pieces),
                    opcode=frame.opcode,
                    sequence=piece.sequence,
                    ts_event=piece.ts_event,
                    ts_recv=frame.ts_recv,
                    payload=frame.payload if piece.payload is None else piece.payload,
                )
            )
        self.result.unread += any(piece.type == UNREAD for piece in heard.pieces)
        for record in heard.records(ordinal):
            self._say(LEDGER, record, frame.ts_recv)
            if isinstance(record, GapFound):
                self.result.gaps.append(
                    ImportedGap(
                        connection=self._connection,
                        ordinal=ordinal,
                        channel=record.channel,
                        symbols=record.symbols,
                        kind=record.kind,
                        expected=record.expected,
                        found=record.found,
                        subscription=record.subscription,
                    )
                )

    def _say(self, kind: str, record: ConnectionRecord | LedgerRecord, ts: int | None) -> None:
        number = self._record
        self._record += 1
        self._put(
            Envelope(
                feed=self._feed,
                category=None,
                type=kind,
                symbols=getattr(record, "symbols", ()),
                connection=self._connection,
                ordinal=None,
                record=number,
                part=0,
                parts=1,
                opcode=Opcode.TEXT,
                sequence=None,
                ts_event=None,
                ts_recv=ts,
                payload=records.encode(record),
            )
        )

    def _put(self, envelope: Envelope) -> None:
        """Archive an envelope, unless its connection was complete before this import."""
        if not self._known:
            self.result.added += self._archive.put(envelope, self._slot)

    def _place(self, ts_recv: int | None, ts_event: int | None) -> None:
        """The slot: of the receipt, else of the venue's time, else the last known, else now."""
        for ts in (ts_recv, ts_event, self._slot, self._clock.wall()):
            if ts is not None and ts >= 0:
                self._slot = ts
                return
