"""Messages as readers get them: encoded once, for server-sent events and for WebSockets. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import format_rfc3339


class Position(msgspec.Struct, frozen=True, order=True):
    """Where somebody goes on in one stream of the bus.

    Attributes:
        created: When the stream was made, ns: one made anew is another.
        sequence: The first sequence that was not given.
    """

    created: int
    sequence: int


class Mark(msgspec.Struct, frozen=True):
    """Where somebody goes on who has everything so far.

    Attributes:
        ts: When the last message was received, ns; 0 before the first.
        positions: In every stream of the feed, in the order of their names.
    """

    ts: int
    positions: tuple[Position, ...]

    def text(self) -> str:
        """As an event's id."""
        return ".".join(
            [str(self.ts), *(f"{each.created}-{each.sequence}" for each in self.positions)]
        )


def parse_mark(text: str) -> Mark | None:
    """A mark from an event's id; None when it is none."""
    ts, *pairs = text.split(".")
    if not _is_number(ts) or not 1 <= len(pairs) <= 64:  # noqa: PLR2004 - no feed has more streams
        return None
    positions = []
    for pair in pairs:
        created, dash, sequence = pair.partition("-")
        if not (dash and _is_number(created) and _is_number(sequence)):
            return None
        positions.append(Position(int(created), int(sequence)))
    return Mark(int(ts), tuple(positions))


class Message:
    """A message that came.

    Args:
        envelope: What came.
        mark: Where somebody goes on who has it.

    Attributes:
        type: Its type.
        symbols: Whom it is about.
        mark: Where somebody goes on who has it.
    """

    __slots__ = ("_data", "_id", "_json", "_sse", "mark", "symbols", "type")

    def __init__(self, envelope: Envelope, mark: Mark) -> None:
        self.type = envelope.type
        self.symbols = frozenset(envelope.symbols)
        self.mark = mark
        self._id = mark.text()
        self._data = _data(envelope)
        self._sse: bytes | None = None
        self._json: bytes | None = None

    def sse(self) -> bytes:
        """As a server-sent event."""
        if self._sse is None:
            self._sse = sse("message", self._id, self._data)
        return self._sse

    def json(self) -> bytes:
        """As a message of a WebSocket, with the line end that parts it from the next."""
        if self._json is None:
            self._json = text("message", self._id, self._data)
        return self._json


def sse(event: str, mark: str | None, data: bytes) -> bytes:
    """A server-sent event; the data is one line of JSON."""
    head = b"" if mark is None else b"id: %b\n" % mark.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (head, event.encode(), data)


def text(event: str, mark: str | None, data: bytes) -> bytes:
    """The same for a WebSocket."""
    return b'{"event":%b,"id":%b,"data":%b}\n' % (
        msgspec.json.encode(event),
        msgspec.json.encode(mark),
        data,
    )


def wanted(
    message_type: str,
    symbols: frozenset[str],
    types: Sequence[str],
    names: frozenset[str] | None,
) -> bool:
    """Whether a reader wants a message: of these types, about one of these.

    What SSMD itself says of connections, and frames that nobody understood, are wanted by name alone.
    """
    if (message_type not in types) if types else message_type.startswith("_"):
        return False
    return names is None or not names.isdisjoint(symbols)


def _data(envelope: Envelope) -> bytes:
    told: dict[str, Any] = {
        "feed": envelope.feed,
        "type": envelope.type,
        "symbols": envelope.symbols,
        "ts_recv": None if envelope.ts_recv is None else format_rfc3339(envelope.ts_recv),
        "ts_event": None if envelope.ts_event is None else format_rfc3339(envelope.ts_event),
        "connection": envelope.connection,
        "ordinal": envelope.ordinal,
        "record": envelope.record,
        "part": envelope.part,
        "sequence": None if envelope.sequence is None else str(envelope.sequence),
    }
    return msgspec.json.encode({**told, **_payload(envelope.payload)})


def _payload(payload: bytes) -> dict[str, Any]:
    """JSON as it is, every digit of it; other text as text; the rest in base64."""
    if b"\n" not in payload and b"\r" not in payload:
        try:
            return {"payload": msgspec.json.decode(payload, type=msgspec.Raw)}
        except msgspec.DecodeError:
            pass
    try:
        return {"text": payload.decode()}
    except UnicodeDecodeError:
        return {"b64": payload}


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 20  # noqa: PLR2004 - 2^63 has 19 digits
