"""`ssmd secmaster stats`: how much is listed."""

from pathlib import Path
from typing import Any, Final

import click

from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import asking, database_options, text
from ssmd.secmaster import ask
from ssmd.secmaster.database import Database
from ssmd.secmaster.told import told

_MOST: Final = 8


@click.command(
    epilog=examples(
        ("ssmd secmaster stats", "how much is listed, by venue and status"),
        ("ssmd secmaster stats --json", "the same for a program, by quote too"),
    )
)
@database_options
@output_options
def stats(directory: Path, url: str | None, *, as_json: bool, quiet: bool) -> None:
    """Count what is listed, by venue."""
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> dict[str, Any]:
        async with database.session() as session:
            return await ask.stats(session)

    found = asking(directory, url, question)
    by_venue, rounds, aside = found["by_venue"], found["rounds"], found["quarantined"]
    for name in ("status", "raw_status", "quote"):
        output.table(
            "" if name == "status" else f"by {name.replace('_', ' ')}",
            ("venue", "instruments", name.replace("_", " ")),
            (
                (venue, str(counts["instruments"]), _counted(counts[f"by_{name}"]))
                for venue, counts in by_venue.items()
            ),
        )
    for venue, last in rounds.items():
        ended = text(last["finished_at"]) or "not yet"
        output.lines(f"{venue}: last round ({last['mode']}) {last['state']}, ended {ended}.")
    for venue, count in aside.items():
        output.lines(f"{venue}: {count} entries are quarantined.")
    output.result(
        {
            "by_venue": by_venue,
            "rounds": {venue: told(last) for venue, last in rounds.items()},
            "quarantined": aside,
        }
    )


def _counted(counts: dict[str, int]) -> str:
    """The commonest, and how many others there are."""
    first = [f"{name or '(none)'} {count}" for name, count in list(counts.items())[:_MOST]]
    rest = sum(list(counts.values())[_MOST:])
    return ", ".join([*first, *([f"others {rest}"] if rest else [])])
