"""What one client is to hear of a recording: its subscriptions, each from one connection. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.simulated import Owed
from ssmd.sim.replay.survey import Span
from ssmd.sim.replay.taped import Key, Taped, is_readable

Subject = tuple[str, str | None]
"""What is told: a state or message type, and the symbol; None for all symbols."""


class Begin(msgspec.Struct, frozen=True):
    """Where a state begins that later messages build on.

    Attributes:
        key: The snapshot's place.
        connection: On which connection it goes on.
    """

    key: Key
    connection: str


class Counts(msgspec.Struct):
    """What became of the frames that concern a client.

    Attributes:
        sent: Messages.
        lead: Of these, older ones that a state was built from.
        withheld: Frames left out because another connection told the same.
        without_snapshot: States that began in the middle: no snapshot of them is recorded.
    """

    sent: int = 0
    lead: int = 0
    withheld: int = 0
    without_snapshot: int = 0


class Listener:
    """Decides which messages a client is sent, and which pieces of them.

    Where several connections told the same (twins, or the overlap of a planned reconnect) each
    subject is told by one of them at a time, until that one ends; a younger one takes over earlier
    with its snapshot, if the subject is a state.

    Args:
        spans: When each connection was heard in the range.
        is_snapshot: Whether a message begins a state.
    """

    def __init__(self, spans: Mapping[str, Span], is_snapshot: Callable[[Envelope], bool]) -> None:
        self.counts = Counts()
        self._spans = spans
        self._is_snapshot = is_snapshot
        self._states: dict[tuple[str, str | None], str] = {}
        self._tellers: dict[Subject, str] = {}
        self._unbegun: set[Subject] = set()

    @property
    def kinds(self) -> Iterable[tuple[str, str | None]]:
        """Message types and symbols that are subscribed."""
        return self._states.keys()

    def change(self, owed: Iterable[Owed]) -> set[Subject]:
        """Take over what the client is subscribed to now; gives the states that begin for it."""
        before = self._states
        self._states = {(each.type, each.symbol): each.state for each in owed}
        held = {self._subject(*kind) for kind in self._states}
        begun = {
            self._subject(*kind)
            for kind, state in self._states.items()
            if state and before.get(kind) != state
        }
        self._tellers = {
            subject: teller for subject, teller in self._tellers.items() if subject in held
        }
        self._unbegun = (self._unbegun & held) | begun
        return begun

    def take(self, frame: Taped) -> bytes | None:
        """The message for the client that comes of a frame; None when there is none."""
        concerned = [piece for piece in frame.pieces if self._subjects(piece)]
        chosen = [piece for piece in concerned if self._tells(piece, frame)]
        if concerned and not chosen:
            self.counts.withheld += 1
        return self._said(frame, chosen)

    def lead(self, frames: Iterable[Taped], begins: Mapping[Subject, Begin]) -> Iterator[bytes]:
        """The messages that a state is built from, each subject from its snapshot on."""
        for subject, begin in begins.items():
            self._tellers[subject] = begin.connection
        self._unbegun -= begins.keys()
        for frame in frames:
            chosen = [
                piece
                for piece in frame.pieces
                if any(_has_begun(begins.get(each), frame) for each in self._subjects(piece))
            ]
            payload = self._said(frame, chosen)
            if payload is not None:
                self.counts.lead += 1
                yield payload

    def concerns(self, frame: Taped, subject: Subject) -> bool:
        """Whether a frame tells of a subject."""
        return any(subject in self._subjects(piece) for piece in frame.pieces)

    def begins(self, frame: Taped, subject: Subject) -> bool:
        """Whether a state begins with a frame."""
        return any(
            subject in self._subjects(piece) and self._is_snapshot(piece) for piece in frame.pieces
        )

    def _said(self, frame: Taped, chosen: Sequence[Envelope]) -> bytes | None:
        """The whole frame when all that can be read of it is wanted."""
        if not chosen:
            return None
        self.counts.sent += 1
        whole = len(chosen) == sum(map(is_readable, frame.pieces))
        return frame.payload(frame.pieces if whole else chosen)

    def _subjects(self, piece: Envelope) -> list[Subject]:
        """What of that which is subscribed a piece tells of."""
        kinds = [(piece.type, symbol) for symbol in piece.symbols] + [(piece.type, None)]
        return [self._subject(*kind) for kind in kinds if kind in self._states]

    def _subject(self, type_: str, symbol: str | None) -> Subject:
        return self._states.get((type_, symbol), "") or type_, symbol

    def _tells(self, piece: Envelope, frame: Taped) -> bool:
        """Whether this connection is the one to tell any of it; it may become so now."""
        tells = False
        for subject in self._subjects(piece):
            teller = self._tellers.get(subject)
            if teller != frame.connection and (
                teller is None or self._takes_over(piece, frame, subject, teller)
            ):
                self._tellers[subject] = teller = frame.connection
            if subject in self._unbegun:
                self._unbegun.remove(subject)
                self.counts.without_snapshot += not self._is_snapshot(piece)
            tells = tells or teller == frame.connection
        return tells

    def _takes_over(self, piece: Envelope, frame: Taped, subject: Subject, teller: str) -> bool:
        held, mine = self._spans.get(teller), self._spans.get(frame.connection)
        if held is None or held.last < frame.at:
            return True
        is_younger = mine is not None and mine.first > held.first
        is_state = bool(self._states.get((piece.type, subject[1])))
        return is_younger and is_state and self._is_snapshot(piece)


def _has_begun(begin: Begin | None, frame: Taped) -> bool:
    """Whether a frame belongs to what began."""
    return begin is not None and begin.connection == frame.connection and begin.key <= frame.key
