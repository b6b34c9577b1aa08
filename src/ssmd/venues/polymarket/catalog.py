"""What is listed: Gamma's events, page by page, with the markets inside them.

Only the listing of events has tags, and with them a category. Its pages are counted by offset,
and the list moves while it is read. So it is asked for in the order of creation, where what is new
comes last; neighbouring pages overlap, and a page that does not touch what was read before (more
left the list than the overlap holds) is followed by an earlier one. What comes twice counts once.
The listing ends with a page that brings nothing but the overlap.
"""

from typing import Final

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument
from ssmd.model.listing import Reject
from ssmd.model.rest import Catalog, CatalogQuery, Page, Request
from ssmd.venues.polymarket.gamma import entries, gamma_event, grouping_of, identity
from ssmd.venues.polymarket.listing import instruments
from ssmd.venues.polymarket.shifting import OVERLAP, PAGE_SIZE, slice_of

TAG_IDS: Final = {"crypto": "21", "politics": "2"}
"""Gamma's ids of tags by category, where a recording shows them: the venue can then narrow.

Every event of such a category has the tag, so nothing is lost by asking for it.
"""


def catalog(query: CatalogQuery) -> Catalog:
    """Every token of every event, each once."""
    limit = query.page_size or PAGE_SIZE
    overlap = min(OVERLAP, limit // 2)
    known: set[bytes | str] = set()
    tokens: set[str] = set()
    offset, touching = 0, False
    while True:
        body = yield Request("/events", (*_narrowing(query), *slice_of(limit, offset)))
        events = entries(body)
        names = [identity(event) for event in events]
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
        tag = TAG_IDS.get(query.categories[0].casefold())
        if tag is not None:
            narrowed = (*narrowed, ("tag_id", tag))
    return narrowed


def _read(events: list[bytes], tokens: set[str], wanted: tuple[str, ...]) -> Page:
    """The instruments of some events; what cannot be read hurts nothing else."""
    found: list[Instrument] = []
    rejects: list[Reject] = []
    for body in events:
        try:
            event = gamma_event(body)
            grouping = grouping_of(event, wanted)
        except ValueError as error:
            why = f"An event cannot be read: {error}."
            rejects.append(Reject(reason=why, entity="event", payload=body))
            continue
        for raw in event.markets or ():
            payload = bytes(raw)
            try:
                listed = instruments(Fields(decode(payload)), grouping, payload)
            except ValueError as error:
                why = f"A market of event {grouping.id} cannot be read: {error}."
                rejects.append(Reject(reason=why, payload=payload))
                continue
            for instrument in listed:
                if instrument.symbol not in tokens:
                    tokens.add(instrument.symbol)
                    found.append(instrument)
    return Page(tuple(found), tuple(rejects))
