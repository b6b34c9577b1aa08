"""Applications behind the real server in a thread, for tests that are not asynchronous."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from tests.api.world import serving


@contextmanager
def threaded(make: Callable[[], FastAPI]) -> Iterator[str]:
    """The address of an application that is made and served in a thread of its own.

    Args:
        make: Makes it; called in that thread, inside its event loop.
    """
    told: list[str] = []
    failed: list[BaseException] = []
    up = threading.Event()
    down: list[Callable[[], None]] = []

    async def main() -> None:
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        down.append(lambda: _tell(loop, end))
        async with serving(make()) as url:
            told.append(url)
            up.set()
            await end.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run, name="served", daemon=True)
    thread.start()
    up.wait()
    if failed:
        raise failed[0]
    try:
        yield told[0]
    finally:
        down[0]()
        thread.join()
    if failed:
        raise failed[0]


def _tell(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    loop.call_soon_threadsafe(end.set)
