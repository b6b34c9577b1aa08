"""Rows of the tables: those all venues share, and those of one feed in its venue's words."""

from typing import Annotated, Final

import polars as pl
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import JsonValue

from ssmd.access import tables
from ssmd.access.bars import By
from ssmd.access.where import Where
from ssmd.api.context import Reached
from ssmd.api.formats.choosing import Format
from ssmd.api.paging import Cursor
from ssmd.api.problems import documented
from ssmd.api.reading import archive
from ssmd.api.routes.selecting import Selected, Selection
from ssmd.api.routes.telling import Columns, Question, Rows, described, told
from ssmd.api.routing import router as strict
from ssmd.api.wire import Wire

router: APIRouter = strict("data")

Clock = Annotated[
    By,
    Query(
        description="By which clock `start` and `end` are meant: when we received it, or when the venue says it happened. Pages are in the order of receipt either way."
    ),
]
Repeats = Annotated[
    bool, Query(description="Whether rows are wanted too that tell again what others tell.")
]

SHARED: Final = {
    "trades": ("Trade", "Trades", "Trades; `side` is what the aggressor did."),
    "quotes": ("Quote", "Quotes", "The best bid and ask, as the venue states them."),
    "tickers": ("Ticker", "Tickers", "How instruments stand: last price, volume, open interest."),
    "lifecycle": ("Event", "Lifecycle", "What happened to instruments themselves."),
    "funding": ("Funding", "Funding", "What holding perpetuals costs."),
    "outcomes": ("Outcome", "Outcomes", "How instruments ended: settlements and resolutions."),
    "book": ("BookChange", "Changes of books", "A level as it stands from then on; a size of 0 takes it away; the rows of a snapshot replace the book."),
}  # fmt: skip
"""What a row is called, and what the table is about, by table."""


def _route(table: str) -> None:
    """Add the route of a shared table."""
    name, summary, description = SHARED[table]
    path = "/v1/data/book/changes" if table == "book" else f"/v1/data/{table}"

    @router.get(
        path,
        summary=summary,
        description=description,
        responses=described(name, tables.columns(table)),
        response_class=Response,
        name=table,
    )
    async def rows(
        request: Request,
        context: Reached,
        selection: Selected,
        by: Clock = "ts_recv",
        repeats: Repeats = False,
        column: Columns = None,
        form: Format = None,
        limit: Rows = None,
        cursor: Cursor = None,
    ) -> Response:
        asked = Question(
            request=request,
            context=context,
            name=table,
            asked={**selection.asked, "by": by, "repeats": repeats},
            format=form,
            cursor=cursor,
            limit=limit,
            columns=column,
        )
        where = _where(selection, by, repeats)
        return await told(
            asked,
            lambda: archive(context).shared(table, **where),
            lambda: archive(context).losses(**selection.when),
        )


for _table in SHARED:
    _route(_table)


class NativePage(Wire):
    """Some rows in a venue's own words, how to go on, and what is missing of the time."""

    items: list[dict[str, JsonValue]]
    next: str | None
    incomplete: list[str]


@router.get(
    "/v1/data/rows",
    summary="Rows in a venue's own words",
    responses={200: {"model": NativePage}, **documented(406, 426)},
    response_class=Response,
)
async def rows(
    request: Request,
    context: Reached,
    selection: Selected,
    table: Annotated[
        str,
        Query(
            description="Of which type, as `/v1/datasets/schema` of the feed lists them.",
            max_length=100,
        ),
    ],
    by: Clock = "ts_recv",
    repeats: Repeats = False,
    column: Columns = None,
    form: Format = None,
    limit: Rows = None,
    cursor: Cursor = None,
) -> Response:
    """The rows of one feed in its venue's own words; `feed` is needed, once."""
    asked = Question(
        request=request,
        context=context,
        name=f"rows-{table}",
        asked={**selection.asked, "by": by, "repeats": repeats, "table": table},
        format=form,
        cursor=cursor,
        limit=limit,
        columns=column,
    )
    where = _where(selection, by, repeats)
    if selection.feeds is not None and len(selection.feeds) == 1:
        where["feed"] = selection.feeds[0]

    def make() -> pl.LazyFrame:
        return archive(context).rows(table, **where)

    return await told(asked, make, lambda: archive(context).losses(**selection.when))


def _where(selection: Selection, by: By, repeats: bool) -> Where:
    return Where(**selection.when, by=by, repeats=repeats, ordered=True)
