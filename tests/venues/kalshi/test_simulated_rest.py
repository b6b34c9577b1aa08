"""The simulated exchange's REST service: shapes, filters, pages, refusals."""

import json
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kalshi.simulated import KalshiMarket
from tests.shared import shared
from tests.venues.kalshi.simulating import (
    CHANNELS,
    START,
    A,
    B,
    Client,
    later,
    market,
    opened,
    run,
    shape,
    subscribe,
)

NOW_S = START.wall // 10**9

CENTS = {
    "count", "price", "yes_price", "no_price", "fractional_trading_enabled", "last_price",
    "liquidity", "no_ask", "no_bid", "notional_value", "open_interest", "previous_price",
    "previous_yes_ask", "previous_yes_bid", "response_price_units", "tick_size", "volume",
    "volume_24h", "yes_ask", "yes_bid",
}  # fmt: skip
"""What the answers of early 2026 had and today's have no more."""


def get(venue: KalshiMarket, path: str, seconds: float = 0.0, /, **query: object) -> dict[str, Any]:
    asked = tuple((name, str(value)) for name, value in query.items())
    answer = venue.rest("main", path, asked, later(seconds))
    assert answer.status == 200, answer.body
    told: dict[str, Any] = json.loads(answer.body)
    return told


def tickers(venue: KalshiMarket, **query: object) -> list[str]:
    return [one["ticker"] for one in get(venue, "/markets", **query)["markets"]]


def body(name: str) -> dict[str, Any]:
    parsed = json.loads(shared(f"data/kalshi/rest/{name}.json").read_bytes())
    answer: dict[str, Any] = parsed.get("response", parsed)
    return answer


def traded() -> KalshiMarket:
    venue = market(400.0, 2)
    socket = opened(venue)
    for channel in CHANNELS[:2]:
        socket.receive(subscribe(channel, *venue.symbols), START)
    run(venue, socket, 0, 5)
    return venue


def kinds(entries: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The kinds of value each key has."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        for key, value in entry.items():
            found.setdefault(key, set()).add(json.dumps(shape(value)))
    return found


def test_the_usual_listings_have_what_a_feed_of_coins_wants_and_what_it_does_not() -> None:
    """Three series, open, within a day: the demo finds those and no others."""
    venue = market(0.0)
    found = get(venue, "/markets", status="open", limit=1000)["markets"]
    wanted = [
        one["ticker"]
        for one in found
        if one["ticker"].partition("-")[0] in {"KXBTCD", "KXBTC15M", "KXETHD"}
        and NOW_S < _seconds(one["close_time"]) <= NOW_S + 86_400
    ]
    assert len(wanted) >= 20
    assert len(found) - len(wanted) >= 15
    assert set(wanted) < set(venue.symbols)
    assert {one["status"] for one in get(venue, "/markets", limit=1000)["markets"]} == {
        "initialized", "active", "closed", "finalized",
    }  # fmt: skip


def _seconds(text: str) -> int:
    return parse_rfc3339(text) // 10**9


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("unopened", {"initialized"}),
        ("open", {"active"}),
        ("closed", {"closed"}),
        ("settled", {"finalized"}),
        ("paused", set()),
    ],
)
def test_a_status_is_asked_in_one_vocabulary_and_told_in_another(
    asked: str, said: set[str]
) -> None:
    """`open` returns `active`; what is told cannot be asked for."""
    venue = market(0.0)
    found = get(venue, "/markets", status=asked, limit=1000)["markets"]
    assert {one["status"] for one in found} == said
    answer = venue.rest("main", "/markets", (("status", "finalized"),), START)
    assert (answer.status, json.loads(answer.body)) == (
        400,
        {"error": {"code": "bad_request", "message": "bad request",
                   "details": "invalid status filter"}},
    )  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        {"status": "open", "max_close_ts": NOW_S + 10**6},
        {"status": "unopened", "min_close_ts": 1},
        {"status": "settled", "min_close_ts": 1},
        {"status": "closed", "min_created_ts": 1},
        {"status": "settled", "min_created_ts": 1},
        {"status": "open", "min_settled_ts": 1},
        {"status": "open", "min_updated_ts": 1},
        {"min_created_ts": 1, "min_close_ts": 1},
        {"min_updated_ts": 1, "series_ticker": "KXBTCD"},
    ],
)
def test_filters_that_do_not_go_together_give_nothing_and_no_word_of_it(
    query: dict[str, Any],
) -> None:
    """The trap of the real one: an empty universe that looks like a quiet day."""
    assert get(market(0.0), "/markets", **query) == {"cursor": "", "markets": []}


@pytest.mark.parametrize(
    "query",
    [
        {"status": "open", "min_created_ts": 1},
        {"status": "closed", "max_close_ts": NOW_S},
        {"status": "settled", "min_settled_ts": 1},
        {"min_close_ts": NOW_S, "max_close_ts": NOW_S + 86_400},
        {"min_updated_ts": 1, "mve_filter": "exclude"},
        {"series_ticker": "KXETHD", "status": "open"},
        {"event_ticker": "KXETHD-27JAN1517"},
    ],
)
def test_filters_that_go_together_choose(query: dict[str, Any]) -> None:
    """Some pass, some do not."""
    venue = market(0.0)
    assert 0 < len(tickers(venue, **query, limit=1000)) < len(tickers(venue, limit=1000))


def test_markets_can_be_chosen_by_name_and_by_kind() -> None:
    """Combinations are markets; they can be left out."""
    venue = market(0.0)
    two = venue.symbols[:2]
    assert set(tickers(venue, tickers=",".join(two))) == set(two)
    combined = tickers(venue, mve_filter="only")
    assert len(combined) == 2
    assert not set(combined) & set(tickers(venue, mve_filter="exclude", limit=1000))


@pytest.mark.parametrize("path", ["/markets", "/events", "/markets/trades"])
@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_hold_everything_once(path: str, limit: int) -> None:
    """Whatever their size; the cursor after the last page is empty."""
    venue = traded()
    key = path.rpartition("/")[2]
    name = {"markets": "ticker", "events": "event_ticker", "trades": "trade_id"}[key]
    seen: list[str] = []
    cursor = ""
    while True:
        page = get(venue, path, 5, limit=limit, cursor=cursor)
        assert len(page[key]) <= limit
        seen += [entry[name] for entry in page[key]]
        cursor = page["cursor"]
        if not cursor:
            break
        assert len(page[key]) == limit
    whole = get(venue, path, 5, limit=200)
    assert seen[:200] == [entry[name] for entry in whole[key]]
    assert len(set(seen)) == len(seen) > 10


def test_a_market_that_is_listed_meanwhile_does_not_shift_the_pages() -> None:
    """The cursor says after what to go on, not at which place."""
    venue = market(0.0)
    first = get(venue, "/markets", limit=10)
    before = tickers(venue, limit=1000)
    venue.list_symbols(["KXBTCD-27JAN1517-T1.99"])
    second = get(venue, "/markets", limit=1000, cursor=first["cursor"])
    assert [one["ticker"] for one in second["markets"]] == before[10:]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/markets", {"limit": 1001}),
        ("/markets", {"limit": -1}),
        ("/markets", {"limit": "many"}),
        ("/events", {"limit": 201}),
        ("/markets", {"cursor": "!"}),
        ("/markets", {"cursor": "bm90aGluZw"}),
        ("/markets", {"min_close_ts": "soon"}),
        ("/markets/trades", {"min_ts": "soon"}),
        ("/events", {"status": "active"}),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(path: str, query: dict[str, Any]) -> None:
    """Before anything is looked up."""
    asked = tuple((name, str(value)) for name, value in query.items())
    answer = market(0.0).rest("main", path, asked, START)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    "path",
    ["/", "/market", "/markets/KXNONE-1", "/events/KXNONE",
     "/series/KXNONE", "/markets/a/b/c", "/portfolio/balance"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(path: str) -> None:
    """In the exchange's own words."""
    venue = market(0.0)
    for service in ("main", "other"):
        answer = venue.rest(service, path, (), START)
        assert answer.status == 404
        assert json.loads(answer.body) == {"error": {"code": "not_found", "message": "not found"}}


def test_an_ended_market_is_settled_and_listed_as_open_no_more() -> None:
    """It can still be asked for by name."""
    venue = traded()
    venue.delist([A, "KXBTCD-27JAN1517-T94999.99"])
    assert "KXBTCD-27JAN1517-T94999.99" not in tickers(venue, status="open", limit=1000)
    assert "KXBTCD-27JAN1517-T94999.99" in tickers(venue, status="settled", limit=1000)
    one = get(venue, "/markets/KXBTCD-27JAN1517-T94999.99", 5)["market"]
    assert (one["status"], one["result"] in {"yes", "no"}) == ("finalized", True)
    assert one["settlement_value_dollars"] in {"0.0000", "1.0000"}


def test_a_new_market_is_listed_at_once() -> None:
    """Discovery must be able to find it."""
    venue = market(0.0, 1, A)
    assert tickers(venue, status="open") == [A]
    venue.list_symbols([B])
    assert set(tickers(venue, status="open")) == {A, B}


def test_the_best_prices_are_those_of_the_book_the_socket_tells() -> None:
    """Both sides' bids; the rest of the book is for those who sign."""
    venue = traded()
    ticker = venue.symbols[0]
    socket = opened(venue, later(5))
    client = Client()
    client.hear(socket.receive(subscribe("orderbook_delta", ticker), later(5)))
    one = get(venue, f"/markets/{ticker}", 5)["market"]
    yes, no = client.books[ticker]["yes"], client.books[ticker]["no"]
    assert (Decimal(one["yes_bid_dollars"]), Decimal(one["no_bid_dollars"])) == (max(yes), max(no))
    assert Decimal(one["yes_bid_size_fp"]) == yes[max(yes)]


@pytest.mark.parametrize("ticker", [A, "KXNONE-1"])
def test_a_book_is_refused_to_those_who_do_not_sign(ticker: str) -> None:
    """The documentation asks for three headers there, and for none anywhere else we go."""
    answer = market(0.0, 1, A).rest("main", f"/markets/{ticker}/orderbook", (), START)
    assert (answer.status, dict(answer.headers)) == (401, {})
    assert json.loads(answer.body)["error"]["code"] == "authentication_error"


def test_a_single_market_is_answered_from_the_edge_for_fifteen_seconds() -> None:
    """Unless the question differs: a witness has to make it differ."""
    venue = traded()
    ticker = venue.symbols[0]
    path = f"/markets/{ticker}"
    first = venue.rest("main", path, (), later(5))
    assert first.headers["cache-control"] == "public, max-age=15"
    socket = opened(venue, later(5))
    socket.receive(subscribe("orderbook_delta", ticker), later(5))
    run(venue, socket, 5, 3)
    assert venue.rest("main", path, (), later(8)) == first
    assert venue.rest("main", path, (("nonce", "1"),), later(8)).body != first.body
    assert venue.rest("main", path, (), later(21)).body != first.body


def test_trades_can_be_chosen_by_market_and_time() -> None:
    """The newest first."""
    venue = traded()
    every = get(venue, "/markets/trades", 5, limit=1000)["trades"]
    times = [trade["created_time"] for trade in every]
    assert len(every) > 50
    assert times[0] > times[-1]
    ticker = every[0]["ticker"]
    some = get(venue, "/markets/trades", 5, limit=1000, ticker=ticker)["trades"]
    assert some == [trade for trade in every if trade["ticker"] == ticker]
    late = get(venue, "/markets/trades", 5, limit=1000, min_ts=NOW_S + 3)["trades"]
    assert 0 < len(late) < len(every)


def test_markets_have_the_recorded_shape() -> None:
    """Every key of the answers of August 2026, with the same kind of value."""
    venue = traded()
    venue.delist(venue.symbols[:1])
    real = [body("market_single")["single"]["market"], *body("markets_settled")["markets"]]
    nested = [m for event in body("events_nfl_preseason")["events"] for m in event["markets"]]
    recorded_kinds = kinds([*real, *nested])
    ours = kinds(get(venue, "/markets", 5, limit=1000)["markets"])
    optional = {"custom_strike", "subtitle", "settlement_ts", "settlement_value_dollars"}
    assert set(recorded_kinds) - optional <= set(ours)
    # The recorded markets are of sports: none has a strike in numbers (openapi: Market).
    assert set(ours) - set(recorded_kinds) == {"floor_strike", "cap_strike"}
    plain = {"custom_strike", "price_ranges", "expiration_value", "settlement_ts"}
    for key in set(ours) & set(recorded_kinds) - plain:
        assert ours[key] == recorded_kinds[key], key


def test_events_have_the_recorded_shape() -> None:
    """With markets inside when asked for; combinations are listed elsewhere."""
    venue = market(0.0)
    nested = get(venue, "/events", with_nested_markets="true", status="open")
    real = body("events_nfl_preseason")["events"]
    assert kinds_of_keys(nested["events"]) == kinds_of_keys(real)
    flat = get(venue, "/events")["events"]
    assert kinds_of_keys(flat) == kinds_of_keys(real) - {"markets"}
    names = {event["event_ticker"] for event in flat}
    assert not {name for name in names if name.startswith("KXMVE")}
    combined = get(venue, "/events/multivariate")["events"]
    assert all(event["event_ticker"].startswith("KXMVE") for event in combined)
    one = get(venue, "/events/KXETHD-27JAN1517")
    assert set(one) == set(body("event_single_response"))
    assert len(one["markets"]) == 8
    inside = get(venue, "/events/KXETHD-27JAN1517", with_nested_markets="true")
    assert len(inside["event"]["markets"]) == 8
    only = get(venue, "/events", series_ticker="KXETHD", status="open")["events"]
    assert [event["event_ticker"] for event in only] == ["KXETHD-27JAN1517"]


def kinds_of_keys(entries: list[dict[str, Any]]) -> set[str]:
    return {key for entry in entries for key in entry}


def test_series_have_the_recorded_shape() -> None:
    """Those that no market is listed of at the moment exist as well."""
    venue = market(0.0, 1, A)
    real = [entry["series"] for entry in body("series_fee_fields")["payloads"].values()]
    listed = get(venue, "/series")["series"]
    assert kinds_of_keys(listed) == kinds_of_keys(real)
    one = get(venue, "/series/KXETHD")["series"]
    assert {key: type(value) for key, value in one.items()} == {
        key: type(value) for key, value in real[-1].items()
    }
    crypto = get(venue, "/series", category="Crypto", include_volume="true")["series"]
    assert {entry["ticker"] for entry in crypto} >= {"KXBTCD", "KXBTC15M", "KXETHD"}
    assert {entry["category"] for entry in crypto} == {"Crypto"}
    assert all("volume_fp" in entry for entry in crypto)
    assert [s["ticker"] for s in get(venue, "/series", tags="Fed,Cows")["series"]] == ["KXFED"]


def test_trades_have_the_recorded_shape() -> None:
    """Without what was in cents."""
    venue = traded()
    trades = kinds(get(venue, "/markets/trades", 5)["trades"])
    real = kinds(body("trades_list_response")["trades"])
    assert set(trades) - {"count_fp"} == set(real) - CENTS
    assert all(trades[key] == real[key] for key in set(trades) & set(real))
    assert set(get(venue, "/markets/trades", 5)) == set(body("trades_list_response"))


@pytest.mark.parametrize("name", ["status", "schedule"])
def test_the_exchange_tells_of_itself_as_recorded(name: str) -> None:
    """Open always, but on Thursday mornings."""
    told = get(market(0.0), f"/exchange/{name}")
    assert shape(told) == shape(body(f"exchange_{name}_response"))


def test_an_account_of_many_markets_is_answered_in_time() -> None:
    """A page out of five thousand markets is no work of seconds."""
    venue = market(0.0, 1, *(f"KXBTCD-27JAN1517-T{k}.99" for k in range(1_000)))
    assert len(tickers(venue, limit=1000)) == 1_000
