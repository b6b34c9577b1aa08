"""`ssmd keys list`: which keys there are."""

from pathlib import Path

import click

from ssmd.cli.keys_asking import asked, now, told
from ssmd.cli.moments import shown
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import database_options
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring import keys
from ssmd.secmaster.keyring.record import KeyRecord


@click.command(
    "list",
    epilog=examples(
        ("ssmd keys list", "those that hold, and those put aside"),
        ("ssmd keys list --all --json", "also those that were revoked, for a program"),
    ),
)
@click.option("--all", "revoked", is_flag=True, help="Also those that were revoked.")
@database_options
@output_options
def command(directory: Path, url: str | None, *, revoked: bool, as_json: bool, quiet: bool) -> None:
    """List keys; their secrets are not known here."""
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> list[KeyRecord]:
        return await keys.listed(database, revoked=revoked)

    found = asked(directory, url, question)
    if found:
        columns = ("id", "name", "state", "scopes", "feeds", "days", "expires (UTC)")
        output.table("", columns, map(_row, found))
    else:
        output.lines("There is no key. Make one: ssmd keys create NAME --scope datasets:read")
    output.result([told(each) for each in found])


def _row(key: KeyRecord) -> tuple[str, ...]:
    terms = key.terms
    restricted = terms.since is not None or terms.until is not None
    return (
        key.id,
        terms.name,
        key.state(now()),
        ", ".join(sorted(terms.scopes)),
        "all" if terms.feeds is None else ", ".join(sorted(terms.feeds)),
        f"{terms.since or '...'} to {terms.until or '...'}" if restricted else "all",
        "never" if terms.expires_at is None else shown(terms.expires_at, 0).rstrip("."),
    )
