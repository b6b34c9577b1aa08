"""`ssmd keys audit`: what was done by whom."""

from pathlib import Path

import click
import msgspec

from ssmd.cli.keys_asking import asked
from ssmd.cli.moments import MomentType, shown
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import database_options
from ssmd.model.timestamp import format_rfc3339
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring import audit
from ssmd.secmaster.keyring.audit import Entry, Sort, Wanted


@click.command(
    "audit",
    epilog=examples(
        ("ssmd keys audit --kind act", "what was done to keys, the latest first"),
        ("ssmd keys audit --key k3v9q0x7m2pa --start 2026-11-23", "what one key read since then"),
    ),
)
@click.option("--kind", type=click.Choice(["act", "access"]), help="Administration, or reading.")
@click.option("--key", help="Done with this key, or to it.")
@click.option("--start", type=MomentType(), help="From when on (UTC).")
@click.option("--end", type=MomentType(), help="Before when (UTC).")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
@database_options
@output_options
def command(
    kind: Sort | None,
    key: str | None,
    start: int | None,
    end: int | None,
    limit: int,
    directory: Path,
    url: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show what was done by whom, the latest first."""
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> list[Entry]:
        wanted = Wanted(kind=kind, key=key, since=start, until=end)
        return await audit.read(database, wanted, limit)

    found = asked(directory, url, question)
    if found:
        columns = ("at (UTC)", "who", "from", "what", "to", "status")
        output.table("", columns, map(_row, found))
    else:
        output.lines("Nothing was done.")
    output.result([_told(each) for each in found])


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        shown(entry.at),
        entry.actor.name,
        entry.actor.address or "here",
        entry.action,
        entry.target,
        "" if entry.status is None else str(entry.status),
    )


def _told(entry: Entry) -> dict[str, object]:
    made = msgspec.to_builtins(entry)
    actor = made.pop("actor")
    actor["actor"] = actor.pop("name")
    return {**made, **actor, "at": format_rfc3339(entry.at)}
