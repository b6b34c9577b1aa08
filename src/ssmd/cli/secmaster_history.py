"""`ssmd secmaster history`: how an instrument came to be what it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import asking, database_options, shortened, text
from ssmd.secmaster import ask
from ssmd.secmaster.ask import When
from ssmd.secmaster.database import Database
from ssmd.secmaster.times import FOREVER
from ssmd.secmaster.told import told

_LONG: Final = frozenset({"payload", "details", "price_ranges", "aliases"})
"""Columns that are named in a table, and shown in the JSON."""
_VALUE: Final = 40


@click.command(
    epilog=examples(
        ("ssmd secmaster history BTC/USD", "what changed, when, and who said so"),
        ("ssmd secmaster history BTC/USD --all", "also what was believed once, and corrected"),
    )
)
@click.argument("instrument")
@click.option("--all", "every", is_flag=True, help="Also what is not believed any more.")
@database_options
@output_options
def history(
    instrument: str,
    directory: Path,
    url: str | None,
    *,
    every: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """List the versions of INSTRUMENT: since when each was so, and since when it was known.

    In JSON all versions are listed, also those that were corrected since.
    """
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> list[dict[str, Any]]:
        async with database.session() as session:
            venue, symbol = await ask.find(session, instrument, When())
            return await ask.history(session, venue, symbol)

    versions = asking(directory, url, question)
    shown = [row for row in versions if every or row["known_to"] == FOREVER]
    output.table(
        f"{versions[0]['venue']}:{versions[0]['symbol']}",
        ("so since (UTC)", *(("known (UTC)",) if every else ()), "source", "what changed"),
        (_row(row, every=every) for row in sorted(shown, key=_order)),
    )
    corrected = len(versions) - len(shown)
    if corrected and not every:
        output.lines(f"{corrected} versions are not believed any more (--all).")
    output.result([told(row) for row in versions])


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["id"], row["valid_from"], row["known_from"]


def _row(row: Mapping[str, Any], *, every: bool) -> tuple[str, ...]:
    since = text(row["valid_from"], 3)
    if not every:
        return since, row["source"] or "", _changes(row)
    until, known, forgotten = (text(row[n], 3) for n in ("valid_to", "known_from", "known_to"))
    so, knew = f"{since}\nto {until or 'now'}", f"{known}\nto {forgotten or 'now'}"
    return so, knew, row["source"] or "", _changes(row)


def _changes(row: Mapping[str, Any]) -> str:
    changed: Mapping[str, tuple[object, object]] | None = row["changed"]
    if changed is None:
        words = [f"first seen, {row['status']}"]
    else:
        words = [
            name if name in _LONG else f"{name} {_value(old)} -> {_value(new)}"
            for name, (old, new) in changed.items()
        ] or ["(the same)"]
    return "; ".join(words)


def _value(value: object) -> str:
    return shortened(text(value) or "none", _VALUE)
