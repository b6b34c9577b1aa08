"""What the simulated exchange tells of the past, whether anybody listened then or not."""

import json
from typing import Any

from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kalshi.simulated import KalshiMarket
from tests.venues.kalshi.simulating import START, A, B, later, market

NOW_S = START.wall // 10**9


def get(venue: KalshiMarket, path: str, seconds: float, /, **query: object) -> dict[str, Any]:
    asked = tuple((name, str(value)) for name, value in query.items())
    answer = venue.rest("main", path, asked, later(seconds))
    assert answer.status == 200, answer.body
    told: dict[str, Any] = json.loads(answer.body)
    return told


def every_trade(venue: KalshiMarket, path: str, now: float, limit: int) -> list[dict[str, Any]]:
    """All trades of one market in a tier, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        told = get(venue, path, now, ticker=A, limit=limit, cursor=cursor)
        found += told["trades"]
        cursor = told["cursor"]
        if not cursor:
            return found


def test_nobody_needs_to_listen_for_trades_to_happen() -> None:
    """They are told under their ids, the newest first, and still when the market has ended."""
    venue = market(500.0, 1, A, B)
    for step in range(1, 101):
        venue.advance(later(step * 0.05))
    found = every_trade(venue, "/markets/trades", 5, 1000)
    assert len(found) > 50
    assert every_trade(venue, "/markets/trades", 5, 7) == found
    times = [parse_rfc3339(one["created_time"]) for one in found]
    assert times == sorted(set(times), reverse=True)
    assert max(times) < later(5).wall
    venue.delist([A])
    assert every_trade(venue, "/markets/trades", 5, 1000) == found
    venue.list_symbols([A])
    assert every_trade(venue, "/markets/trades", 5, 1000) == found
    venue.speed(0)
    venue.advance(later(6))
    assert every_trade(venue, "/markets/trades", 6, 1000) == found


def test_trades_from_before_the_cutoff_are_in_the_other_tier() -> None:
    """Three months later, and not before; no trade is in both."""
    venue = market(500.0, 1, A)
    for step in range(1, 21):
        venue.advance(later(step * 0.05))
    found = every_trade(venue, "/markets/trades", 1, 1000)
    assert found
    assert every_trade(venue, "/historical/trades", 1, 1000) == []
    late = 92 * 86_400.0
    cutoff = get(venue, "/historical/cutoff", late)["trades_created_ts"]
    assert parse_rfc3339(cutoff) // 10**9 > NOW_S
    assert every_trade(venue, "/markets/trades", late, 1000) == []
    assert every_trade(venue, "/historical/trades", late, 1000) == found
