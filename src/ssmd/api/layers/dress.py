"""What every answer carries: security headers, what limits say, and who else may read it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ssmd.api.callers import said

SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Sent with every answer."""
_EXPOSED: Final = (
    "Content-Disposition, ETag, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    "SSMD-Incomplete"
)
_METHODS: Final = "GET, POST, PATCH, DELETE"
_ASKABLE: Final = "Authorization, Content-Type, If-None-Match, Last-Event-ID, Accept"
_REMEMBERED_S: Final = "600"


class Dress:
    """Adds headers to every answer, and answers what browsers ask before they ask.

    Args:
        app: What answers.
        origins: Pages of these origins may read answers; none by default.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and dress what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = asked.get("origin", "")
        allowed = origin if origin in self._origins else None

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**SECURITY, **said(HTTPConnection(scope)).headers}.items():
                    headers.setdefault(name, value)
                if self._origins:
                    headers.add_vary_header("Origin")
                if allowed is not None:
                    headers["Access-Control-Allow-Origin"] = allowed
                    headers["Access-Control-Expose-Headers"] = _EXPOSED
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            await send(message)

        if scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            await _preflight(allowed)(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)


def _preflight(allowed: str | None) -> Response:
    """What a browser is told before it asks across origins: nothing, unless it is configured."""
    headers = {}
    if allowed is not None:
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ASKABLE,
            "Access-Control-Max-Age": _REMEMBERED_S,
        }
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
