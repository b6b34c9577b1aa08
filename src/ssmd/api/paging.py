"""Cursors: where a list goes on, for the question it was begun with and no other."""

import base64
import binascii
import hashlib
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import Query

from ssmd.api.problems import Refused

MOST: Final = 1_000
"""Longest page."""
_LONGEST: Final = 4_096
_DIGEST: Final = 9

T = TypeVar("T")

Ns = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""A time in a cursor, ns."""
Index = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
"""How many came before; for lists that only ever grow at their end."""
Key = Annotated[str, msgspec.Meta(pattern="^[^\x00]*$")]
"""A text in a cursor that a database is asked about."""

Limit = Annotated[
    int,
    Query(ge=1, le=MOST, description="Most items of one page.", examples=[100]),
]
Cursor = Annotated[
    str | None,
    Query(max_length=_LONGEST, description="`next` of the page before; all else as it was there."),
]


def cursor_of(kind: str, query: object, position: list[Any]) -> str:
    """Where a list goes on.

    Args:
        kind: Of which list.
        query: What was asked, as JSON can tell it: a cursor goes with its own question alone.
        position: What the next page begins after.
    """
    raw = msgspec.json.encode([kind, _digest(query), position], enc_hook=str)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def start_of(cursor: str | None, kind: str, query: object, of: type[T]) -> T | None:
    """What a page begins after; None for the first.

    Args:
        cursor: As the caller gave it.
        kind: Of which list it is to be.
        query: Of which question it is to be.
        of: What a position of that list is made of: anybody can make a cursor by hand.

    Raises:
        Refused: 400, when it is no cursor, or one of another list or question.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found, digest, position = msgspec.json.decode(raw, type=tuple[str, str, list[Any]])
        if found == kind and digest == _digest(query):
            return msgspec.convert(position, of)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise _refused("This is no cursor.") from error
    raise _refused("This cursor belongs to another list, or to another question.")


def _refused(detail: str) -> Refused:
    return Refused(400, "cursor", detail, "Begin again without `cursor`.")


def _digest(query: object) -> str:
    raw = msgspec.json.encode(query, order="deterministic", enc_hook=str)
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()[:_DIGEST]).decode()
