"""Reading files beside the event loop: in few threads, with a bounded wait, and with back-pressure."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from ssmd.api import telemetry
from ssmd.api.problems import Refused

T = TypeVar("T")
_AHEAD: Final = 4
"""Pieces that wait for a reader."""


class Work:
    """A few threads that answer questions to files.

    Args:
        threads: Questions answered at once.
        downloads: Long answers made at once; a slow reader of one keeps its thread, and no other.
        wait_s: Longest wait for a place, in seconds.
    """

    def __init__(self, threads: int, downloads: int, wait_s: float) -> None:
        self._wait_s = wait_s
        self._questions = asyncio.Semaphore(threads)
        self._downloads = asyncio.Semaphore(downloads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="api-work")
        self._long = ThreadPoolExecutor(downloads, thread_name_prefix="api-download")
        self._working = 0

    async def run(self, make: Callable[[], T]) -> T:
        """Answer a question in a thread.

        A question that nobody waits for any more is answered to its end: its thread is taken until then.

        Raises:
            Refused: 503, when there was no place for it in time.
        """
        await self._enter(self._questions)
        future = asyncio.get_running_loop().run_in_executor(self._pool, make)
        future.add_done_callback(lambda _done: self._leave(self._questions))
        return await asyncio.shield(future)

    async def pieces(self, make: Callable[[], Iterator[bytes]]) -> AsyncGenerator[bytes, None]:
        """Make something long in a thread, piece by piece, as fast as it is taken.

        The iterator is closed, in its thread, when the reader leaves.

        Raises:
            Refused: 503, when there was no place for it in time; before the first piece.
        """
        await self._enter(self._downloads)
        handover = _Handover(asyncio.get_running_loop())
        future = asyncio.get_running_loop().run_in_executor(self._long, handover.fill, make)
        future.add_done_callback(lambda _done: self._leave(self._downloads))
        try:
            while (piece := await handover.queue.get()) is not None:
                yield piece
                handover.taken()
            await future  # raises what the thread did
        finally:
            handover.leave()

    def stop(self) -> None:
        """Let the threads end; questions under way are answered."""
        for pool in (self._pool, self._long):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _enter(self, places: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await places.acquire()
        except TimeoutError as error:
            telemetry.busy()
            raise Refused(
                503,
                "busy",
                "Too many questions are being answered at this moment.",
                "Ask again in a few seconds.",
                {"Retry-After": "2"},
            ) from error
        self._working += 1
        telemetry.working(self._working)

    def _leave(self, places: asyncio.Semaphore) -> None:
        self._working -= 1
        telemetry.working(self._working)
        places.release()


class _Handover:
    """Pieces from a thread to the loop, a few ahead of the reader."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = loop
        self._room = threading.Semaphore(_AHEAD)
        self._left = threading.Event()

    def fill(self, make: Callable[[], Iterator[bytes]]) -> None:
        """Make the pieces; in the thread."""
        try:
            with contextlib.closing(_closable(make())) as pieces:
                for piece in pieces:
                    self._room.acquire()
                    if self._left.is_set():
                        return
                    self._tell(piece)
        finally:
            self._tell(None)

    def taken(self) -> None:
        """A piece was taken: there is room for one more."""
        self._room.release()

    def leave(self) -> None:
        """Nobody takes any more."""
        self._left.set()
        self._room.release()

    def _tell(self, piece: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is over: nobody is left to be told
            self._loop.call_soon_threadsafe(self.queue.put_nowait, piece)


def _closable(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    """The same as a generator: closing it closes what it is made of."""
    yield from pieces
