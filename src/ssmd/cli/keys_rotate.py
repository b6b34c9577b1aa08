"""`ssmd keys rotate`: give a key another secret."""

from pathlib import Path

import click

from ssmd.api.keys import acts
from ssmd.api.keys.token import Token
from ssmd.cli.durations import DurationType
from ssmd.cli.keys_asking import asked, now, somebody
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import database_options
from ssmd.secmaster.database import Database


@click.command(
    epilog=examples(
        ("ssmd keys rotate k3v9q0x7m2pa", "the old secret ends at once"),
        ("ssmd keys rotate k3v9q0x7m2pa --grace 1h", "both are taken for an hour"),
    )
)
@click.argument("key")
@click.option("--grace", type=DurationType(), help="How long the old one is taken as well.")
@database_options
@output_options
def rotate(
    key: str, grace: float | None, directory: Path, url: str | None, *, as_json: bool, quiet: bool
) -> None:
    """Give the key with the id KEY another secret, and print it, this once."""
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> Token:
        return await acts.rotate(database, somebody(), now(), key, round(grace or 0))

    made = asked(directory, url, question)
    until = f"is taken for another {grace:g} s" if grace else "has ended"
    output.note(f"{key} has another secret, and the old one {until}. This is shown once:")
    output.lines(made.text)
    output.result({"id": key, "token": made.text})
