"""A web server on a free loopback port that answers what a test tells it to."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Script = Callable[[web.Request], web.StreamResponse | None]
"""Gives the answer to a request; None never answers."""


class Web:
    """A server's address, and what it was asked.

    Attributes:
        url: Its base address.
        asked: Paths with their queries, as they came over the wire.
        agents: What the clients call themselves.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.agents: list[str] = []


@asynccontextmanager
async def serving(script: Callable[[web.Request], object]) -> AsyncIterator[Web]:
    """Serve a script until the test is done."""
    made = Web()

    async def answer(request: web.Request) -> web.StreamResponse:
        made.asked.append(request.raw_path)
        made.agents.append(request.headers.get("User-Agent", ""))
        given = script(request)
        if hasattr(given, "__await__"):
            given = await given
        assert isinstance(given, web.StreamResponse)
        return given

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


def replies(
    *answers: tuple[int, bytes] | tuple[int, bytes, dict[str, str]],
) -> Callable[[web.Request], web.Response]:
    """Gives these answers in turn; the last one for ever."""
    left = list(answers)

    def script(request: web.Request) -> web.Response:
        status, body, *more = left.pop(0) if len(left) > 1 else left[0]
        headers = more[0] if more else {}
        return web.Response(status=status, body=body, headers=headers)

    return script
