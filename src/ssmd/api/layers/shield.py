"""Bounds on requests: their length, their time, their host; and no failure without an answer."""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ssmd.api import problems, telemetry
from ssmd.api.aborting import abort
from ssmd.api.problems import Refused
from ssmd.feeds.api import RequestLimits
from ssmd.feeds.values import is_loopback
from ssmd.model.errors import SsmdError

_ENDLESS: Final = "text/event-stream"


class Shield:
    """Keeps requests within bounds.

    Args:
        app: What answers.
        limits: The bounds.
        local: Whether only those who call this machine by a loopback name are answered: a page of
            another origin whose name was bent to this machine is not.
    """

    def __init__(self, app: ASGIApp, limits: RequestLimits, *, local: bool) -> None:
        self._app = app
        self._limits = limits
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on within bounds."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await problems.answer(refusal, scope["path"])(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._bounded(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refused | None:
        """What can be refused by its head alone."""
        headers = Headers(scope=scope)
        if self._local and not is_loopback(_host(headers.get("host", ""))):
            return Refused(
                421,
                "host",
                "Without keys only this machine itself is answered, by a loopback name.",
                "Ask 127.0.0.1 or localhost; or run it with keys.",
            )
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._limits.body_bytes:
            return _too_long(self._limits.body_bytes)
        return None

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        answer = _Answer(send, self._limits.idle_s)
        body = _Body(receive, self._limits, loop.time() + self._limits.head_s)
        limit = asyncio.timeout(self._limits.request_s)
        try:
            async with limit:

                async def sending(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        endless = _ENDLESS in Headers(raw=message["headers"]).get(
                            "content-type", ""
                        )
                        end = None if endless else loop.time() + self._limits.stream_s
                        limit.reschedule(end)
                    await answer.send(message)

                await self._app(scope, body.receive, sending)
        except TimeoutError:
            if not limit.expired():
                raise
            telemetry.cut("time")
            await self._fail(scope, answer, _LATE)
        except _NotTaken:
            telemetry.cut("idle")
            abort(scope)  # its answer has no end
        except Exception as error:  # noqa: BLE001 - the last place where a failure becomes an answer
            _note(scope["path"], error)
            await self._fail(scope, answer, problems.crashed(error))

    async def _fail(self, scope: Scope, answer: "_Answer", found: Refused) -> None:
        """Say so; an answer that has begun is broken off, so that nobody takes it for whole."""
        if not answer.begun:
            await problems.answer(found, scope["path"])(scope, _nothing, answer.send)


class _Answer:
    """What goes out; a reader that takes nothing for too long is let go."""

    def __init__(self, send: Send, idle_s: float) -> None:
        self._send = send
        self._idle_s = idle_s
        self.begun = False

    async def send(self, message: Message) -> None:
        self.begun = True
        limit = asyncio.timeout(self._idle_s)
        try:
            async with limit:
                await self._send(message)
        except TimeoutError as error:
            if limit.expired():
                raise _NotTaken from error
            raise


class _Body:
    """What comes in; it must be short, and come in time."""

    def __init__(self, receive: Receive, limits: RequestLimits, until: float) -> None:
        self._receive = receive
        self._most = self._left = limits.body_bytes
        self._until = until
        self._is_whole = False

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()  # whether the client left
        limit = asyncio.timeout_at(self._until)
        try:
            async with limit:
                message = await self._receive()
        except TimeoutError as error:
            if limit.expired():
                telemetry.cut("body")
                raise _SLOW from error
            raise
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _too_long(self._most)
        self._is_whole = not message.get("more_body", False)
        return message


class _NotTaken(Exception):
    """A reader takes nothing of its answer."""


_LATE: Final = Refused(
    503,
    "time",
    "The answer took too long.",
    "Ask for less: a shorter range, fewer instruments; or download it as a stream.",
    {"Retry-After": "10"},
)
_SLOW: Final = Refused(408, "body", "The body did not come in time.", "Send it at once.")


def _note(path: str, error: Exception) -> None:
    """What broke an answer that had begun may be foreseen: then it is the cause of the error."""
    if isinstance(error.__cause__, SsmdError | Refused):
        telemetry.failed(path, error=error.__cause__)
    else:
        telemetry.crashed(path, error=error)


def _too_long(most: int) -> Refused:
    telemetry.cut("body")
    return Refused(413, "too-long", f"The body is longer than {most} bytes.", "Send less.")


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _host(header: str) -> str:
    """The host of a `Host` header, without the port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if header.count(":") == 1 else header
