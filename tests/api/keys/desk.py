"""An API with keys in process, its database, and shorthand for making and showing keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from ssmd.api import reading
from ssmd.api.callers import ForAdmin, ForAny, ForDatasets, ForLive, ForQuality, ForSecmaster, said
from ssmd.api.context import Context
from ssmd.api.keys import acts
from ssmd.api.keys.keeper import Keys
from ssmd.api.keys.token import Token
from ssmd.api.routing import router
from ssmd.feeds.api import ApiConfig, KeyLimits
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring.audit import Actor
from ssmd.secmaster.keyring.record import Terms
from ssmd.sim.manual_clock import ManualClock
from tests.api.world import app_of, asked
from tests.secmaster.server import Server

BY = Actor(key=None, name="tester")
probe = router("probe")


@probe.get("/v1/data/probe")
async def datasets(
    caller: ForDatasets, request: Request, feed: str = "", since: int | None = None
) -> dict[str, Any]:
    said(request).feeds.append(feed)
    caller.check_feed(feed)
    return {"key": caller.key, "link": caller.link, "within": caller.within(since, None)}


@probe.get("/v1/probe/secmaster")
async def secmaster(caller: ForSecmaster) -> dict[str, str]:
    return {"name": caller.name}


@probe.get("/v1/probe/quality")
async def quality(caller: ForQuality) -> dict[str, str]:
    return {"name": caller.name}


@probe.get("/v1/probe/live")
async def live(caller: ForLive) -> dict[str, str]:
    return {"name": caller.name}


@probe.get("/v1/probe/admin")
async def admin(caller: ForAdmin) -> dict[str, str]:
    return {"name": caller.name}


@probe.get("/v1/probe/any")
async def anybody(caller: ForAny) -> dict[str, str]:
    return {"name": caller.name}


ROUTES = {
    "datasets:read": "/v1/data/probe",
    "secmaster:read": "/v1/probe/secmaster",
    "quality:read": "/v1/probe/quality",
    "live:read": "/v1/probe/live",
    "admin:*": "/v1/probe/admin",
}


class Desk:
    """An API with keys.

    Attributes:
        keys: Its doorkeeper.
        context: What its routes share.
        database: The same that it asks.
        clock: What time it is there.
        client: Asks it.
    """

    def __init__(
        self,
        keys: Keys,
        context: Context,
        database: Database,
        clock: ManualClock,
        client: httpx2.AsyncClient,
    ) -> None:
        self.keys = keys
        self.context = context
        self.database = database
        self.clock = clock
        self.client = client

    async def make(self, *scopes: str, name: str = "key", **terms: Any) -> Token:  # noqa: ANN401 - fields of Terms
        """A key, made at the machine itself."""
        given = Terms(name=name, scopes=frozenset(scopes or ("datasets:read",)), **terms)
        return await acts.create(self.database, BY, self.clock.wall(), given)

    async def get(self, path: str, token: Token | str | None = None) -> httpx2.Response:
        """What is answered to whoever shows this."""
        return await self.client.get(path, headers=bearer(token))

    async def send(
        self, method: str, path: str, token: Token | str | None = None, body: object = None
    ) -> httpx2.Response:
        """What is answered to another method."""
        return await self.client.request(method, path, headers=bearer(token), json=body)

    async def written(self) -> None:
        """Let what was counted be written."""
        while self.keys._book._writing is not None:
            if self.clock.sleepers:
                await self.clock.advance(self.context.config.keys.flush_s)
            await asyncio.sleep(0.001)

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """What the database holds."""
        async with self.database.session() as session:
            return await (await session.execute(query.encode())).fetchall()


def bearer(token: Token | str | None) -> dict[str, str]:
    """A header that shows a key."""
    if token is None:
        return {}
    return {"Authorization": f"Bearer {token.text if isinstance(token, Token) else token}"}


@asynccontextmanager
async def open_desk(
    server: Server,
    folder: Path,
    clock: ManualClock,
    limits: KeyLimits | None = None,
    **config: Any,  # noqa: ANN401 - fields of ApiConfig
) -> AsyncIterator[Desk]:
    """An API with keys over a database of its own."""
    address = server.migrated()
    told = {"keys": limits or KeyLimits(), **config}
    keys = Keys(ApiConfig(**told), clock)
    app = app_of(folder, doorkeeper=keys, clock=clock, **told)
    try:
        async with asked(app) as client:
            context: Context = app.state.context
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DATABASE_URL", address.url)
                database = await reading.database(context)
            yield Desk(keys, context, database, clock, client)
    finally:
        server.drop(address)
