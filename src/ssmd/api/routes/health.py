"""Whether the API is alive, and what it is: open to everybody."""

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from ssmd import __version__
from ssmd.api.context import Reached
from ssmd.api.routing import StrictRoute
from ssmd.api.wire import Time, Wire

router = APIRouter(route_class=StrictRoute, tags=["health"])


class Health(Wire):
    """That the API answers."""

    status: Literal["ok"] = Field(description="It answers.", examples=["ok"])


class Version(Wire):
    """What answers."""

    version: str = Field(description="Of SSMD.", examples=["0.9.0"])
    api: Literal["v1"] = Field(description="The version of the paths.", examples=["v1"])
    at: Time = Field(description="What time it is there.")
    keys: bool = Field(description="Whether it asks for keys.", examples=[True])


@router.get("/health", summary="Is it alive?")
async def health() -> Health:
    """Whether the API answers. What it depends on is told by `/v1/operations/status`."""
    return Health(status="ok")


@router.get("/v1/version", summary="What answers?")
async def version(context: Reached) -> Version:
    """The version, the time there, and whether keys are asked for."""
    return Version(
        version=__version__,
        api="v1",
        at=context.clock.wall(),
        keys=not context.is_local,
    )
