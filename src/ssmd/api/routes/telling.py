"""Rows as an answer: a page of JSON, or one long file."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import msgspec
import polars as pl
from fastapi import Query, Request
from fastapi.responses import Response

from ssmd.access import encoding
from ssmd.access.paging import Page, page
from ssmd.api.context import Context
from ssmd.api.formats.choosing import MEDIA, Kind, kind_of
from ssmd.api.formats.download import check_version, download
from ssmd.api.formats.shapes import page_of
from ssmd.api.paging import MOST, Ns, cursor_of, start_of
from ssmd.api.problems import Refused, documented

FEW: Final = 100
"""Rows of a page, unless more are asked for."""

Rows = Annotated[
    int | None,
    Query(
        alias="limit",
        ge=1,
        le=1_000_000_000,
        description="Most rows: of a page of JSON 100 by default and 1,000 at most; of the other formats all by default.",
    ),
]
Columns = Annotated[
    list[str] | None,
    Query(alias="column", description="Only this column; several times for several."),
]

OF_ROWS: Final = tuple[Ns, str, str, int, int, int]
"""The place of a row: when it was received, feed, connection, ordinal, part, row."""

Turn = Callable[[pl.LazyFrame, Sequence[Any] | None, int], Page]
"""Gives the rows after a place."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is answered with rows.

    Attributes:
        request: The request.
        context: Of the application.
        name: What it is about; the name of the file, and of cursors.
        asked: The words of the question, for cursors.
        format: The format that was named.
        cursor: Where to go on.
        limit: Most rows.
        columns: Only these columns.
        place: What a cursor's place is made of.
    """

    request: Request
    context: Context
    name: str
    asked: dict[str, Any]
    format: Kind | None = None
    cursor: str | None = None
    limit: int | None = None
    columns: Sequence[str] | None = None
    place: Any = OF_ROWS


def described(name: str, schema: pl.Schema, **more: Any) -> dict[int | str, dict[str, Any]]:  # noqa: ANN401 - types
    """What a route that answers with rows says in the OpenAPI document.

    Args:
        name: What a row is called.
        schema: Its columns.
        more: Fields that are not columns: their types.
    """
    files = {
        media.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
        for kind, media in MEDIA.items()
        if kind != "json"
    }
    return {
        200: {
            "model": page_of(name, schema, more),
            "description": "The rows: a page of JSON, or all of them as a stream.",
            "content": files,
            "headers": {
                "SSMD-Incomplete": {
                    "description": "Of a stream: how many stretches of the time are missing.",
                    "schema": {"type": "integer"},
                }
            },
        },
        **documented(406, 426),
    }


async def told(
    asked: Question,
    rows: Callable[[], pl.LazyFrame],
    losses: Callable[[], list[str]],
    turn: Turn = page,
) -> Response:
    """The answer.

    Args:
        asked: The question.
        rows: Makes the frame; called in a thread.
        losses: Tells what is missing of the time; called in a thread.
        turn: Gives a page of the frame.
    """
    kind = kind_of(asked.request, asked.format)
    if kind == "json":
        return await _page(asked, rows, losses, turn)
    check_version(asked.request)
    if asked.cursor is not None:
        raise Refused(400, "cursor", f"`{kind}` comes whole, not in pages.", "Leave out `cursor`.")

    def begin() -> tuple[pl.LazyFrame, int]:
        frame = _only(rows(), asked.columns)
        return frame if asked.limit is None else frame.head(asked.limit), len(losses())

    frame, missing = await asked.context.work.run(begin)
    return await download(asked.context, kind, asked.name, frame, missing)


async def _page(
    asked: Question,
    rows: Callable[[], pl.LazyFrame],
    losses: Callable[[], list[str]],
    turn: Turn,
) -> Response:
    limit = asked.limit or FEW
    if limit > MOST:
        raise Refused(
            400,
            "limit",
            f"A page of JSON has {MOST} rows at most.",
            "Turn pages, or take a stream.",
        )
    after = start_of(asked.cursor, asked.name, asked.asked, asked.place)

    def make() -> bytes:
        found = turn(rows(), after, limit)
        shown = _columns(found.rows.columns, asked.columns)
        objects = encoding.objects(found.rows.select(shown))
        more = None if found.after is None else cursor_of(asked.name, asked.asked, found.after)
        return b'{"items":[%b],"next":%b,"incomplete":%b}' % (
            b",".join(objects),
            msgspec.json.encode(more),
            msgspec.json.encode(losses()),
        )

    return Response(await asked.context.work.run(make), media_type=MEDIA["json"])


def _only(frame: pl.LazyFrame, columns: Sequence[str] | None) -> pl.LazyFrame:
    return frame.select(_columns(frame.collect_schema().names(), columns))


def _columns(known: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The columns that are wanted.

    Raises:
        Refused: 400, when one of them is not there.
    """
    for name in wanted or ():
        if name not in known:
            raise Refused(
                400, "column", f"There is no column {name[:100]!r}.", f"Use: {', '.join(known)}."
            )
    return list(dict.fromkeys(wanted)) if wanted else list(known)
