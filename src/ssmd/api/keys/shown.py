"""What a request shows to be let in: a key in its header, or a signed address; never a key in a query.

Browsers cannot set headers of a WebSocket: there the key stands among the offered protocols, as
`ssmd.key.<key>`, beside another, which is the one that a route may answer with.
"""

import math
from typing import Final

from starlette.requests import HTTPConnection

from ssmd.api.callers import Scope, lacking
from ssmd.api.keys import links
from ssmd.api.keys.links import Link
from ssmd.api.keys.token import LENGTH, Token, parse
from ssmd.api.problems import Refused

_OFFERED: Final = "ssmd.key."
_SCHEME: Final = "bearer"
_REMEDY: Final = "Show one key, as `Authorization: Bearer ssmd_...`; `ssmd keys create` makes one."
UNKNOWN: Final = {"WWW-Authenticate": "Bearer"}
"""How to be let in."""


def token_of(connection: HTTPConnection) -> Token | None:
    """The key that is shown; None when none is.

    Raises:
        Refused: 401, when several are shown, or it has not the form of one.
    """
    shown = connection.headers.getlist("authorization")
    if connection.scope["type"] == "websocket":
        shown += [
            f"{_SCHEME} {each.removeprefix(_OFFERED)}"
            for each in offered(connection)
            if each.startswith(_OFFERED)
        ]
    if not shown:
        return None
    scheme, _, text = shown[0].partition(" ")
    made = parse(text.strip()) if len(text) <= 2 * LENGTH else None
    if len(shown) > 1 or scheme.lower() != _SCHEME or made is None:
        raise Refused(401, "key", "This is no key.", _REMEDY, UNKNOWN)
    return made


def link_of(connection: HTTPConnection) -> Link | None:
    """The signed address that is asked; None when it is not signed.

    Raises:
        Refused: 401, when it has some of a link's words, and is none.
    """
    query = connection.scope.get("query_string", b"").decode("latin-1")
    try:
        found = links.parse(connection.scope["path"], query)
    except ValueError as error:
        raise broken() from error
    if found is not None and (
        connection.scope.get("method") != "GET" or not found.path.startswith(links.BELOW)
    ):
        raise broken()
    return found


def offered(connection: HTTPConnection) -> list[str]:
    """The protocols that a WebSocket offers."""
    told = connection.headers.getlist("sec-websocket-protocol")
    return [each.strip() for line in told for each in line.split(",")]


def missing() -> Refused:
    """A request that shows nothing."""
    return Refused(401, "no-key", "Nobody is let in here without a key.", _REMEDY, UNKNOWN)


def both() -> Refused:
    """A request that shows too much."""
    return Refused(400, "key", "A key and a signed address were shown.", "Show one of them.")


def wrong() -> Refused:
    """A key that there is not, or not with this secret: which of them is not said."""
    return Refused(401, "key", "This is no key.", _REMEDY, UNKNOWN)


def broken() -> Refused:
    """An address that is not as it was signed, or not any more."""
    return Refused(
        401,
        "link",
        "This address has ended, or it is not as it was signed, or its key has ended.",
        "Ask for another one, or use a key.",
        UNKNOWN,
    )


def guessing(wait_s: float) -> Refused:
    """An address that showed too many keys that are none."""
    return Refused(
        429,
        "guessing",
        "Too many keys that are none were shown from this address.",
        "Wait, and show one that is.",
        {"Retry-After": str(math.ceil(wait_s)), **UNKNOWN},
    )


def ended(state: str) -> Refused:
    """A key that was one."""
    return Refused(401, f"key-{state}", f"This key is {state}.", "Ask for another one.", UNKNOWN)


def limited(wait_s: int) -> Refused:
    """A key that asks too often."""
    return Refused(
        429,
        "rate",
        "This key asks more often than it may.",
        "Wait as long as `Retry-After` says; `RateLimit-Remaining` tells how many are left.",
        {"Retry-After": str(wait_s)},
    )


def lacks(scope: Scope) -> Refused:
    """A key that is good, and not for this."""
    refusal = lacking(scope)
    told = f'Bearer error="insufficient_scope", scope="{scope.value}"'
    refusal.headers = {"WWW-Authenticate": told}
    return refusal
