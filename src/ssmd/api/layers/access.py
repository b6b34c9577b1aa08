"""The outermost layer: every request is counted, logged, and told to the doorkeeper."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ssmd.api import telemetry
from ssmd.api.callers import Answered, said
from ssmd.api.context import Context
from ssmd.feeds.api import ApiConfig

NO_ROUTE: Final = "none"
"""What stands for the route of a path that there is not."""
_REFUSED: Final = 403
_SWITCHED: Final = 101
_LONGEST: Final = 200

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


class Access:
    """Tells of every request once it is over.

    Args:
        app: What answers.
        context: Whose clock, doorkeeper and configuration count.
    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context
        self._trusted = networks(context.config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and look at what goes out."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        began = self._context.clock.mono()
        status = 0 if scope["type"] == "http" else _REFUSED
        sent = 0

        async def watched(message: Message) -> None:
            nonlocal status, sent
            match message["type"]:
                case "http.response.start" | "websocket.http.response.start":
                    status = message["status"]
                case "websocket.accept":
                    status = _SWITCHED
            sent += len(message.get("body") or message.get("bytes") or message.get("text") or b"")
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._tell(scope, began, status, sent)

    def _tell(self, scope: Scope, began: float, status: int, sent: int) -> None:
        connection = HTTPConnection(scope)
        known = said(connection)
        method = scope.get("method", "WS")
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        address, identity = origin(connection, self._trusted, self._context.config.identity_header)
        answered = Answered(
            at=self._context.clock.wall(),
            method=method,
            route=route,
            status=status,
            sent=sent,
            address=address,
            identity=identity,
            said=known,
        )
        telemetry.answered(
            method,
            route,
            status,
            seconds=self._context.clock.mono() - began,
            sent=sent,
            key=None if known.caller is None else known.caller.key,
        )
        self._context.doorkeeper.told(answered)


def networks(config: ApiConfig) -> Networks:
    """The proxies that are believed."""
    return tuple(ipaddress.ip_network(each, strict=False) for each in config.trusted_proxies)


def origin(
    connection: HTTPConnection, trusted: Networks, header: str | None
) -> tuple[str, str | None]:
    """Whence a request came, and who a trusted proxy says it was; others' words do not count."""
    peer = connection.client.host if connection.client else ""
    if not _is_in(peer, trusted):
        return peer, None
    chain = [each.strip() for each in connection.headers.get("x-forwarded-for", "").split(",")]
    hop = next((each for each in reversed(chain) if each and not _is_in(each, trusted)), peer)
    address = hop if _is_address(hop) else peer
    identity = None if header is None else connection.headers.get(header)
    return address, None if identity is None else identity[:_LONGEST]


def _is_in(address: str, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in each for each in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
