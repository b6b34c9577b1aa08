"""`ssmd secmaster migrate`: bring the schema of a database forward, or back."""

import os
from pathlib import Path
from typing import get_args

import click

from ssmd.cli.database import database_option, embedded_folder
from ssmd.cli.options import directory_option
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.errors import ConfigError
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import Address, named
from ssmd.secmaster.database import address_of
from ssmd.secmaster.migrate import Phase, Standing, migrate


@click.command(
    "migrate",
    epilog=examples(
        ("ssmd secmaster migrate", "all there is: one machine, nothing else runs"),
        ("ssmd secmaster migrate --phase pre", "before new code is rolled out: only adds"),
        ("ssmd secmaster migrate --phase post", "after the last old code went"),
        ("ssmd secmaster migrate --back --to base --yes", "take all of it away"),
    ),
)
@click.option(
    "--phase",
    type=click.Choice(get_args(Phase)),
    default="all",
    show_default=True,
    help="Which revisions: before new code, after old code, or both.",
)
@click.option("--to", metavar="REV", help="Stop at this revision; `base` is before the first.")
@click.option("--back", is_flag=True, help="Go back to --to; takes tables and columns away.")
@click.option("--yes", is_flag=True, help="Lose what they hold.")
@database_option
@directory_option
@output_options
def command(
    phase: Phase,
    to: str | None,
    url: str | None,
    directory: Path,
    *,
    back: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Bring the schema of the security master to what this version of SSMD needs.

    An empty database gets it by itself. A database that is shared is migrated in two steps around a
    roll-out: `pre` only adds, so old code goes on; `post` takes away what only old code needed.
    """
    if back and not yes:
        raise ConfigError(
            "Going back takes away what the revisions after it keep; it does not come back.",
            remedy="Make a backup, then say --yes.",
        )
    output = Output(json=as_json, quiet=quiet)

    async def moved() -> tuple[Address, Standing, Standing]:
        told = named(url, os.environ)
        if told is not None:
            return told, *migrate(told, phase, to=to, back=back)
        async with address_of(embedded_folder(directory), SystemClock()) as address:
            return address, *migrate(address, phase, to=to, back=back)

    address, before, after = loop.run(moved())
    output.lines(
        f"The schema at {address.public} was at {before.text}, and is at {after.text}."
        if before != after
        else f"The schema at {address.public} is at {after.text}; there was nothing to do."
    )
    if after.missing:
        output.note(f"Not made: {', '.join(after.missing)}.")
    output.result(
        {
            "database": address.public,
            "before": before.revisions,
            "after": after.revisions,
            "missing": after.missing,
        }
    )
