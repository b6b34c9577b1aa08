"""`ssmd secmaster list`: what is listed."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, get_args

import click

from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import (
    asking,
    database_options,
    now,
    shortened,
    text,
    time_options,
    when,
)
from ssmd.model.instrument import Kind, Status
from ssmd.secmaster import ask
from ssmd.secmaster.ask import Filters
from ssmd.secmaster.database import Database
from ssmd.secmaster.rows import Row
from ssmd.secmaster.told import told

_SHOWN: Final = 40
"""So many are shown to a person who did not ask for more."""
_QUOTE: Final = 10
_MINUTE: Final = len("2026-11-23 12:00")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WITHIN: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)


class DurationType(click.ParamType[timedelta]):
    """`30m`, `48h`, `7d`."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it; anything else is refused."""
        if isinstance(value, timedelta):
            return value
        match = _WITHIN.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no duration. Write 90s, 30m, 48h, 7d or 2w.", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command(
    "list",
    epilog=examples(
        ("ssmd secmaster list --quote EUR --kind spot", "the pairs against the euro"),
        ("ssmd secmaster list --closes-within 24h --tag Crypto", "what ends within a day"),
        ("ssmd secmaster list --as-of 2026-11-23 --json", "what was listed then, for a program"),
    ),
)
@click.option("--venue", help="Only of this venue.")
@click.option("--status", type=click.Choice(get_args(Status)), help="Only in this state.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only this sort of contract.")
@click.option("--series", help="Only of this series.")
@click.option("--event", help="Only of this event.")
@click.option("--category", help="Only of this category, in the venue's word.")
@click.option("--tag", help="Only with this label of the venue.")
@click.option("--base", help="Only what buys this.")
@click.option("--quote", help="Only what is paid in this.")
@click.option("--closes-within", type=DurationType(), help="Only what closes so soon, as 24h.")
@click.option("--unlisted", "gone", is_flag=True, help="Only what is not listed any more.")
@click.option("--all", "every", is_flag=True, help="Also what is not listed any more.")
@time_options
@click.option("--limit", type=click.IntRange(1), help="At most so many; default 40, in JSON all.")
@database_options
@output_options
def command(
    as_of: int | None,
    known_at: int | None,
    limit: int | None,
    directory: Path,
    url: str | None,
    *,
    gone: bool,
    every: bool,
    as_json: bool,
    quiet: bool,
    **which: Any,  # noqa: ANN401 - the fields of Filters
) -> None:
    """List instruments."""
    output = Output(json=as_json, quiet=quiet)
    if gone and every:
        raise click.UsageError("--unlisted and --all exclude each other.")
    filters = Filters(**which, listed=None if every else not gone)

    async def question(database: Database) -> tuple[list[Row], int]:
        most = limit if as_json else limit or _SHOWN
        async with database.session() as session:
            return await ask.listed(session, filters, when(as_of, known_at), now(), most)

    rows, total = asking(directory, url, question)
    if rows:
        columns = ("instrument", "status", "quote", "tick", "closes (UTC)")
        output.table("", columns, map(_row, rows))
    more = total - len(rows)
    output.lines(f"{total} instruments" + (f", {more} not shown (--limit)." if more else "."))
    output.result([told(row) for row in rows])


def _row(row: Row) -> tuple[str, ...]:
    status = row["status"] if row["listed"] else "unlisted"
    return (
        f"{row['venue']}:{row['symbol']}",
        status + ("*" if row["restricted"] else ""),
        shortened(text(row["quote"]), _QUOTE),
        text(row["tick_size"]),
        text(row["close_at"])[:_MINUTE],
    )
