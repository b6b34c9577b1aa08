"""What is heard of each instrument, from messages as they pass by. Pure, but for what it is given."""

from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from ssmd.archive.ledger.entries import Gap, Intent, Ledger
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.records import Acknowledged, Ended, GapFound, decode_ledger
from ssmd.model.timestamp import SECOND_NS

WINDOW_S: Final = 10
"""Rates are over this long, in seconds."""
MOST: Final = 200_000
"""So many instruments are remembered; a stream that names more is not an exchange's."""
_MINUTE_NS: Final = 60 * SECOND_NS
_OURS: Final = "_"

State = Literal["live", "quiet", "down", "no answer"]
"""`live`: a message within the window; `quiet`: none, which need not be wrong; `down`: its shard."""


class InstrumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of a shard.

    Attributes:
        instrument: The venue's own string.
        shard: Which shard heard it, or is to hold it.
        state: Whether anything comes.
        rate: Messages per second over the window.
        age_s: Time since the last message, in seconds; None when none is known of.
        messages: Messages since we listen.
        gaps: Gaps since we listen, and those the ledger tells of.
        kind: Type of the last message; empty when none came since we listen.
    """

    instrument: str
    shard: str
    state: State
    rate: float
    age_s: float | None
    messages: int
    gaps: int
    kind: str


class _Known(msgspec.Struct):
    """What is known of an instrument."""

    shard: str
    last_ts: int | None = None
    messages: int = 0
    gaps: int = 0
    kind: str = ""
    seconds: deque[tuple[int, int]] = msgspec.field(default_factory=deque)


class Heard:
    """Listens to one feed.

    Args:
        feed: Its name.
        mono: When we begin, monotonic seconds.
    """

    def __init__(self, feed: str, mono: float) -> None:
        self._feed = feed
        self._began = mono
        self._counted: set[tuple[str, int | None]] = set()
        self._known: dict[str, _Known] = {}
        self._ended: set[str] = set()

    def take(self, envelope: Envelope, mono: float) -> None:
        """Count a message; a record of ours tells of gaps, and of what begins and ends.

        Args:
            envelope: The message; the payload of `_ledger` records is read, no other.
            mono: When it came to us, monotonic seconds.
        """
        if envelope.record is not None:
            if envelope.type == LEDGER and envelope.payload:
                self._record(envelope)
            return
        if envelope.type.startswith(_OURS):
            return
        shard, second = shard_of(self._feed, envelope.connection), int(mono)
        for symbol in envelope.symbols:
            known = self._of(symbol, shard)
            if known is None:
                continue
            known.shard, known.kind = shard, envelope.type
            known.messages += 1
            known.last_ts = max(known.last_ts or 0, envelope.ts_recv or 0) or None
            if known.seconds and known.seconds[-1][0] == second:
                known.seconds[-1] = second, known.seconds[-1][1] + 1
            else:
                known.seconds.append((second, 1))
                self._forget(known, second)

    def remember(self, ledger: Ledger) -> None:
        """Take what the archive tells: what is wanted and not heard yet, when it last was, its gaps."""
        for entry in ledger.entries:
            if isinstance(entry, Intent) and entry.until is None and entry.symbol is not None:
                self._of(entry.symbol, shard_of(self._feed, entry.connection))
            elif isinstance(entry, Gap):
                self._gap(entry.connection, entry.record, entry.symbols)
        for minute in ledger.activity:
            known = self._known.get(minute.symbol)
            if known is not None:
                known.last_ts = max(known.last_ts or 0, minute.minute * _MINUTE_NS)

    def rows(self, *, shard: str, wall: int, mono: float, state: str = "up") -> list[InstrumentRow]:
        """What is known of the instruments of a shard.

        Args:
            shard: Which one.
            wall: What time it is, ns since the Unix epoch.
            mono: The same, monotonic seconds.
            state: How the shard is: of one that is not up every instrument is as it is.
        """
        return [
            self._row(symbol, known, wall, mono, state)
            for symbol, known in self._known.items()
            if known.shard == shard and symbol not in self._ended
        ]

    def _row(self, symbol: str, known: _Known, wall: int, mono: float, state: str) -> InstrumentRow:
        self._forget(known, int(mono))
        heard = sum(count for _, count in known.seconds)
        now: State = "live" if heard else "quiet"
        if state in ("down", "no answer"):
            now = "down" if state == "down" else "no answer"
        return InstrumentRow(
            instrument=symbol,
            shard=known.shard,
            state=now,
            rate=heard / max(1.0, min(WINDOW_S, mono - self._began)),
            age_s=None if known.last_ts is None else max(0.0, (wall - known.last_ts) / SECOND_NS),
            messages=known.messages,
            gaps=known.gaps,
            kind=known.kind,
        )

    def _record(self, envelope: Envelope) -> None:
        try:
            record = decode_ledger(envelope.payload)
        except msgspec.MsgspecError:
            return  # of a newer version: what it tells is in the archive
        if isinstance(record, GapFound):
            self._gap(envelope.connection, envelope.record, record.symbols)
        elif isinstance(record, Acknowledged) and record.symbol is not None:
            self._ended.discard(record.symbol)
            known = self._of(record.symbol, shard_of(self._feed, envelope.connection))
            if known is not None:
                known.shard = shard_of(self._feed, envelope.connection)
        elif isinstance(record, Ended) and record.symbol is not None:
            self._ended.add(record.symbol)

    def _gap(self, connection: str, record: int | None, symbols: Iterable[str]) -> None:
        if (connection, record) in self._counted:
            return  # the ledger and the bus both tell of it
        self._counted.add((connection, record))
        for symbol in symbols:
            if (known := self._known.get(symbol)) is not None:
                known.gaps += 1

    def _of(self, symbol: str, shard: str) -> _Known | None:
        self._ended.discard(symbol)
        known = self._known.get(symbol)
        if known is None and len(self._known) < MOST:
            known = self._known[symbol] = _Known(shard=shard)
        return known

    @staticmethod
    def _forget(known: _Known, second: int) -> None:
        while known.seconds and known.seconds[0][0] <= second - WINDOW_S:
            known.seconds.popleft()


def shard_of(feed: str, connection: str) -> str:
    """The number of the shard in a connection's id, `{feed}-{shard}-{UUIDv7}`."""
    return connection.removeprefix(f"{feed}-").partition("-")[0]
