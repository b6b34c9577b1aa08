"""Messages that show a difference, as they were received."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.archive.store.port import Store
from ssmd.model.envelope import Envelope
from ssmd.quality.drift import days
from ssmd.quality.drift.days import Day
from ssmd.quality.drift.fingerprint import Ref, Taking, paths

MOST_TEXT: Final = 2_000
"""So many characters of a message are shown."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and where it rests.

    Attributes:
        connection: On which connection.
        ordinal: Its frame.
        part: The piece of the frame.
        ts_recv: When it was received, ns; None in imports that do not know.
        file: The segment, relative to the archive's root.
        text: What was received, as text; the beginning of it when it is long.
        is_cut: Whether there is more of it.
    """

    connection: str
    ordinal: int
    part: int
    ts_recv: int | None
    file: str
    text: str
    is_cut: bool


class Wanted(msgspec.Struct, frozen=True):
    """Which message is wanted.

    Attributes:
        type: Of which type.
        first: The message itself; with a key, the first that may be without it.
        above: Where the objects are that are looked at.
        lacks: The key that one of them should lack; empty when `first` is wanted itself.
    """

    type: str
    first: Ref
    above: str = ""
    lacks: str = ""

    def is_met(self, envelope: Envelope, ref: Ref) -> bool:
        """Whether a message is what is wanted."""
        if not self.lacks:
            return ref == self.first
        if envelope.type != self.type:
            return False
        taking = Taking()
        taking.take(self.type, envelope.payload, frozenset(envelope.symbols), ref)
        places = dict(paths(taking.fingerprint.types[self.type]))
        objects = places[self.above].of("object") if self.above in places else 0
        path = f"{self.above}.{self.lacks}" if self.above else self.lacks
        return objects > (places[path].count if path in places else 0)


def samples(store: Store, day: Day, wanted: Sequence[Wanted | None]) -> list[Sample | None]:
    """The messages that are wanted; None for those that are not found.

    Each segment is read once at most, and none that can hold nothing of what is left to find.

    Raises:
        Damaged: A sealed segment cannot be read to its end.
        Unavailable: The store does not answer.
    """
    found: list[Sample | None] = [None] * len(wanted)
    left = {index: each for index, each in enumerate(wanted) if each is not None}
    for place, kind in day.segments:
        names = {place.name(), place.name("open")}
        here = {i: each for i, each in left.items() if each.lacks or each.first.file in names}
        if not here:
            continue
        for envelope, ref in days.frames(store, place, kind):
            met = [index for index, each in here.items() if each.is_met(envelope, ref)]
            for index in met:
                found[index] = _sample(envelope, ref)
                del left[index], here[index]
            if not here:
                break
    return found


def _sample(envelope: Envelope, ref: Ref) -> Sample:
    text = envelope.payload[: MOST_TEXT * 4].decode(errors="replace")
    return Sample(
        connection=ref.connection,
        ordinal=ref.ordinal,
        part=ref.part,
        ts_recv=envelope.ts_recv,
        file=ref.file,
        text=text[:MOST_TEXT],
        is_cut=len(text) > MOST_TEXT or len(envelope.payload) > MOST_TEXT * 4,
    )
