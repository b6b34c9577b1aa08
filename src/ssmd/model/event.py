"""What a session can say: the closed set of events between a pure conversation and its shell."""

from typing import Literal

import msgspec

from ssmd.model.frame import Frame, Opcode
from ssmd.model.subscription import Subscription

GapKind = Literal["sequence", "checksum", "sequence_reset"]
"""How the venue's own loss was found: a hole in its counter, or a book that no longer adds up.

`sequence_reset` is a counter that went back: no loss is proved, and none can be excluded.
"""


class Data(msgspec.Struct, frozen=True, gc=False):
    """The frame just received (or one part of it) is market data of a known type.

    Attributes:
        type: Our name of the message type, as in subjects and tables.
        symbols: The instruments it speaks of, in the venue's own strings.
        sequence: The venue's own counter, when the message carries one.
        ts_event: The venue's time of the message, ns since the Unix epoch, UTC; None when unstated.
        payload: The part's exact bytes when the frame was split; None stands for the whole frame.
        route: What its subject is named for, when that is not the symbols; None otherwise.
    """

    type: str
    symbols: tuple[str, ...] = ()
    sequence: int | None = None
    ts_event: int | None = None
    payload: bytes | None = None
    route: str | None = None


class Control(msgspec.Struct, frozen=True, gc=False):
    """The frame just received is talk about the connection: an answer, a heartbeat, a status.

    Attributes:
        kind: Which sort, from a small fixed set of the venue (`ack`, `pong`, `heartbeat`,
            `status`, `error`) or the opcode's name: it is a metric label.
        ts_event: The venue's time of it, ns; None when unstated.
    """

    kind: str
    ts_event: int | None = None


class Unread(msgspec.Struct, frozen=True, gc=False):
    """The frame just received was not understood; it is kept all the same.

    Attributes:
        reason: Why, from a small fixed set (`malformed`, `unknown_channel`, `unexpected_shape`):
            it is a metric label.
    """

    reason: str


class Send(msgspec.Struct, frozen=True, gc=False):
    """Something to be sent to the venue.

    Attributes:
        payload: The exact bytes.
        opcode: Which kind of frame to send.
        secret: Whether the payload holds a credential, so that it is not recorded.
    """

    payload: bytes
    opcode: Opcode = Opcode.TEXT
    secret: bool = False


class Subscribed(msgspec.Struct, frozen=True, gc=False):
    """The venue confirmed a subscription."""

    subscription: Subscription


class Unsubscribed(msgspec.Struct, frozen=True, gc=False):
    """The venue confirmed that a subscription ended."""

    subscription: Subscription


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The venue refused a subscription; the others are not touched.

    Attributes:
        subscription: What was asked for.
        reason: The venue's own words, or `timeout` when it never answered.
    """

    subscription: Subscription
    reason: str


class Gap(msgspec.Struct, frozen=True, gc=False):
    """The venue's own counter or checksum shows that a message is missing.

    Attributes:
        channel: On which channel.
        symbols: Which instruments are concerned.
        kind: How it was found.
        expected: What should have come (next sequence, or the checksum of the book we hold).
        found: What came.
        subscription: What `expected` and `found` count, when it is not the symbols themselves.
    """

    channel: str
    symbols: tuple[str, ...]
    kind: GapKind
    expected: int
    found: int
    subscription: str | None = None


class Repaired(msgspec.Struct, frozen=True, gc=False):
    """A fresh snapshot ended a gap.

    Attributes:
        channel: On which channel.
        symbols: Which instruments are whole again.
        by: What repaired it (`snapshot`).
    """

    channel: str
    symbols: tuple[str, ...]
    by: str


class Reconnect(msgspec.Struct, frozen=True, gc=False):
    """The connection is no longer worth keeping.

    Attributes:
        reason: Why, from a small fixed set (`silence`, `pong`, `venue_asked`, `all_refused`,
            `discontinuity`, `buffer_overflow`, `unconfirmed`): it is a metric label.
    """

    reason: str


Event = (
    Data
    | Control
    | Unread
    | Send
    | Subscribed
    | Unsubscribed
    | Refused
    | Gap
    | Repaired
    | Reconnect
)


def control_frame(frame: Frame) -> Control | None:
    """The event for a WebSocket control frame; None when the frame may hold data."""
    return Control(frame.opcode.name.lower()) if frame.opcode.is_control else None
