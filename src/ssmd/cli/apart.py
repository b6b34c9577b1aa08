"""Work that may block for ever, kept apart from everything that must come to an end."""

import asyncio
import io
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def apart(work: Callable[[], T]) -> T:
    """Do something that may block for ever, in a thread that nobody waits for at the end.

    A share of files that does not answer holds the thread that asks, and no time limit frees it.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():
            set_it()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            told = error
            tell = lambda: done.set_exception(told)  # noqa: E731 - one of two
        else:
            tell = lambda: done.set_result(value)  # noqa: E731 - the other one
        try:
            loop.call_soon_threadsafe(settle, tell)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=run, name="ssmd-apart", daemon=True).start()
    return await done


class Nowhere(io.StringIO):
    """Takes what is written and keeps nothing: log lines that would spoil a screen."""

    def write(self, text: str, /) -> int:
        """Forget it."""
        return len(text)
