"""What is listed: Gamma's events, page by page, with the markets inside them.

Only the listing of events has tags, and with them a category. Its pages are counted by offset,
and the list moves while it is read. So it is asked for in the order of creation, where what is new
comes last; neighbouring pages overlap, and a page that does not touch what was read before (more
left the list than the overlap holds) is followed by an earlier one. What comes twice counts once.
The listing ends with a page that brings nothing but the overlap.
"""

from typing import Any, Final

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument
from ssmd.model.rest import Catalog, CatalogQuery, Page, Request
from ssmd.venues.polymarket.listing import Grouping, instruments

PAGE_SIZE: Final = 100
"""Events per page: the most Gamma gives."""
OVERLAP: Final = 10
"""Events that a page has in common with the one before."""
_TAG_IDS: Final = {"crypto": "21", "politics": "2"}
"""Gamma's ids of tags by category, where a recording shows them: the venue can then narrow.

Every event of such a category has the tag, so nothing is lost by asking for it.
"""


class _Event(msgspec.Struct, gc=False):
    id: Any = None
    slug: Any = None
    title: Any = None
    endDate: Any = None  # noqa: N815 - the venue's name
    seriesSlug: Any = None  # noqa: N815
    series: Any = None
    tags: Any = None
    markets: list[msgspec.Raw] | None = None


_events: Final = msgspec.json.Decoder(list[msgspec.Raw])
_event: Final = msgspec.json.Decoder(_Event, float_hook=str)


def catalog(query: CatalogQuery) -> Catalog:
    """Every token of every event, each once."""
    limit = query.page_size or PAGE_SIZE
    overlap = min(OVERLAP, limit // 2)
    known: set[bytes | str] = set()
    tokens: set[str] = set()
    offset, touching = 0, False
    while True:
        body = yield Request("/events", (*_narrowing(query), *_slice(limit, offset)))
        events = _page(body)
        names = [_name(event) for event in events]
        if touching and known.isdisjoint(names):
            offset = max(0, offset - limit)
            touching = offset > 0
            continue
        news = [event for event, name in zip(events, names, strict=True) if name not in known]
        known.update(names)
        if not events:
            return
        if news:
            yield _read(news, tokens, query.categories)
        elif len(events) <= overlap:
            return
        step = len(events) - min(overlap, len(events) - 1)
        offset += step
        touching = step < len(events)


def _narrowing(query: CatalogQuery) -> tuple[tuple[str, str], ...]:
    """What the venue can leave out on its side."""
    narrowed = (("active", "true"), ("closed", "false")) if query.active else ()
    if len(query.categories) == 1:
        tag = _TAG_IDS.get(query.categories[0].casefold())
        if tag is not None:
            narrowed = (*narrowed, ("tag_id", tag))
    return narrowed


def _slice(limit: int, offset: int) -> tuple[tuple[str, str], ...]:
    return (
        ("order", "id"),
        ("ascending", "true"),
        ("limit", str(limit)),
        ("offset", str(offset)),
    )


def _page(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _events.decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the events are not a list: {error}") from error


def _name(event: bytes) -> bytes | str:
    """What makes an event the same as another: its id, or else every byte of it."""
    try:
        number = _event.decode(event).id
    except (msgspec.DecodeError, RecursionError):
        return event
    return str(number) if isinstance(number, str | int) else event


def _read(events: list[bytes], tokens: set[str], wanted: tuple[str, ...]) -> Page:
    """The instruments of some events; what cannot be read hurts nothing else."""
    found: list[Instrument] = []
    rejects: list[str] = []
    for body in events:
        try:
            event = _event.decode(body)
            grouping = _grouping(event, wanted)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            rejects.append(f"An event cannot be read: {error}.")
            continue
        for raw in event.markets or ():
            payload = bytes(raw)
            try:
                listed = instruments(Fields(decode(payload)), grouping, payload)
            except ValueError as error:
                rejects.append(f"A market of event {grouping.id} cannot be read: {error}.")
                continue
            for instrument in listed:
                if instrument.symbol not in tokens:
                    tokens.add(instrument.symbol)
                    found.append(instrument)
    return Page(tuple(found), tuple(rejects))


def _grouping(event: _Event, wanted: tuple[str, ...]) -> Grouping:
    """What all markets of an event share."""
    series = event.seriesSlug
    if not series and isinstance(event.series, list) and event.series:
        first = event.series[0]
        series = first.get("slug") if isinstance(first, dict) else None
    tags: tuple[str, ...] | None = None
    if isinstance(event.tags, list):
        labels = [tag.get("label") if isinstance(tag, dict) else tag for tag in event.tags]
        tags = tuple(label for label in labels if isinstance(label, str) and label)
    return Grouping(
        id=_text(event.id),
        slug=_text(event.slug),
        series=_text(series) or None,
        tags=tags,
        end=_text(event.endDate) or None,
        wanted=frozenset(category.casefold() for category in wanted),
    )


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
