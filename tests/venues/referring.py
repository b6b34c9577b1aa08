"""Drives what a venue tells a security master, against anything that answers."""

import json
from collections.abc import Callable, Iterable

import msgspec

from ssmd.model.frame import Now
from ssmd.model.instrument import Instrument
from ssmd.model.listing import Fee, ListedEvent, Reject, Series
from ssmd.model.rest import Catalog, Page, Request
from ssmd.model.simulated import SimulatedMarket
from ssmd.model.venue import Venue

Answers = Callable[[Request], object]
OK = 200


class Told:
    """Everything that some pages told, in order.

    Attributes:
        requests: What was asked.
        pages: What was given.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.pages: list[Page] = []

    @property
    def instruments(self) -> list[Instrument]:
        return [one for page in self.pages for one in page.instruments]

    @property
    def symbols(self) -> list[str]:
        return [one.symbol for one in self.instruments]

    @property
    def events(self) -> list[ListedEvent]:
        return [one for page in self.pages for one in page.events]

    @property
    def series(self) -> list[Series]:
        return [one for page in self.pages for one in page.series]

    @property
    def fees(self) -> list[Fee]:
        return [one for page in self.pages for one in page.fees]

    @property
    def rejects(self) -> list[Reject]:
        return [one for page in self.pages for one in page.rejects]

    @property
    def refused(self) -> list[tuple[str, str, str | None]]:
        """Kind, entity and symbol of whatever is set aside; doubts are left out."""
        return [
            (one.kind, one.entity, one.symbol) for one in self.rejects if one.kind != "doubtful"
        ]

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


def drive(asking: Catalog, answers: Answers, most: int = 2000) -> Told:
    """Run a generator to its end; answers that are not bytes are sent as JSON."""
    told = Told()
    sent = b""
    step = next(asking, None)
    while step is not None:
        if isinstance(step, Page):
            told.pages.append(step)
            sent = b""
        else:
            told.requests.append(step)
            assert len(told.requests) < most, "the listing has no end"
            answer = answers(step)
            sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        try:
            step = asking.send(sent)
        except StopIteration:
            step = None
    return told


def simulated(venue: Venue, market: SimulatedMarket, now: Now) -> Answers:
    """The answers of a simulated venue at a time; each must be a good one."""

    def answer(request: Request) -> bytes:
        assert request.service in venue.rest.services
        said = market.rest(request.service, request.path, request.query, now)
        assert said.status == OK, (request, said)
        assert venue.rest.complaint(said.body) is None
        return said.body

    return answer


def lasting(one: Instrument, passing: frozenset[str]) -> Instrument:
    """An instrument without what states the moment: its figures, and those in its payload."""
    payload = {k: v for k, v in json.loads(one.payload).items() if k not in passing}
    return msgspec.structs.replace(
        one,
        volume=None,
        volume_24h=None,
        liquidity=None,
        open_interest=None,
        payload=json.dumps(payload, sort_keys=True).encode(),
    )


def kept(told: Iterable[Told], passing: frozenset[str]) -> dict[str, Instrument]:
    """What one who reads these in turn has in the end, by symbol."""
    return {one.symbol: lasting(one, passing) for each in told for one in each.instruments}


def asked(request: Request) -> dict[str, str]:
    """The parameters of a request."""
    return dict(request.query)


def parents_first(told: Told) -> None:
    """Whatever is named was told before, or in the same page."""
    series: set[str] = set()
    events: set[str] = set()
    for page in told.pages:
        series |= {one.symbol for one in page.series}
        for event in page.events:
            assert event.series is None or event.series in series, event.symbol
            events.add(event.symbol)
        for one in page.instruments:
            assert one.event is None or one.event in events, one.symbol
            assert one.series is None or one.series in series, one.symbol
