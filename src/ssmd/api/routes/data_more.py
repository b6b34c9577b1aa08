"""Bars of trades, books at a time, and raw frames."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec
import polars as pl
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from ssmd.access import bars as barring
from ssmd.access import books, frames
from ssmd.access.archive import Archive
from ssmd.access.bars import By
from ssmd.access.later import later
from ssmd.access.paging import Page, page
from ssmd.access.reaching import reach
from ssmd.access.times import width_ns
from ssmd.access.where import When
from ssmd.api.context import Reached
from ssmd.api.formats.choosing import Format, kind_of
from ssmd.api.paging import Cursor, Ns
from ssmd.api.problems import Refused
from ssmd.api.reading import archive, instant_of
from ssmd.api.routes.selecting import Selected, Selection
from ssmd.api.routes.telling import Columns, Question, Rows, described, told
from ssmd.api.routing import router as strict
from ssmd.archive import layout
from ssmd.archive.store.opening import as_store

router: APIRouter = strict("data")

_ORDER: Final = ("ts", "feed", "instrument_id")
_OF_BARS: Final = tuple[Ns, str, str]
_OF_FRAMES: Final = tuple[str, str, str, str, int, int]
_MOST_FILLED: Final = 100_000
"""Most bars of one instrument that are made where nothing was traded."""
_DEEPEST: Final = 10_000
_SHOWN: Final = pl.Schema({k: v for k, v in frames.SCHEMA.items() if k != "payload"})
"""The columns of frames in JSON, but for what was received."""


@router.get(
    "/v1/data/bars",
    summary="Bars of trades",
    responses=described("Bar", barring.SCHEMA),
    response_class=Response,
)
async def bars(
    request: Request,
    context: Reached,
    selection: Selected,
    width: Annotated[
        str,
        Query(
            description="How long a bar is: `1s`, `5m`, `1h`, `1d`; aligned to the Unix epoch.",
            max_length=16,
        ),
    ] = "1m",
    by: Annotated[
        By, Query(description="By which clock trades are chosen and put into bars.")
    ] = "ts_event",
    fill: Annotated[
        bool,
        Query(
            description="Whether there is a bar, at the last close, where nothing was traded; needs `start` and `end`."
        ),
    ] = False,
    column: Columns = None,
    form: Format = None,
    limit: Rows = None,
    cursor: Cursor = None,
) -> Response:
    """Exact bars, in the order of their time; those that are not over yet included."""
    size = width_ns(width)
    if fill:
        _check_filled(selection, size)
    asked = Question(
        request=request,
        context=context,
        name="bars",
        asked={**selection.asked, "width": width, "by": by, "fill": fill},
        place=_OF_BARS,
        format=form,
        cursor=cursor,
        limit=limit,
        columns=column,
    )

    def frame(since: int | None = None) -> pl.LazyFrame:
        opened = archive(context)
        if fill:
            return opened.bars(width=size, by=by, fill=True, **selection.when).sort(_ORDER)
        store = as_store(context.root)
        known = reach(store, selection.feeds or opened.feeds(), "trades")
        spans = _spans(
            selection, since, size, None if known is None else (known.since, known.until)
        )
        return later(
            "api bars",
            barring.SCHEMA,
            lambda _columns, _predicate: _day_by_day(opened, selection.when, spans, size, by),
        )

    def turn(_frame: pl.LazyFrame, after: Sequence[Any] | None, most: int) -> Page:
        since = None if after is None else int(after[0])
        return page(frame(since), after, most, _ORDER)

    return await told(asked, frame, lambda: archive(context).losses(**selection.when), turn)


def _check_filled(selection: Selection, width: int) -> None:
    if selection.since is None or selection.until is None:
        raise Refused(
            400, "fill", "Where do bars without trades begin and end?", "Give `start` and `end`."
        )
    if (selection.until - selection.since) // width > _MOST_FILLED:
        raise Refused(
            400, "fill", f"More than {_MOST_FILLED} bars would be filled.", "Ask for less at once."
        )


def _spans(
    selection: Selection, since: int | None, width: int, known: tuple[int | None, int | None] | None
) -> list[tuple[int, int]]:
    """The time in pieces of about a day, in whole bars: what is read at once."""
    if known is None or known[0] is None or known[1] is None:
        return []
    first = max(known[0], selection.since or 0, since or 0)
    last = known[1] if selection.until is None else min(known[1], selection.until)
    step = width * max(1, layout.DAY_NS // width)
    begins = range(first // step * step, last, step)
    return [(max(first, begin), min(last, begin + step)) for begin in begins]


def _day_by_day(
    opened: Archive, when: When, spans: Sequence[tuple[int, int]], width: int, by: By
) -> Iterator[pl.DataFrame]:
    for start, end in spans:
        asked = {**when, "start": start, "end": end}
        yield opened.bars(width=width, by=by, **asked).sort(_ORDER).collect()  # type: ignore[arg-type] # it is a When


@router.get(
    "/v1/data/book",
    summary="A book at a time",
    responses=described("BookLevel", books.SCHEMA),
    response_class=Response,
)
async def book(
    request: Request,
    context: Reached,
    selection: Selected,
    at: Annotated[
        str,
        Query(
            description="When (UTC); what was received by then counts, this moment included.",
            max_length=64,
        ),
    ],
    depth: Annotated[int, Query(ge=1, le=_DEEPEST, description="How many levels of a side.")] = 50,
    column: Columns = None,
    form: Format = None,
    limit: Annotated[
        int, Query(ge=1, le=2 * _DEEPEST, description="Most levels of the answer.")
    ] = 2 * _DEEPEST,
) -> Response:
    """The levels of a book, whole: there are no pages. `book_ok` says whether it is proved."""
    ts = instant_of(at, context, "at")
    assert ts is not None  # noqa: S101 - it is needed
    _check_time(selection, request, ts)
    asked = Question(
        request=request,
        context=context,
        name="book",
        asked={},
        format=form,
        limit=limit if kind_of(request, form) != "json" else None,
        columns=column,
    )

    def frame() -> pl.LazyFrame:
        opened = archive(context)
        where = When(feed=selection.feeds, instrument=selection.instruments)
        return opened.book(at=ts, depth=depth, **where)

    def turn(made: pl.LazyFrame, _after: Sequence[Any] | None, _limit: int) -> Page:
        return Page(made.head(limit).collect(), None)

    return await told(asked, frame, list, turn)


def _check_time(selection: Selection, request: Request, ts: int) -> None:
    """A book has one time: words for a range are refused, and so is what a key may not see."""
    given = [name for name in ("start", "end") if name in request.query_params]
    if given:
        raise Refused(400, "query", "A book is at one time.", f"Leave out `{given[0]}`: give `at`.")
    if ts < (selection.since or 0) or (selection.until is not None and ts >= selection.until):
        raise Refused(403, "days", "This key may not see that time.", "Ask within its days.")


@router.get(
    "/v1/data/frames",
    summary="What was received, byte for byte",
    responses=described("Frame", _SHOWN, text=str | None, b64=str | None),
    response_class=Response,
)
async def raw(
    request: Request,
    context: Reached,
    selection: Selected,
    kind: Annotated[
        str | None,
        Query(
            alias="type",
            description="Of this message type; `_connection`, `_ledger` and `_sent` are records of ours.",
            max_length=100,
        ),
    ] = None,
    connection: Annotated[
        str | None, Query(description="Of this connection.", max_length=200)
    ] = None,
    ordinal: Annotated[
        int | None, Query(ge=0, le=(1 << 53) - 1, description="Only this frame of its connection.")
    ] = None,
    column: Columns = None,
    form: Format = None,
    limit: Rows = None,
    cursor: Cursor = None,
) -> Response:
    """Frames with their provenance, as they were written: in JSON `text`, or `b64` where it is none; in Arrow and Parquet `payload`."""
    if kind_of(request, form) == "csv":
        raise Refused(
            400, "format", "Frames are no rows of a table.", "Use ndjson, arrow or parquet."
        )
    asked = Question(
        request=request,
        context=context,
        name="frames",
        asked={**selection.asked, "type": kind, "connection": connection, "ordinal": ordinal},
        place=_OF_FRAMES,
        format=form,
        cursor=cursor,
        limit=limit,
        columns=column,
    )

    def turn(_frame: pl.LazyFrame, after: Sequence[Any] | None, most: int) -> Page:
        which = frames.wanted(archive(context).about(selection.when), kind, connection)
        which = msgspec.structs.replace(which, ordinal=ordinal)
        place = None if after is None else (layout.Place(*after[:-1]), int(after[-1]))
        rows, last = frames.page(as_store(context.root), which, place, most)
        if last is None:
            return Page(rows, None)
        place_, number = last
        return Page(
            rows, [place_.feed, place_.date, place_.time, place_.writer, place_.index, number]
        )

    def frame() -> pl.LazyFrame:
        found = archive(context).frames(kind=kind, connection=connection, **selection.when)
        return found if ordinal is None else found.filter(pl.col("ordinal") == ordinal)

    return await told(
        asked,
        frame,
        lambda: archive(context).losses(**selection.when),
        turn,
    )
