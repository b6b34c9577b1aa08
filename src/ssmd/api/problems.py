"""Refusals as RFC 9457 problems: what is wrong, where, and what to do."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from ssmd.api import telemetry
from ssmd.model.errors import Busy, ConfigError, Damaged, SsmdError, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:ssmd:problem:"
_AGAIN_S: Final = "2"
_STATUS: Final[Mapping[type[SsmdError], tuple[int, str]]] = {
    ConfigError: (400, "refused"),
    Unavailable: (503, "unavailable"),
    Busy: (503, "busy"),
    Damaged: (500, "damaged"),
}
_CODES: Final = {404: "no-such-path", 405: "method", 413: "too-long", 422: "refused"}
_REMEDIES: Final = {
    404: "The paths there are stand in /openapi.json.",
    405: "Use one of the methods that the `Allow` header names.",
}


class Problem(BaseModel):
    """Why a request was refused, after RFC 9457."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(description="Names the kind of problem.", examples=["urn:ssmd:problem:query"])
    title: str = Field(description="The status in words.", examples=["Bad Request"])
    status: int = Field(description="The HTTP status.", examples=[400])
    detail: str = Field(
        description="What is wrong with this request.",
        examples=["There is no query word 'stat' here. Did you mean 'start'?"],
    )
    instance: str = Field(description="The path that was asked for.", examples=["/v1/data/trades"])
    code: str = Field(description="The kind of problem, for programs.", examples=["query"])
    remedy: str = Field(
        description="What to do about it.", examples=["Use one of: end, feed, start."]
    )


class Refused(HTTPException):
    """A request that is refused.

    Args:
        status: The HTTP status.
        code: The kind of problem, for programs: lower-case words with dashes.
        detail: What is wrong, in a sentence.
        remedy: What to do, in a sentence.
        headers: What the answer carries besides.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        remedy: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.status = status
        self.code = code
        self.remedy = remedy


class NotThere(ConfigError):
    """What was asked for by name is not there: 404."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for its OpenAPI description."""
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def refused(error: SsmdError) -> Refused:
    """What an error of ours means over HTTP."""
    if isinstance(error, NotThere):
        return Refused(404, "not-there", error.message, error.remedy)
    status, code = next(
        (told for kind, told in _STATUS.items() if isinstance(error, kind)), (500, "failed")
    )
    headers = {"Retry-After": _AGAIN_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Refused(status, code, error.message, error.remedy, headers)


def body(found: Refused, path: str) -> bytes:
    """The problem as JSON."""
    told = {
        "type": f"{_TYPE}{found.code}",
        "title": HTTPStatus(found.status).phrase,
        "status": found.status,
        "detail": found.detail,
        "instance": path,
        "code": found.code,
        "remedy": found.remedy,
    }
    return msgspec.json.encode(told)


def answer(found: Refused, path: str) -> Response:
    """The problem as an answer."""
    headers = {"Cache-Control": "no-store", **(found.headers or {})}
    return Response(body(found, path), found.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every refusal and every failure of an application a problem."""

    async def ours(request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101 - what it is registered for
        return await _sent(request, error)

    async def house(request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, SsmdError)  # noqa: S101 - likewise
        found = refused(error)
        if found.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            telemetry.failed(request.url.path, error=error)
        return await _sent(request, found)

    async def invalid(request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)  # noqa: S101 - likewise
        return await _sent(request, _invalid(error.errors()))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - likewise
        phrase = HTTPStatus(error.status_code).phrase
        found = Refused(
            error.status_code,
            _CODES.get(error.status_code, "refused"),
            f"{phrase}: {request.method} {request.url.path}.",
            _REMEDIES.get(error.status_code, "See /openapi.json."),
            error.headers,
        )
        return answer(found, request.url.path)

    async def unforeseen(request: Request, error: Exception) -> Response:
        return answer(
            crashed(error), request.url.path
        )  # the error goes on to the shield, that logs it

    app.add_exception_handler(Exception, unforeseen)
    app.add_exception_handler(Refused, ours)
    app.add_exception_handler(SsmdError, house)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(WebSocketRequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


async def _sent(connection: HTTPConnection, found: Refused) -> Response:
    """The problem as an answer; of a WebSocket that is not accepted yet, sent."""
    made = answer(found, connection.url.path)
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(made)
    return made


def crashed(error: Exception) -> Refused:
    """What nobody foresaw: the details are in the log, not in the answer."""
    return Refused(
        500,
        "crashed",
        f"This failed inside the API ({type(error).__name__}).",
        "The log says why; tell whoever runs it.",
    )


def _invalid(errors: Sequence[Any]) -> Refused:
    """Values that do not fit their parameters, each with its place."""
    told = "; ".join(f"{_place(each['loc'])}: {each['msg']}" for each in errors[:5])
    return Refused(400, "value", f"{told}.", "See the parameters of this path in /openapi.json.")


def _place(location: Sequence[object]) -> str:
    where, *names = (str(each) for each in location)
    return f"{where} {'.'.join(names)}".strip()
