"""`ssmd keys create`: make a key."""

from pathlib import Path
from typing import Any

import click

from ssmd.api.keys import acts
from ssmd.api.keys.terms import checked
from ssmd.api.keys.token import Token
from ssmd.cli.keys_asking import described, fields, now, opened, somebody, terms_options, told
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import database_options
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring import keys
from ssmd.secmaster.keyring.record import KeyRecord, Terms


@click.command(
    epilog=examples(
        ("ssmd keys create ann --scope datasets:read --expires 90d", "a researcher's"),
        ("ssmd keys create bot --scope live:read --feed sim", "one feed's live data"),
        ("ssmd keys create root --scope 'admin:*'", "for administration over HTTP, and no reading"),
    )
)
@click.argument("name")
@terms_options
@database_options
@output_options
def create(
    name: str,
    directory: Path,
    url: str | None,
    *,
    as_json: bool,
    quiet: bool,
    **said: Any,  # noqa: ANN401 - the options of terms
) -> None:
    """Make a key called NAME and print it, this once: only a digest of its secret is kept."""
    output = Output(json=as_json, quiet=quiet)
    given = fields(**said)
    terms = checked(Terms(name=name, **{"scopes": frozenset(), **given}))

    async def question(database: Database) -> tuple[Token, KeyRecord]:
        made = await acts.create(database, somebody(), now(), terms)
        record = await keys.find(database, made.id)
        assert record is not None  # noqa: S101 - it was made
        return made, record

    made, record = opened(directory, url, question)
    output.note(f"Made {described(record)}. This is shown once:")
    output.lines(made.text)
    output.result({"key": told(record), "token": made.text})
