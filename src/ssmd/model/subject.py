"""Subjects, tokens and stream names on the bus."""

import hashlib
from typing import Final

from ssmd.model.envelope import Envelope

SEVERAL: Final = "_several"
"""Token of a message about several symbols in one object."""
NONE: Final = "_none"
"""Token of a message about no symbol."""

_LONGEST: Final = 128
_KEPT: Final = 111
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def token(symbol: str) -> str:
    """A routing label for a symbol: one subject token, different for different symbols.

    `[A-Za-z0-9_-]` are kept, every other byte becomes `=XX`; over 128 characters the first 111
    stay, then `=` and 16 hex digits of the symbol's sha256.
    """
    raw = symbol.encode()
    label = "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in raw)
    if len(label) <= _LONGEST:
        return label
    return f"{label[:_KEPT]}={hashlib.sha256(raw).hexdigest()[:16]}"


def subject(prefix: str, envelope: Envelope) -> str:
    """Where an envelope is published: `{prefix}.json.{type}.{token}`."""
    return f"{prefix}.json.{envelope.type}.{label(envelope.symbols, envelope.route)}"


def label(symbols: tuple[str, ...], route: str | None = None) -> str:
    """The last token of a subject: of the route, else of the symbols a message speaks of."""
    if route is not None:
        return token(route)
    match symbols:
        case ():
            return NONE
        case (symbol,):
            return token(symbol)
        case _:
            return SEVERAL


def prefix(environment: str, feed: str, category: str | None = None) -> str:
    """The default subject prefix: `{env}.{feed}` or `{env}.{feed}.{category}`."""
    return ".".join(part for part in (environment, feed, category) if part)


def stream(environment: str, feed: str, category: str | None = None) -> str:
    """The default stream name: upper case, `-` becomes `_` (`PROD_SOME_FEED`)."""
    return "_".join(p for p in (environment, feed, category) if p).upper().replace("-", "_")
