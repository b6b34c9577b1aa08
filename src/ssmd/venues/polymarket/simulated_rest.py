"""A simulated Polymarket's REST services: Gamma's listings, and books."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.model.simulated import Answer
from ssmd.venues.polymarket.history import CONDITION
from ssmd.venues.polymarket.simulated_book import fixed
from ssmd.venues.polymarket.simulated_listing import MIN_ORDER, Condition, Group, millis
from ssmd.venues.polymarket.simulated_market import Market
from ssmd.venues.polymarket.simulated_past import past

_PAGE: Final = 20
_LARGEST_PAGE: Final = 100
_OK: Final = 200
_NOT_FOUND: Final = 404
_encode: Final = msgspec.json.Encoder().encode
Query = Sequence[tuple[str, str]]


def answer(market: Market, service: str, path: str, query: Query, ts: int) -> Answer:
    """What the venue answers to a GET request at a time, ns."""
    asked = dict(query)
    match service, path:
        case "main", "/events":
            return _page(_events(market, asked), asked)
        case "main", "/markets":
            return _page(_markets(market, asked), asked)
        case "clob", "/book":
            return _book(market, asked.get("token_id", ""), ts)
        case "clob", _ if path.startswith(CONDITION):
            return _condition(market, path.removeprefix(CONDITION))
        case "data", _:
            return past(market, path, asked, ts)
        case _:
            return Answer(_NOT_FOUND, b'{"error":"not found"}')


def _page(items: list[dict[str, object]], asked: dict[str, str]) -> Answer:
    """A slice of a list, by offset."""
    limit = min(_number(asked, "limit", _PAGE), _LARGEST_PAGE)
    offset = _number(asked, "offset", 0)
    return Answer(_OK, _encode(items[offset : offset + limit]))


def _number(asked: dict[str, str], name: str, otherwise: int) -> int:
    text = asked.get(name, "")
    return int(text) if text.isdecimal() else otherwise


def _events(market: Market, asked: dict[str, str]) -> list[dict[str, object]]:
    if asked.get("closed") == "true" or asked.get("active") == "false":
        return []
    groups: dict[Group, list[Condition]] = {}
    for condition in market.open:
        groups.setdefault(condition.group, []).append(condition)
    tag = asked.get("tag_id")
    return [
        {
            **_event(market, group, conditions[0].number),
            "markets": [_market(market, condition) for condition in conditions],
            "tags": [
                {"id": number, "label": label, "slug": label.casefold().replace(" ", "-")}
                for number, label in group.tags
            ],
        }
        for group, conditions in groups.items()
        if tag is None or tag in dict(group.tags)
    ]


def _markets(market: Market, asked: dict[str, str]) -> list[dict[str, object]]:
    if asked.get("closed") == "true" or asked.get("active") == "false":
        return []
    return [
        {
            **_market(market, condition),
            "events": [_event(market, condition.group, condition.number)],
        }
        for condition in market.open
        if condition.volume >= _number(asked, "volume_num_min", 0) * 100
        and condition.liquidity >= _number(asked, "liquidity_num_min", 0) * 100
    ]


def _event(market: Market, group: Group, number: int) -> dict[str, object]:
    slug = "-".join("".join(c if c.isalnum() else " " for c in group.title.casefold()).split())
    series = {"seriesSlug": group.series} if group.series else {}
    return {
        "id": str(number),
        "ticker": slug,
        "slug": slug,
        "title": group.title,
        "endDate": _end(market, group),
        "active": True,
        "closed": False,
        "archived": False,
        "negRisk": len(group.questions) > 1,
        **series,
    }


def _end(market: Market, group: Group) -> str:
    condition = next(c for c in market.open if c.group == group)
    return condition.closes(market.base or 0)


def _market(market: Market, condition: Condition) -> dict[str, object]:
    """A market with what matters of Gamma's fields: texts and numbers as they are there."""
    book = condition.book
    volume, liquidity = fixed(condition.volume, 2), fixed(condition.liquidity, 2)
    prices = [book.price(book.last, token) for token in (0, 1)]
    return {
        "id": str(condition.number),
        "question": condition.question,
        "conditionId": condition.id,
        "slug": condition.slug,
        "endDate": condition.closes(market.base or 0),
        "liquidity": liquidity,
        "startDate": "2026-01-01T00:00:00Z",
        "description": f"Resolves to Yes if so: {condition.question}",
        "outcomes": _encode(condition.outcomes).decode(),
        "outcomePrices": _encode(prices).decode(),
        "volume": volume,
        "active": True,
        "closed": False,
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
