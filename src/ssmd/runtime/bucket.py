"""How often we may ask: a token bucket that is told the time. Pure."""

from typing import Final

_DUST_S: Final = 1e-6
"""A shorter wait is none: what rounding leaves over."""


class Bucket:
    """Tokens that fill up steadily; whoever takes more than there are waits for its turn.

    Turns come in the order of asking, and nobody gives one back: when the bucket is shut, those
    who wait are all put off alike. So whoever has waited asks again whether it has waited enough.

    Args:
        per_second: How fast it fills, in tokens per second.
        burst: How many tokens it holds at most; it is full in the beginning.
        mono: The monotonic clock, in seconds.
    """

    def __init__(self, per_second: float, burst: float, mono: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._taken = 0.0
        self._filled = burst
        self._at = mono

    def take(self, cost: float, mono: float) -> float:
        """Take tokens; gives the turn, for `wait_s`."""
        self._fill(mono)
        self._taken += cost
        return self._taken

    def wait_s(self, turn: float, mono: float) -> float:
        """How long from now until a turn has come, as things stand now; 0 when it has."""
        self._fill(mono)
        wait_s = max(0.0, self._at - mono) + max(0.0, turn - self._filled) / self._per_second
        return wait_s if wait_s > _DUST_S else 0.0

    def spare_s(self, cost: float, mono: float) -> float:
        """How long from now until tokens are there that nobody waits for, as things stand now.

        For whoever lets all others go first: it takes none before this is 0.
        """
        self._fill(mono)
        turn = self._taken + min(cost, self._burst)
        return self.wait_s(turn, mono)

    def left(self, mono: float) -> float:
        """How many tokens there are that nobody waits for."""
        self._fill(mono)
        return max(0.0, self._filled - self._taken)

    def shut(self, seconds: float, mono: float) -> None:
        """The venue asked to be left alone: nothing is filled so long, and nobody's turn comes.

        What was saved up is gone: afterwards the pace holds from the first.
        """
        self._fill(mono)
        self._filled = min(self._filled, self._taken)
        self._at = max(self._at, mono + seconds)

    def _fill(self, mono: float) -> None:
        """Every token that ever was in it is counted, and those that were taken apart."""
        if mono > self._at:
            more = (mono - self._at) * self._per_second
            self._filled = min(self._taken + self._burst, self._filled + more)
            self._at = mono
