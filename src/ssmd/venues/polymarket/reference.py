"""Everything the venue lists, for the security master: series, questions, answers.

What is not closed, then, where that is asked for, what closed since: events that end later than
some time (`end_date_min`), for Gamma tells no filter of when something closed. An event decided
late ends before; whoever kept it as open asks `lookup` about what no list names any more.

Gamma knows no filter of what changed since some time, and its `updatedAt` moves with every trade:
so what changed is found by listing everything, in either case.
"""

from typing import Final

from ssmd.model.rest import Catalog, ReferenceQuery
from ssmd.model.timestamp import format_rfc3339
from ssmd.venues.polymarket.catalog import TAG_IDS
from ssmd.venues.polymarket.listing import Grouping
from ssmd.venues.polymarket.reference_reading import Reading
from ssmd.venues.polymarket.shifting import Query, still

_TO_THE_SECOND: Final = len("2026-08-02T05:43:31")


def reference(query: ReferenceQuery) -> Catalog:
    """Every token of every event, with its question and its series, each once."""
    reading = Reading(wanted=_wanted(query))

    def listed(filters: Query) -> Catalog:
        return still(
            (*filters, *_narrowing(query)),
            query.page_size,
            lambda events: reading.events(events, "/events"),
        )

    yield from listed((("closed", "false"),))
    if query.ended_since_ts is not None:
        since = f"{format_rfc3339(query.ended_since_ts)[:_TO_THE_SECOND]}Z"
        yield from listed((("closed", "true"), ("end_date_min", since)))


def _wanted(query: ReferenceQuery) -> "Wanted | None":
    if not query.series and not query.categories:
        return None
    return Wanted(query)


class Wanted:
    """Whether a group of questions is asked for: by its series, and by its category or a tag."""

    def __init__(self, query: ReferenceQuery) -> None:
        self._series = frozenset(query.series)
        self._categories = frozenset(category.casefold() for category in query.categories)

    def __call__(self, group: Grouping) -> bool:
        if self._series and group.series not in self._series:
            return False
        labels = {label.casefold() for label in (group.category or "", *(group.tags or ()))}
        return not self._categories or not labels.isdisjoint(self._categories)


def _narrowing(query: ReferenceQuery) -> Query:
    """What the venue can leave out on its side."""
    if len(query.categories) != 1:
        return ()
    tag = TAG_IDS.get(query.categories[0].casefold())
    return (("tag_id", tag),) if tag is not None else ()
