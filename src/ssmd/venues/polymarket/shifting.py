"""A list that is counted by offset, and moves while it is read.

Its pages are asked for in the order of creation, and overlap. What left the list before a page
brings that page nearer to the beginning: when it does not touch the one before, an earlier one is
asked for. What came back into the list before it is found by reading the whole list again, until
that brings nothing new in the midst of what is known; what is new at the end belongs to the next
round as much as to this one, and is given too.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Final

from ssmd.model.rest import Catalog, Page, Request
from ssmd.venues.polymarket.gamma import entries, identity

PAGE_SIZE: Final = 100
"""Events per page: the most Gamma gives."""
OVERLAP: Final = 10
"""Events that a page has in common with the one before."""
_PASSES: Final = 8
"""A list in whose midst something new stands each time is none that can be read."""

Query = tuple[tuple[str, str], ...]


def still(filters: Query, page_size: int | None, read: Callable[[list[bytes]], Page]) -> Catalog:
    """Every event that a list holds, each once.

    Args:
        filters: What the venue leaves out.
        page_size: Entries per page; None for the most.
        read: Makes a page of events that are new.

    Raises:
        ValueError: A page is none, or the list does not come to rest.
    """
    known: dict[bytes | str, int] = {}
    for number in range(_PASSES):
        restless = yield from _once(filters, page_size or PAGE_SIZE, read, known, number)
        if number and not restless:
            return
    raise ValueError(f"/events does not come to rest: read {_PASSES} times, it was never the same")


def _once(
    filters: Query,
    limit: int,
    read: Callable[[list[bytes]], Page],
    known: dict[bytes | str, int],
    number: int,
) -> Generator[Request | Page, bytes, bool]:
    """Read the list to its end; gives whether something new stood before something known."""
    overlap = min(OVERLAP, limit // 2)
    new, restless = False, False
    offset, touching = 0, False
    while True:
        events = entries((yield Request("/events", (*filters, *slice_of(limit, offset)))))
        names = [identity(event) for event in events]
        if touching and all(known.get(name) != number for name in names):
            offset = max(0, offset - limit)
            touching = offset > 0
            continue
        if not events:
            return restless
        news: list[bytes] = []
        fresh = False
        for event, name in zip(events, names, strict=True):
            if known.get(name) == number:
                continue
            fresh = True
            if name in known:
                restless |= new
            else:
                new = True
                news.append(event)
            known[name] = number
        if news:
            yield read(news)
        if not fresh and len(events) <= overlap:
            return restless
        step = _step(events, overlap)
        offset += step
        touching = step < len(events)


def _step(events: Sequence[bytes], overlap: int) -> int:
    return len(events) - min(overlap, len(events) - 1)


def slice_of(limit: int, offset: int) -> Query:
    """The parameters of a page, in the order of creation."""
    return (
        ("order", "id"),
        ("ascending", "true"),
        ("limit", str(limit)),
        ("offset", str(offset)),
    )
