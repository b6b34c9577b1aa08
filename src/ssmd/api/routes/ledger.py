"""What is missing, why, and how complete the rest is: the ledger."""

from typing import Annotated, Any, Final, Literal

import polars as pl
from fastapi import APIRouter, Query, Request
from pydantic import Field

from ssmd.access import completeness
from ssmd.access.explaining import explained
from ssmd.api.callers import ForDatasets, said
from ssmd.api.context import Context, Reached
from ssmd.api.paging import Cursor, Limit, cursor_of, start_of
from ssmd.api.problems import Refused
from ssmd.api.reading import archive, instant_of
from ssmd.api.routes.selecting import Selected, Selection
from ssmd.api.routes.turning import Place, placed, turned
from ssmd.api.routing import router as strict
from ssmd.api.wire import Page, Time, Wire

router: APIRouter = strict("ledger")

Kind = Literal["gap", "hole", "loss", "outage"]
_ORDER: Final = ("since", "feed", "instrument_id", "kind", "connection", "record", "first_ordinal")
_BY_NAME: Final = ("feed", "instrument_id")


class Missing(Wire):
    """Something that is missing of an instrument, or of a whole feed."""

    feed: str = Field(description="Of which feed.")
    instrument: str | None = Field(description="`venue:symbol`; null when it concerns several.")
    kind: Kind = Field(
        description="`gap`: the venue's counters show a loss; `hole`: ours do; `outage`: nobody was connected; `loss`: declared."
    )
    since: Time = Field(description="From when on.")
    until: Time | None = Field(description="Up to when; null while it goes on.")
    reason: str = Field(description="Why.", examples=["reset"])
    repaired: str = Field(description="What made it good; empty when nothing did.")
    channels: list[str] = Field(description="Of which channels.")
    symbols: list[str] = Field(description="Of which instruments, when there are several.")
    connection: str = Field(description="The connection whose records show it.")
    record: int | None = Field(description="The record that shows it.")
    ordinals: tuple[int, int] | None = Field(
        description="The frames that are missing, or around it."
    )
    file: str | None = Field(description="The segment that holds the evidence.")


class Covered(Wire):
    """How many minutes of an instrument are of each condition."""

    feed: str = Field(description="Of which feed.")
    instrument: str | None = Field(description="`venue:symbol`; null for what is not of one.")
    since: Time = Field(description="The first minute that is judged.")
    until: Time = Field(description="The end of the last one.")
    minutes: int = Field(description="How many minutes there are.")
    not_wanted: int = Field(description="Nobody wanted it.")
    complete: int = Field(description="Everything is there.")
    quiet: int = Field(description="We were there, and nothing happened.")
    venue_paused: int = Field(description="The venue was closed.")
    repaired: int = Field(description="Something was missing, and made good.")
    degraded: int = Field(description="Something is doubtful.")
    unknown: int = Field(description="Nobody can know.")
    lost: int = Field(description="Something is missing.")


class Explained(Wire):
    """What became of an instrument at a moment, by one feed."""

    feed: str = Field(description="By which feed.")
    condition: str = Field(description="Of the minute.", examples=["complete"])
    sentence: str = Field(description="What happened.")
    evidence: list[str] = Field(description="What shows it.")


class Why(Wire):
    """What became of an instrument at a moment."""

    instrument: str = Field(description="`venue:symbol`.")
    at: Time = Field(description="The moment.")
    sentence: str = Field(description="What happened, by the first of the feeds.")
    evidence: list[str] = Field(description="What shows it.")
    feeds: list[Explained] = Field(description="The same by every feed that held it.")


@router.get("/v1/ledger/gaps", summary="What is missing, and why")
async def gaps(
    context: Reached,
    selection: Selected,
    kind: Annotated[Kind | None, Query(description="Only this kind.")] = None,
    reason: Annotated[str | None, Query(description="Only this reason.", max_length=100)] = None,
    every: Annotated[
        bool,
        Query(
            alias="all",
            description="Short set-ups at starts, and that recording was stopped, as well.",
        ),
    ] = False,
    newest: Annotated[bool, Query(description="The newest first.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Missing]:
    """Gaps, holes, outages and losses: whose they are, what shows them, what made them good."""
    query = {**selection.asked, "kind": kind, "reason": reason, "all": every, "newest": newest}
    return await _missing(context, selection, query, limit, cursor)


@router.get("/v1/ledger/outages", summary="When nobody was connected")
async def outages(
    context: Reached,
    selection: Selected,
    newest: Annotated[bool, Query(description="The newest first.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Missing]:
    """Times when a subscription had no live connection."""
    query = {**selection.asked, "kind": "outage", "reason": None, "all": False, "newest": newest}
    return await _missing(context, selection, query, limit, cursor)


async def _missing(
    context: Context,
    selection: Selection,
    query: dict[str, Any],
    limit: int,
    cursor: str | None,
) -> Page[Missing]:
    after = start_of(cursor, "gaps", query, Place)

    def make() -> Page[Missing]:
        about = archive(context).about(selection.when)
        found = completeness.gaps(context.root, *about, every=bool(query["all"]))
        wanted = [
            pl.col(name) == query[name] for name in ("kind", "reason") if query[name] is not None
        ]
        rows = placed(found.filter(*wanted), _ORDER, descending=bool(query["newest"]))
        return turned(rows, after, limit, _gap, lambda place: cursor_of("gaps", query, place))

    return await context.work.run(make)


@router.get("/v1/ledger/coverage", summary="How complete it is")
async def coverage(
    context: Reached, selection: Selected, limit: Limit = 100, cursor: Cursor = None
) -> Page[Covered]:
    """Of each instrument, how many minutes there are of each condition."""
    after = start_of(cursor, "coverage", selection.asked, Place)

    def make() -> Page[Covered]:
        found = archive(context).coverage(**selection.when).collect()
        rows = placed(found, _BY_NAME)
        asked = selection.asked
        return turned(rows, after, limit, _covered, lambda p: cursor_of("coverage", asked, p))

    return await context.work.run(make)


@router.get("/v1/ledger/why", summary="What became of an instrument at a moment")
async def why(
    request: Request,
    context: Reached,
    caller: ForDatasets,
    instrument: Annotated[
        str, Query(description="`venue:symbol`, or the venue's own symbol.", max_length=512)
    ],
    at: Annotated[str, Query(description="The moment (UTC), as `start` elsewhere.", max_length=64)],
    feed: Annotated[str | None, Query(description="Only by this feed.", max_length=40)] = None,
) -> Why:
    """Complete, quiet, or missing and why: in a sentence, with the evidence."""
    ts = instant_of(at, context, "at")
    assert ts is not None  # noqa: S101 - it is needed
    caller.within(ts, ts)
    if feed is not None:
        caller.check_feed(feed)

    def make() -> Why:
        archive(context)  # says so when there is none
        found = explained(context.root, feed, instrument, ts)
        mine = [each for each in found if caller.feeds is None or each.feed in caller.feeds]
        if not mine:
            raise Refused(
                403, "feed", "This key may not see that instrument's feed.", "Ask for one."
            )
        said(request).feeds = [each.feed for each in mine]
        told = [
            Explained(
                feed=each.feed,
                condition=each.condition,
                sentence=each.sentence,
                evidence=list(each.evidence),
            )
            for each in mine
        ]
        return Why(
            instrument=mine[0].instrument,
            at=ts,
            sentence=told[0].sentence,
            evidence=told[0].evidence,
            feeds=told,
        )

    return await context.work.run(make)


def _gap(row: dict[str, Any]) -> Missing:
    ordinals = (row["first_ordinal"], row["last_ordinal"])
    return Missing(
        feed=row["feed"],
        instrument=row["instrument_id"],
        kind=row["kind"],
        since=row["since"],
        until=row["until"],
        reason=row["reason"],
        repaired=row["repaired"] or "",
        channels=row["channels"],
        symbols=row["symbols"],
        connection=row["connection"],
        record=row["record"],
        ordinals=None if None in ordinals else ordinals,
        file=row["file"],
    )


def _covered(row: dict[str, Any]) -> Covered:
    told = {name: value for name, value in row.items() if name in Covered.model_fields}
    return Covered(instrument=row["instrument_id"], **told)
