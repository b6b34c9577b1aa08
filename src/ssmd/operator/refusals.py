"""What an API server's refusals mean, in our words."""

import re
from http import HTTPStatus
from typing import Any, Final

import httpx2
import msgspec
from lightkube import ApiError
from lightkube.core.exceptions import ConfigError as LightkubeConfigError

from ssmd.model.errors import SsmdError, Unavailable
from ssmd.operator.errors import Absent, Claim, Conflict, Expired, NoCluster, Refused

RAISED: Final = (
    httpx2.HTTPError,
    httpx2.StreamError,
    LightkubeConfigError,
    OSError,
    ValueError,  # an answer that is no JSON
    KeyError,  # an answer without a type
)
"""Whatever the client raises when a request fails."""
_MANAGER: Final = re.compile(r'conflict with "([^"]*)"')
_UNTYPED: Final = "failed to create typed patch object"
"""A server says this of a field it does not know, with a code for faults of its own."""
_AWAY: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class _Cause(msgspec.Struct):
    reason: str | None = None
    message: str | None = None
    field: str | None = None


class _Details(msgspec.Struct):
    name: str | None = None
    kind: str | None = None
    causes: list[_Cause] | None = None


class _Status(msgspec.Struct):
    """What an API server says when it refuses."""

    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: _Details | None = None


def of(error: Exception, *, what: str, where: str) -> SsmdError:
    """The error of ours for one of the client's.

    Args:
        error: What the client raised.
        what: What was asked for, in words.
        where: Which server, kubeconfig and context.
    """
    if isinstance(error, LightkubeConfigError):
        return NoCluster(
            f"The credentials cannot be used ({where}): {error}.",
            remedy="Check the user of this context: `kubectl config view --minify`.",
        )
    for each in (error, error.__context__):  # the client can stumble over a refusal itself
        if isinstance(each, httpx2.HTTPStatusError):
            return _status(each, what, where)
    why = str(error) or type(error).__name__
    return Unavailable(
        f"The API server does not answer ({where}): {why}.",
        remedy="Check that the cluster runs and can be reached; name another with --context.",
    )


def _status(error: httpx2.HTTPStatusError, what: str, where: str) -> SsmdError:
    said = _said(error)
    code = said.code or 0
    sentence = f"{what}: {said.message or said.reason or f'HTTP {code}'}"
    if code == HTTPStatus.NOT_FOUND:
        return _absent(said, what, where)
    if code == HTTPStatus.CONFLICT:
        return Conflict(
            f"{sentence}",
            remedy="Read it again; or take the fields by force.",
            claims=_claims(said),
        )
    if code == HTTPStatus.GONE:
        return Expired(sentence, remedy="List anew.")
    if code in _AWAY and _UNTYPED not in sentence:
        return Unavailable(
            f"The API server is busy or away ({where}): {sentence}", remedy="Try again later."
        )
    if code == HTTPStatus.UNAUTHORIZED:
        return NoCluster(
            f"The API server does not know us ({where}).",
            remedy="Log in again, or name another context with --context.",
        )
    forbidden = code == HTTPStatus.FORBIDDEN
    remedy = "Grant the right that is named." if forbidden else "Correct what is named."
    return Refused(sentence, remedy=remedy, forbidden=forbidden)


def _absent(said: _Status, what: str, where: str) -> Absent:
    if said.details is not None and said.details.name:
        if said.details.kind == "namespaces":
            what = f"namespace {said.details.name}"
        return Absent(f"There is no {what} ({where}).", remedy="Check the name and the namespace.")
    return Absent(
        f"The API server knows no such kind: {what} ({where}).",
        remedy="Install the definitions first: `ssmd operator manifests | kubectl apply -f -`.",
    )


def _claims(said: _Status) -> tuple[Claim, ...]:
    causes = said.details.causes if said.details else None
    found = []
    for cause in causes or ():
        if cause.reason == "FieldManagerConflict":
            match = _MANAGER.search(cause.message or "")
            found.append(Claim(cause.field or "", match[1] if match else ""))
    return tuple(found)


def _said(error: httpx2.HTTPStatusError) -> _Status:
    if isinstance(error, ApiError) and getattr(error, "response", None) is None:
        told: Any = error.status  # a watch tells of it inside of the stream, without an answer
        return msgspec.convert(told, _Status, from_attributes=True)
    code, text = error.response.status_code, _text(error.response)
    try:
        said = msgspec.json.decode(text, type=_Status)
    except msgspec.MsgspecError:
        return _Status(code=code, message=text[:300].strip() or error.response.reason_phrase)
    return msgspec.structs.replace(said, code=code)


def _text(answer: httpx2.Response) -> str:
    try:
        return answer.text
    except httpx2.StreamError:  # the body of a stream was not read
        return ""
