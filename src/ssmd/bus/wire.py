"""The NATS client protocol without IO: bytes in, operations out, and the commands we send.

https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec

PING: Final = b"PING\r\n"
PONG: Final = b"PONG\r\n"

_LONGEST_LINE: Final = 1 << 20
"""A control line beyond this is not the protocol: INFO of a large cluster stays far below."""


class ProtocolError(ValueError):
    """The peer does not speak the NATS protocol."""


class Msg(msgspec.Struct, frozen=True, gc=False):
    """A message delivered to one of our subscriptions.

    Attributes:
        subject: Where it was published.
        sid: Our number of the subscription.
        reply: Where an answer or acknowledgement goes; empty when none is wanted.
        headers: The complete header block; empty when there is none.
        payload: The exact bytes.
    """

    subject: bytes
    sid: int
    reply: bytes
    headers: bytes
    payload: bytes


class Info(msgspec.Struct, frozen=True):
    """What the server says about itself; fields we do not use are skipped.

    Attributes:
        version: Of the server.
        max_payload: Most bytes of headers and payload together in one message.
        tls_required: The connection must be upgraded to TLS.
        tls_available: The connection may be upgraded to TLS.
        nonce: What is to be signed by those with keys.
        connect_urls: Other servers of the cluster, `host:port`.
    """

    version: str = ""
    max_payload: int = 1 << 20
    tls_required: bool = False
    tls_available: bool = False
    nonce: str = ""
    connect_urls: tuple[str, ...] = ()


class Ping(msgspec.Struct, frozen=True):
    """The server asks whether we live."""


class Pong(msgspec.Struct, frozen=True):
    """The server lives."""


class Failure(msgspec.Struct, frozen=True):
    """The server refuses something (`-ERR`); most are followed by the end of the connection."""

    reason: str


Operation = Msg | Info | Ping | Pong | Failure

_info = msgspec.json.Decoder(Info)
_ping, _pong = Ping(), Pong()


class Parser:
    """Turns the bytes of a connection into operations, however they are cut into chunks.

    Args:
        fast: Tried first on everything buffered, which then begins at an operation: returns how
            many bytes it dealt with, 0 for none. It is how acknowledgements skip the parser.
    """

    def __init__(self, fast: Callable[[bytes], int] | None = None) -> None:
        self._fast = fast
        self._chunks: list[bytes] = []
        self._held = 0
        self._needed = 0

    def feed(self, data: bytes) -> list[Operation]:
        """The operations completed by these bytes, in order.

        Raises:
            ProtocolError: The bytes are not the protocol; nothing after them can be read.
        """
        if self._chunks:
            self._chunks.append(data)
            self._held += len(data)
            if self._held < self._needed:  # a large message: joined once, when it is complete
                return []
            data = b"".join(self._chunks)
            self._chunks.clear()
        at = self._fast(data) if self._fast is not None else 0
        operations: list[Operation] = []
        while at < len(data):
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > _LONGEST_LINE:
                    message = "a line without an end"
                    raise ProtocolError(message)
                self._needed = 0
                break
            after = self._operation(data, at, end, operations)
            if after > len(data):
                self._needed = after - at
                break
            at = after
        if at < len(data):
            self._chunks.append(data[at:])
            self._held = len(data) - at
        return operations

    def _operation(self, data: bytes, at: int, end: int, operations: list[Operation]) -> int:
        """Read one operation; returns where the next begins, beyond the data if incomplete."""
        start = end + 2
        head = data[at : at + 4].upper()
        if head == b"MSG ":
            words = data[at + 4 : end].split()
            total = _number(words[-1]) if words else 0
            after = start + total + 2
            if after <= len(data):
                operations.append(_message(words, b"", data[start : after - 2]))
                _closed(data, after)
            return after
        if head == b"HMSG":
            words = data[at + 5 : end].split()
            if len(words) < 4:  # noqa: PLR2004 - subject, sid, two sizes
                message = f"a message line of {len(words)} words"
                raise ProtocolError(message)
            size, total = _number(words[-2]), _number(words[-1])
            after = start + total + 2
            if size > total:
                message = "headers longer than the whole"
                raise ProtocolError(message)
            if after <= len(data):
                body = start + size
                operations.append(_message(words[:-1], data[start:body], data[body : after - 2]))
                _closed(data, after)
            return after
        operation = _line(data[at:end])
        if operation is not None:
            operations.append(operation)
        return start


def _line(line: bytes) -> Operation | None:
    """An operation that is one line; None for `+OK`."""
    verb, _, rest = line.partition(b" ")
    match verb.upper():
        case b"PING":
            return _ping
        case b"PONG":
            return _pong
        case b"+OK":
            return None
        case b"-ERR":
            return Failure(rest.strip().strip(b"'").decode(errors="replace"))
        case b"INFO":
            try:
                return _info.decode(rest)
            except msgspec.DecodeError as error:
                message = f"an INFO that cannot be read: {error}"
                raise ProtocolError(message) from error
    message = f"an unknown operation: {line[:32]!r}"
    raise ProtocolError(message)


def _message(words: list[bytes], headers: bytes, payload: bytes) -> Msg:
    """`words` are subject, sid, perhaps reply, and a length that is not looked at."""
    match words:
        case [subject, sid, _]:
            return Msg(subject, _number(sid), b"", headers, payload)
        case [subject, sid, reply, _]:
            return Msg(subject, _number(sid), reply, headers, payload)
    message = f"a message line of {len(words)} words"
    raise ProtocolError(message)


def _number(word: bytes) -> int:
    if not word.isdigit():
        message = f"not a number: {word[:32]!r}"
        raise ProtocolError(message)
    return int(word)


def _closed(data: bytes, after: int) -> None:
    if data[after - 2 : after] != b"\r\n":
        message = "a payload longer than announced"
        raise ProtocolError(message)


class Ack(msgspec.Struct, frozen=True, gc=False):
    """JetStream's receipt for one publish.

    Attributes:
        number: Our number of the publish, the last token of its reply subject.
        sequence: Where it is in the stream.
        duplicate: The stream had this message id already, at `sequence`.
    """

    number: int
    sequence: int
    duplicate: bool


class AckReader:
    """The fast path: whole chunks of receipts from the expected stream, read by one pattern.

    Receipts come in long runs of one shape. The run is taken only when nothing else is between
    them; whatever is not exactly that shape goes through the parser.
    """

    def __init__(self, inbox: bytes, sid: int, stream: str, take: Callable[[Ack], None]) -> None:
        self._take = take
        self._pattern = re.compile(
            rb"MSG %b\.(\d+) %d \d+\r\n"
            rb'\{"stream":"%b",(?:"domain":"[^"\r\n]*",)?'
            rb' ?"seq":(\d+)(?:,"duplicate": ?(true))?\}\r\n'
            % (re.escape(inbox), sid, re.escape(stream.encode()))
        )

    def __call__(self, data: bytes) -> int:
        """Take the receipts at the head of the data; returns how many bytes they were."""
        end = data.rfind(b"}\r\n") + 3
        if end < 3 or not data.startswith(b"MSG "):  # noqa: PLR2004 - rfind found nothing
            return 0
        found = self._pattern.findall(data, 0, end)
        if len(found) * 2 != data.count(b"\r\n", 0, end):
            return 0
        take = self._take
        for number, sequence, duplicate in found:
            take(Ack(int(number), int(sequence), duplicate == b"true"))
        return end


def connect(fields: dict[str, object]) -> bytes:
    """The command that introduces us."""
    return b"CONNECT %b\r\n" % msgspec.json.encode(fields)


def subscribe(subject: bytes, sid: int) -> bytes:
    """The command that begins a subscription."""
    return b"SUB %b %d\r\n" % (subject, sid)


def unsubscribe(sid: int) -> bytes:
    """The command that ends a subscription."""
    return b"UNSUB %d\r\n" % sid


def publish(subject: bytes, payload: bytes, reply: bytes = b"") -> bytes:
    """The command that publishes without headers."""
    return b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(payload), payload)


def publish_with_headers(subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> bytes:
    """The command that publishes with a complete header block."""
    size = len(headers)
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject,
        reply,
        size,
        size + len(payload),
        headers,
        payload,
    )
