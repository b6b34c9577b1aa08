"""What the commands that ask the security master share: where it is, of what time, and how to show it."""

import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ssmd.cli.database import database_option, embedded_folder
from ssmd.cli.moments import MomentType
from ssmd.cli.options import directory_option
from ssmd.model.errors import Unavailable
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import named
from ssmd.secmaster.ask import When
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.times import ALWAYS, FOREVER, moment

_Command = TypeVar("_Command", bound=Callable[..., Any])
T = TypeVar("T")

_SECOND: Final = len("2026-11-23 12:00:00")


def database_options(command: _Command) -> _Command:
    """Add `--database` and `--dir`."""
    return directory_option(database_option(command))


def time_options(command: _Command) -> _Command:
    """Add `--as-of` and `--known-at`."""
    command = click.option(
        "--known-at", type=MomentType(), help="As it was known at this time (UTC)."
    )(command)
    return click.option(
        "--as-of",
        type=MomentType(),
        help="What was so at this time (UTC); default: --known-at, or now.",
    )(command)


def when(as_of: int | None, known_at: int | None) -> When:
    """The time that is meant.

    Args:
        as_of: ns since the Unix epoch.
        known_at: Likewise.
    """
    return When(moment(as_of), moment(known_at))


def now() -> datetime:
    """What time it is, as the database writes it."""
    at = moment(SystemClock().wall())
    assert at is not None  # noqa: S101 - a number gives a time
    return at


def asking(
    directory: Path,
    url: str | None,
    question: Callable[[Database], Awaitable[T]],
    *,
    remedy: str = "Run `ssmd secmaster sync`, or name another --dir or --database.",
) -> T:
    """Put a question to a security master that is there; none is made.

    Args:
        directory: The archive.
        url: Where the database is; None takes `DATABASE_URL`, else the archive's own.
        question: What is asked.
        remedy: What to do when there is none.

    Raises:
        Unavailable: There is none.
    """
    folder = embedded_folder(directory)
    clock = SystemClock()
    if named(url, os.environ) is None and not EmbeddedPostgres(folder, clock).exists:
        raise Unavailable(
            f"There is no security master in {directory}.",
            remedy=remedy,
        )

    async def asked() -> T:
        async with open_database(url, folder, clock) as database:
            return await question(database)

    return loop.run(asked())


def text(value: object, digits: int = 0) -> str:  # noqa: PLR0911 - one a type
    """A value for a person; empty for none.

    Args:
        value: Of a column.
        digits: Of the second, in times.
    """
    match value:
        case None:
            return ""
        case datetime():
            if value in {FOREVER, ALWAYS}:
                return ""
            return f"{value:%Y-%m-%d %H:%M:%S.%f}"[: _SECOND + (digits + 1 if digits else 0)]
        case Decimal():
            return f"{value.normalize():f}"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(str, value))
    return str(value)


def shortened(words: str, width: int) -> str:
    """A text that fits into so many characters."""
    return words if len(words) <= width else f"{words[: width - 1]}…"
