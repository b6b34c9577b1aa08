"""PostgreSQL's text of a value as JSON, every digit kept. Pure."""

import re
from collections.abc import Callable
from typing import Final

import msgspec

Encode = Callable[[bytes], bytes]

_ENDLESS: Final = frozenset({b"infinity", b"-infinity"})
_ARRAY: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^,{}"]+)', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_UTC: Final = b"+00"

_json = msgspec.json.Encoder().encode


def text(value: bytes) -> bytes:
    """A JSON string."""
    return _json(value.decode())


def boolean(value: bytes) -> bytes:
    """`t` and `f`."""
    return b"true" if value == b"t" else b"false"


def verbatim(value: bytes) -> bytes:
    """Integers, and what is JSON already."""
    return value


def quoted(value: bytes) -> bytes:
    """A number of any length: its digits as a string."""
    return b'"' + value + b'"'


def moment(value: bytes) -> bytes:
    """RFC 3339 with microseconds; what lies beyond its years, and the ends of time, in words."""
    day, _, clock = value.partition(b" ")
    if not clock.endswith(_UTC) or len(day) != len("2026-01-01"):
        return text(value)
    seconds, _, fraction = clock[: -len(_UTC)].partition(b".")
    return b'"%bT%b.%bZ"' % (day, seconds, fraction.ljust(6, b"0"))


def until(value: bytes) -> bytes:
    """The end of a range: null while it has none."""
    return b"null" if value in _ENDLESS else moment(value)


def texts(value: bytes) -> bytes:
    """`text[]` of one dimension as a list."""
    found = []
    for inside, bare in _ARRAY.findall(value[1:-1]):
        if bare:
            found.append(None if bare.upper() == b"NULL" else bare.decode())
        else:
            found.append(_ESCAPED.sub(rb"\1", inside).decode())
    return _json(found)


_BY_OID: Final[dict[int, Encode]] = {
    16: boolean,
    20: verbatim,
    21: verbatim,
    23: verbatim,
    114: verbatim,
    3802: verbatim,
    1700: quoted,
    1009: texts,
    1184: moment,
}
_TIMESTAMPTZ: Final = 1184


def encoder(name: str, oid: int) -> Encode:
    """How a column's values are written.

    Args:
        name: The column; one whose name ends in `_to` is the end of a range.
        oid: Of its type; one we do not know is text.
    """
    if oid == _TIMESTAMPTZ and name.endswith("_to"):
        return until
    return _BY_OID.get(oid, text)
