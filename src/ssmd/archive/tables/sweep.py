"""The lines of a slot in the order in which they lie in its files: where books are not asked for.

Rows do not depend on one another then, and their flags only on all of them together. So no line
waits for one that came too late, and of a frame that cannot hold what is asked for nothing is read
but its head: how far its connection was heard, and when.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from ssmd.archive import layout
from ssmd.archive.presence import Presence
from ssmd.archive.tables.decoding import Decoding
from ssmd.archive.tables.order import COMMIT, Line, head
from ssmd.model.envelope import BACKFILL, UNREAD
from ssmd.model.errors import Damaged
from ssmd.model.fact import Fact
from ssmd.model.intervals import Intervals
from ssmd.model.venue import Venue

_COMMIT: Final = COMMIT.decode()
_OURS: Final = "_"
_NEVER: Final = -1


class _Head(msgspec.Struct, gc=False):
    """What a line begins with; the rest is passed over."""

    t: int | None
    c: str
    n: int | None
    p: int
    k: str
    m: int = 1


_head = msgspec.json.Decoder(_Head)


def _heads(texts: Sequence[bytes]) -> list[_Head]:
    """The heads of lines.

    Raises:
        Damaged: One is not a line of an archive.
    """
    read = _head.decode
    try:
        return [read(text) for text in texts]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"Not a line of an archive: {error}."
        raise Damaged(message, remedy="Restore the segment from a copy.") from error


class _Heard:
    """Which frames of a connection came, and when.

    Attributes:
        top: The greatest frame that came whole.
        first: Least `ts_recv`, ns; None when none has a time.
        last: Greatest `ts_recv`, ns; less than 0 when none has one.
        end: The last frame that did not come right after the one before it, and which piece of it.
    """

    __slots__ = ("_begun", "_frames", "_parts", "end", "first", "last", "top")

    def __init__(self) -> None:
        self.top = -1
        self.first: int | None = None
        self.last = _NEVER
        self.end = (-1, 0)
        self._begun = 0
        """Where the run begins that ends with `top`; it is put among the frames when it ends."""
        self._frames = Intervals()
        self._parts: dict[int, set[int]] = {}

    def is_new(self, ordinal: int, what: _Head) -> bool:
        """Take note of a piece of a frame; False when it came already."""
        if ordinal == self.top + 1 and what.m == 1:
            self.top = ordinal
        elif not self._is_new(ordinal, what.p, what.m):
            return False
        ts = what.t
        if ts is not None:
            if ts > self.last:  # noqa: PLR1730 - `max` takes longer, and this is for every line
                self.last = ts
            if self.first is None or ts < self.first:
                self.first = ts
        return True

    def _is_new(self, ordinal: int, part: int, parts: int) -> bool:
        """The same of one that does not come right after the greatest before it."""
        self._frames.add_range(self._begun, self.top)
        if ordinal in self._frames:
            return False
        if parts > 1:
            known = self._parts.setdefault(ordinal, set())
            if part in known:
                return False
            known.add(part)
            self.end = max(self.end, (ordinal, part))
            if len(known) < parts:
                return True
            del self._parts[ordinal]
        else:
            self.end = max(self.end, (ordinal, 0))
        self._frames.add(ordinal)
        if ordinal > self.top:
            self._begun = self.top = ordinal
        return True

    def lacks(self, presence: Presence) -> bool:
        """Whether something did not come of what a manifest tells."""
        self._frames.add_range(self._begun, self.top)
        return any(self._frames.missing(*known) for known in presence.frames) or any(
            part not in self._parts.get(ordinal, ()) and ordinal not in self._frames
            for ordinal, (_, present) in presence.parts.items()
            for first, last in present
            for part in range(first, last + 1)
        )


class Sweep:
    """Takes lines as they come.

    Attributes:
        newest: The greatest `ts_recv` so far, ns.
    """

    def __init__(
        self,
        venue: Venue,
        decoding: Decoding,
        tables: Collection[str],
        symbols: Collection[str] | None,
    ) -> None:
        """Begin.

        Args:
            venue: Whose messages they are.
            decoding: Is given what may hold something asked for, and what elections are about.
            tables: Which tables are asked for.
            symbols: Which instruments; None for all.
        """
        self.newest = 0
        self._decoding = decoding
        self._snapshots = venue.snapshots
        self._passed: dict[str, bytes | None] = {
            kind: venue.snapshots.get(kind)
            for kind, told in venue.tells.items()
            if not {_name(each) for each in told} & set(tables)
        }
        """The types that are not asked for, and what shows that a state begins in a message."""
        self._symbols = None if symbols is None else [*map(msgspec.json.encode, symbols)]
        self._heard: dict[str, _Heard] = {}

    def take(self, texts: Sequence[bytes], segment: int) -> None:
        """Take lines of a segment.

        Raises:
            Damaged: One is not a line of an archive.
        """
        heards, passed = self._heard, self._passed
        for text, what in zip(texts, _heads(texts), strict=True):
            ordinal, kind = what.n, what.k
            if ordinal is None:
                if kind != _COMMIT:
                    self.newest = max(self.newest, what.t or 0)
                    self._decode(text, segment)
                continue
            heard = heards.get(what.c)
            if heard is None:
                heard = heards[what.c] = _Heard()
            if heard.is_new(ordinal, what) and (
                kind not in passed or ((mark := passed[kind]) is not None and mark in text)
            ):
                self._look(what, text, segment)

    def settle(self) -> None:
        """Tell of how far connections were heard, as if all had been decoded in order."""
        for name, heard in self._heard.items():
            ordinal, part = max(heard.end, (heard.top, 0))
            times = None if heard.first is None else (heard.first, heard.last)
            self._decoding.connections.heard(name, ordinal, part, times)
            self.newest = max(self.newest, heard.last)

    def lacking(self, present: Mapping[str, Presence]) -> list[str]:
        """Connections of which manifests tell more than came."""
        nothing = _Heard()
        return sorted(
            name
            for name, presence in present.items()
            if self._heard.get(name, nothing).lacks(presence)
        )

    def _look(self, what: _Head, text: bytes, segment: int) -> None:
        """Decode a frame, unless its bytes alone show that it is about something else."""
        kind = what.k
        if kind.startswith(_OURS) and kind not in {BACKFILL, UNREAD}:
            self._passed[kind] = None
        elif self._symbols is None or any(symbol in text for symbol in self._symbols):
            self._decode(text, segment)
        elif (
            what.t is not None and (mark := self._snapshots.get(kind)) is not None and mark in text
        ):
            # A repair of several states may name the frame of another instrument as its end.
            self._decoding.connections.snapshot(what.c, what.n or 0, what.t, ())

    def _decode(self, text: bytes, segment: int) -> None:
        known = head(text)
        if known is None:
            message = f"Not a line of an archive: {text[:80]!r}."
            raise Damaged(message, remedy="Restore the segment from a copy.")
        self._decoding.take(Line(known, text, segment))


def _name(kind: type[msgspec.Struct]) -> str:
    """The table of rows or facts of a kind, as it is asked for."""
    table: str = kind.table  # type: ignore[attr-defined]  # rows and facts have one
    return table if issubclass(kind, Fact) else f"{layout.NATIVE}{table}"
