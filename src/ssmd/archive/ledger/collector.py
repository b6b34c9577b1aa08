"""What a segment tells the ledger, gathered as its envelopes pass. Pure.

This stands in the archiver's path: a frame of market data costs a few dictionary look-ups.
"""

from typing import Final

import msgspec

from ssmd.archive.ledger import anew
from ssmd.archive.ledger.facts import MINUTE_NS, Anew, Facts, Mark, Note
from ssmd.archive.presence import Held
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.records import GapFound, decode_ledger

_NEVER: Final = -1
_NONE: Final = ("",)


class _Voice:
    """The messages of one type about the same instruments, on one connection.

    Attributes:
        last: The newest, its ordinal.
        last_ts: And its time, ns.
        before: The one before it, its ordinal.
        before_ts: And its time, ns.
        since: When the minute of the last one begins, ns.
        until: When it is over, ns.
        messages: How many there were in it.
        signs: What tells, of a message of this type, that it states all anew, and of which channel.
        jumps: After how many jumps of the ordinals the last such message came that is on record.
    """

    __slots__ = (
        "before", "before_ts", "jumps", "last", "last_ts", "messages", "signs", "since", "until",
    )  # fmt: skip

    def __init__(self, signs: tuple[tuple[bytes, str], ...]) -> None:
        self.signs = signs
        self.jumps = 0
        self.last = self.before = _NEVER
        self.last_ts = self.before_ts = self.since = self.until = self.messages = 0


class _Stream:
    """The frames of one connection, as far as they passed."""

    __slots__ = ("anew", "first_ts", "jumps", "last", "last_ts", "marks", "newest_ts", "voices")

    def __init__(self, ordinal: int, ts: int) -> None:
        self.first_ts = ts
        self.newest_ts = ts
        self.last = ordinal
        self.last_ts = ts
        self.marks: dict[int, int] = {ordinal: ts}
        self.voices: dict[tuple[str, tuple[str, ...]], _Voice] = {}
        self.jumps = 1
        self.anew: list[tuple[int, int, str, tuple[str, ...]]] = []


class Collector:
    """Gathers the facts of one segment."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._notes: dict[tuple[str, int], Note] = {}
        self._activity: dict[tuple[str, int], int] = {}
        self._rights: list[Mark] = []
        self._signs = anew.signs()

    def add(self, envelope: Envelope) -> None:
        """Take in the next envelope of the segment, each once."""
        ordinal, ts = envelope.ordinal, envelope.ts_recv
        if ordinal is None:
            if envelope.type in {CONNECTION, LEDGER}:
                self._note(envelope)
            return
        if ts is None:
            return
        stream = self._streams.get(envelope.connection)
        if stream is None:
            stream = self._streams[envelope.connection] = _Stream(ordinal, ts)
        elif ordinal != stream.last + 1 and ordinal != stream.last:  # the same, for its parts
            stream.marks[stream.last] = stream.last_ts
            stream.marks[ordinal] = ts
            stream.jumps += 1
        stream.last = ordinal
        stream.last_ts = ts
        if ts > stream.newest_ts:
            stream.newest_ts = ts
        elif ts < stream.first_ts:
            stream.first_ts = ts
        if envelope.type[0] != "_":
            self._data(stream, envelope, ordinal, ts)

    def _data(self, stream: _Stream, envelope: Envelope, ordinal: int, ts: int) -> None:
        """Market data: the newest of its kind, and one more in its minute."""
        place = (envelope.type, envelope.symbols)
        voice = stream.voices.get(place)
        if voice is None:
            voice = stream.voices[place] = _Voice(self._signs.get(envelope.type, ()))
        if voice.signs and voice.jumps != stream.jumps:
            self._anew(stream, voice, envelope, ordinal, ts)
        if voice.last != ordinal:
            voice.before = voice.last
            voice.before_ts = voice.last_ts
            voice.last = ordinal
            voice.last_ts = ts
        if voice.since <= ts < voice.until:
            voice.messages += 1
            return
        _count(self._activity, envelope.symbols, voice)
        voice.since = ts - ts % MINUTE_NS
        voice.until = voice.since + MINUTE_NS
        voice.messages = 1

    def _anew(
        self, stream: _Stream, voice: _Voice, envelope: Envelope, ordinal: int, ts: int
    ) -> None:
        """Keep a message that states all anew, the first since the ordinals jumped."""
        for sign, channel in voice.signs:
            if sign in envelope.payload:
                voice.jumps = stream.jumps
                stream.anew.append((ordinal, ts, channel, envelope.symbols))

    def facts(self, *, feed: str, segment: str, sha256: str, held: dict[str, Held]) -> Facts:
        """What was gathered so far.

        Args:
            feed: The feed's name.
            segment: The segment's name, relative to the root.
            sha256: Digest of the sealed segment; empty for one that is open.
            held: What it holds of each connection, as its manifest tells.
        """
        marks = [
            Mark(connection, ordinal, ts)
            for connection, stream in self._streams.items()
            for ordinal, ts in {**stream.marks, stream.last: stream.last_ts}.items()
        ]
        activity = dict(self._activity)
        for stream in self._streams.values():
            for (_, symbols), voice in stream.voices.items():
                _count(activity, symbols, voice)
        return Facts(
            feed=feed,
            segment=segment,
            sha256=sha256,
            held=held,
            frames={
                connection: (stream.first_ts, stream.newest_ts)
                for connection, stream in sorted(self._streams.items())
            },
            notes=tuple(note for _, note in sorted(self._notes.items())),
            marks=tuple(sorted(marks)),
            activity=dict(sorted(activity.items())),
            rights=tuple(sorted(self._rights)),
            anew=tuple(
                sorted(
                    Anew(connection, ordinal, ts, channel, symbol)
                    for connection, stream in self._streams.items()
                    for ordinal, ts, channel, symbols in stream.anew
                    for symbol in symbols or _NONE
                )
            ),
        )

    def _note(self, envelope: Envelope) -> None:
        record = envelope.record
        if record is None:
            return
        connection = envelope.connection
        self._notes[connection, record] = Note(
            envelope.ts_recv, connection, record, envelope.type, envelope.payload
        )
        stream = self._streams.get(connection)
        if stream is not None and b'"gap"' in envelope.payload:
            self._before(stream, connection, record, envelope.payload)

    def _before(self, stream: _Stream, connection: str, record: int, payload: bytes) -> None:
        """Mark the last frame that was right before a gap, and the one that showed it."""
        try:
            gap = decode_ledger(payload)
        except msgspec.MsgspecError:
            return
        if not isinstance(gap, GapFound) or gap.ordinal is None:
            return
        concerned = set(gap.symbols)
        right, right_ts = _NEVER, 0
        for (kind, symbols), voice in stream.voices.items():
            if kind != gap.channel or (concerned and concerned.isdisjoint(symbols)):
                continue
            for ordinal, ts in ((voice.last, voice.last_ts), (voice.before, voice.before_ts)):
                if ordinal == gap.ordinal:
                    stream.marks[ordinal] = ts
                elif right < ordinal < gap.ordinal:
                    right, right_ts = ordinal, ts
        if right != _NEVER:
            stream.marks[right] = right_ts
            self._rights.append(Mark(connection, record, right_ts))


def _count(activity: dict[tuple[str, int], int], symbols: tuple[str, ...], voice: _Voice) -> None:
    """Put the messages of a voice's minute to those of its instruments."""
    if not voice.messages:
        return
    minute = voice.since // MINUTE_NS
    for symbol in symbols or _NONE:
        key = (symbol, minute)
        activity[key] = activity.get(key, 0) + voice.messages
