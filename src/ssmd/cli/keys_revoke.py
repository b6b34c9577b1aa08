"""`ssmd keys revoke`: end a key for good."""

from pathlib import Path

import click

from ssmd.api.keys import acts
from ssmd.cli.keys_asking import asked, now, somebody
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import database_options
from ssmd.secmaster.database import Database


@click.command(
    epilog=examples(
        ("ssmd keys revoke k3v9q0x7m2pa", "it stops within seconds, and never comes back"),
        ("ssmd keys update k3v9q0x7m2pa --disable", "instead: put it aside for now"),
    )
)
@click.argument("key")
@database_options
@output_options
def revoke(key: str, directory: Path, url: str | None, *, as_json: bool, quiet: bool) -> None:
    """End the key with the id KEY for good: the digest of its secret is forgotten."""
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> None:
        await acts.revoke(database, somebody(), now(), key)

    asked(directory, url, question)
    output.lines(
        f"{key} is revoked. A running API stops taking it within seconds (`keys.cache_s`)."
    )
    output.result({"id": key, "state": "revoked"})
