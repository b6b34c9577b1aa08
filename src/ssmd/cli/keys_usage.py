"""`ssmd keys usage`: how a key was used."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from ssmd.cli.keys_asking import asked, now
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import database_options
from ssmd.model.timestamp import SECOND_NS
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring import usage
from ssmd.secmaster.keyring.usage import Used


@click.command(
    "usage",
    epilog=examples(("ssmd keys usage k3v9q0x7m2pa --days 7", "by day and route, a week back")),
)
@click.argument("key")
@click.option(
    "--days", type=click.IntRange(1, 3_660), default=30, show_default=True, help="So far."
)
@database_options
@output_options
def command(
    key: str, days: int, directory: Path, url: str | None, *, as_json: bool, quiet: bool
) -> None:
    """Show how the key with the id KEY was used, by UTC day and route."""
    output = Output(json=as_json, quiet=quiet)
    today = datetime.fromtimestamp(now() // SECOND_NS, UTC).date()
    span = (today - timedelta(days=days - 1), today)

    async def question(database: Database) -> list[Used]:
        return await usage.read(database, key, span)

    found = asked(directory, url, question)
    if found:
        columns = ("day", "route", "requests", "refused", "bytes")
        output.table(
            "",
            columns,
            (
                (str(e.day), e.route, f"{e.requests:,}", f"{e.refused:,}", f"{e.bytes:,}")
                for e in found
            ),
        )
    else:
        output.lines(f"{key} was not used in these days.")
    output.result([msgspec.to_builtins(each) for each in found])
