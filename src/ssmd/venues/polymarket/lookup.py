"""How some tokens stand now, whatever became of them.

Gamma finds markets by their tokens (`clob_token_ids`), and lists what is closed only by itself:
both are asked. A market found so lacks its tags, so its event is asked for too (`id`), and read
as `reference` does; what no event brought stands by itself.
"""

from collections.abc import Generator
from typing import Any, Final

import msgspec

from ssmd.model.rest import Catalog, Page, Request
from ssmd.venues.polymarket.gamma import entries
from ssmd.venues.polymarket.reference_reading import Reading

AT_ONCE: Final = 40
"""Tokens of one request: each is 78 digits of the address."""
_CLOSED: Final = ("false", "true")


class _Event(msgspec.Struct, gc=False):
    id: Any = None


class _Market(msgspec.Struct, gc=False):
    events: list[_Event] | None = None


_market: Final = msgspec.json.Decoder(_Market)


def lookup(symbols: tuple[str, ...]) -> Catalog:
    """Some tokens with their questions; what no page names is gone."""
    wanted = tuple(dict.fromkeys(symbols))
    reading = Reading(tokens=frozenset(wanted))
    for begin in range(0, len(wanted), AT_ONCE):
        some = wanted[begin : begin + AT_ONCE]
        markets = yield from _both("/markets", "clob_token_ids", some)
        events = yield from _both("/events", "id", _events_of(markets))
        yield reading.events(events, "/events")
        yield reading.markets(markets, "/markets")


def _both(
    path: str, name: str, values: tuple[str, ...]
) -> Generator[Request | Page, bytes, list[bytes]]:
    """What is open and what is closed of some things."""
    found: list[bytes] = []
    for begin in range(0, len(values), AT_ONCE):
        some = values[begin : begin + AT_ONCE]
        asked = (*((name, value) for value in some), ("limit", str(len(some))))
        for closed in _CLOSED:
            found += entries((yield Request(path, (*asked, ("closed", closed)))))
    return found


def _events_of(markets: list[bytes]) -> tuple[str, ...]:
    """The ids of the events of some markets, the first of each: that is the older one."""
    found: dict[str, None] = {}
    for raw in markets:
        try:
            events = _market.decode(raw).events or []
        except (msgspec.DecodeError, RecursionError):
            continue
        found |= {str(event.id): None for event in events[:1] if isinstance(event.id, str | int)}
    return tuple(found)
