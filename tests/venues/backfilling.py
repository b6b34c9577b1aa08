"""Asks a venue's history to the end, and reads what came as the archive would."""

from collections.abc import Callable, Iterable

import msgspec

from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.frame import Now, Opcode
from ssmd.model.rest import History, Request, Span
from ssmd.model.row import Row
from ssmd.model.simulated import SimulatedMarket
from ssmd.model.venue import Venue

OK = 200
MOST = 2000


class Settled(msgspec.Struct, frozen=True):
    """A span, the body of the page that settled it, and the request that brought it."""

    span: Span
    body: bytes
    request: Request


def drive(history: History, ask: Callable[[Request], bytes]) -> list[Settled]:
    """Every span with its page, in the order in which they came; the end must come."""
    found: list[Settled] = []
    request: Request | None = None
    body = answer = b""
    for _ in range(MOST):
        try:
            step = history.send(answer) if request else next(history)
        except StopIteration:
            return found
        if isinstance(step, Request):
            request, body = step, ask(step)
            answer = body
        else:
            assert request is not None, "a span before any page"
            found.append(Settled(step, body, request))
            answer = b""
    raise AssertionError("the history has no end")


def asking(venue: Venue, market: SimulatedMarket, now: Now) -> Callable[[Request], bytes]:
    """Asks a simulated venue; its answers must be good ones."""

    def ask(request: Request) -> bytes:
        assert request.service in venue.rest.services, request
        assert request.path.startswith("/"), request
        assert request.cost > 0
        answer = market.rest(request.service, request.path, request.query, now)
        assert answer.status == OK, (request, answer)
        assert venue.rest.complaint(answer.body) is None, (request, answer)
        return answer.body

    return ask


def envelope(symbol: str, body: bytes) -> Envelope:
    """A page as it rests in the archive."""
    return Envelope(
        feed="f",
        category=None,
        type=BACKFILL,
        symbols=(symbol,),
        connection="f-rest-x",
        ordinal=7,
        record=None,
        part=0,
        parts=1,
        opcode=Opcode.TEXT,
        sequence=None,
        ts_event=None,
        ts_recv=1,
        payload=body,
    )


def rows(venue: Venue, symbol: str, body: bytes) -> tuple[Row, ...]:
    """The rows of a page, of which none may be rejected."""
    decoded = venue.rows(envelope(symbol, body))
    assert decoded.rejects == ()
    return decoded.rows


def inside(found: Iterable[Row], span: Span) -> list[Row]:
    """Those whose time lies in a span."""
    return [
        row for row in found if row.ts_event is not None and span.since <= row.ts_event < span.until
    ]


def partitioned(spans: list[Span], since: int, until: int) -> bool:
    """Whether spans follow one another without holes, one way or the other, over all the time."""
    if not spans:
        return since >= until
    ordered = spans if spans[0].since == since else spans[::-1]
    edges = [ordered[0].since, *(span.until for span in ordered)]
    return (
        edges[0] == since
        and edges[-1] == until
        and all(span.since == edge for span, edge in zip(ordered, edges, strict=False))
        and all(span.since < span.until for span in ordered)
    )
