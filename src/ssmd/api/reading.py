"""Where routes read: the archive, the security master, and times as callers write them."""

import asyncio
import contextlib
import os
from typing import Final

from ssmd.access.archive import Archive
from ssmd.access.opening import open_archive
from ssmd.access.times import instant
from ssmd.api.context import Context
from ssmd.api.problems import NotThere, Refused
from ssmd.archive import layout
from ssmd.model.errors import ConfigError, SsmdError, Unavailable
from ssmd.secmaster.address import named
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.embedded import EmbeddedPostgres

_NO_MASTER: Final = "`ssmd up` keeps one, `ssmd secmaster sync` makes one; or name a --database."
_REMEDY: Final = "Record something first: `ssmd up`, or `ssmd demo --dir`."


def archive(context: Context) -> Archive:
    """The archive, opened anew: what is asked of it is answered with what is there now.

    Raises:
        NotThere: Nothing was recorded yet.
    """
    try:
        return open_archive(context.root, warn=False, clock=context.clock)
    except ConfigError as error:
        if (context.root / layout.RAW).is_dir():
            raise
        raise NotThere("Nothing was recorded here yet.", remedy=_REMEDY) from error


class Master:
    """The security master's database, opened when somebody asks, and opened again after a failure.

    Args:
        context: Says where it is.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stack = contextlib.AsyncExitStack()
        self._lock = asyncio.Lock()
        self._database: Database | None = None

    async def database(self) -> Database:
        """The database.

        Raises:
            Unavailable: There is none, or it does not answer.
        """
        async with self._lock:
            if self._database is None:
                folder = layout.run_folder(self._context.root) / "postgres"
                url, clock = self._context.database_url, self._context.clock
                if named(url, os.environ) is None and not EmbeddedPostgres(folder, clock).exists:
                    raise Unavailable("There is no security master here.", remedy=_NO_MASTER)
                self._database = await self._stack.enter_async_context(
                    open_database(url, folder, clock)
                )
            return self._database

    async def aclose(self) -> None:
        """Close it, and end the embedded one when it was ours."""
        await self._stack.aclose()


async def database(context: Context) -> Database:
    """The security master.

    Raises:
        Unavailable: It is away: 503.
    """
    try:
        return await context.the(Master, Master).database()
    except Unavailable:
        raise
    except SsmdError as error:
        raise Unavailable(error.message, remedy=error.remedy) from error


def instant_of(text: str | None, context: Context, name: str) -> int | None:
    """A time as a caller writes it, in ns; None stays None.

    Args:
        text: `2026-11-23T12:00Z`, `-1h`, a date, or ns since 1970.
        context: Says what time it is.
        name: The query word, for the refusal.

    Raises:
        Refused: 400, when it is no time.
    """
    if text is None:
        return None
    try:
        return instant(
            int(text) if text.isascii() and text.isdigit() else text, context.clock.wall()
        )
    except (ConfigError, ValueError) as error:
        remedy = error.remedy if isinstance(error, ConfigError) else "Write 2026-11-23T12:00Z."
        raise Refused(400, "time", f"`{name}`: {text[:100]!r} is no time.", remedy) from error


def span_of(start: str | None, end: str | None, context: Context) -> tuple[int | None, int | None]:
    """A range [start, end) as a caller writes it, in ns.

    Raises:
        Refused: 400, when one of them is no time, or the end is not after the start.
    """
    since, until = instant_of(start, context, "start"), instant_of(end, context, "end")
    if since is not None and until is not None and until <= since:
        raise Refused(400, "time", "`end` is not after `start`.", "A range is [start, end).")
    return since, until
