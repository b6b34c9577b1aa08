"""One raw line: an envelope as one JSON object, and back with the exact bytes.

```
{"t":<ts_recv|null>,"c":"<connection>","n":<ordinal|null>,"r":<record, if ours>,"p":<part>,
 "m":<parts, if >1>,"k":"<type>","g":"<category, if any>","s":["<symbol>"],"q":<sequence|null>,
 "e":<ts_event|null>,"o":<opcode, if not text>,"z":"<white space cut off>","raw"|"text"|"b64":...}
```
The order is fixed and the last key is exactly one of `raw`, `text`, `b64`. `raw` holds the payload
verbatim and is used only when that cannot harm the line or its readers: valid JSON and UTF-8, no
byte below 0x20, no leading white space, no byte order mark, nested shallowly. All other UTF-8 is
`text`, the rest `b64`. The feed stands in the path. A line of type `_commit` is the archive's own:
its payload is the bus position below which everything is durable.
"""

import base64
import binascii
from functools import lru_cache
from typing import Final

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.frame import Opcode

COMMIT: Final = "_commit"
"""Type of the lines that hold a bus position."""

_CONTROLS: Final = bytes(range(32))
_SPACE: Final = b" \t\r\n"
_BLANK: Final = 0x20
_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_DEEPEST: Final = 64
"""Most levels of nesting of a `raw`: DuckDB gives up at 128."""
_SPARE: Final = 400
"""Levels left to our own readers: msgspec counts the interpreter's stack with the document's."""

_any = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.encode


class _Fields(msgspec.Struct, gc=False):
    t: int | None
    c: str
    n: int | None
    p: int
    k: str
    s: tuple[str, ...]
    q: int | None
    e: int | None
    r: int | None = None
    m: int = 1
    g: str | None = None
    o: int = 1
    z: str = ""
    raw: msgspec.Raw = msgspec.Raw()
    text: str | None = None
    b64: str | None = None


_fields = msgspec.json.Decoder(_Fields)


def encode(envelope: Envelope) -> bytes:
    """The line of an envelope, newline included."""
    ordinal, record = envelope.ordinal, envelope.record
    ts_recv, ts_event, sequence = envelope.ts_recv, envelope.ts_event, envelope.sequence
    head = '{"t":%s,"c":%s,"n":%s%s,"p":%d%s%s,"q":%s,"e":%s%s' % (  # noqa: UP031 - the fastest
        "null" if ts_recv is None else ts_recv,
        _text(envelope.connection),
        "null" if ordinal is None else ordinal,
        "" if record is None else f',"r":{record}',
        envelope.part,
        "" if envelope.parts == 1 else f',"m":{envelope.parts}',
        _label(envelope.type, envelope.category, envelope.symbols),
        "null" if sequence is None else sequence,
        "null" if ts_event is None else ts_event,
        "" if envelope.opcode == Opcode.TEXT else f',"o":{int(envelope.opcode)}',
    )
    return b"%b%b}\n" % (head.encode(), _body(envelope.payload))


def decode(line: bytes, feed: str) -> Envelope:
    """The envelope of a line, its payload byte for byte.

    Args:
        line: One line, with or without its newline.
        feed: The feed's name, from the path.

    Raises:
        Damaged: The bytes are not a line of an archive.
    """
    try:
        fields = _fields.decode(line)
        return Envelope(
            feed=feed,
            category=fields.g,
            type=fields.k,
            symbols=fields.s,
            connection=fields.c,
            ordinal=fields.n,
            record=fields.r,
            part=fields.p,
            parts=fields.m,
            opcode=Opcode(fields.o),
            sequence=fields.q,
            ts_event=fields.e,
            ts_recv=fields.t,
            payload=_payload(fields),
        )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"Not a line of an archive ({error}): {line[:80]!r}."
        raise Damaged(message, remedy="Restore the segment from a copy.") from error


def _payload(fields: _Fields) -> bytes:
    raw = bytes(fields.raw)
    if raw:
        return raw + fields.z.encode()
    if fields.text is not None:
        return fields.text.encode()
    if fields.b64 is not None:
        return base64.b64decode(fields.b64, validate=True)
    raise binascii.Error("none of raw, text, b64")


def _body(payload: bytes) -> bytes:
    """The last keys of a line: the payload in the plainest spelling that is exact."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return b',"b64":"%b"' % base64.b64encode(payload)
    trimmed = payload.rstrip(_SPACE)
    if _is_plain(trimmed):
        if len(trimmed) == len(payload):
            return b',"raw":%b' % trimmed
        return b',"z":%b,"raw":%b' % (_encode(payload[len(trimmed) :].decode()), trimmed)
    return b',"text":%b' % _encode(text)


def _is_plain(trimmed: bytes) -> bool:
    """Whether a UTF-8 payload without trailing white space can stand in a line as it is."""
    if (
        trimmed in {b"", b"null"}  # SQL could not tell a null from an absent key
        or trimmed[0] == _BLANK
        or len(trimmed.translate(None, _CONTROLS)) != len(trimmed)
    ):
        return False
    many = trimmed.count(b"[") + trimmed.count(b"{") > _DEEPEST
    if many and not _is_shallow(trimmed.translate(None, _BRACKETS)):
        return False
    try:
        _any.decode(b"[" * _SPARE + trimmed + b"]" * _SPARE if many else trimmed)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _is_shallow(brackets: bytes) -> bool:
    """Whether brackets nest no deeper than a reader can bear.

    Brackets inside strings disturb the count; such a payload may be called deep when it is not.
    """
    for _ in range(_DEEPEST):
        left = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(left) == len(brackets):
            break
        brackets = left
    return not brackets


@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    return _encode(value).decode()


@lru_cache(maxsize=16384)
def _label(type_: str, category: str | None, symbols: tuple[str, ...]) -> str:
    division = "" if category is None else f',"g":{_text(category)}'
    return f',"k":{_text(type_)}{division},"s":{_encode(symbols).decode()}'
