"""Signed addresses of downloads, for whoever has no key."""

from typing import Final
from urllib.parse import unquote, urlsplit

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import Match

from ssmd.api.callers import ForDatasets
from ssmd.api.context import Reached
from ssmd.api.keys import links
from ssmd.api.keys.keeper import Keys
from ssmd.api.problems import Refused
from ssmd.api.routing import router as routed
from ssmd.api.wire import Time, Wire
from ssmd.model.timestamp import SECOND_NS

router = routed("keys")
_LONGEST: Final = 4_096
_WEEK_S: Final = 7 * 86_400
_EXAMPLE: Final = "/v1/data/trades?format=csv&start=-1h"


class LinkWanted(BaseModel):
    """A download that is to be had without a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(
        max_length=_LONGEST,
        description="Path and query of a download below `/v1/data/`.",
        examples=[_EXAMPLE],
    )
    expires_in_s: int = Field(
        default=3_600,
        ge=1,
        le=_WEEK_S,
        description="How long it holds, in seconds.",
        examples=[3600],
    )


class LinkMade(Wire):
    """A signed address."""

    address: str = Field(
        description="Path and query, signed; put it behind the API's own address.",
        examples=[f"{_EXAMPLE}&link_key=k3v9q0x7m2pa&link_expires=1795491347&link_signature=9f..."],
    )
    expires_at: Time = Field(description="When it ends, unless its key ends before.")


@router.post("/v1/links", status_code=201, summary="Sign a download's address")
async def link_made(
    context: Reached, caller: ForDatasets, request: Request, wanted: LinkWanted
) -> LinkMade:
    """An address by which a download can be had without a key, once or often, until it ends.

    It is good for this question alone, sees what its key sees at that time, counts against its key's rate,
    and ends with its key or its key's secret.
    """
    if not isinstance(context.doorkeeper, Keys):
        raise Refused(400, "link", "Without keys nothing is signed.", "Use the path as it is.")
    path, query = _split(request, wanted.path)
    expires_s = context.clock.wall() // SECOND_NS + wanted.expires_in_s
    address = await context.doorkeeper.address(caller, path, query, expires_s)
    return LinkMade(address=address, expires_at=expires_s * SECOND_NS)


def _split(request: Request, told: str) -> tuple[str, str]:
    """Path and query of a download.

    Raises:
        Refused: 400, when it is none.
    """
    remedy = f"Give path and query, as {_EXAMPLE}"
    try:
        parts = urlsplit(told)
    except ValueError as error:
        raise Refused(400, "link", "This is no path.", remedy) from error
    path = unquote(parts.path)
    asked = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    if (
        parts.scheme
        or parts.netloc
        or parts.fragment
        or not path.startswith(links.BELOW)
        or not any(each.matches(asked)[0] is Match.FULL for each in request.app.routes)
    ):
        raise Refused(400, "link", f"There is no download at {path[:100]!r}.", remedy)
    if any(name in links.WORDS for name, _ in links.words_of(parts.query)):
        raise Refused(400, "link", "This is a signed address already.", remedy)
    return path, parts.query
