"""Makes pages of Gamma's events and markets: series, then questions, then their answers.

An event of ours is a condition: one question, whose answers exclude one another. What Gamma calls
an event groups several, and is told of each of them (`details`).
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument
from ssmd.model.listing import ListedEvent, Reject, Series
from ssmd.model.plausible import exact
from ssmd.model.rest import Page
from ssmd.venues.polymarket.gamma import gamma_event, grouping_of
from ssmd.venues.polymarket.listing import Grouping, instruments, question, strange

_APART: Final = ("markets", "series", "tags", "eventMetadata")
"""What of Gamma's event is told elsewhere, or is talk of the day: no part of a question's JSON."""
_BAD = (ValueError, RecursionError)


class Reading:
    """What one round has read so far.

    Args:
        wanted: Whether the markets of a group are asked for; None for all.
        tokens: The only tokens that are asked for; None for all.
        strict: Whether a market that comes twice is a reject: in a walk over pages that overlap
            it is not so.
    """

    def __init__(
        self,
        *,
        wanted: Callable[[Grouping], bool] | None = None,
        tokens: frozenset[str] | None = None,
        strict: bool = False,
    ) -> None:
        self.tokens: dict[str, str | None] = {}
        self._wanted = wanted
        self._only = tokens
        self._strict = strict
        self._series: set[str] = set()
        self._events: set[str] = set()

    def events(self, bodies: Iterable[bytes], where: str) -> Page:
        """The markets of some of Gamma's events; what cannot be read hurts nothing else."""
        return together(self._event(body, where) for body in bodies)

    def markets(self, bodies: Iterable[bytes], where: str) -> Page:
        """Markets by themselves, each with its event inside, or with none."""
        return together(self._market_alone(body, where) for body in bodies)

    def _event(self, body: bytes, where: str) -> Page:
        try:
            event = gamma_event(body)
            grouping = grouping_of(event)
            bare = _bare(body)
        except _BAD as error:
            why = f"An event of {where} cannot be read: {error}."
            return Page(rejects=(Reject(reason=why, entity="event", payload=body),))
        if self._wanted is not None and not self._wanted(grouping):
            return Page()
        markets = [
            self._market(bytes(raw), grouping, bare, f"event {grouping.id} of {where}")
            for raw in event.markets or ()
        ]
        if not any(page.instruments for page in markets):
            return together(markets)
        doubt = () if grouping.tags else (_untagged(grouping, bare),)
        return together([Page(series=self._new_series(grouping, body), rejects=doubt), *markets])

    def _market_alone(self, body: bytes, where: str) -> Page:
        try:
            event = _event_inside(body)
            grouping = grouping_of(gamma_event(event))
        except _BAD as error:
            why = f"A market of {where} cannot be read: {error}."
            return Page(rejects=(Reject(reason=why, payload=body),))
        if self._wanted is not None and not self._wanted(grouping):
            return Page()
        page = self._market(body, grouping, _bare(event), where)
        if not page.instruments:
            return page
        return together([Page(series=self._new_series(grouping, event)), page])

    def _market(self, raw: bytes, grouping: Grouping, bare: bytes, where: str) -> Page:
        """The tokens of one market, and the question they answer."""
        try:
            market = Fields(decode(raw))
            listed = instruments(market, grouping, raw)
            asked = question(market, grouping)
        except _BAD as error:
            why = f"A market of {where} cannot be read: {error}."
            return Page(rejects=(Reject(reason=why, payload=raw),))
        found: list[Instrument] = []
        rejects: list[Reject] = []
        here: set[str] = set()
        for one in listed:
            if self._only is not None and one.symbol not in self._only:
                continue
            if one.symbol in self.tokens:
                other = self.tokens[one.symbol] != one.event
                if self._strict or other or one.symbol in here:
                    rejects.append(_twice(one, where))
                continue
            here.add(one.symbol)
            self.tokens[one.symbol] = one.event
            why_not = strange(market, one)
            if why_not is None:
                found.append(one)
            else:
                why = f"{one.symbol} of {where}: {why_not}"
                rejects.append(Reject(reason=why, kind="absurd", symbol=one.symbol, payload=raw))
        return Page(tuple(found), tuple(rejects), events=self._new_event(found, asked, bare))

    def _new_event(
        self, found: list[Instrument], asked: ListedEvent | None, bare: bytes
    ) -> tuple[ListedEvent, ...]:
        if not found or asked is None or asked.symbol in self._events:
            return ()
        self._events.add(asked.symbol)
        return (msgspec.structs.replace(asked, payload=bare),)

    def _new_series(self, grouping: Grouping, event: bytes) -> tuple[Series, ...]:
        """The series of an event, told once."""
        slug = grouping.series
        if slug is None or slug in self._series:
            return ()
        self._series.add(slug)
        return (_series_of(slug, event),)


def together(pages: Iterable[Page]) -> Page:
    """Several pages as one."""
    every = tuple(pages)
    return Page(
        instruments=tuple(one for page in every for one in page.instruments),
        rejects=tuple(one for page in every for one in page.rejects),
        series=tuple(one for page in every for one in page.series),
        events=tuple(one for page in every for one in page.events),
    )


def _bare(body: bytes) -> bytes:
    """Gamma's event without what is told apart."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({k: v for k, v in fields.items() if k not in _APART})


class _Inside(msgspec.Struct, gc=False):
    events: list[msgspec.Raw] | None = None
    series: list[msgspec.Raw] | None = None


_inside: Final = msgspec.json.Decoder(_Inside)


def _event_inside(market: bytes) -> bytes:
    """The event that a market has inside, the first of several; an empty one when it has none.

    Raises:
        ValueError: It is no market.
    """
    events = _inside.decode(market).events
    return bytes(events[0]) if events else b"{}"


def _series_of(slug: str, event: bytes) -> Series:
    """What an event says of its series: at times no more than its name."""
    for raw in _series_inside(event):
        fields = Fields(decode(raw))
        if fields.raw("slug") == slug:
            return Series(
                venue="polymarket",
                symbol=slug,
                title=_words(fields.raw("title")),
                frequency=_words(fields.raw("recurrence")) or None,
                details={name: exact(fields.raw(name)) for name in ("id", "seriesType")},
                payload=raw,
            )
    return Series(venue="polymarket", symbol=slug)


def _series_inside(event: bytes) -> list[bytes]:
    try:
        told = [bytes(raw) for raw in _inside.decode(event).series or ()]
    except (msgspec.DecodeError, RecursionError):
        return []
    return [raw for raw in told if raw[:1] == b"{"]


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def _untagged(grouping: Grouping, bare: bytes) -> Reject:
    return Reject(
        reason=f"event {grouping.id}: it states no tags, and with them no category",
        kind="doubtful",
        entity="event",
        symbol=grouping.id or None,
        payload=bare,
    )


def _twice(one: Instrument, where: str) -> Reject:
    return Reject(
        reason=f"{one.symbol}: {where} lists it again; the first one counts",
        kind="duplicate",
        symbol=one.symbol,
        payload=one.payload,
    )
