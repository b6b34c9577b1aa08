"""Who asks, and what they may see."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final, Protocol

import msgspec
from fastapi import Security
from fastapi.security import HTTPBearer, SecurityScopes
from starlette.requests import HTTPConnection

from ssmd.api.problems import Refused
from ssmd.model.timestamp import SECOND_NS

_DAY: Final = timedelta(days=1)
_SAID: Final = "ssmd.said"


class Scope(StrEnum):
    """What a key may be used for; there are no others, and no wildcards but this one word."""

    SECMASTER = "secmaster:read"
    DATASETS = "datasets:read"
    QUALITY = "quality:read"
    LIVE = "live:read"
    ADMIN = "admin:*"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may see.

    Attributes:
        key: The id of their key; None on a machine that asks for none.
        name: What they are called, for people.
        scopes: What they may ask.
        feeds: Of which feeds; None for all.
        since: From which day on (UTC); None for the beginning.
        until: Up to which day, included (UTC); None for the end.
        link: Whether they came by a signed link.
    """

    key: str | None
    name: str
    scopes: frozenset[Scope]
    feeds: frozenset[str] | None = None
    since: date | None = None
    until: date | None = None
    link: bool = False

    def check_feed(self, feed: str) -> None:
        """Refuse a feed that they may not see.

        Raises:
            Refused: 403.
        """
        if self.feeds is not None and feed not in self.feeds:
            raise Refused(
                403,
                "feed",
                f"This key may not see the feed {feed!r}.",
                f"It may see: {', '.join(sorted(self.feeds)) or 'none'}.",
            )

    def only(self, feeds: Iterable[str]) -> list[str]:
        """Those of some feeds that they may see, in the same order."""
        return [feed for feed in feeds if self.feeds is None or feed in self.feeds]

    def within(self, since: int | None, until: int | None) -> tuple[int | None, int | None]:
        """A range [since, until) in ns, its open ends closed where their days begin and end.

        Raises:
            Refused: 403, when it asks for more than their days.
        """
        first = None if self.since is None else _ns(self.since)
        last = None if self.until is None else _ns(self.until + _DAY)
        for asked in (since, until):
            if asked is not None and (
                (first is not None and asked < first) or (last is not None and asked > last)
            ):
                raise Refused(
                    403,
                    "days",
                    "This key may not see that time.",
                    f"It may see {self.since or 'the beginning'} to {self.until or 'now'} (UTC).",
                )
        return first if since is None else since, last if until is None else until


LOCAL: Final = Caller(key=None, name="local", scopes=frozenset(Scope))
"""Whoever sits at a machine that asks for no keys."""


class Said(msgspec.Struct):
    """What becomes known of a request on its way; the outermost layer reads it at the end.

    Attributes:
        caller: Who asked, once that is known.
        scope: What they needed.
        feeds: Which feeds they asked about, for the audit.
        headers: What the answer carries besides, say of limits.
    """

    caller: Caller | None = None
    scope: Scope | None = None
    feeds: list[str] = []
    headers: dict[str, str] = {}


def said(connection: HTTPConnection) -> Said:
    """What is known of a request."""
    found = connection.scope.setdefault(_SAID, Said())
    assert isinstance(found, Said)  # noqa: S101 - nobody else writes there
    return found


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is over.

    Attributes:
        at: When it ended, ns.
        method: Of the request.
        route: The path's template; `none` when there is no such path.
        status: The HTTP status.
        sent: Bytes of the answer's body.
        address: Whence it came.
        identity: Who a trusted proxy says it was; None without one.
        said: What became known of it.
    """

    at: int
    method: str
    route: str
    status: int
    sent: int
    address: str
    identity: str | None
    said: Said


class Doorkeeper(Protocol):
    """Lets callers in."""

    async def admit(self, connection: HTTPConnection, scope: Scope | None) -> Caller:
        """Who asks, if they may.

        Args:
            connection: The request, or the WebSocket before it is accepted.
            scope: What they need; None takes any valid key.

        Raises:
            Refused: 401, 403 or 429.
        """

    async def still(self, caller: Caller) -> bool:
        """Whether a caller who was let in would be let in now; asked while something streams."""

    def told(self, answered: Answered) -> None:
        """Count and audit a request that is over; never raises."""


class NoKeys:
    """Lets everybody in: for one user on their own machine."""

    async def admit(self, connection: HTTPConnection, scope: Scope | None) -> Caller:
        """Whoever sits here."""
        return LOCAL

    async def still(self, caller: Caller) -> bool:
        """Always."""
        return True

    def told(self, answered: Answered) -> None:
        """Nobody counts."""


class _Bearer(HTTPBearer):
    """Says in the OpenAPI document how a key is shown; who reads it is the doorkeeper."""

    async def __call__(self, request: HTTPConnection) -> None:
        return None


_BEARER: Final = _Bearer(
    scheme_name="key",
    description="An API key, `Authorization: Bearer ssmd_...`; `ssmd keys create` makes one.",
)


async def admitted(
    connection: HTTPConnection, scopes: SecurityScopes, _shown: Annotated[None, Security(_BEARER)]
) -> Caller:
    """Who asks, if they may.

    Raises:
        Refused: 401, 403 or 429.
    """
    scope = Scope(scopes.scopes[0]) if scopes.scopes else None
    known = said(connection)
    known.scope = scope
    caller = await connection.app.state.context.doorkeeper.admit(connection, scope)
    assert isinstance(caller, Caller)  # noqa: S101 - what a doorkeeper gives
    known.caller = caller
    return caller


def lacking(scope: Scope) -> Refused:
    """A key that is good, and not for this."""
    return Refused(
        HTTPStatus.FORBIDDEN,
        "scope",
        f"This key does not have the scope {scope.value!r}.",
        "Ask for a key that has it: `ssmd keys update ID --scope ...`.",
    )


def headers_of(connection: HTTPConnection, headers: Mapping[str, str]) -> None:
    """Have the answer carry these as well."""
    said(connection).headers.update(headers)


ForSecmaster = Annotated[Caller, Security(admitted, scopes=[Scope.SECMASTER.value])]
ForDatasets = Annotated[Caller, Security(admitted, scopes=[Scope.DATASETS.value])]
ForQuality = Annotated[Caller, Security(admitted, scopes=[Scope.QUALITY.value])]
ForLive = Annotated[Caller, Security(admitted, scopes=[Scope.LIVE.value])]
ForAdmin = Annotated[Caller, Security(admitted, scopes=[Scope.ADMIN.value])]
ForAny = Annotated[Caller, Security(admitted)]
"""Any valid key."""


def _ns(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * SECOND_NS
