"""A simulated Polymarket's data service: past trades, and how far its data goes.

https://docs.polymarket.com/api-reference/feeds/list-trades: pages follow by cursor, which names the
last trade told and carries the size of the pages, so that new trades shift nothing.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from ssmd.model.simulated import Answer
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.polymarket.history import STATUS, TRADES, YEARS_NS
from ssmd.venues.polymarket.simulated_listing import Condition, Trade
from ssmd.venues.polymarket.simulated_market import PAST_NS, Market

_OK: Final = 200
_BAD: Final = 400
_NOT_FOUND: Final = 404
_PAGE: Final = 100
_LARGEST_PAGE: Final = 1000
_MOST_CONDITIONS: Final = 20
_BLOCK_NS: Final = 2 * SECOND_NS
_CONDITION: Final = re.compile(r"0x[0-9a-f]{64}")
_encode: Final = msgspec.json.Encoder().encode

_Place = tuple[int, str, int]
"""Where a trade stands in the order: second, condition, number."""


class _Cursor(msgspec.Struct):
    limit: int
    last: _Place


_decode: Final = msgspec.json.Decoder(_Cursor).decode


def past(market: Market, path: str, asked: Mapping[str, str], ts: int) -> Answer:
    """What the data service answers at a time, ns."""
    if path == STATUS:
        return Answer(_OK, _encode({"data": _status(ts - PAST_NS)}))
    if path != TRADES:
        return _refusal(_NOT_FOUND, "not_found", "no such route")
    try:
        return _trades(market, asked, ts)
    except ValueError as error:
        return _refusal(_BAD, "invalid_request", str(error))


def _status(ts: int) -> dict[str, object]:
    """Everything is served that happened before now; time is told in whole seconds."""
    block = ts // _BLOCK_NS
    mechanism = {"name": "activity_feed", "age_seconds": 0, "blocks_behind": 0}
    return {
        "computed_at": f"{format_rfc3339(ts)[:19]}Z",
        "age_seconds": 0,
        "serving": {"lag_seconds": 0, "worst": "activity_feed", "mechanisms": [mechanism]},
        "ingestion": {
            "cursors": 1,
            "chain_id": 137,
            "network": "polygon",
            "lagging": [],
            "most_lagged": None,
            "min_synced_block": block,
            "max_synced_block": block,
        },
    }


def _trades(market: Market, asked: Mapping[str, str], ts: int) -> Answer:
    if "offset" in asked:
        raise ValueError("there is no offset: follow next_cursor")
    cursor = _opened(asked["cursor"]) if asked.get("cursor") else None
    limit = _limit(asked.get("limit", "")) if cursor is None else cursor.limit
    found = [
        (_place(trade, condition), trade, condition)
        for condition in _conditions(market, asked)
        for trade in condition.trades
        if ts - YEARS_NS <= trade.ts and asked.get("side") in {None, "", trade.side}
    ]
    if cursor is not None:
        found = [each for each in found if each[0] < cursor.last]
    found.sort(key=lambda each: each[0], reverse=True)
    shown, has_more = found[:limit], len(found) > limit
    paging = {
        "limit": limit,
        "offset": 0,
        "has_more": has_more,
        "next_cursor": _sealed(_Cursor(limit, shown[-1][0])) if has_more else None,
    }
    rows = [_row(trade, condition) for _, trade, condition in shown]
    return Answer(_OK, _encode({"data": rows, "pagination": paging}))


def _conditions(market: Market, asked: Mapping[str, str]) -> list[Condition]:
    """The conditions that are asked for, those that are over included."""
    both = dict.fromkeys((*market.conditions.values(), *market.ended.values()))
    names = asked.get("condition", "").casefold()
    if not names:
        return list(both)
    wanted = set(names.split(","))
    if len(wanted) > _MOST_CONDITIONS or not all(_CONDITION.fullmatch(name) for name in wanted):
        raise ValueError(f"invalid condition: {names[:100]}")
    return [condition for condition in both if condition.id in wanted]


def _place(trade: Trade, condition: Condition) -> _Place:
    return (trade.ts // SECOND_NS, condition.id, trade.number)


def _limit(text: str) -> int:
    limit = int(text) if text.isdecimal() else _PAGE
    if not 0 < limit <= _LARGEST_PAGE:
        raise ValueError("invalid limit")
    return limit


def _row(trade: Trade, condition: Condition) -> dict[str, object]:
    """A trade as it is told: sizes and prices are numbers, times are whole seconds."""
    return {
        "proxy_wallet": f"0x{trade.transaction[2:42]}",
        "side": trade.side,
        "token_id": trade.token,
        "condition_id": condition.id,
        "size": msgspec.Raw(trade.size.encode()),
        "price": msgspec.Raw(trade.price.encode()),
        "timestamp": trade.ts // SECOND_NS,
        "title": condition.question,
        "slug": condition.slug,
        "icon": "",
        "event_slug": condition.slug,
        "outcome": condition.outcomes[trade.outcome],
        "outcome_index": trade.outcome,
        "name": "",
        "pseudonym": "",
        "bio": "",
        "profile_image": "",
        "profile_image_optimized": "",
        "transaction_hash": trade.transaction,
    }


def _sealed(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(_encode(cursor)).decode().rstrip("=")


def _opened(text: str) -> _Cursor:
    try:
        return _decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (msgspec.DecodeError, binascii.Error) as error:
        raise ValueError("invalid cursor") from error


def _refusal(status: int, code: str, words: str) -> Answer:
    fields = {"error": words, "code": code, "retryable": False, "trace_id": "simulated"}
    return Answer(status, _encode(fields))
