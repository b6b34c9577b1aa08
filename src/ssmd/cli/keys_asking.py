"""What the commands about keys share: who does it, until when, and how a key is shown."""

import getpass
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ssmd.api.callers import Scope
from ssmd.api.keys.shapes import shown
from ssmd.cli.database import embedded_folder
from ssmd.cli.moments import moment
from ssmd.cli.secmaster_reading import asking
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.keyring.audit import Actor
from ssmd.secmaster.keyring.record import KeyRecord

T = TypeVar("T")
_Command = TypeVar("_Command", bound=Callable[..., Any])

_REMEDY: Final = "Make a key with `ssmd keys create`, or name another --dir or --database."
_SOON: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}

DAY: Final = click.DateTime(formats=["%Y-%m-%d"])
"""A UTC day."""


class SoonType(click.ParamType[int]):
    """A time to come: `30d` from now, a day, or a moment."""

    name = "when"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Nanoseconds since the Unix epoch; what is no time is refused."""
        if isinstance(value, int):
            return value
        text = str(value).strip()
        found = _SOON.fullmatch(text)
        try:
            if found is not None:
                return now() + int(found[1]) * _UNITS_S[found[2]] * SECOND_NS
            return moment(text)
        except ValueError:
            self.fail(f"{value!r} is no time. Write 30d, 12h, or 2027-01-01.", param, ctx)


def terms_options(command: _Command) -> _Command:
    """Add what a key may be given, but its name."""
    options = (
        click.option(
            "--scope",
            "scopes",
            multiple=True,
            help=f"What it may ask, once for each: {', '.join(Scope)}.",
        ),
        click.option("--feed", "feeds", multiple=True, help="Only this feed, once for each."),
        click.option("--since", type=DAY, help="Only from this UTC day on."),
        click.option("--until", type=DAY, help="Only up to this UTC day, included."),
        click.option("--expires", type=SoonType(), help="When it ends: 30d, 2027-01-01."),
        click.option("--rate", type=float, help="Requests a second; default: the API's own."),
        click.option("--burst", type=int, help="Requests at once; default: the API's own."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def fields(
    scopes: tuple[str, ...],
    feeds: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    expires: int | None,
    rate: float | None,
    burst: int | None,
) -> dict[str, Any]:
    """What was said of a key, as fields of its terms; what was not said is left out."""
    told = {
        "scopes": frozenset(scopes) or None,
        "feeds": frozenset(feeds) or None,
        "since": None if since is None else since.date(),
        "until": None if until is None else until.date(),
        "expires_at": expires,
        "rate": rate,
        "burst": burst,
    }
    return {name: value for name, value in told.items() if value is not None}


def now() -> int:
    """What time it is, ns."""
    return SystemClock().wall()


def somebody() -> Actor:
    """Who sits at this machine."""
    return Actor(key=None, name=getpass.getuser())


def asked(directory: Path, url: str | None, question: Callable[[Database], Awaitable[T]]) -> T:
    """Put a question to a database that is there.

    Raises:
        Unavailable: There is none.
    """
    return asking(directory, url, question, remedy=_REMEDY)


def opened(directory: Path, url: str | None, question: Callable[[Database], Awaitable[T]]) -> T:
    """Put a question to a database; the embedded one is made when there is none.

    Raises:
        Unavailable: It does not answer.
    """

    async def put() -> T:
        async with open_database(url, embedded_folder(directory), SystemClock()) as database:
            return await question(database)

    return loop.run(put())


def told(key: KeyRecord) -> dict[str, Any]:
    """A key for a program: as the API tells it."""
    made: dict[str, Any] = shown(key, now()).model_dump(mode="json")
    return made


def described(key: KeyRecord) -> str:
    """A key for a person."""
    terms = key.terms
    limits = [", ".join(sorted(terms.scopes))]
    if terms.feeds is not None:
        limits.append(f"feeds {', '.join(sorted(terms.feeds))}")
    if terms.since is not None or terms.until is not None:
        limits.append(f"days {terms.since or '...'} to {terms.until or '...'}")
    return f"{key.id} ({terms.name}): {key.state(now())}; {'; '.join(limits)}"
