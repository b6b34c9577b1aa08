"""What is listed: instruments and their names, events, series, fees, funding, and how all that changed."""

from types import GenericAlias
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Query, Request

from ssmd.api.paging import Cursor, Index, Key, Limit, cursor_of, start_of
from ssmd.api.problems import NotThere, Refused
from ssmd.api.routes.secmaster_asking import Asked, OfTime
from ssmd.api.routes.secmaster_shapes import (
    Event,
    Facts,
    Fee,
    Funding,
    Hit,
    Listed,
    Match,
    Resolved,
    Series,
    Stats,
    Version,
    of_row,
)
from ssmd.api.routing import router as strict
from ssmd.api.wire import Page, Wire
from ssmd.model.errors import ConfigError
from ssmd.model.instrument import Kind, Status
from ssmd.secmaster import ask, pages, resolve, search
from ssmd.secmaster.ask import Filters
from ssmd.secmaster.database import Session
from ssmd.secmaster.errors import NothingSynced
from ssmd.secmaster.told import told

router: APIRouter = strict("secmaster")
T = TypeVar("T")
W = TypeVar("W", bound=Wire)


_PLACES: Final[dict[str, Any]] = {
    table: GenericAlias(tuple, (Key,) * len(columns)) for table, columns in pages.KEYS.items()
}
"""What the place of a row is made of, by table: a text for each column of its key."""

Venue = Annotated[str | None, Query(description="Only of this venue.", max_length=40)]
Name = Annotated[
    str,
    Query(
        description="`venue:symbol`, or any of its names, if it means no other.",
        min_length=1,
        max_length=512,
    ),
]
Word = Annotated[
    str | None, Query(max_length=512, description="Only with this word of the venue's.")
]


@router.get("/v1/secmaster/instruments", summary="Instruments")
async def instruments(
    asked: OfTime,
    venue: Venue = None,
    status: Annotated[Status | None, Query(description="Only in this state.")] = None,
    kind: Annotated[Kind | None, Query(description="Only this sort of contract.")] = None,
    series: Word = None,
    event: Word = None,
    category: Word = None,
    tag: Word = None,
    base: Annotated[str | None, Query(max_length=100, description="Only what buys this.")] = None,
    quote: Annotated[
        str | None, Query(max_length=100, description="Only what is paid in this.")
    ] = None,
    listed: Annotated[
        bool | None,
        Query(description="Whether it is listed still; `false` for those that are not."),
    ] = True,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Listed]:
    """What is listed, or was at a time, by venue and symbol."""
    asked.check_venue(venue)
    which = Filters(
        venue=_clean(venue), status=status, kind=kind, series=_clean(series), event=_clean(event),
        category=_clean(category), tag=_clean(tag), base=_clean(base), quote=_clean(quote),
        listed=listed,
    )  # fmt: skip
    query = {**asked.words, "which": which}
    after = start_of(cursor, "instruments", query, _PLACES["instrument"])

    async def rows(session: Session) -> list[dict[str, Any]]:
        await ask.check_venue(session, which.venue)
        at = asked.when.as_of or asked.when.known_at or asked.now
        return await pages.instruments(
            session, which, asked.when, at, venues=asked.venues, after=after, limit=limit + 1
        )

    return _page(await asked.of(rows), Listed, "instrument", "instruments", query, limit)


@router.get("/v1/secmaster/instrument", summary="All there is of one instrument")
async def instrument(asked: OfTime, instrument: Name) -> Facts:
    """The instrument with its names, event, series, fee, funding, activity, links and statuses."""

    async def facts(session: Session) -> dict[str, Any]:
        venue, symbol = await _find(session, asked, instrument)
        found = await ask.facts(session, venue, symbol, asked.when, asked.now)
        if found is None:
            remedy = "Ask of another time, or `/v1/secmaster/history` when it began."
            raise NotThere(f"{venue}:{symbol} was not there at that time.", remedy=remedy)
        return found

    return Facts.of(await asked.of(facts))


@router.get("/v1/secmaster/history", summary="How an instrument changed")
async def history(
    asked: OfTime, instrument: Name, limit: Limit = 100, cursor: Cursor = None
) -> Page[Version]:
    """Every version of an instrument, by when it became known, with what was other than before."""
    query = {**asked.words, "instrument": instrument}
    (begin,) = start_of(cursor, "history", query, tuple[Index]) or (0,)

    async def rows(session: Session) -> list[dict[str, Any]]:
        venue, symbol = await _find(session, asked, instrument)
        return await ask.history(session, venue, symbol)

    found = await asked.of(rows)
    shown = found[begin : begin + limit]
    more = begin + limit < len(found)  # versions are only ever added, at the end
    return Page(
        items=[Version.of(row) for row in shown],
        next=cursor_of("history", query, [begin + limit]) if more else None,
    )


@router.get("/v1/secmaster/resolve", summary="What a name means")
async def resolved(
    asked: OfTime,
    name: Annotated[str, Query(description="A name of any scheme.", min_length=1, max_length=512)],
    venue: Venue = None,
    scheme: Annotated[str | None, Query(description="Only in this scheme.", max_length=100)] = None,
    to: Annotated[
        str | None, Query(description="Which of its names is wanted: a scheme.", max_length=100)
    ] = None,
) -> Resolved:
    """Which instruments a name means, or meant: one, several, or none (`known: false`)."""
    asked.check_venue(venue)

    async def answer(session: Session) -> resolve.Answer:
        await ask.seal(session, asked.when)
        (found,) = await resolve.resolve_many(
            session,
            [_text(name)],
            venue=_clean(venue),
            scheme=_clean(scheme),
            to=_clean(to),
            at=asked.when.as_of or asked.when.known_at,
            known_at=asked.when.known_at,
        )
        return found

    found = await asked.of(answer)
    matches = [
        Match.of(each)
        for each in found.matches
        if asked.venues is None or each.venue in asked.venues
    ]
    state = found.state if len(matches) == len(found.matches) else _state(matches)
    return Resolved(asked=name, known=bool(matches), state=state, matches=matches)


@router.get("/v1/secmaster/search", summary="Instruments by words")
async def found(
    asked: OfTime,
    q: Annotated[
        str, Query(description="Words, as somebody types them.", min_length=1, max_length=200)
    ],
    venue: Venue = None,
    unlisted: Annotated[bool, Query(description="Those too that are not listed any more.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[Hit]:
    """The instruments that fit some words, the best first; words need not be spelt right."""
    asked.check_venue(venue)
    if not asked.when.is_now:
        raise Refused(400, "query", "A search is of the present.", "Leave out the time.")
    query = {"q": q, "venue": venue, "unlisted": unlisted}
    (begin,) = start_of(cursor, "search", query, tuple[Index]) or (0,)

    async def hits(session: Session) -> list[search.Hit]:
        found = await search.search(
            session, _text(q), venue=_clean(venue), unlisted=unlisted, limit=500
        )
        return [each for each in found if asked.venues is None or each.venue in asked.venues]

    every = await asked.of(hits)
    shown = every[begin : begin + limit]
    more = begin + limit < len(every)
    return Page(
        items=[Hit.of(each) for each in shown],
        next=cursor_of("search", query, [begin + limit]) if more else None,
    )


def _table(table: str, shape: type[W], summary: str, description: str) -> None:
    """Add the route of a table whose rows are listed by their keys."""
    plural = {"event": "events", "series": "series", "fee": "fees", "funding": "funding"}[table]

    @router.get(
        f"/v1/secmaster/{plural}",
        summary=summary,
        description=description,
        response_model=Page[shape],  # type: ignore[valid-type] # a shape a table
        name=plural,
    )
    async def rows(
        request: Request,
        asked: OfTime,
        venue: Venue = None,
        symbol: Annotated[
            str | None,
            Query(description="Only of this, in the venue's own string.", max_length=512),
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[W]:
        asked.check_venue(venue)
        query = {**asked.words, "venue": venue, "symbol": symbol}
        after = start_of(cursor, plural, query, _PLACES[table])

        async def read(session: Session) -> list[dict[str, Any]]:
            return await pages.page(
                session,
                table,
                asked.when,
                equal={"venue": _clean(venue), "symbol": _clean(symbol)},
                venues=asked.venues,
                after=after,
                limit=limit + 1,
            )

        return _page(await asked.of(read), shape, table, plural, query, limit)


_table("event", Event, "Events", "What several instruments are about.")
_table("series", Series, "Series", "What events repeat.")
_table(
    "fee", Fee, "Fees", "What trading costs, by when it holds; `effective_to` null while it does."
)
_table("funding", Funding, "Funding", "What holding perpetuals was observed to cost.")


@router.get("/v1/secmaster/stats", summary="How much is listed")
async def stats(asked: OfTime) -> Stats:
    """How many instruments of each venue, by status; the last round; what was set aside."""
    if not asked.when.is_now:
        raise Refused(400, "query", "Counts are of the present.", "Leave out the time.")
    return Stats.of(await asked.of(ask.stats), asked.venues)


async def _find(session: Session, asked: Asked, name: str) -> tuple[str, str]:
    """The instrument that is meant.

    Raises:
        NotThere: There is none of that name.
        Refused: 403, when it is of a venue that the caller may not see.
    """
    try:
        venue, symbol = await ask.find(session, _text(name), asked.when)
    except NothingSynced:
        raise
    except ConfigError as error:
        raise NotThere(error.message, remedy=error.remedy) from error
    asked.check_venue(venue)
    return venue, symbol


def _page(
    rows: list[dict[str, Any]],
    shape: type[W],
    table: str,
    kind: str,
    query: object,
    limit: int,
) -> Page[W]:
    shown = rows[:limit]
    if len(rows) <= limit:
        return Page(items=[of_row(shape, row) for row in shown], next=None)
    place = [told({name: shown[-1][name]})[name] for name in pages.KEYS[table]]
    return Page(items=[of_row(shape, row) for row in shown], next=cursor_of(kind, query, place))


def _clean(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _text(text: str) -> str:
    """A text that PostgreSQL can hold.

    Raises:
        Refused: 400.
    """
    if "\0" in text:
        raise Refused(400, "value", "A word holds a NUL character.", "Leave it out.")
    return text


def _state(matches: list[Match]) -> str:
    return "unknown" if not matches else "ambiguous" if len(matches) > 1 else "found"
