"""The second check: every archived frame goes once more through its venue's session.

What a session finds missing in the frames must be what the records tell. It runs passively: it is
told no wants and no time, and nobody answers to what it would ask. So three things differ where the
capture was live; they are excused, and counted:

- `carried_on`: nobody sends a passive session the snapshot that repairs a book, so that it carries
  a broken book on and may find it right again, and wrong again, while the live one waits.
- `unnamed`: of a gap that concerns a whole subscription the live session names what is held, the
  passive one what it saw; the repair of what only one of them named is known to that one alone.
- `renewed`: a live session knows that it ended a subscription only to begin it anew, and compares
  the first message after that with the last before.

A connection of which frames are missing, or that is not closed, cannot be compared.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from ssmd import venues
from ssmd.archive.conservation import Problem
from ssmd.archive.hearing import hear
from ssmd.archive.presence import Range
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.event import Data, Gap, Repaired, Unsubscribed
from ssmd.model.frame import Frame, Now
from ssmd.model.records import GapFound, GapRepaired, Opened, decode_connection, decode_ledger
from ssmd.model.session import Session
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions, Venue

KIND: Final = "recheck"
"""Kind of the problems found here."""
_REPAIR: Final = "repair"
_SNAPSHOT: Final = "snapshot"
_NEVER: Final = 1 << 62


class Rechecked(msgspec.Struct, frozen=True, kw_only=True):
    """What a second hearing gave.

    Attributes:
        connections: How many connections were compared.
        frames: Frames of theirs that were heard again.
        gaps: Gaps that sessions and records agree about.
        repairs: Repairs they agree about, counted by instrument.
        excused: Differences that follow from a passive hearing, by why.
        left_out: Connections that could not be compared, by why.
        problems: Gaps and repairs that only one of the two tells of.
    """

    connections: int
    frames: int
    gaps: int
    repairs: int
    excused: dict[str, int]
    left_out: dict[str, int]
    problems: list[Problem]


class Recheck:
    """Hears an archive again, segment by segment."""

    def __init__(
        self, whole: Mapping[str, int], load: Callable[[str], Venue] = venues.load
    ) -> None:
        """Begin.

        Args:
            whole: The connections that are closed and of which nothing is missing, and how many
                frames they have.
            load: Gives the venue of a name, or raises ConfigError.
        """
        self._load = load
        self._whole = whole
        self._lives: dict[str, _Life] = {}

    def watch(self, envelope: Envelope) -> None:
        """Look at one envelope; those of a connection may come in any order."""
        life = self._lives.get(envelope.connection)
        if life is None:
            frames = self._whole.get(envelope.connection)
            life = self._lives[envelope.connection] = _Life(frames or 0, self._load)
            if frames is None:
                life.leave_out("incomplete")
        if life.left_out is None:
            life.take(envelope)

    def result(self) -> Rechecked:
        """Everything was read: compare."""
        agreed: Counter[str] = Counter()
        excused: Counter[str] = Counter()
        problems: list[Problem] = []
        for life in self._lives.values():
            life.end()
        compared = [life for life in self._lives.values() if life.left_out is None]
        for connection, life in sorted(self._lives.items()):
            if life.left_out is None:
                problems += life.compare(connection, agreed, excused)
        return Rechecked(
            connections=len(compared),
            frames=sum(life.frames for life in compared),
            gaps=agreed.total() - agreed[_REPAIR],
            repairs=agreed[_REPAIR],
            excused=dict(sorted(excused.items())),
            left_out=dict(
                sorted(
                    Counter(each.left_out for each in self._lives.values() if each.left_out).items()
                )
            ),
            problems=problems,
        )


def summed(parts: Iterable[Rechecked]) -> Rechecked:
    """What several hearings gave, as one."""
    heard = list(parts)
    excused: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for part in heard:
        excused.update(part.excused)
        left_out.update(part.left_out)
    return Rechecked(
        connections=sum(part.connections for part in heard),
        frames=sum(part.frames for part in heard),
        gaps=sum(part.gaps for part in heard),
        repairs=sum(part.repairs for part in heard),
        excused=dict(sorted(excused.items())),
        left_out=dict(sorted(left_out.items())),
        problems=[problem for part in heard for problem in part.problems],
    )


class _Sign(msgspec.Struct, frozen=True, order=True):
    """A gap, or a repair, as both sides can tell it.

    Attributes:
        ordinal: The frame that showed it.
        kind: The gap's kind; `repair`.
        channel: On which channel.
        symbol: Whose repair; empty for a gap, of which the two sides may name different ones.
    """

    ordinal: int
    kind: str
    channel: str
    symbol: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.kind, "of", self.channel, self.symbol) if word)


class _Side:
    """What one side tells of a connection."""

    def __init__(self) -> None:
        self.signs: Counter[_Sign] = Counter()
        self._named: dict[str, list[tuple[int, frozenset[str]]]] = {}

    def gap(self, ordinal: int, gap: Gap | GapFound) -> None:
        """Take in a gap that a frame showed."""
        self.signs[_Sign(ordinal, gap.kind, gap.channel)] += 1
        symbols = frozenset(symbol.casefold() for symbol in gap.symbols)
        self._named.setdefault(gap.channel, []).append((ordinal, symbols))

    def repair(self, ordinal: int, repair: Repaired | GapRepaired) -> None:
        """Take in a repair that a frame brought."""
        self.signs.update(_repairs(ordinal, repair))

    def has_named(self, sign: _Sign) -> bool:
        """Whether a gap up to a repair named its instrument."""
        return any(
            ordinal <= sign.ordinal and sign.symbol in symbols
            for ordinal, symbols in self._named.get(sign.channel, ())
        )

    def repaired_after(self, sign: _Sign) -> int:
        """The frame that next repaired what a sign is about; beyond all when none did."""
        return min(
            (
                other.ordinal
                for other in self.signs
                if (other.kind, other.channel, other.symbol) == (_REPAIR, sign.channel, sign.symbol)
                and other.ordinal > sign.ordinal
            ),
            default=_NEVER,
        )


class _Life:
    """One connection, heard again in the order of its ordinals.

    Attributes:
        left_out: Why it cannot be compared; None while it can.
        frames: How many frames were heard.
    """

    def __init__(self, frames: int, load: Callable[[str], Venue]) -> None:
        self._load = load
        self.left_out: str | None = None
        self.frames = 0
        self._last = frames
        self._session: Session | None = None
        self._is_live = True
        self._waiting: dict[int, dict[int, Envelope]] = {}
        self._told = _Side()
        self._gaps: list[tuple[int, Gap]] = []
        self._repairs: list[tuple[int, Repaired]] = []
        self._begun_anew: dict[str, set[str]] = {}
        self._first_again: set[int] = set()

    def leave_out(self, reason: str) -> None:
        """Give up comparing it."""
        self.left_out = reason
        self._waiting.clear()

    def end(self) -> None:
        """Everything was read; of a segment that is damaged not everything could be."""
        self._session = None
        if self.left_out is None and self.frames < self._last:
            self.leave_out("unreadable")

    def take(self, envelope: Envelope) -> None:
        """Take in an envelope; whatever frame is next in turn is heard."""
        if envelope.type == CONNECTION:
            self._open(envelope)
        elif envelope.type == LEDGER:
            self._tell(envelope)
        elif envelope.ordinal is not None:
            self._waiting.setdefault(envelope.ordinal, {})[envelope.part] = envelope
        while self._session is not None:
            parts = self._waiting.get(self.frames)
            if parts is None or len(parts) < next(iter(parts.values())).parts:
                return
            del self._waiting[self.frames]
            self._hear(self._session, self.frames, _joined(parts))
            self.frames += 1

    def compare(
        self, connection: str, agreed: Counter[str], excused: Counter[str]
    ) -> list[Problem]:
        """What only one side tells, the excusable counted."""
        windows = self._windows() if self._is_live else {}
        heard = self._side(windows, excused)
        told = self._told.signs
        for sign, number in (told & heard.signs).items():
            agreed[sign.kind] += number
        problems = []
        for sign in sorted((told - heard.signs) + (heard.signs - told)):
            by_records = told[sign] > heard.signs[sign]
            reason = self._excuse(sign, heard, windows, by_records=by_records)
            if reason is not None:
                excused[reason] += 1
                continue
            who = "the records tell" if by_records else "hearing the frames again shows"
            whom = (
                "hearing the frames again does not show it" if by_records else "no record tells it"
            )
            problems.append(
                Problem(
                    kind=KIND,
                    message=f"{who} a {sign}; {whom}.",
                    connection=connection,
                    ordinals=((sign.ordinal, sign.ordinal),),
                )
            )
        return problems

    def _windows(self) -> dict[tuple[str, str], list[Range]]:
        """Where a live session still waits for the snapshot of what became right by itself."""
        windows: dict[tuple[str, str], list[Range]] = {}
        for ordinal, repair in self._repairs:
            if repair.by != _SNAPSHOT:
                for sign in _repairs(ordinal, repair):
                    until = self._told.repaired_after(sign)
                    windows.setdefault((sign.channel, sign.symbol), []).append((ordinal, until))
        return windows

    def _side(self, windows: Mapping[tuple[str, str], list[Range]], excused: Counter[str]) -> _Side:
        """What was heard, without what a live session does not look at."""
        side = _Side()
        for ordinal, gap in self._gaps:
            keys = [(gap.channel, symbol.casefold()) for symbol in gap.symbols]
            if keys and all(_lies_in(ordinal, windows.get(key, ())) for key in keys):
                excused["carried_on"] += 1
            else:
                side.gap(ordinal, gap)
        for ordinal, repair in self._repairs:
            if self._is_live and repair.by != _SNAPSHOT:
                excused["carried_on"] += 1
            else:
                side.repair(ordinal, repair)
        return side

    def _open(self, envelope: Envelope) -> None:
        """Make the session of a connection whose opening record comes; a closing one says nothing."""
        try:
            record = decode_connection(envelope.payload)
        except (msgspec.MsgspecError, ValueError):
            return self.leave_out("unreadable")
        if not isinstance(record, Opened):
            return None
        if record.shard == "rest":
            return self.leave_out("rest")
        try:
            venue = self._load(record.venue)
        except ConfigError:
            return self.leave_out("unknown_venue")
        index = record.shard if isinstance(record.shard, int) else 0
        options = SessionOptions(limits=venue.limits, passive=True)
        self._session = venue.session(Shard(record.feed, index, frozenset()), options)
        self._session.open(Now(envelope.ts_recv or 0, 0.0))
        self._is_live = record.source is None
        return None

    def _tell(self, envelope: Envelope) -> None:
        """Note what a record tells of a gap; what time alone showed has no frame to show it."""
        try:
            record = decode_ledger(envelope.payload)
        except (msgspec.MsgspecError, ValueError):
            return
        if isinstance(record, GapFound) and record.ordinal is not None:
            self._told.gap(record.ordinal, record)
        elif isinstance(record, GapRepaired) and record.ordinal is not None:
            self._told.repair(record.ordinal, record)

    def _hear(self, session: Session, ordinal: int, frame: Frame) -> None:
        heard = hear(session, frame)
        if heard.begins_anew:
            # A passive session stops there: it takes the frame for the first of another connection.
            self._session = None
            self.leave_out("begins_anew")
            return
        for event in heard.events:
            match event:
                case Gap():
                    self._gaps.append((ordinal, event))
                case Repaired():
                    self._repairs.append((ordinal, event))
                case Unsubscribed(item):
                    self._begun_anew[item.symbol or ""] = set()
                case Data():
                    self._note_first(ordinal, event)
                case _:
                    pass

    def _note_first(self, ordinal: int, message: Data) -> None:
        """Note the first message of its type since a subscription of its instrument ended."""
        for symbol in message.symbols:
            types = self._begun_anew.get(symbol)
            if types is not None and message.type not in types:
                types.add(message.type)
                self._first_again.add(ordinal)

    def _excuse(
        self,
        sign: _Sign,
        heard: _Side,
        windows: Mapping[tuple[str, str], list[Range]],
        *,
        by_records: bool,
    ) -> str | None:
        """Why a passive hearing may differ here; None when it may not."""
        if not self._is_live:
            return None
        if sign.kind != _REPAIR:
            return "renewed" if by_records and sign.ordinal in self._first_again else None
        if by_records and _lies_in(sign.ordinal, windows.get((sign.channel, sign.symbol), ())):
            return "carried_on"
        other = heard if by_records else self._told
        return None if other.has_named(sign) else "unnamed"


def _repairs(ordinal: int, repair: Repaired | GapRepaired) -> list[_Sign]:
    return [_Sign(ordinal, _REPAIR, repair.channel, symbol.casefold()) for symbol in repair.symbols]


def _lies_in(ordinal: int, windows: Iterable[Range]) -> bool:
    return any(first < ordinal <= last for first, last in windows)


def _joined(parts: dict[int, Envelope]) -> Frame:
    """The frame as it was received; of one that was split, white space at its end is gone."""
    first = parts[0]
    payload = first.payload
    if first.parts > 1:
        payload = b"[" + b",".join(parts[at].payload for at in range(first.parts)) + b"]"
    return Frame(payload, first.opcode, first.ts_recv or 0, 0.0)
