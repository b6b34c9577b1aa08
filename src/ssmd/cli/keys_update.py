"""`ssmd keys update`: change what a key may, or put it aside."""

from pathlib import Path
from typing import Any

import click

from ssmd.api.keys import acts
from ssmd.cli.keys_asking import asked, described, fields, now, somebody, terms_options, told
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import database_options
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring.record import KeyRecord


@click.command(
    epilog=examples(
        ("ssmd keys update k3v9q0x7m2pa --disable", "put it aside for now"),
        ("ssmd keys update k3v9q0x7m2pa --scope datasets:read --all-feeds", "these scopes alone"),
        ("ssmd keys update k3v9q0x7m2pa --never-expires", "until it is revoked"),
    )
)
@click.argument("key")
@click.option("--name", help="What it is called.")
@terms_options
@click.option("--all-feeds", is_flag=True, help="Of all feeds.")
@click.option("--all-days", is_flag=True, help="Of all days.")
@click.option("--never-expires", is_flag=True, help="Until it is revoked.")
@click.option("--default-rate", is_flag=True, help="Rate and burst of the API.")
@click.option("--disable/--enable", "disabled", default=None, help="Put it aside, or take it back.")
@database_options
@output_options
def update(
    key: str,
    name: str | None,
    disabled: bool | None,
    directory: Path,
    url: str | None,
    *,
    all_feeds: bool,
    all_days: bool,
    never_expires: bool,
    default_rate: bool,
    as_json: bool,
    quiet: bool,
    **said: Any,  # noqa: ANN401 - the options of terms
) -> None:
    """Change the key with the id KEY; what is not said stays. --scope and --feed replace what it had."""
    lifted: dict[str, None] = {}
    for flag, names in (
        (all_feeds, ("feeds",)),
        (all_days, ("since", "until")),
        (never_expires, ("expires_at",)),
        (default_rate, ("rate", "burst")),
    ):
        lifted |= dict.fromkeys(names) if flag else {}
    given = fields(**said)
    both = sorted(given.keys() & lifted.keys())
    if both:
        raise click.UsageError(f"Both given and lifted: {', '.join(both)}.")
    changes: dict[str, object] = {**given, **lifted}
    if name is not None:
        changes["name"] = name
    if disabled is not None:
        changes["disabled"] = disabled
    if not changes:
        raise click.UsageError("Say what is to change.")

    async def question(database: Database) -> KeyRecord:
        return await acts.update(database, somebody(), now(), key, changes)

    record = asked(directory, url, question)
    output = Output(json=as_json, quiet=quiet)
    output.lines(described(record))
    output.result(told(record))
