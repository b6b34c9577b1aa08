"""A venue that is told what to list, for the tests of what a security master hears."""

from typing import Any

from ssmd.model.rest import ReferenceQuery, Request
from ssmd.venues.kalshi.rest import REST
from tests.venues.referring import Told, asked, drive

T = 1_800_000_000
CLOSE = "2027-01-15T08:00:00Z"
SERIES = {
    "ticker": "KXMADE",
    "category": "Made",
    "tags": ["one"],
    "fee_type": "quadratic",
    "fee_multiplier": 0.5,
    "frequency": "daily",
}
EVENT = {"event_ticker": "KXMADE-1", "series_ticker": "KXMADE", "title": "T"}


def market(ticker: str, status: str = "active", **fields: object) -> dict[str, Any]:
    """A market of a listing."""
    event = "-".join(ticker.split("-")[:2])
    made = {"ticker": ticker, "event_ticker": event, "status": status, "close_time": CLOSE}
    return made | fields


class Venue:
    """Answers by path and by the parameters that a list is narrowed with.

    Attributes:
        listed: Lists of pages by path and narrowing, as `/markets?status=open`.
    """

    def __init__(self, series: object = (SERIES,), **fees: object) -> None:
        self.series = {"series": series}
        self.fees: dict[str, object] = {"series_fee_change_arr": []} | fees
        self.listed: dict[str, list[list[Any]]] = {}

    def __call__(self, request: Request) -> object:
        """The body for a request."""
        if request.path == "/series":
            return self.series
        if request.path == "/series/fee_changes":
            assert asked(request) == {"show_historical": "true"}
            return self.fees
        query = asked(request)
        at = int(query.pop("cursor", "0"))
        for name in ("limit", "with_nested_markets", "mve_filter"):
            query.pop(name, None)
        narrowed = "&".join(f"{name}={value}" for name, value in query.items())
        pages = self.listed.get(f"{request.path}?{narrowed}", [[]])
        following = str(at + 1) if at + 1 < len(pages) else ""
        key = "markets" if request.path.endswith("/markets") else "events"
        return {key: pages[at], "cursor": following}


def told(venue: Venue, **query: Any) -> Told:  # noqa: ANN401 - the fields differ
    """Everything that the reference tells."""
    return drive(REST.reference(ReferenceQuery(**query)), venue)


def narrowings(found: Told) -> list[tuple[str, dict[str, str]]]:
    """Path and narrowing of each request."""
    spare = {"limit", "cursor"}
    return [
        (request.path, {k: v for k, v in request.query if k not in spare})
        for request in found.requests
    ]


def change(name: str, series: str, day: int, **fields: object) -> dict[str, object]:
    """A change of fees."""
    return {
        "id": name,
        "series_ticker": series,
        "fee_type": "flat",
        "fee_multiplier": 1,
        "scheduled_ts": f"2026-01-{day:02}T00:00:00Z",
    } | fields
