"""`ssmd secmaster resolve`: from any name of an instrument to any other."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from ssmd.cli.moments import MomentType
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import asking, database_options, text, when
from ssmd.model.errors import ConfigError
from ssmd.secmaster import ask
from ssmd.secmaster import resolve as resolving
from ssmd.secmaster.database import Database
from ssmd.secmaster.resolve import Answer

_FEW: Final = 5
_STDIN: Final = "-"
_MINUTE: Final = len("2026-11-23 12:00")


@click.command(
    epilog=examples(
        ("ssmd secmaster resolve XXBTZUSD --to wsname", "what the WebSocket calls it"),
        ("ssmd secmaster resolve --from-file names.txt --json", "as many as you like, in one call"),
        ("ssmd secmaster resolve XBTUSD --at 2026-01-01", "what it meant then"),
    )
)
@click.argument("symbols", nargs=-1)
@click.option(
    "--from-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="More names, one a line; `-` reads stdin.",
)
@click.option("--venue", help="Only names of this venue.")
@click.option("--scheme", help="Only names of this scheme, as `altname` or `event_ticker`.")
@click.option("--to", help="Which of its names is wanted: a scheme; `symbol` is the venue's own.")
@click.option("--at", type=MomentType(), help="What they meant at this time (UTC).")
@click.option("--known-at", type=MomentType(), help="As it was known at this time (UTC).")
@database_options
@output_options
@click.pass_context
def resolve(
    ctx: click.Context,
    symbols: tuple[str, ...],
    from_file: Path | None,
    venue: str | None,
    scheme: str | None,
    to: str | None,
    at: int | None,
    known_at: int | None,
    directory: Path,
    url: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say which instruments SYMBOLS mean, names of any scheme of any venue.

    Without --at a name means what it means now; one that means nothing any more is what it meant
    last, and is said to have ended. Exits with 1 when one means nothing, or several instruments.
    """
    output = Output(json=as_json, quiet=quiet)
    asked = [*symbols, *_lines(from_file)]
    if not asked:
        raise click.UsageError("Give SYMBOLS, or --from-file.")
    then = when(at, known_at)

    async def question(database: Database) -> list[Answer]:
        async with database.session() as session:
            await ask.seal(session, then)
            await ask.check_venue(session, venue)
            return await resolving.resolve_many(
                session,
                asked,
                venue=venue,
                scheme=scheme,
                to=to,
                at=then.as_of,
                known_at=then.known_at,
            )

    answers = asking(directory, url, question)
    columns = ("name", "instrument", *((to,) if to else ()), "scheme", "from", "until")
    output.table("", columns, _rows(answers, named=to is not None))
    failed = [each for each in answers if each.state in {"unknown", "ambiguous"}]
    for each in failed[:_FEW]:
        count = len(each.matches)
        output.note(f"{each.asked}: " + (f"names {count} instruments" if count else "unknown"))
    if len(failed) > _FEW:
        output.note(f"... and {len(failed) - _FEW} more.")
    output.result([each.told() for each in answers])
    ctx.exit(1 if failed else 0)


def _lines(source: Path | None) -> Sequence[str]:
    """The names in a file, one a line.

    Raises:
        ConfigError: It is no text.
    """
    if source is None:
        return ()
    try:
        body = sys.stdin.read() if str(source) == _STDIN else source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        remedy = "Write one name a line, in UTF-8."
        raise ConfigError(f"{source} is no text.", remedy=remedy) from error
    return [line.strip() for line in body.splitlines() if line.strip()]


def _rows(answers: Sequence[Answer], *, named: bool) -> Iterator[tuple[str, ...]]:
    for answer in answers:
        if not answer.matches:
            yield (answer.asked, "unknown", *(("",) if named else ()), "", "", "")
        for match in answer.matches:
            yield (
                answer.asked,
                match.id,
                *((", ".join(match.names),) if named else ()),
                ", ".join(match.schemes),
                text(match.since)[:_MINUTE],
                text(match.until)[:_MINUTE] or "now",
            )
