"""The application: routes, their document, and the layers around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from ssmd import __version__
from ssmd.api import problems
from ssmd.api.context import Context
from ssmd.api.layers.access import NO_ROUTE, Access
from ssmd.api.layers.dress import Dress
from ssmd.api.layers.shield import Shield
from ssmd.api.parts import PARTS
from ssmd.runtime import api_metrics

DESCRIPTION: Final = """\
What SSMD recorded, how complete and how good it is, what is listed, and what comes in now.

Decimals, and integers that may be beyond 2^53, are strings; times are RFC 3339 in UTC, with nanoseconds. Lists are
pages: give `next` as `cursor` to go on. A refusal is a problem (RFC 9457) with a `remedy`. An unknown query word is refused.
"""


def application(context: Context) -> FastAPI:
    """The routes of an application, and their OpenAPI document.

    Args:
        context: What it serves, and how.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await context.stop()

    app = FastAPI(
        title="SSMD",
        version=__version__,
        summary="Market data, and the proof that nothing was lost.",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=_operation,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    app.state.context = context
    problems.install(app)
    for part in PARTS:
        app.include_router(part)
    api_metrics.touch([NO_ROUTE, *sorted({getattr(each, "path", NO_ROUTE) for each in app.routes})])
    return app


def layered(app: FastAPI) -> ASGIApp:
    """An application with everything that its requests pass through."""
    context: Any = app.state.context
    shielded = Shield(app, context.config.limits, local=context.is_local)
    return Access(Dress(shielded, context.config.cors_origins), context)


def _operation(route: APIRoute) -> str:
    """The name of an operation: stable, and good in a generated client."""
    words = route.path_format.strip("/").replace("{", "").replace("}", "").replace("/", "_")
    method = min(route.methods or {"GET"}).lower()
    return f"{method}_{words.removeprefix('v1_')}"
