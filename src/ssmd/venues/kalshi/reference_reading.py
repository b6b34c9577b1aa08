"""Makes pages of what the venue lists: parents before what names them, each entry once."""

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument
from ssmd.model.listing import Fee, ListedEvent, Reject, Series
from ssmd.model.rest import Page
from ssmd.venues.kalshi import rest_parents as parents
from ssmd.venues.kalshi.listing_pages import entries_of, fields_of
from ssmd.venues.kalshi.rest_market import Origin, judged

Wanted = Callable[[str | None, str | None], bool]
"""Whether a series of a category is asked for."""

_MARKETS: Final = "markets"
_BAD = (ValueError, RecursionError)


class Reading:
    """What one round has read so far.

    Args:
        wanted: Whether a series of a category is asked for; what is not is passed over.
        strict: Whether whatever comes twice is a reject. It is not so in a walk through several
            listings, which overlap on purpose; twice on one page is wrong there too.
        needs_series: Whether an event is an orphan whose series nobody listed.
        needs_events: Whether a market is an orphan whose event nobody listed.
    """

    def __init__(
        self,
        wanted: Wanted,
        *,
        strict: bool = False,
        needs_series: bool = True,
        needs_events: bool = True,
    ) -> None:
        self.series: dict[str, Series] = {}
        self.origins: dict[str, Origin | None] = {}
        self._wanted = wanted
        self._strict = strict
        self._needs_series = needs_series
        self._needs_events = needs_events
        self._tickers: set[str] = set()

    def take_series(self, entries: Iterable[bytes], where: str) -> Page:
        """Series with the fee that each has at present."""
        found: list[Series] = []
        fees: list[Fee] = []
        rejects: list[Reject] = []
        for index, raw in enumerate(entries):
            try:
                one = parents.series(raw)
            except _BAD as error:
                rejects.append(_unreadable(raw, f"series {index} of {where}: {error}", "series"))
                continue
            if one.symbol in self.series:
                rejects.append(_twice(raw, one.symbol, "series", where))
                continue
            self.series[one.symbol] = msgspec.structs.replace(one, payload=b"{}", details={})
            if not self._wanted(one.symbol, one.category):
                continue
            found.append(one)
            try:
                fees.append(parents.fee(raw))
            except _BAD as error:
                why = f"the fee of series {one.symbol}: {error}"
                rejects.append(_unreadable(raw, why, "fee", one.symbol))
            doubt = parents.doubts(one)
            rejects += [doubt] if doubt else []
        return Page(series=tuple(found), fees=tuple(fees), rejects=tuple(rejects))

    def take_fee_changes(self, entries: Iterable[bytes], where: str) -> Page:
        """What series cost from some time on; a change of a series nobody lists is an orphan."""
        found: dict[str, Fee] = {}
        rejects: list[Reject] = []
        for index, raw in enumerate(entries):
            try:
                one = parents.fee_change(raw)
            except _BAD as error:
                rejects.append(_unreadable(raw, f"fee change {index} of {where}: {error}", "fee"))
                continue
            if one.source_id in found:
                rejects.append(_twice(raw, str(one.source_id), "fee", where))
                continue
            series = self.series.get(one.symbol)
            if series is None and self._needs_series:
                why = f"fee change {one.source_id}: nobody lists its series {one.symbol}"
                rejects.append(_orphan(raw, why, one.source_id, "fee"))
            elif self._wanted(one.symbol, series.category if series else None):
                found[str(one.source_id)] = one
        return Page(fees=tuple(found.values()), rejects=tuple(rejects))

    def take_events(self, entries: Iterable[bytes], where: str) -> Page:
        """Events, with the markets inside them where there are any."""
        found: list[ListedEvent] = []
        pages: list[Page] = []
        here: set[str] = set()
        for index, raw in enumerate(entries):
            try:
                series = parents.named_series(raw)
                listed = self.series.get(series)
                event, origin = parents.event(raw, listed)
                fields = fields_of(raw, "an event")
                nested = entries_of(fields, _MARKETS, event.symbol) if _MARKETS in fields else []
            except _BAD as error:
                why = f"event {index} of {where}: {error}"
                pages.append(Page(rejects=(_unreadable(raw, why, "event"),)))
                continue
            if not self._wanted(series, event.category):
                self.origins.setdefault(event.symbol, None)
                continue
            if event.symbol in here or (self._strict and event.symbol in self.origins):
                pages.append(Page(rejects=(_twice(raw, event.symbol, "event", where),)))
            elif listed is None and self._needs_series:
                why = f"event {event.symbol}: nobody lists its series {series}"
                pages.append(Page(rejects=(_orphan(raw, why, event.symbol, "event"),)))
                pages.append(self.orphans(nested))
                continue
            elif event.symbol not in self.origins:
                found.append(event)
            here.add(event.symbol)
            self.origins[event.symbol] = origin
            page, elsewhere = self.take_markets(nested, event.symbol)
            pages += [page, self.orphans(elsewhere)]
        return _together([Page(events=tuple(found)), *pages])

    def take_markets(self, entries: Iterable[bytes], where: str) -> tuple[Page, list[bytes]]:
        """Markets, and those whose event is not known yet."""
        found: list[Instrument] = []
        rejects: list[Reject] = []
        later: list[bytes] = []
        here: set[str] = set()
        for index, raw in enumerate(entries):
            try:
                ticker, event = _names(raw)
                origin = self._origin(event)
                if origin is None:
                    later.append(raw)
                    continue
                if ticker in here or (self._strict and ticker in self._tickers):
                    rejects.append(_twice(raw, ticker, "instrument", where))
                    continue
                here.add(ticker)
                if ticker in self._tickers:
                    continue
                one, reject = judged(raw, origin)
            except _Unasked:
                continue
            except _BAD as error:
                why = f"market {index} of {where}: {error}"
                rejects.append(_unreadable(raw, why, "instrument"))
                continue
            self._tickers.add(ticker)
            found += [one] if one else []
            rejects += [reject] if reject else []
        return Page(tuple(found), tuple(rejects)), later

    def orphans(self, entries: Iterable[bytes]) -> Page:
        """Markets whose event nobody lists."""
        rejects: list[Reject] = []
        for raw in entries:
            try:
                fields = Fields(decode(raw))
                ticker = fields.need_text("ticker")
                event = fields.text("event_ticker")
            except _BAD as error:
                rejects.append(_unreadable(raw, f"a market: {error}", "instrument"))
                continue
            if ticker not in self._tickers:
                self._tickers.add(ticker)
                why = (
                    f"{ticker}: nobody lists its event {event or '(it names none)'}, or its series"
                )
                rejects.append(_orphan(raw, why, ticker, "instrument"))
        return Page(rejects=tuple(rejects))

    def _origin(self, event: str | None) -> Origin | None:
        """What is known of an event's markets; None when that is nothing.

        Raises:
            _Unasked: The event is of a series that is not asked for.
        """
        if event is not None and event in self.origins:
            origin = self.origins[event]
            if origin is None:
                raise _Unasked
            return origin
        return None if self._needs_events else Origin()


class _Unasked(Exception):
    """It is none of what the query is about."""


def _names(raw: bytes) -> tuple[str, str | None]:
    """Ticker and event of a market.

    Raises:
        ValueError: It cannot be read, or has no ticker.
    """
    fields = Fields(decode(raw))
    return fields.need_text("ticker"), fields.text("event_ticker") or None


def _together(pages: Iterable[Page]) -> Page:
    every = tuple(pages)
    return Page(
        instruments=tuple(one for page in every for one in page.instruments),
        rejects=tuple(one for page in every for one in page.rejects),
        events=tuple(one for page in every for one in page.events),
    )


_Entity = Literal["instrument", "series", "event", "fee", "funding"]


def _unreadable(raw: bytes, why: str, entity: _Entity, symbol: str | None = None) -> Reject:
    return Reject(reason=why, entity=entity, symbol=symbol, payload=raw)


def _twice(raw: bytes, symbol: str, entity: _Entity, where: str) -> Reject:
    why = f"{symbol}: {where} lists it again; the first one counts"
    return Reject(reason=why, kind="duplicate", entity=entity, symbol=symbol, payload=raw)


def _orphan(raw: bytes, why: str, symbol: str | None, entity: _Entity) -> Reject:
    return Reject(reason=why, kind="orphan", entity=entity, symbol=symbol, payload=raw)
