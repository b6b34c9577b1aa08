"""What waits for one reader: bounded, and honest about what it left out. Pure."""

from collections import deque
from collections.abc import Callable

import msgspec

from ssmd.feeds.api import LiveLimits

Encode = Callable[[str, str | None, bytes], bytes]
"""Makes the bytes of an event from its name, its id and its data (JSON)."""


class Line:
    """Events that wait for one reader.

    When there is no room, what comes is skipped and counted; the reader is told how much as soon
    as there is room again, where it would have stood.

    Args:
        limits: How much may wait, and how long a reader may take nothing of a full line.
        encode: Makes bytes of events.

    Attributes:
        skipped: How many messages were left out, in all.
    """

    def __init__(self, limits: LiveLimits, encode: Encode) -> None:
        self._limits = limits
        self._encode = encode
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._untold = 0
        self._full_since: float | None = None
        self.skipped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: bytes, now: float) -> bool:
        """Let a message wait; False when there was no room for it.

        Args:
            event: Its bytes.
            now: Monotonic time, in seconds.
        """
        if self._has_room(event):
            self._tell_skipped()
            self._push(event)
            return True
        self._untold += 1
        self.skipped += 1
        if self._full_since is None:
            self._full_since = now
        return False

    def say(self, event: bytes) -> None:
        """Let what is about the stream itself wait, whatever room there is."""
        self._tell_skipped()
        self._push(event)

    def take(self) -> bytes:
        """Everything that waits; nothing waits then."""
        self._tell_skipped()
        taken = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._full_since = None
        return taken

    def is_slow(self, now: float) -> bool:
        """Whether the line was full for too long."""
        return self._full_since is not None and now - self._full_since > self._limits.slow_s

    def _has_room(self, event: bytes) -> bool:
        limits = self._limits
        return (
            len(self._waiting) < limits.queue_messages
            and self._bytes + len(event) <= limits.queue_bytes
        ) or not self._waiting

    def _tell_skipped(self) -> None:
        if self._untold:
            data = msgspec.json.encode({"count": self._untold})
            self._untold = 0
            self._push(self._encode("skipped", None, data))

    def _push(self, event: bytes) -> None:
        self._waiting.append(event)
        self._bytes += len(event)
