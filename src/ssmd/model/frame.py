"""A frame: one complete WebSocket message as received, bytes untouched."""

from enum import IntEnum

import msgspec


class Opcode(IntEnum):
    """What kind of message a frame is: RFC 6455 section 5.2, and one of our own for REST."""

    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10
    REST = 100
    """A REST response body, kept like a frame."""

    @property
    def is_control(self) -> bool:
        """Whether this is a WebSocket control frame, which carries no market data."""
        return self in {Opcode.CLOSE, Opcode.PING, Opcode.PONG}


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One complete WebSocket message (or ping, pong, close; or REST response) as received.

    Attributes:
        payload: The bytes, untouched.
        opcode: What kind of message it is.
        ts_recv: When the last byte was read, ns since the Unix epoch, UTC, our clock; None only
            in imports of recordings that did not keep it.
        mono: The monotonic clock at the same moment, in seconds.
    """

    payload: bytes
    opcode: Opcode
    ts_recv: int | None
    mono: float


class Now(msgspec.Struct, frozen=True, gc=False):
    """What time it is, on both clocks; timers run on `mono` only.

    Attributes:
        wall: ns since the Unix epoch, UTC. May be stepped by the operator or by NTP.
        mono: Monotonic seconds since an arbitrary start. Never goes back.
    """

    wall: int
    mono: float
