"""Applications that tests ask: in process, with every layer, and without a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from ssmd.api.app import application, layered
from ssmd.api.callers import LOCAL, Answered, Caller, Doorkeeper, NoKeys, Scope
from ssmd.api.context import Context
from ssmd.api.server import address, bound, server
from ssmd.bus.settings import BusSettings
from ssmd.feeds.api import ApiConfig
from ssmd.runtime.clock import Clock, SystemClock

NEEDED = {"at": "-1h", "table": "trades", "q": "btc", "feed": "kraken", "date": "2026-01-15"}
"""Words that fit where one is needed."""
ORIGIN = "http://127.0.0.1"
"""Under which the applications are asked."""


class Only:
    """Lets everybody in as one caller."""

    def __init__(self, **restricted: object) -> None:
        self.caller: Caller = msgspec.structs.replace(LOCAL, key="k", name="test", **restricted)
        self.answered: list[Answered] = []

    async def admit(self, connection: HTTPConnection, scope: Scope | None) -> Caller:
        return self.caller

    async def still(self, caller: Caller) -> bool:
        return True

    def told(self, answered: Answered) -> None:
        self.answered.append(answered)


def app_of(
    root: Path,
    *,
    doorkeeper: Doorkeeper | None = None,
    clock: Clock | None = None,
    bus: BusSettings | None = None,
    **config: Any,  # noqa: ANN401 - each field has its own type
) -> FastAPI:
    """An application over an archive.

    Args:
        root: The archive.
        doorkeeper: Who lets callers in; everybody is, if left out.
        clock: What time it is there; the machine's if left out.
        bus: Where live messages come from.
        config: Of `ApiConfig`.
    """
    keeper = doorkeeper or NoKeys()
    return application(Context(root, ApiConfig(**config), clock or SystemClock(), keeper, bus))


@asynccontextmanager
async def asked(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application, through all its layers; the application ends with it."""
    transport = httpx2.ASGITransport(layered(app))
    try:
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield client
    finally:
        await app.state.context.stop()


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """An application behind the real server, on a free port of loopback: its address."""
    context = app.state.context
    made = bound("127.0.0.1", 0)
    running = server(layered(app), context.config.limits)
    task = asyncio.create_task(running.serve([made]))
    try:
        while not running.started and not task.done():
            await asyncio.sleep(0.005)
        yield address(made)
    finally:
        context.ending.set()
        running.should_exit = True
        await task
