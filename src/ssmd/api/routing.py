"""Routes that take no word they do not know, and tell when nothing changed."""

import hashlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.requests import Request
from fastapi.responses import Response, StreamingResponse
from fastapi.routing import APIRoute

from ssmd.api.problems import Refused, documented
from ssmd.runtime.unknown import did_you_mean

_COMMON: Final = (400, 401, 403, 404, 429, 503)
_LINK: Final = frozenset({"link_key", "link_expires", "link_signature"})
"""What a signed link adds to a question; `keys` reads it."""
_DIGEST: Final = 32

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route that refuses unknown and doubled query words, and gives JSON an `ETag`."""

    def get_route_handler(self) -> Handler:
        """What answers a request: the checks around FastAPI's own handler."""
        inner = super().get_route_handler()
        once, several = _words(self.dependant)

        async def handler(request: Request) -> Response:
            _check(request, once, several)
            response = await inner(request)
            return _tagged(request, response)

        return handler


def router(tag: str) -> APIRouter:
    """A router for a subject's routes.

    Args:
        tag: The subject, as the OpenAPI document shows it.
    """
    return APIRouter(route_class=StrictRoute, tags=[tag], responses=documented(*_COMMON))


def etag(body: bytes) -> str:
    """The entity tag of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:_DIGEST]}"'


def _words(dependant: Dependant) -> tuple[frozenset[str], frozenset[str]]:
    """The query words that a route takes once, and those it takes several times."""
    once: set[str] = set()
    several: set[str] = set()
    for field in _fields(dependant):
        annotation = field.field_info.annotation
        (several if "list" in str(annotation) else once).add(field.alias)
    return frozenset(once), frozenset(several)


def _fields(dependant: Dependant) -> Iterator[Any]:
    yield from dependant.query_params
    for each in dependant.dependencies:
        yield from _fields(each)


def _check(request: Request, once: Iterable[str], several: Iterable[str]) -> None:
    known = {*once, *several}
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in given.items():
        if name not in known and name not in _LINK:
            near = did_you_mean(name, known)
            raise Refused(
                400,
                "query",
                f"There is no query word {name[:100]!r} here.{near}",
                f"Use: {', '.join(sorted(known))}." if known else "Leave it out.",
            )
        if times > 1 and name not in several:
            detail = f"The query word {name[:100]!r} stands {times} times."
            raise Refused(400, "query", detail, "Give it once.")


def _tagged(request: Request, response: Response) -> Response:
    """The answer, or that it is the one the caller has."""
    if (
        request.method != "GET"
        or response.status_code != HTTPStatus.OK
        or isinstance(response, StreamingResponse)
    ):
        return response
    tag = response.headers.setdefault("ETag", etag(bytes(response.body)))
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.headers.setdefault("Vary", "Authorization, Accept")
    if tag in _tags(request.headers.get("if-none-match", "")):
        kept = {
            name: value
            for name, value in response.headers.items()
            if name in {"etag", "cache-control", "vary"}
        }
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)
    return response


def _tags(header: str) -> set[str]:
    return {each.strip().removeprefix("W/") for each in header.split(",")}
