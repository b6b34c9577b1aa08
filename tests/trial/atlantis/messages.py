"""The words of the Atlantis WebSocket, version 3: one object a frame, one or two letters a key."""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ssmd.model.event import Unread
from ssmd.model.subscription import Subscription

DEPTH: Final = "depth"
DEALS: Final = "deals"
CHANNELS: Final = frozenset({DEPTH, DEALS})

WHOLE: Final = "depth_whole"
KINDS: Final = {"d": "depth", "D": WHOLE, "x": "deal"}
"""Our name of each kind of market data."""
_TALK: Final = frozenset({"hi", "held"})

HEADER: Final = "X-Trident"
"""What the token travels in."""
FIELD: Final = "token"
"""The credential's name."""

_LARGEST: Final = (1 << 63) - 1
MILLISECOND_NS: Final = 1_000_000
Count = Annotated[int, Meta(ge=0, le=_LARGEST)]
Millis = Annotated[int, Meta(ge=0, le=_LARGEST // MILLISECOND_NS)]


class Message(msgspec.Struct, gc=False):
    """Any frame, as far as a session reads it.

    Attributes:
        k: Its kind; a heartbeat has none.
        hb: How many heartbeats there were.
        i: Which request it answers.
        y: What is held now: `channel:market`.
        m: The market.
        n: How many messages about this market the socket was sent, this one included.
        t: The venue's time, Unix milliseconds.
    """

    k: str | None = None
    hb: Count | None = None
    i: Count | None = None
    y: list[str] | None = None
    m: str = ""
    n: Count | None = None
    t: Millis | None = None


class Hold(msgspec.Struct, omit_defaults=True):
    """The one command: everything we want, every time.

    Attributes:
        i: Its number.
        w: What is to be held from now on; everything else ends.
        a: What of it is to be told anew, though it is held.
        k: Its kind.
    """

    i: int
    w: list[str]
    a: list[str] = []
    k: str | None = None


class _Kind(msgspec.Struct):
    k: str | None = None


_message: Final = msgspec.json.Decoder(Message)
_kind: Final = msgspec.json.Decoder(_Kind)


def read(payload: bytes) -> Message | Unread:
    """A text frame's message, or why it is none."""
    try:
        if not payload.isascii():
            payload.decode()  # the JSON reader does not look into what it skips
        message = _message.decode(payload)
    except msgspec.ValidationError:
        return _misfit(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unread("malformed")
    return message if message.k is None else _known(message.k) or message


def _misfit(payload: bytes) -> Unread:
    """JSON that is no message of ours: of a strange kind, or of a strange shape."""
    try:
        kind = _kind.decode(payload).k
    except (msgspec.DecodeError, RecursionError):
        kind = None
    return (kind is not None and _known(kind)) or Unread("unexpected_shape")


def _known(kind: str) -> Unread | None:
    return None if kind in KINDS or kind in _TALK else Unread("unknown_channel")


def hold(number: int, wanted: Iterable[Subscription], anew: Iterable[Subscription]) -> bytes:
    """The bytes of the command."""
    return msgspec.json.encode(
        Hold(number, sorted(map(key, wanted)), sorted(map(key, anew)), "hold")
    )


def key(item: Subscription) -> str:
    """A subscription in the venue's spelling."""
    return f"{item.channel}:{item.symbol}"


def subscription(text: str) -> Subscription | None:
    """What the venue speaks of; None when it is nothing of ours."""
    channel, _, symbol = text.partition(":")
    return Subscription(channel, symbol) if channel in CHANNELS and symbol else None


def is_token(text: str) -> bool:
    """Whether it can be a token."""
    return text.isascii() and text.isprintable() and " " not in text and bool(text)
