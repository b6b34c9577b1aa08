"""The MCP server as a process: on standard input and output, over files here or an API elsewhere."""

from pathlib import Path

from ssmd.api.agents.asking import remote, within
from ssmd.api.agents.tools import server
from ssmd.api.app import application, layered
from ssmd.api.callers import NoKeys
from ssmd.api.context import Context
from ssmd.feeds.api import ApiConfig
from ssmd.runtime.clock import Clock


async def of_archive(root: Path, clock: Clock) -> None:
    """Serve an archive of this machine until standard input ends.

    Args:
        root: The archive.
        clock: What time it is.
    """
    context = Context(root, ApiConfig(), clock, NoKeys())
    try:
        async with within(layered(application(context))) as api:
            await server(api).run_stdio_async()
    finally:
        await context.stop()


async def of_url(url: str, key: str | None) -> None:
    """Serve what an API elsewhere serves, until standard input ends.

    Args:
        url: Its base address.
        key: The key to show it; None shows none.

    Raises:
        ConfigError: It is no such address.
    """
    async with remote(url, key) as api:
        await server(api).run_stdio_async()
