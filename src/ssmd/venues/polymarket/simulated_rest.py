"""A simulated Polymarket's REST services: Gamma's listings, and books."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.model.simulated import Answer
from ssmd.model.timestamp import format_rfc3339
from ssmd.venues.polymarket.history import CONDITION
from ssmd.venues.polymarket.simulated_book import fixed
from ssmd.venues.polymarket.simulated_listing import MIN_ORDER, Condition, Group, millis
from ssmd.venues.polymarket.simulated_market import Market
from ssmd.venues.polymarket.simulated_past import past

_PAGE: Final = 20
_LARGEST_PAGE: Final = 100
_OK: Final = 200
_NOT_FOUND: Final = 404
_TO_THE_SECOND: Final = len("2026-08-02T05:43:31")
_encode: Final = msgspec.json.Encoder().encode
Query = Sequence[tuple[str, str]]


class Asked:
    """The parameters of a request, some of them several times."""

    def __init__(self, query: Query) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in query:
            self._values.setdefault(name, []).append(value)

    def all(self, name: str) -> set[str]:
        """Every value of a parameter."""
        return set(self._values.get(name, ()))

    def text(self, name: str) -> str:
        """The last value of a parameter; empty when it was not given."""
        return self._values.get(name, [""])[-1]

    def number(self, name: str, otherwise: int) -> int:
        """A whole number."""
        text = self.text(name)
        return int(text) if text.isdecimal() else otherwise

    def fits(self, *, closed: bool) -> bool:
        """Whether what is closed, or is not, was asked for: Gamma's events are always active."""
        stated = self.text("closed")
        return self.text("active") != "false" and (not stated or closed == (stated == "true"))


def answer(market: Market, service: str, path: str, query: Query, ts: int) -> Answer:
    """What the venue answers to a GET request at a time, ns."""
    asked, single = Asked(query), dict(query)
    match service, path:
        case "main", "/events":
            return _page(_events(market, asked), asked)
        case "main", "/markets":
            return _page(_markets(market, asked), asked)
        case "clob", "/book":
            return _book(market, asked.text("token_id"), ts)
        case "clob", _ if path.startswith(CONDITION):
            return _condition(market, path.removeprefix(CONDITION))
        case "data", _:
            return past(market, path, single, ts)
        case _:
            return Answer(_NOT_FOUND, b'{"error":"not found"}')


def _page(items: list[dict[str, object]], asked: Asked) -> Answer:
    """A slice of a list, by offset."""
    limit = min(asked.number("limit", _PAGE), _LARGEST_PAGE)
    offset = asked.number("offset", 0)
    if asked.text("order") == "id":
        items.sort(key=lambda item: int(str(item["id"])), reverse=asked.text("ascending") != "true")
    return Answer(_OK, _encode(items[offset : offset + limit]))


def _groups(market: Market) -> dict[int, list[Condition]]:
    """The conditions of each event, those that are over included."""
    groups: dict[int, list[Condition]] = {}
    for condition in sorted((*market.over, *market.open), key=lambda one: one.number):
        groups.setdefault(condition.event_number, []).append(condition)
    return groups


def _events(market: Market, asked: Asked) -> list[dict[str, object]]:
    tag, ids, since = asked.text("tag_id"), asked.all("id"), asked.text("end_date_min")
    return [
        {
            **_event(market, conditions),
            "markets": [_market(market, condition) for condition in conditions],
            "tags": [
                {"id": number, "label": label, "slug": label.casefold().replace(" ", "-")}
                for number, label in conditions[0].group.tags
            ],
        }
        for event_number, conditions in _groups(market).items()
        if asked.fits(closed=_is_over(conditions))
        and (not tag or tag in dict(conditions[0].group.tags))
        and (not ids or str(event_number) in ids)
        and conditions[0].closes(market.base or 0) >= since
    ]


def _markets(market: Market, asked: Asked) -> list[dict[str, object]]:
    tokens = asked.all("clob_token_ids")
    return [
        {**_market(market, condition), "events": [_event(market, conditions)]}
        for conditions in _groups(market).values()
        for condition in conditions
        if asked.fits(closed=condition.won is not None)
        and (not tokens or not tokens.isdisjoint(condition.tokens))
        and condition.volume >= asked.number("volume_num_min", 0) * 100
        and condition.liquidity >= asked.number("liquidity_num_min", 0) * 100
    ]


def _is_over(conditions: list[Condition]) -> bool:
    return all(condition.won is not None for condition in conditions)


def _event(market: Market, conditions: list[Condition]) -> dict[str, object]:
    group = conditions[0].group
    slug = "-".join("".join(c if c.isalnum() else " " for c in group.title.casefold()).split())
    return {
        "id": str(conditions[0].event_number),
        "ticker": slug,
        "slug": slug,
        "title": group.title,
        "endDate": conditions[0].closes(market.base or 0),
        "active": True,
        "closed": _is_over(conditions),
        "archived": False,
        "negRisk": len(group.questions) > 1,
        **_series(group),
    }


def _series(group: Group) -> dict[str, object]:
    if not group.series:
        return {}
    title = group.series.replace("-", " ").capitalize()
    told = {"id": str(len(title)), "slug": group.series, "title": title, "recurrence": "weekly"}
    return {"seriesSlug": group.series, "series": [told]}


def _market(market: Market, condition: Condition) -> dict[str, object]:
    """A market with what matters of Gamma's fields: texts and numbers as they are there."""
    book = condition.book
    volume, liquidity = fixed(condition.volume, 2), fixed(condition.liquidity, 2)
    prices = [book.price(book.last, token) for token in (0, 1)]
    traded = condition.trades[-1].ts if condition.trades else market.base or 0
    body: dict[str, object] = {
        "id": str(condition.number),
        "question": condition.question,
        "conditionId": condition.id,
        "slug": condition.slug,
        "endDate": condition.closes(market.base or 0),
        "liquidity": liquidity,
        "startDate": "2026-01-01T00:00:00Z",
        "updatedAt": format_rfc3339(traded),
        "description": f"Resolves to Yes if so: {condition.question}",
        "outcomes": _encode(condition.outcomes).decode(),
        "outcomePrices": _encode(prices).decode(),
        "volume": volume,
        "active": True,
        "closed": condition.won is not None,
        "archived": False,
        "questionID": condition.id[:-2] + "00",
        "enableOrderBook": True,
        "orderPriceMinTickSize": msgspec.Raw(book.tick_size().encode()),
        "orderMinSize": int(MIN_ORDER),
        "volumeNum": msgspec.Raw(volume.encode()),
        "liquidityNum": msgspec.Raw(liquidity.encode()),
        "volume24hr": msgspec.Raw(fixed(condition.volume_24h, 2).encode()),
        "clobTokenIds": _encode(condition.tokens).decode(),
        "acceptingOrders": condition.is_open,
        "negRisk": condition.neg_risk,
        "bestBid": msgspec.Raw(book.touch(0)[0].encode()),
        "bestAsk": msgspec.Raw(book.touch(0)[1].encode()),
    }
    if condition.won is not None:
        paid = ["1" if token == condition.won else "0" for token in (0, 1)]
        ended = f"{format_rfc3339(condition.ended_ts)[:_TO_THE_SECOND]}Z"
        body |= {
            "outcomePrices": _encode(paid).decode(),
            "umaResolutionStatus": "resolved",
            "umaEndDate": ended,
            "closedTime": ended,
        }
    return body


def _book(market: Market, token: str, ts: int) -> Answer:
    condition = market.conditions.get(token)
    if condition is None:
        return Answer(_NOT_FOUND, b'{"error":"No orderbook exists for the requested token id"}')
    figure, bids, asks, last = condition.book_fields(condition.tokens.index(token), ts)
    body = (
        f'{{"market":"{condition.id}","asset_id":"{token}","timestamp":"{millis(ts)}",'
        f'"hash":"{figure}","bids":[{bids}],"asks":[{asks}],"min_order_size":"{MIN_ORDER}",'
        f'"tick_size":"{condition.book.tick_size()}","neg_risk":'
        f'{str(condition.neg_risk).lower()},"last_trade_price":"{last}"}}'
    )
    return Answer(_OK, body.encode())


def _condition(market: Market, token: str) -> Answer:
    """Which condition a token belongs to, also when that is over."""
    condition = market.conditions.get(token) or market.ended.get(token)
    if condition is None:
        return Answer(_NOT_FOUND, b'{"error":"market not found"}')
    yes, no = condition.tokens
    fields = {"condition_id": condition.id, "primary_token_id": yes, "secondary_token_id": no}
    return Answer(_OK, _encode(fields))
