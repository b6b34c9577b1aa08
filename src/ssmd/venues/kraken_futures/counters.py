"""Where the venue's counters stand: what a jump says, and what ends a gap.

Both `book` and `trade` are numbered per product, each with a counter of its own. In the recording
at hand (2021, ten products) every book message is one above the one before it, the first one above
its snapshot; the hundred trades of each trade snapshot follow each other, newest first, and so do
the live trades after them.
"""

import msgspec

from ssmd.model.event import Gap, GapKind, Repaired


class _Counter(msgspec.Struct, gc=False):
    """One product's counter.

    Attributes:
        last: The number of the last message; None before the first.
        hole: The lowest number that may be missing; None when nothing is.
        promised: Whether a snapshot was confirmed and has not come, so that nothing can come
            before it.
    """

    last: int | None = None
    hole: int | None = None
    promised: bool = False


class Counters:
    """The counters of one feed on one connection."""

    def __init__(self, feed: str) -> None:
        self._feed = feed
        self._kept: dict[str, _Counter] = {}

    def is_broken(self, symbol: str) -> bool:
        """Whether a gap of this product still waits for its repair."""
        kept = self._kept.get(symbol)
        return kept is not None and kept.hole is not None

    def promise(self, symbol: str) -> None:
        """A snapshot is to come before anything else: the subscription was confirmed."""
        self._of(symbol).promised = True

    def ended(self, symbol: str) -> None:
        """What comes from now on need not follow what came: the subscription ended."""
        kept = self._of(symbol)
        kept.last = None
        kept.promised = False

    def follow(self, symbol: str, found: int) -> Gap | None:
        """Take in the number of one message."""
        kept = self._of(symbol)
        last, kept.last = kept.last, found
        if last is None:
            if not kept.promised:
                return None
            last = found - 2  # the snapshot bears the number before the first message
        kept.promised = False
        expected = last + 1
        if found == expected:
            return None
        reset = found < expected
        lowest = found if reset else expected
        kept.hole = lowest if kept.hole is None else min(kept.hole, lowest)
        kind: GapKind = "sequence_reset" if reset else "sequence"
        return Gap(self._feed, (symbol,), kind, expected, found)

    def snapshot(self, symbol: str, newest: int, oldest: int | None = None) -> list[Gap | Repaired]:
        """Take in a snapshot.

        Args:
            symbol: Whose.
            newest: The number it ends with: what follows is one above.
            oldest: The number of the first message it repeats; None when it stands for all that
                ever was, as a book does.

        Returns:
            A gap before what it repeats, and the repair of an earlier one. What a trade snapshot
            does not reach back to, no later one will: it stays missing, and is not asked for again.
        """
        kept = self._of(symbol)
        last, hole = kept.last, kept.hole
        kept.last, kept.hole, kept.promised = newest, None, False
        events: list[Gap | Repaired] = []
        if oldest is not None and last is not None and oldest > last + 1:
            events.append(Gap(self._feed, (symbol,), "sequence", last + 1, oldest))
        if hole is not None and (oldest is None or oldest <= hole):
            events.append(Repaired(self._feed, (symbol,), "snapshot"))
        return events

    def _of(self, symbol: str) -> _Counter:
        kept = self._kept.get(symbol)
        if kept is None:
            kept = self._kept[symbol] = _Counter()
        return kept
