"""Signed, expiring addresses of downloads: for whoever has no key, and may fetch this one thing. Pure.

The signature covers method, path, every query word in order, the end, the key's id and its secret's
digest: whoever changes one has no signature, and the address ends with its key, or with its secret.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

KEY: Final = "link_key"
EXPIRES: Final = "link_expires"
SIGNATURE: Final = "link_signature"
WORDS: Final = frozenset({KEY, EXPIRES, SIGNATURE})
"""What an address has besides its question."""
BELOW: Final = "/v1/data/"
"""Nothing else is given away by an address."""
_VERSION: Final = "ssmd-link-1"
_METHOD: Final = "GET"
_DIGITS: Final = 10
"""Of seconds since 1970, until 2286."""

Words = Sequence[tuple[str, str]]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An address as it came.

    Attributes:
        key: The id of the key it was made with.
        expires_s: When it ends, in seconds since 1970.
        signature: In hexadecimal digits.
        path: What is asked.
        words: The question, without the words of the address.
    """

    key: str
    expires_s: int
    signature: str
    path: str
    words: tuple[tuple[str, str], ...]


def words_of(query: str) -> list[tuple[str, str]]:
    """The words of a query, empty ones too."""
    return parse_qsl(query, keep_blank_values=True)


def parse(path: str, query: str) -> Link | None:
    """A link out of a request; None when it has none of its words.

    Args:
        path: As it was asked for.
        query: The raw query.

    Raises:
        ValueError: Some of its words are there, and they make no link.
    """
    words = words_of(query)
    ours = [(name, value) for name, value in words if name in WORDS]
    if not ours:
        return None
    told = dict(ours)
    whole = len(ours) == len(WORDS) == len(told)
    expires = told.get(EXPIRES, "")
    if not whole or not (expires.isascii() and expires.isdigit()) or len(expires) > _DIGITS:
        raise ValueError("a link has each of its three words once")
    return Link(
        key=told[KEY],
        expires_s=int(expires),
        signature=told[SIGNATURE],
        path=path,
        words=tuple((name, value) for name, value in words if name not in WORDS),
    )


def signature(secret: bytes, link: Link, digest: bytes) -> str:
    """The signature that a link must have.

    Args:
        secret: Of the API.
        link: Whose own signature does not count.
        digest: Of the key's secret.
    """
    told = [
        _VERSION,
        _METHOD,
        quote(link.path, safe="/"),
        urlencode(sorted(link.words), quote_via=quote),
        str(link.expires_s),
        link.key,
        digest.hex(),
    ]
    return hmac.new(secret, "\n".join(told).encode(), hashlib.sha256).hexdigest()


def is_signed(secret: bytes, link: Link, digest: bytes) -> bool:
    """Whether a link has the signature that it must have; it takes as long either way."""
    made = signature(secret, link, digest)
    return hmac.compare_digest(made.encode(), link.signature.encode("utf-8", "replace"))


def address(secret: bytes, link: Link, digest: bytes) -> str:
    """Path and query of a signed link."""
    made = (
        *link.words,
        (KEY, link.key),
        (EXPIRES, str(link.expires_s)),
        (SIGNATURE, signature(secret, link, digest)),
    )
    return f"{quote(link.path, safe='/')}?{urlencode(made, quote_via=quote)}"
