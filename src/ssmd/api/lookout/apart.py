"""Asks the ledger in a process of its own: a fold never holds the event loop."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import msgspec

from ssmd.api.lookout.folding import Question, Reply
from ssmd.model.errors import Busy, Unavailable

_PATIENCE_S: Final = 120.0
"""Longest wait for an answer, in seconds."""
_TURN_S: Final = 30.0
"""Longest wait for a turn, in seconds."""
_REMEDY: Final = "Ask again; if it stays so, the log of the API says more."
A = TypeVar("A")


class Apart:
    """One process at a time; it is ended with the application."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def ask(self, question: Question, kind: type[A]) -> A:
        """The answer to a question.

        Args:
            question: What is asked.
            kind: What the answer is.

        Raises:
            Busy: Others are before us.
            Unavailable: The process failed, or took too long.
        """
        async with self._mine():
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ssmd.api.lookout.folding",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    out, err = await process.communicate(msgspec.json.encode(question))
            except TimeoutError as error:
                message = f"The ledger was not read within {_PATIENCE_S:g} s."
                raise Unavailable(message, remedy=_REMEDY) from error
            finally:
                await _end(process)
            if process.returncode:
                said = err.decode(errors="replace").strip().rpartition("\n")[2]
                raise Unavailable(f"The ledger cannot be read: {said[:500]}", remedy=_REMEDY)
            reply = msgspec.json.decode(out, type=Reply)
            if reply.trouble:
                raise Unavailable(reply.trouble, remedy=reply.remedy)
            return msgspec.json.decode(reply.answer, type=kind)

    @asynccontextmanager
    async def _mine(self) -> AsyncIterator[None]:
        """Whoever waits too long for a turn is told to come back."""
        try:
            async with asyncio.timeout(_TURN_S):
                await self._turn.acquire()
        except TimeoutError as error:
            message = "The ledger is being read for others."
            raise Busy(message, remedy=_REMEDY) from error
        try:
            yield
        finally:
            self._turn.release()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
