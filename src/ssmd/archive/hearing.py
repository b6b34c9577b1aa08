"""What a session makes of one frame, as envelopes and records will tell it."""

from collections.abc import Iterator, Sequence

import msgspec

from ssmd.model.envelope import CONTROL, UNREAD
from ssmd.model.event import Control, Data, Event, Reconnect, Unread
from ssmd.model.frame import Frame
from ssmd.model.ledger import to_record
from ssmd.model.records import Leaving, LedgerRecord
from ssmd.model.session import Session

_DISCONTINUITY = "discontinuity"


class Heard(msgspec.Struct, frozen=True):
    """A frame as its session understands it.

    Attributes:
        pieces: One for a whole frame; several when it was split.
        events: Everything the session said.
    """

    pieces: tuple[Data, ...]
    events: Sequence[Event]

    @property
    def begins_anew(self) -> bool:
        """Whether the frame belongs to a new connection: the recording holds several."""
        return self.events[:1] == [Reconnect(_DISCONTINUITY)]

    @property
    def ts_event(self) -> int | None:
        """The venue's time of the frame, ns; None when it states none."""
        return next((p.ts_event for p in self.pieces if p.ts_event is not None), None)

    def records(self, ordinal: int) -> Iterator[LedgerRecord]:
        """What the ledger is told, of the frame with this ordinal."""
        for event in self.events:
            if isinstance(event, Reconnect):
                if event.reason != _DISCONTINUITY:
                    yield Leaving(reason=event.reason)
            elif (record := to_record(event, ordinal)) is not None:
                yield record


def hear(session: Session, frame: Frame) -> Heard:
    """Ask a session; whatever it does, the frame is kept."""
    try:
        events = list(session.receive(frame))
    except Exception:  # noqa: BLE001 - a parser's bug may cost a label, never a frame
        events = []
    return Heard(_pieces(events), events)


def _pieces(events: Sequence[Event]) -> tuple[Data, ...]:
    """What the frame is archived as: data in one or several pieces, talk, or unread."""
    data = tuple(event for event in events if isinstance(event, Data))
    if data:
        return data
    for event in events:
        if isinstance(event, Control):
            return (Data(CONTROL, ts_event=event.ts_event),)
        if isinstance(event, Unread):
            break
    return (Data(UNREAD),)
