"""Envelopes as NATS messages: the payload is the exact bytes, two headers carry the rest."""

from functools import lru_cache
from typing import Final

import msgspec

from ssmd.bus.errors import Foreign
from ssmd.model import subject as subjects
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode

ID: Final = b"Nats-Msg-Id"
"""Header the server de-duplicates by, within the stream's duplicate window."""
PROVENANCE: Final = b"Ssmd"
"""Header with everything an envelope holds beside its payload, as one JSON array."""

_START: Final = b"\r\nSsmd: "


class Message(msgspec.Struct, frozen=True, gc=False):
    """An envelope as it travels.

    Attributes:
        subject: Where it is published.
        headers: The complete header block, closing blank line included.
        payload: The envelope's exact bytes.
        id: What the server de-duplicates by.
    """

    subject: bytes
    headers: bytes
    payload: bytes
    id: bytes


class _Provenance(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Fields only ever grow at the end: an older reader skips what it does not know."""

    feed: str
    category: str | None
    type: str
    symbols: tuple[str, ...]
    connection: str
    ordinal: int | None
    record: int | None
    part: int
    parts: int
    opcode: Opcode
    sequence: int | None
    ts_event: int | None
    ts_recv: int | None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Provenance).decode


@lru_cache(maxsize=65_536)
def _subject(prefix: str, kind: str, symbols: tuple[str, ...], route: str | None) -> bytes:
    return f"{prefix}.json.{kind}.{subjects.label(symbols, route)}".encode("ascii")


def encode(prefix: str, envelope: Envelope, subject: bytes | None = None) -> Message:
    """The message that carries an envelope.

    Args:
        prefix: First tokens of the subject, `{env}.{feed}` or `{env}.{feed}.{category}`.
        envelope: What is to travel.
        subject: The whole subject, for a stream that is not divided by type and symbol.

    Raises:
        ValueError: A field holds what no header or subject can (a lone surrogate, a line break
            in the connection id).
    """
    identity = envelope.message_id.encode("ascii")
    if b"\r" in identity or b"\n" in identity:
        message = f"not a connection id: {envelope.connection!r}"
        raise ValueError(message)
    provenance = _encode(
        _Provenance(
            envelope.feed,
            envelope.category,
            envelope.type,
            envelope.symbols,
            envelope.connection,
            envelope.ordinal,
            envelope.record,
            envelope.part,
            envelope.parts,
            envelope.opcode,
            envelope.sequence,
            envelope.ts_event,
            envelope.ts_recv,
        )
    )
    return Message(
        subject or _subject(prefix, envelope.type, envelope.symbols, envelope.route),
        b"NATS/1.0\r\nNats-Msg-Id: %b\r\nSsmd: %b\r\n\r\n" % (identity, provenance),
        envelope.payload,
        identity,
    )


def decode(subject: bytes, headers: bytes, payload: bytes) -> Envelope:
    """The envelope of a message.

    Args:
        subject: Where it was published; only named in errors.
        headers: The complete header block.
        payload: The exact bytes.

    Raises:
        Foreign: The message is not one of ours.
    """
    start = headers.find(_START)
    end = headers.find(b"\r\n", start + len(_START))
    if start < 0 or end < 0:
        raise Foreign(subject.decode(errors="replace"), "it has no `Ssmd` header")
    try:
        found = _decode(headers[start + len(_START) : end])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Foreign(subject.decode(errors="replace"), str(error)) from error
    return Envelope(
        found.feed,
        found.category,
        found.type,
        found.symbols,
        found.connection,
        found.ordinal,
        found.record,
        found.part,
        found.parts,
        found.opcode,
        found.sequence,
        found.ts_event,
        found.ts_recv,
        payload,
    )


def header(headers: bytes, name: bytes) -> bytes | None:
    """The first value of a header, white space around it cut; None when there is none."""
    start = headers.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    return headers[start : headers.find(b"\r\n", start)].strip()


def status(headers: bytes) -> int:
    """The status of a header block (`NATS/1.0 503 No Responders`); 0 when it carries none."""
    line = headers[8 : headers.find(b"\r\n")].split(None, 1)
    return int(line[0]) if line and line[0].isdigit() else 0


def description(headers: bytes) -> str:
    """The words after the status of a header block."""
    line = headers[8 : headers.find(b"\r\n")].split(None, 1)
    return line[1].decode(errors="replace") if len(line) > 1 else ""
