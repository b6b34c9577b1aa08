"""What a segment holds, counted line by line: by its writer, by recovery, and again by `verify`."""

from typing import NotRequired, TypedDict

import msgspec

from ssmd.archive import line
from ssmd.archive.ledger.collector import Collector
from ssmd.archive.ledger.facts import Facts
from ssmd.archive.presence import Held, Presence
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.errors import Damaged
from ssmd.model.records import GapFound, decode_ledger


class _Payload(TypedDict):
    stream: str
    created: int
    sequence: int
    stored: NotRequired[int]
    """Lines of before this was known have none."""


_payload = msgspec.json.Decoder(_Payload)


class Position(msgspec.Struct, frozen=True):
    """A bus position, and which commit wrote it: the payload of a `_commit` line.

    Attributes:
        commit: The writer's counter of commits; the greatest is the newest.
        stream: Name of the stream.
        created: When the stream was created, ns.
        sequence: Everything up to here is durable.
        stored: When the bus stored the message that stands there, ns by its clock: another message
            there is another life of the stream. 0 when unknown.
    """

    commit: int
    stream: str
    created: int
    sequence: int
    stored: int = 0

    @property
    def place(self) -> tuple[int, int, int]:
        """Where it is: `created`, `sequence` and `stored`."""
        return self.created, self.sequence, self.stored

    @property
    def payload(self) -> bytes:
        """What stands in its line."""
        at: _Payload = {
            "stream": self.stream,
            "created": self.created,
            "sequence": self.sequence,
        }
        if self.stored:
            at["stored"] = self.stored
        return msgspec.json.encode(at)


class FoundGap(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's own loss, as a record in this segment tells it.

    Attributes:
        connection: On which connection.
        channel: On which channel.
        symbols: Which instruments are concerned.
        kind: How it was found.
        expected: What should have come.
        found: What came.
        ordinal: The frame that showed it.
    """

    connection: str
    channel: str
    symbols: tuple[str, ...]
    kind: str
    expected: int
    found: int
    ordinal: int | None


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines of a segment amount to.

    Attributes:
        lines: Envelopes in it; `_commit` lines are not counted.
        raw_bytes: Size of all lines uncompressed, in bytes.
        types: Envelopes by message type.
        categories: The feed's divisions that occur in it.
        first_ts: Least `ts_recv`, ns; None when no envelope has one.
        last_ts: Greatest `ts_recv`, ns.
        connections: What it holds of each connection.
        gaps: What the venue lost, in the order of the lines.
    """

    lines: int
    raw_bytes: int
    types: dict[str, int]
    categories: tuple[str, ...]
    first_ts: int | None
    last_ts: int | None
    connections: dict[str, Held]
    gaps: tuple[FoundGap, ...]


class Tally:
    """Counts the lines of one segment as they are written or read."""

    def __init__(self) -> None:
        self.lines = 0
        self.raw_bytes = 0
        self.position: Position | None = None
        self.twice: list[Envelope] = []
        """Envelopes that were counted before: none may be in a sound segment."""
        self._types: dict[str, int] = {}
        self._categories: set[str] = set()
        self._presences: dict[str, Presence] = {}
        self._gaps: list[FoundGap] = []
        self._collector = Collector()

    def read(self, text: bytes, feed: str) -> Envelope | None:
        """Count one line of a file.

        Args:
            text: The line with its newline.
            feed: The feed's name, from the path.

        Returns:
            Its envelope; None for a `_commit` line.

        Raises:
            Damaged: It is not a line of an archive.
        """
        envelope = line.decode(text, feed)
        if envelope.type != line.COMMIT:
            self.add(envelope, len(text))
            return envelope
        try:
            at = _payload.decode(envelope.payload)
        except msgspec.MsgspecError as error:
            message = f"Not a position ({error}): {text[:200]!r}."
            raise Damaged(message, remedy="Restore the segment from a copy.") from error
        commit = envelope.record or 0
        stored = at.get("stored", 0)
        position = Position(commit, at["stream"], at["created"], at["sequence"], stored)
        self.add_commit(position, len(text))
        return None

    def add(self, envelope: Envelope, size: int) -> None:
        """Count one envelope whose line has `size` bytes."""
        self.lines += 1
        self.raw_bytes += size
        kind = envelope.type
        self._types[kind] = self._types.get(kind, 0) + 1
        if envelope.category is not None:
            self._categories.add(envelope.category)
        presence = self._presences.get(envelope.connection)
        if presence is None:
            presence = self._presences[envelope.connection] = Presence()
        if not presence.add(envelope):
            self.twice.append(envelope)
        if kind == LEDGER:
            self._gap(envelope)
        self._collector.add(envelope)

    def add_commit(self, position: Position, size: int) -> None:
        """Count one `_commit` line."""
        self.raw_bytes += size
        if self.position is None or position.commit > self.position.commit:
            self.position = position

    def contents(self) -> Contents:
        """What was counted so far."""
        firsts = [p.first_ts for p in self._presences.values() if p.first_ts is not None]
        lasts = [p.last_ts for p in self._presences.values() if p.last_ts is not None]
        return Contents(
            lines=self.lines,
            raw_bytes=self.raw_bytes,
            types=dict(sorted(self._types.items())),
            categories=tuple(sorted(self._categories)),
            first_ts=min(firsts, default=None),
            last_ts=max(lasts, default=None),
            connections={c: p.held() for c, p in sorted(self._presences.items())},
            gaps=tuple(self._gaps),
        )

    def facts(self, *, feed: str, segment: str, sha256: str) -> Facts:
        """What the ledger is told of it so far.

        Args:
            feed: The feed's name.
            segment: The segment's name, relative to the root.
            sha256: Digest of the sealed segment; empty for one that is open.
        """
        held = {c: p.held() for c, p in sorted(self._presences.items())}
        return self._collector.facts(feed=feed, segment=segment, sha256=sha256, held=held)

    def _gap(self, envelope: Envelope) -> None:
        try:
            record = decode_ledger(envelope.payload)
        except (msgspec.MsgspecError, ValueError):
            return
        if isinstance(record, GapFound):
            self._gaps.append(
                FoundGap(
                    connection=envelope.connection,
                    channel=record.channel,
                    symbols=record.symbols,
                    kind=record.kind,
                    expected=record.expected,
                    found=record.found,
                    ordinal=record.ordinal,
                )
            )
