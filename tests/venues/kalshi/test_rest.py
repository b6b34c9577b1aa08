"""Complaints in bodies, and witnesses of how a market stands."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import Request
from ssmd.venues.kalshi.rest import REST, complaint, witness
from tests.venues.kalshi.asking import asked, body, drive

BOOK, TICKER, TRADE = "orderbook_delta", "ticker", "trade"
SYMBOL = "KXMADE-26NOV22-T1.5"


def look(channels: set[str], answers: dict[str, Any], symbol: str = SYMBOL) -> bytes:
    """What a witness says, given the bodies of paths."""
    asking = witness(symbol, frozenset(channels), "n1")
    assert asking is not None
    return drive(asking, lambda request: answers[request.path])[2]


def market(**fields: object) -> dict[str, object]:
    """Answers with a market."""
    stated = {"yes_bid_dollars": "0.1", "yes_ask_dollars": "0.2", "last_price_dollars": "0.15"}
    sizes = {"yes_bid_size_fp": "3.00", "yes_ask_size_fp": "4.00", "volume_fp": "7.00"}
    return {f"/markets/{SYMBOL}": {"market": {**stated, **sizes, **fields}}}


@pytest.mark.parametrize(
    ("said", "reason", "retryable"),
    [
        ({"error": {"code": "internal_error", "message": "oops"}}, "internal_error: oops", True),
        (
            {
                "error": {
                    "code": "bad_request",
                    "message": "bad",
                    "details": "invalid status filter",
                }
            },
            "bad_request: bad: invalid status filter",
            False,
        ),
        ({"error": {"code": "not_found"}}, "not_found", False),
        ({"error": "slow down"}, "slow down", True),
        ({"error": {"code": ["odd"]}}, "['odd']", True),
        ({"error": {}}, "an error without words", True),
        ({"code": "service_unavailable", "message": "later"}, "service_unavailable: later", True),
    ],
)
def test_an_error_in_a_good_answer_is_a_complaint(
    said: object, reason: str, retryable: bool
) -> None:
    """An error must not pass for an empty page; only a wrong request is not asked again."""
    found = complaint(json.dumps(said).encode())
    assert found is not None
    assert (found.reason, found.retryable) == (reason, retryable)


def test_a_page_for_people_is_worth_asking_again() -> None:
    """A gateway in maintenance answers in HTML."""
    found = complaint(b"<html>We will be back soon</html>")
    assert found is not None
    assert found.retryable


@pytest.mark.parametrize(
    "name", ["markets-page-20260213.json", "events_list_response.json", "series_list_response.json"]
)
def test_recorded_bodies_complain_of_nothing(name: str) -> None:
    """What answers is not held up."""
    assert complaint(json.dumps(body(name)).encode()) is None


@given(st.binary(max_size=40) | st.sampled_from([b"[]", b"1", b"null", b'{"error":null}', b"{"]))
def test_any_body_is_judged(payload: bytes) -> None:
    """Whatever comes, there is a verdict."""
    found = complaint(payload)
    assert found is None or found.reason


def test_a_witness_asks_for_what_the_channels_would_have_told() -> None:
    """Each request costs tokens, and none may need a key: the book's own address does."""
    paths = {
        frozenset({BOOK}): [f"/markets/{SYMBOL}"],
        frozenset({TICKER}): [f"/markets/{SYMBOL}"],
        frozenset({TRADE}): ["/markets/trades"],
        frozenset({TICKER, TRADE}): [f"/markets/{SYMBOL}"],
        frozenset({BOOK, TRADE}): [f"/markets/{SYMBOL}"],
        frozenset({BOOK, TICKER, TRADE}): [f"/markets/{SYMBOL}"],
    }
    answers = market() | {"/markets/trades": {"trades": []}}
    for channels, expected in paths.items():
        asking = witness(SYMBOL, channels, "n1")
        assert asking is not None
        requests, _, _ = drive(asking, lambda request: answers[request.path])
        assert [request.path for request in requests] == expected
        assert {asked(request)["nonce"] for request in requests} == {"n1"}
        assert {request.cost for request in requests} == {10.0}


def test_no_witness_for_what_rest_cannot_tell() -> None:
    """Lifecycle news has no state to compare."""
    for channels in ({"market_lifecycle_v2"}, {"multivariate_market_lifecycle"}, set()):
        assert witness(SYMBOL, frozenset(channels), "n") is None


def test_a_ticker_with_odd_letters_stays_one_segment_of_the_path() -> None:
    """A symbol from a file must not become another address."""
    asking = witness("A/../B?c", frozenset({BOOK}), "n")
    assert asking is not None
    assert next(asking) == Request("/markets/A%2F..%2FB%3Fc", (("nonce", "n"),), cost=10.0)


def test_a_market_is_the_same_in_any_spelling() -> None:
    """A change of format is no change of the market."""
    other = market(yes_bid_dollars="0.1000", yes_bid_size_fp="3", volume_fp=7)
    assert look({BOOK}, market()) == look({BOOK}, other)


@pytest.mark.parametrize(
    "changed",
    [
        {"yes_bid_dollars": "0.11"},
        {"yes_ask_dollars": "0.21"},
        {"yes_bid_size_fp": "3.01"},
        {"yes_ask_size_fp": None},
        {"volume_fp": "7.01"},
    ],
)
def test_a_change_at_the_top_of_a_book_shows(changed: dict[str, object]) -> None:
    """The best prices and what there is at them; what is deeper is told to nobody without a key."""
    assert look({BOOK}, market(**changed)) != look({BOOK}, market())
    if set(changed) <= {"yes_bid_size_fp", "yes_ask_size_fp"}:
        assert look({TICKER}, market(**changed)) == look({TICKER}, market())


@pytest.mark.parametrize(
    "changed",
    [
        {"yes_bid_dollars": "0.11"},
        {"yes_ask_dollars": "0.21"},
        {"last_price_dollars": "0.16"},
        {"volume_fp": "7.01"},
        {"volume_fp": None},
    ],
)
def test_every_change_of_the_quotes_shows(changed: dict[str, object]) -> None:
    """What a ticker would have told."""
    assert look({TICKER}, market(**changed)) != look({TICKER}, market())
    assert look({TICKER}, market(rules_primary="new")) == look({TICKER}, market())


def test_a_new_trade_shows() -> None:
    """Where only trades are heard, the newest one is the state."""
    told = [{"trades": trades} for trades in ([], [{"trade_id": "a"}], [{"trade_id": "b"}])]
    assert len({look({TRADE}, {"/markets/trades": answer}) for answer in told}) == 3


def test_recorded_bodies_are_witnesses() -> None:
    """A market of 2026-08, whose best bid is the best of its recorded book; the trades of 2026."""
    whole = body("market_single.json")
    symbol = whole["ticker"]
    stated = whole["single"]["market"]
    digest = look({BOOK, TICKER}, {f"/markets/{symbol}": whole["single"]}, symbol)
    assert f"last_price {stated['last_price_dollars'][:4]}".encode() in digest
    price, size = max(whole["orderbook"]["orderbook_fp"]["yes_dollars"])
    assert (stated["yes_bid_dollars"], stated["yes_bid_size_fp"]) == (price, size)
    moved = {"market": stated | {"yes_bid_size_fp": size + "1"}}
    assert look({BOOK}, {f"/markets/{symbol}": moved}, symbol) not in digest
    trades = body("trades_list_response.json")
    newest = trades["trades"][0]["trade_id"].encode()
    assert look({TRADE}, {"/markets/trades": trades}) == b"trade " + newest


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        (BOOK, {}),
        (BOOK, []),
        (BOOK, {"market": {"yes_bid_dollars": "9e99"}}),
        (BOOK, {"market": {"yes_ask_size_fp": "many"}}),
        (BOOK, {"market": 5}),
        (TICKER, {}),
        (TICKER, {"market": {"yes_bid": {}}}),
        (TRADE, {}),
        (TRADE, {"trades": [{}]}),
        (TRADE, b"<html>"),
    ],
)
def test_a_body_that_is_none_gives_no_digest(channel: str, said: object) -> None:
    """An unreadable answer is unknown, never a market where nothing happened."""
    asking = witness(SYMBOL, frozenset({channel}), "n")
    assert asking is not None
    with pytest.raises(ValueError, match=r"."):
        drive(asking, lambda _: said)


def test_we_ask_slower_than_the_smallest_account_may() -> None:
    """Basic accounts have 200 tokens a second; an earlier system was throttled at 50."""
    service = REST.services["main"]
    assert service.tokens_per_second <= 35
    assert service.burst >= 10, "or no request would ever be sent"
    assert service.base.startswith("https://")
    assert not service.base.endswith("/")
