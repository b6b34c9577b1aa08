"""The status page: its files, open to everybody, for they hold no data."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Final

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response

from ssmd.api.problems import Refused
from ssmd.api.routing import StrictRoute

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

_START: Final = "index.html"
_KINDS: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {"Cache-Control": "no-cache"}


class _File(msgspec.Struct, frozen=True):
    """A file of the page.

    Attributes:
        body: What it holds.
        kind: Its media type.
    """

    body: bytes
    kind: str


@router.get("/")
async def start() -> Response:
    """The page itself."""
    return _told(_START)


@router.get("/static/{path:path}")
async def static(path: str) -> Response:
    """What the page is made of."""
    return _told(path)


def _told(path: str) -> Response:
    """A file of the page; only what the package holds can be named."""
    found = _files().get(path)
    if found is None:
        detail = f"The page has no file {path[:100]!r}."
        raise Refused(404, "no-such-path", detail, "The page is at `/`.")
    return Response(found.body, headers=_HEADERS, media_type=found.kind)


@cache
def _files() -> Mapping[str, _File]:
    """All files of the page, by path: they are few and small, and do not change while it runs."""
    return dict(_under(resources.files("ssmd.api").joinpath("page"), ""))


def _under(folder: Traversable, before: str) -> list[tuple[str, _File]]:
    found: list[tuple[str, _File]] = []
    for each in folder.iterdir():
        name = f"{before}{each.name}"
        if each.is_dir():
            found += _under(each, f"{name}/")
        elif (kind := _KINDS.get(PurePath(name).suffix)) is not None:
            found.append((name, _File(each.read_bytes(), kind)))
    return found
