"""`ssmd secmaster link`: the same thing on two venues, as somebody said and somebody reviewed."""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

import click

from ssmd.cli.moments import MomentType
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import (
    asking,
    database_options,
    now,
    shortened,
    text,
    time_options,
    when,
)
from ssmd.secmaster import links
from ssmd.secmaster.database import Database
from ssmd.secmaster.rows import Row
from ssmd.secmaster.times import moment
from ssmd.secmaster.told import told

_WORDS: Final = 30


@click.group(
    epilog=examples(
        ('ssmd secmaster link add A:BTC/USD B:BTC-USD --reason "same"', "propose one"),
        ("ssmd secmaster link list --proposals", "what might be linked; nobody said so"),
        ('ssmd secmaster link review 7 --confirm --reason "checked"', "from then on it counts"),
    )
)
def link() -> None:
    """Say, review and end links between venues: explicit and dated, never guessed."""


@link.command(
    epilog=examples(
        (
            "ssmd secmaster link add A:BTC/USD B:BTC-USD --kind underlying --reason 'same coin'",
            "for good",
        ),
        ("ssmd secmaster link add A:X B:Y --from 2026-01-01 --reason 'same rules'", "since a day"),
    )
)
@click.argument("left")
@click.argument("right")
@click.option(
    "--kind",
    type=click.Choice(get_args(links.Kind)),
    default="instrument",
    show_default=True,
    help="What LEFT and RIGHT are.",
)
@click.option("--relation", default="same", show_default=True, help="How they hang together.")
@click.option("--reason", required=True, help="Why you think so.")
@click.option("--from", "since", type=MomentType(), help="Since when it is so; default: always.")
@click.option("--to", "until", type=MomentType(), help="Until when; default: for good.")
@database_options
@output_options
def add(
    left: str,
    right: str,
    kind: links.Kind,
    relation: str,
    reason: str,
    since: int | None,
    until: int | None,
    directory: Path,
    url: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Propose that LEFT and RIGHT (venue:symbol) are one thing; it counts once it is confirmed."""

    async def question(database: Database) -> Row:
        return await links.add(
            database,
            kind,
            (left, right),
            relation=relation,
            reason=reason,
            starts_at=moment(since),
            ends_at=moment(until),
        )

    _done(Output(json=as_json, quiet=quiet), asking(directory, url, question))


@link.command(
    epilog=examples(
        ("ssmd secmaster link review 7 --confirm --reason checked", "from then on it counts"),
        ("ssmd secmaster link review 7 --reject --reason 'other strike'", "it never counts"),
    )
)
@click.argument("number", type=int)
@click.option("--confirm/--reject", "confirmed", default=None, help="Whether it is so.")
@click.option("--reviewer", help="Who says so; default: your user name.")
@click.option("--reason", required=True, help="Why.")
@database_options
@output_options
def review(
    number: int,
    confirmed: bool | None,
    reviewer: str | None,
    reason: str,
    directory: Path,
    url: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Confirm or reject link NUMBER."""
    if confirmed is None:
        raise click.UsageError("Say --confirm or --reject.")
    who = reviewer or getpass.getuser()

    async def question(database: Database) -> Row:
        state: links.State = "confirmed" if confirmed else "rejected"
        return await links.review(database, number, state, reviewer=who, reason=reason)

    _done(Output(json=as_json, quiet=quiet), asking(directory, url, question))


@link.command(
    epilog=examples(
        ("ssmd secmaster link end 7 --reason 'rules changed'", "from now on"),
        ("ssmd secmaster link end 7 --at 2026-06-30 --reason 'rules changed'", "since a day"),
    )
)
@click.argument("number", type=int)
@click.option("--at", type=MomentType(), help="From when on it is not so; default: now.")
@click.option("--reviewer", help="Who says so; default: your user name.")
@click.option("--reason", required=True, help="Why.")
@database_options
@output_options
def end(
    number: int,
    at: int | None,
    reviewer: str | None,
    reason: str,
    directory: Path,
    url: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Let link NUMBER end."""
    who = reviewer or getpass.getuser()

    async def question(database: Database) -> Row:
        then = moment(at) or now()
        return await links.end(database, number, then, reviewer=who, reason=reason)

    _done(Output(json=as_json, quiet=quiet), asking(directory, url, question))


@link.command(
    "list",
    epilog=examples(
        ("ssmd secmaster link list --state proposed", "what waits for a review"),
        ("ssmd secmaster link list --proposals", "what might be linked; nobody said so"),
    ),
)
@click.option("--kind", type=click.Choice(get_args(links.Kind)), help="Only of this kind.")
@click.option("--state", type=click.Choice(get_args(links.State)), help="Only in this state.")
@click.option("--venue", help="Only with an end of this venue.")
@click.option("--proposals", is_flag=True, help="Instead: pairs of which nobody has said anything.")
@click.option("--limit", type=click.IntRange(1), default=40, show_default=True, help="Of those.")
@time_options
@database_options
@output_options
def listing(
    kind: str | None,
    state: str | None,
    venue: str | None,
    limit: int,
    as_of: int | None,
    known_at: int | None,
    directory: Path,
    url: str | None,
    *,
    proposals: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """List links, and how their review stood.

    --proposals lists instruments of two venues with the same base, quote and kind: material for a
    person to look at. Nothing treats them as linked.
    """
    output = Output(json=as_json, quiet=quiet)

    async def question(database: Database) -> list[Row]:
        async with database.session() as session:
            if proposals:
                return await links.proposals(session, venue=venue, limit=limit)
            return await links.listed(
                session, when(as_of, known_at), kind=kind, state=state, venue=venue
            )

    rows = asking(directory, url, question)
    if proposals:
        output.table("not linked", ("left", "right"), ((_end(r, 0), _end(r, 1)) for r in rows))
    elif rows:
        columns = ("no.", "kind", "left", "right", "state", "by", "from", "to")
        output.table("", columns, map(_row, rows))
    else:
        output.lines("There is no such link.")
    output.result([told(row) for row in rows])


def _done(output: Output, row: Row) -> None:
    output.lines(
        f"link {row['id']}: {_end(row, 0)} {row['relation']} {_end(row, 1)}, {row['state']}"
    )
    output.result(told(row))


def _end(row: Mapping[str, Any], which: int) -> str:
    side = ("left", "right")[which]
    return f"{row[f'{side}_venue']}:{row[f'{side}_symbol']}"


def _row(row: Row) -> tuple[str, ...]:
    return (
        str(row["id"]),
        row["kind"],
        _end(row, 0),
        _end(row, 1),
        row["state"],
        shortened(row["reviewer"] or "", _WORDS),
        text(row["starts_at"]) or "ever",
        text(row["ends_at"]) or "open",
    )
