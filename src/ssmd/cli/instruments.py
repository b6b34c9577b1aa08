"""Which instruments of an archive a command is about: the option, and a range that is one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ssmd.access import asked as asking
from ssmd.access.asked import Asked

_Command = TypeVar("_Command", bound=Callable[..., Any])


def instrument_option(command: _Command) -> _Command:
    """Add `--instrument`."""
    return click.option(
        "--instrument", help="Only this instrument: `venue:symbol`, or the venue's own symbol."
    )(command)


def asked(
    root: Path, feed: str | None, instrument: str | None, since: int | None, until: int | None
) -> list[Asked]:
    """What is known of an instrument, or of all; one for each feed that has it.

    Raises:
        ConfigError: There is no such archive, feed or instrument.
        UsageError: The time ends before it begins.
    """
    if since is not None and until is not None and until <= since:
        raise click.UsageError("--to must be after --from.")
    return asking.asked(root, feed, instrument, since, until)
