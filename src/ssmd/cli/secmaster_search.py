"""`ssmd secmaster search`: find an instrument by words."""

from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import asking, database_options, shortened
from ssmd.secmaster import ask
from ssmd.secmaster import search as searching
from ssmd.secmaster.database import Database
from ssmd.secmaster.search import Hit

_TITLE: Final = 40


@click.command(
    epilog=examples(
        ("ssmd secmaster search bitcion dollar", "typing errors are forgiven"),
        ("ssmd secmaster search election --all", "also what is gone"),
    )
)
@click.argument("words", nargs=-1, required=True)
@click.option("--venue", help="Only of this venue.")
@click.option("--all", "every", is_flag=True, help="Also what is not listed any more.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@database_options
@output_options
def search(
    words: tuple[str, ...],
    venue: str | None,
    limit: int,
    directory: Path,
    url: str | None,
    *,
    every: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find instruments by WORDS of their names, titles, categories or tags; the best come first."""
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> list[Hit]:
        async with database.session() as session:
            await ask.check_venue(session, venue)
            return await searching.search(
                session, " ".join(words), venue=venue, unlisted=every, limit=limit
            )

    hits = asking(directory, url, question)
    if hits:
        output.table("", ("instrument", "status", "fits", "title"), map(_row, hits))
    else:
        output.lines(
            "Nothing fits." + ("" if every else " With --all, what is gone is searched too.")
        )
    output.result([{"instrument": hit.id, **msgspec.structs.asdict(hit)} for hit in hits])


def _row(hit: Hit) -> tuple[str, ...]:
    status = hit.status if hit.listed else "unlisted"
    return hit.id, status, f"{100 * hit.score:.0f} %", shortened(hit.title, _TITLE)
