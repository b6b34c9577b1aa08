"""What is recorded: feeds, days, tables, instruments, their condition, and how much it would be."""

from typing import Annotated, Any, Final

import polars as pl
from fastapi import APIRouter, Query, Request

from ssmd import venues
from ssmd.access import completeness, tables
from ssmd.access.archive import Archive
from ssmd.access.days import Shown, days
from ssmd.access.estimating import estimate
from ssmd.access.names import Register
from ssmd.api.callers import Caller, ForDatasets, said
from ssmd.api.context import Context, Reached
from ssmd.api.paging import Cursor, Limit, cursor_of, start_of
from ssmd.api.problems import NotThere, Refused
from ssmd.api.reading import archive
from ssmd.api.routes.datasets_shapes import (
    Column,
    Conditions,
    Dataset,
    Estimated,
    Feed,
    Instrument,
    Per,
    Stretch,
    Table,
)
from ssmd.api.routes.selecting import End, FeedPath, Selected, Start, selected
from ssmd.api.routes.turning import Place, placed, times, turned
from ssmd.api.routing import router as strict
from ssmd.api.wire import Page
from ssmd.archive import layout
from ssmd.archive.ledger.condition import CONDITIONS
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.listing import Day
from ssmd.archive.store.opening import as_store
from ssmd.archive.tables.schema import Shape, commons, natives

router: APIRouter = strict("datasets")

_NS: Final = {"hour": 3600 * 10**9, "day": layout.DAY_NS}


@router.get("/v1/datasets/feeds", summary="What is recorded")
async def feeds(
    context: Reached, caller: ForDatasets, limit: Limit = 100, cursor: Cursor = None
) -> Page[Feed]:
    """Every feed of which something is archived, by name."""
    after = start_of(cursor, "feeds", {}, tuple[str])

    def make() -> Page[Feed]:
        opened = archive(context)
        names = caller.only(opened.feeds())
        start = 0 if not after else sum(name <= after[0] for name in names)
        shown = names[start : start + limit]
        more = start + limit < len(names)
        items = [_feed(opened, context, name) for name in shown]
        return Page(items=items, next=cursor_of("feeds", {}, [shown[-1]]) if more else None)

    return await context.work.run(make)


@router.get("/v1/datasets/feeds/{feed}", summary="One feed")
async def feed_(request: Request, context: Reached, caller: ForDatasets, feed: FeedPath) -> Feed:
    """What is archived of one feed."""

    def make() -> Feed:
        opened = _known(context, caller, request, feed)
        return _feed(opened, context, feed)

    return await context.work.run(make)


@router.get("/v1/datasets/feeds/{feed}/days", summary="The days of a feed")
async def feed_days(
    request: Request,
    context: Reached,
    caller: ForDatasets,
    feed: FeedPath,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Dataset]:
    """What is archived of each day, the newest first, with its tables and its coverage."""
    after = start_of(cursor, "days", {"feed": feed}, tuple[str])

    def make() -> Page[Dataset]:
        _known(context, caller, request, feed)
        found = [
            each
            for each in reversed(days(context.root, feed))
            if (not after or each[0].date < after[0]) and _may_see(caller, each[0].date)
        ]
        items = [_dataset(*each) for each in found[:limit]]
        more = len(found) > limit
        return Page(
            items=items,
            next=cursor_of("days", {"feed": feed}, [items[-1].date]) if more else None,
        )

    return await context.work.run(make)


@router.get("/v1/datasets/schema", summary="The tables and their columns")
async def schema(
    request: Request,
    context: Reached,
    caller: ForDatasets,
    feed: Annotated[
        str | None, Query(description="Those of this feed, in its venue's words.", max_length=40)
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Table]:
    """The tables that all venues share, or those of one feed in its venue's own words."""
    after = start_of(cursor, "schema", {"feed": feed}, tuple[str])

    def make() -> Page[Table]:
        found = commons() if feed is None else _own(context, caller, request, feed)
        names = sorted(found)
        start = 0 if not after else sum(name <= after[0] for name in names)
        shown = names[start : start + limit]
        more = start + limit < len(names)
        items = [_table(name, feed, found[name]) for name in shown]
        query = {"feed": feed}
        return Page(items=items, next=cursor_of("schema", query, [shown[-1]]) if more else None)

    return await context.work.run(make)


@router.get("/v1/datasets/instruments", summary="The instruments of a feed")
async def instruments(
    request: Request,
    context: Reached,
    caller: ForDatasets,
    feed: Annotated[str, Query(description="Of which feed.", max_length=40)],
    q: Annotated[
        str | None,
        Query(description="Only those whose symbol holds this, whatever its case.", max_length=100),
    ] = None,
    start: Start = None,
    end: End = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Instrument]:
    """Every instrument that was wanted or heard of in a time, and how much was heard."""
    selection = selected(caller, context, request, [feed], None, start, end)
    query = {**selection.asked, "q": q}
    after = start_of(cursor, "instruments", query, Place)

    def make() -> Page[Instrument]:
        opened = _known(context, caller, request, feed)
        found = completeness.instruments(context.root, *opened.about(selection.when))
        if q is not None:
            text = pl.col("symbol").str.to_lowercase()
            found = found.filter(text.str.contains(q.lower(), literal=True))
        rows = placed(found, ("symbol",))
        return turned(rows, after, limit, _instrument, lambda p: cursor_of("instruments", query, p))

    return await context.work.run(make)


@router.get("/v1/datasets/condition", summary="How complete an instrument is, minute by minute")
async def condition(
    request: Request,
    context: Reached,
    caller: ForDatasets,
    feed: Annotated[str, Query(description="By which feed.", max_length=40)],
    instrument: Annotated[
        str, Query(description="`venue:symbol`, or the venue's own symbol.", max_length=512)
    ],
    start: Start = None,
    end: End = None,
    per: Annotated[
        Per, Query(description="Runs of minutes of one condition, or counts by hour or day (UTC).")
    ] = "minute",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Conditions:
    """`complete`, `quiet`, `lost`, ...: what can be said of every minute of a time."""
    selection = selected(caller, context, request, [feed], [instrument], start, end)
    query = {**selection.asked, "per": per}
    after = start_of(cursor, "condition", query, Place)

    def make() -> Conditions:
        opened = _known(context, caller, request, feed)
        found = opened.conditions(**selection.when).collect()
        runs = found if per == "minute" else _counted(found, _NS[per])
        page = turned(
            placed(runs, ("since",)),
            after,
            limit,
            _stretch,
            lambda p: cursor_of("condition", query, p),
        )
        symbols, _ = opened.about(selection.when)
        name = next(iter(found["instrument_id"]), None) or (symbols[feed] or [instrument])[0]
        return Conditions(feed=feed, instrument=name, per=per, items=page.items, next=page.next)

    return await context.work.run(make)


@router.get("/v1/datasets/estimate", summary="How much a download would be")
async def estimated(
    context: Reached,
    selection: Selected,
    table: Annotated[
        str,
        Query(
            description="A table that all venues share; `book` for changes of books.",
            max_length=100,
        ),
    ],
) -> Estimated:
    """Rows, sizes and losses of a table and a time, by what the files say of themselves."""

    def make() -> Estimated:
        tables.columns(table)
        opened = archive(context)
        symbols, asked = opened.about(selection.when)
        found = estimate(as_store(context.root), list(symbols), table, asked)
        return Estimated(
            table=table,
            rows=found.rows,
            parquet_bytes=found.parquet_bytes,
            files=found.files,
            unbuilt_segments=found.unbuilt,
            is_exact=found.is_exact,
            losses=len(opened.losses(**selection.when)),
        )

    return await context.work.run(make)


def _known(context: Context, caller: Caller, request: Request, feed: str) -> Archive:
    """The archive, when it has the feed and the caller may see it."""
    caller.check_feed(feed)
    said(request).feeds = [feed]
    opened = archive(context)
    if feed not in opened.feeds():
        raise NotThere(
            f"There is no feed {feed[:100]!r} here.",
            remedy=f"Recorded are: {', '.join(caller.only(opened.feeds())) or 'none'}.",
        )
    return opened


def _may_see(caller: Caller, date: str) -> bool:
    begin = layout.day_start(date)
    try:
        caller.within(begin, begin + layout.DAY_NS)
    except Refused:
        return False
    return True


def _feed(opened: Archive, context: Context, name: str) -> Feed:
    found = [day for day, _ in days(context.root, name)]
    firsts = [day.first_ts for day in found if day.first_ts is not None]
    lasts = [day.last_ts for day in found if day.last_ts is not None]
    return Feed(
        feed=name,
        venue=Register(as_store(context.root), context.root).venue(name),
        types=sorted({kind for day in found for kind in day.types}),
        days=len(found),
        first=min(firsts, default=None),
        last=max(lasts, default=None),
        envelopes=sum(day.lines for day in found),
        raw_bytes=sum(day.bytes for day in found),
        is_open=any(day.open for day in found),
    )


def _dataset(day: Day, shown: Shown) -> Dataset:
    return Dataset(
        feed=day.feed,
        date=day.date,
        segments=day.segments,
        open=day.open,
        bytes=day.bytes,
        envelopes=day.lines,
        types=day.types,
        first=day.first_ts,
        last=day.last_ts,
        gaps=day.gaps,
        rows=shown.rows,
        tables=shown.tables,
        table_bytes=shown.table_bytes,
        coverage=shown.coverage,
    )


def _own(context: Context, caller: Caller, request: Request, feed: str) -> dict[str, Shape]:
    """The tables of a feed in its venue's words; none while nothing was heard of it."""
    _known(context, caller, request, feed)
    venue = Register(as_store(context.root), context.root).venue(feed)
    found = natives(venues.load(venue)) if venue in venues.names() else {}
    return {name.removeprefix(layout.NATIVE): shape for name, shape in found.items()}


def _table(name: str, feed: str | None, shape: Shape) -> Table:
    columns = [
        Column(name=column, type=kind, own=column in shape.own)
        for column, kind in shape.columns.items()
    ]
    return Table(table=name, feed=feed, columns=columns)


def _instrument(row: dict[str, Any]) -> Instrument:
    told = {name: value for name, value in row.items() if name in Instrument.model_fields}
    return Instrument(instrument=row["instrument_id"], **told)


def _stretch(row: dict[str, Any]) -> Stretch:
    return Stretch(
        start=row["since"], end=row["until"], condition=row["condition"], counts=row.get("counts")
    )


def _counted(runs: pl.DataFrame, width: int) -> pl.DataFrame:
    """Minutes by condition, by hour or by day; the condition of one is its worst."""
    counts: dict[int, dict[str, int]] = {}
    for row in times(runs).iter_rows(named=True):
        begin = row["since"]
        while begin < row["until"]:
            bucket = begin // width * width
            end = min(row["until"], bucket + width)
            found = counts.setdefault(bucket, {})
            found[row["condition"]] = found.get(row["condition"], 0) + (end - begin) // MINUTE_NS
            begin = end
    rows = [
        (bucket, bucket + width, max(found, key=CONDITIONS.index), found)
        for bucket, found in sorted(counts.items())
    ]
    return pl.DataFrame(
        {
            "since": [row[0] for row in rows],
            "until": [row[1] for row in rows],
            "condition": [row[2] for row in rows],
            "counts": [row[3] for row in rows],
        },
        schema={"since": pl.Int64, "until": pl.Int64, "condition": pl.String, "counts": pl.Object},
    )
