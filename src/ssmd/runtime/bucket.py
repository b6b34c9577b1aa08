"""How often we may ask: a token bucket that is told the time. Pure."""


class Bucket:
    """Tokens that fill up steadily; whoever takes more than there are waits for its turn.

    Whoever takes is in debt until the tokens are there, so that turns come in the order of asking
    and nobody has to come back.

    Args:
        per_second: How fast it fills, in tokens per second.
        burst: How many tokens it holds at most; it is full in the beginning.
        mono: The monotonic clock, in seconds.
    """

    def __init__(self, per_second: float, burst: float, mono: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._at = mono
        self._shut_until = mono

    def take(self, cost: float, mono: float) -> float:
        """Take tokens; gives how long to wait before they may be spent, in seconds."""
        if mono > self._at:
            self._tokens = min(self._burst, self._tokens + (mono - self._at) * self._per_second)
            self._at = mono
        self._tokens -= cost
        wait_s = max(0.0, -self._tokens / self._per_second)
        return max(wait_s, self._shut_until - mono)

    def shut(self, seconds: float, mono: float) -> None:
        """The venue asked to be left alone: whoever takes from now on waits at least so long."""
        self._shut_until = max(self._shut_until, mono + seconds)
