"""A made-up venue: a world that the test holds in its hand, and its listing, page by page."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from ssmd.model.instrument import Instrument
from ssmd.model.listing import Fee, FundingState, ListedEvent, Reject, Series
from ssmd.model.rest import (
    Catalog,
    Page,
    ReferenceQuery,
    Request,
    Rest,
    Saved,
    Service,
)
from ssmd.model.venue import Clocked, Venue
from tests.connector.parts import Talk, a_venue
from tests.venues.made import no_rest

VENUE = "bazaar"
_KINDS: dict[str, Any] = {
    "series": Series,
    "event": ListedEvent,
    "instrument": Instrument,
    "fee": Fee,
    "funding": FundingState,
    "reject": Reject,
}


class Bazaar:
    """The venue's REST side.

    Attributes:
        world: What it lists: a kind and its fields, in order; `symbol` is the id.
        gone: What only a lookup names: kind and fields.
        size: Entries per page.
        asked: Every request, in order.
        before: Called before every answer with its number; may change the world, or raise.
        spoil: Changes the body of an answer, told its number.
        alter: Changes a page once it was read: to what no JSON can say.
        looks_up: Whether it can be asked about single instruments.
        clocked: What becomes of instruments by the clock.
        tells_changes: Whether it heeds since when changes are wanted.
    """

    def __init__(self, *world: tuple[str, dict[str, Any]], size: int = 3) -> None:
        self.world = list(world)
        self.gone: list[tuple[str, dict[str, Any]]] = []
        self.size = size
        self.asked: list[Request] = []
        self.before: Callable[[int], None] = lambda _: None
        self.spoil: Callable[[int, bytes], bytes] = lambda _, body: body
        self.alter: Callable[[Page], Page] = lambda page: page
        self.looks_up = True
        self.clocked: tuple[Clocked, ...] = (
            Clocked("pre_open", "open_ts", "active"),
            Clocked("active", "close_ts", "closed"),
        )
        self.tells_changes = False

    async def fetch(self, request: Request) -> bytes:
        """Answer without a network."""
        number = len(self.asked)
        self.asked.append(request)
        self.before(number)
        told = dict(request.query)
        if request.path == "/lookup":
            names = told["symbols"].split(",")
            entries = [each for each in (*self.world, *self.gone) if each[1].get("symbol") in names]
            return self.spoil(number, self.body(entries, None))
        begin = int(told["cursor"])
        end = begin + self.size
        following = end if end < len(self.world) else None
        return self.spoil(number, self.body(self.world[begin:end], following))

    def body(
        self, entries: Sequence[tuple[str, dict[str, Any]]], following: int | None = None
    ) -> bytes:
        """One page, as it is answered, or saved."""
        return msgspec.json.encode({"entries": entries, "next": following})

    def saved(self, bodies: Sequence[Saved]) -> Catalog:
        """The listing out of files."""
        for each in bodies:
            try:
                page, _ = _page(each.body)
            except ValueError as error:
                raise ValueError(f"{each.name}: {error}") from error
            yield self.alter(page)

    def reference(self, query: ReferenceQuery) -> Catalog:
        """The whole listing."""
        cursor: int | None = 0
        since = str(query.changed_since_ts)
        while cursor is not None:
            body = yield Request("/list", (("cursor", str(cursor)), ("since", since)))
            page, cursor = _page(body)
            yield self.alter(page)

    def lookup(self, symbols: tuple[str, ...]) -> Catalog:
        """Some instruments."""
        page, _ = _page((yield Request("/lookup", (("symbols", ",".join(symbols)),))))
        yield page

    def venue(self, base: str = "http://127.0.0.1:1") -> Venue:
        """The exchange."""
        rest: Rest = msgspec.structs.replace(
            no_rest(),
            services={"main": Service(base=base, tokens_per_second=1e4, burst=1e4, timeout_s=60.0)},
            reference=self.reference,
            lookup=self.lookup if self.looks_up else None,
            saved=self.saved,
            passing=frozenset({"price"}),
            tells_changes=self.tells_changes,
        )
        return msgspec.structs.replace(
            a_venue(Talk), id=VENUE, rest=rest, clocked=self.clocked, pause=lambda _: None
        )


def _page(body: bytes) -> tuple[Page, int | None]:
    try:
        told = msgspec.json.decode(body)
        made: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
        for kind, fields in told["entries"]:
            made[kind].append(_made(kind, fields))
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the page is not as documented: {error}") from error
    page = Page(
        instruments=tuple(made["instrument"]),
        rejects=tuple(made["reject"]),
        series=tuple(made["series"]),
        events=tuple(made["event"]),
        fees=tuple(made["fee"]),
        funding=tuple(made["funding"]),
    )
    return page, told["next"]


def _made(kind: str, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - one of several structs
    payload = msgspec.json.encode(fields)
    whole = {"venue": VENUE, **fields}
    if kind == "reject":
        return Reject(**fields)
    made = msgspec.convert(whole, _KINDS[kind], strict=False)
    if kind in ("series", "event", "instrument"):
        return msgspec.structs.replace(made, payload=payload)
    return made


def market(symbol: str, status: str = "active", **fields: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - any field
    """An instrument of the world."""
    return "instrument", {
        "symbol": symbol,
        "kind": "event",
        "status": status,
        "raw_status": f"raw {status}",
        **fields,
    }


def event(symbol: str, **fields: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - any field
    """An event of the world."""
    return "event", {"symbol": symbol, **fields}


def series(symbol: str, **fields: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - any field
    """A series of the world."""
    return "series", {"symbol": symbol, **fields}


def fee(symbol: str, rate: str = "0.1", **fields: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - any field
    """A fee of the world."""
    ladder = [{"volume": "0", "rate": rate}]
    return "fee", {
        "scope": "series",
        "symbol": symbol,
        "kind": "ladder",
        "taker": ladder,
        **fields,
    }


def symbols(entries: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """The instruments among entries."""
    return (fields["symbol"] for kind, fields in entries if kind == "instrument")
