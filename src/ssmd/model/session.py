"""The pure conversation on one connection: no socket, no clock, no IO."""

from collections.abc import Sequence
from typing import Protocol

from ssmd.model.event import Event
from ssmd.model.frame import Frame, Now
from ssmd.model.subscription import Subscription


class Session(Protocol):
    """One connection's conversation.

    Every method gives the events that follow from what it was told, in order. A session never
    reads a clock and never sends: `Send` events are sent by its shell. For every frame, `receive`
    gives exactly one `Control`, or one `Unread`, or one or more `Data` (several only when the
    frame was split into parts; a part nobody understands has the type `_unread`), and any other
    events after them.
    """

    def open(self, now: Now) -> Sequence[Event]:
        """The socket is open; say what is to be sent first."""
        ...

    def receive(self, frame: Frame) -> Sequence[Event]:
        """A frame arrived, control frames of the WebSocket included.

        May raise anything on a frame it did not foresee: the shell keeps the frame as unread.
        """
        ...

    def want(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        """State the whole wanted set; only the difference is sent, paced by `tick`."""
        ...

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        """Ask again for what is held, for the sake of its snapshot: it seems to be frozen.

        What is not confirmed on this connection is passed over.
        """
        ...

    def tick(self, now: Now) -> Sequence[Event]:
        """Time passed: heartbeats, paced sends, answer time-outs, liveness.

        Timers read `now.mono` only.
        """
        ...

    def close(self, now: Now, code: int | None, reason: str) -> Sequence[Event]:
        """The socket is closed; nothing can be sent any more."""
        ...

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        """What the venue confirmed and did not end since."""
        ...

    @property
    def ready(self) -> bool:
        """Whether everything wanted is answered (confirmed or refused) and sent."""
        ...

    @property
    def pong_mono(self) -> float | None:
        """Monotonic time of the last pong, in seconds; None when none ever came."""
        ...
