"""The simulated REST services, asked with the venue's own generators."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ssmd.model.frame import Now
from ssmd.model.instrument import Instrument
from ssmd.model.rest import CatalogQuery, Page, Request
from ssmd.model.timestamp import format_rfc3339
from ssmd.venues import polymarket
from ssmd.venues.polymarket import VENUE
from ssmd.venues.polymarket.simulated import PolymarketMarket
from tests.venues.polymarket.frames import token
from tests.venues.polymarket.recordings import body
from tests.venues.polymarket.simulating import START, connected, later, market, run


def ask(venue: PolymarketMarket, request: Request) -> bytes:
    answer = venue.rest(request.service, request.path, request.query, START)
    assert answer.status == 200
    return answer.body


def listed(venue: PolymarketMarket, query: CatalogQuery) -> list[Instrument]:
    catalog = VENUE.rest.catalog(query)
    found: list[Instrument] = []
    step = next(catalog)
    while True:
        sent = b""
        if isinstance(step, Page):
            assert step.rejects == ()
            found += step.instruments
        else:
            sent = ask(venue, step)
        try:
            step = catalog.send(sent)
        except StopIteration:
            return found


def witnessed(venue: PolymarketMarket, name: str) -> bytes:
    witness = VENUE.rest.witness(name, frozenset({"market"}), "n")
    assert witness is not None
    try:
        witness.send(ask(venue, next(witness)))
    except StopIteration as done:
        value = done.value
        assert isinstance(value, bytes)
        return value
    raise AssertionError("one book is enough")


def passes(item: Instrument, filters: dict[str, Any]) -> bool:
    """The shipped feed's filters, read here independently."""
    assert item.volume is not None
    assert item.liquidity is not None
    assert item.close_ts is not None
    return (
        item.category in filters["categories"]
        and item.volume >= filters["min_volume"]
        and item.liquidity >= filters["min_liquidity"]
        and START.wall < item.close_ts <= START.wall + filters["close_within_s"] * 10**9
        and item.status in filters["statuses"]
    )


@pytest.mark.parametrize("size", [None, 1, 5])
def test_the_catalog_finds_everything_that_is_listed(size: int | None) -> None:
    """Page by page, each token once."""
    venue = market()
    found = listed(venue, CatalogQuery(page_size=size))
    assert [item.symbol for item in found] == list(venue.symbols)
    assert {item.status for item in found} == {"active", "paused"}


def test_the_venue_narrows_by_tag() -> None:
    """What the feed asks for is all there is of it."""
    venue = market()
    every = {item.symbol for item in listed(venue, CatalogQuery()) if item.category == "Crypto"}
    narrowed = listed(venue, CatalogQuery(categories=("Crypto",)))
    assert {item.symbol for item in narrowed} == every
    assert len(every) < len(venue.symbols)


def test_the_shipped_filters_keep_some_and_leave_some_out() -> None:
    """The demo finds its instruments by REST, and every filter has something to do."""
    feed = yaml.safe_load((Path(polymarket.__file__).parent / "feed.yaml").read_text())
    discovery = feed["universe"]["discovery"]
    found = listed(market(), CatalogQuery())
    kept = [item for item in found if passes(item, discovery["filters"])]
    assert 8 <= len(kept) < len(found) / 2
    for name in discovery["filters"]:
        loose = {
            "categories": ["Crypto", "Politics", "Sports"],
            "statuses": ["active", "paused"],
            "close_within_s": 10**9,
        }
        wider = discovery["filters"] | {name: loose.get(name, 0)}
        assert len([item for item in found if passes(item, wider)]) > len(kept), name
    assert feed["universe"]["channels"] == ["market"]
    room = VENUE.limits.connections * VENUE.limits.subscriptions_per_connection
    assert discovery["max_instruments"] <= room


def test_given_tokens_pass_the_shipped_filters() -> None:
    """Whoever names tokens means to see them."""
    feed = yaml.safe_load((Path(polymarket.__file__).parent / "feed.yaml").read_text())
    venue = market(1.0, 1, token(1), token(2), token(3))
    found = listed(venue, CatalogQuery(categories=("Crypto",)))
    assert len(found) == 4
    assert all(passes(item, feed["universe"]["discovery"]["filters"]) for item in found)


def test_listing_and_delisting_show_in_the_catalog() -> None:
    """A resolved condition stays in its event, and is over."""
    venue = market()
    gone = venue.symbols[:2]
    venue.delist(gone[:1])
    venue.list_symbols([token(8), token(9)])
    found = listed(venue, CatalogQuery())
    assert {item.symbol for item in found if item.status == "settled"} == set(gone)
    assert {item.status for item in found if item.symbol not in gone} == {"active", "paused"}
    assert [item.symbol for item in found[-2:]] == [token(8), token(9)]


def test_a_market_has_the_texts_and_numbers_of_a_recorded_one() -> None:
    """Volumes are texts there, ticks are numbers, lists are texts of lists."""
    venue = market()
    ours = json.loads(ask(venue, Request("/events", (("limit", "1"),))))[0]
    theirs = json.loads(body("fed-june-825-gamma-event.json"))
    for part, whole in ((ours["markets"][0], theirs["markets"][0]), (ours, theirs)):
        for name, value in part.items():
            sorts = {type(value), type(whole[name])}
            assert sorts <= {int, float} or len(sorts) == 1, name


def test_the_listing_of_markets_is_narrowed_by_volume() -> None:
    """Gamma's other listing, with the event inside."""
    venue = market()
    query = (("limit", "100"), ("volume_num_min", "10000"), ("liquidity_num_min", "5000"))
    found = json.loads(ask(venue, Request("/markets", query)))
    assert found
    assert all(item["volumeNum"] >= 10000 and item["events"] for item in found)
    assert len(found) < len(venue.open)
    assert json.loads(ask(venue, Request("/markets", (("closed", "true"),)))) == []
    assert json.loads(ask(venue, Request("/events", (("closed", "true"),)))) == []


def test_a_book_over_rest_is_the_book_of_the_stream() -> None:
    """And it bears witness of what happens."""
    venue = market()
    name = venue.symbols[0]
    said = json.loads(ask(venue, Request("/book", (("token_id", name),), "clob")))
    told = json.loads(venue.book(name, START.wall))
    assert {key: said[key] for key in ("bids", "asks", "hash", "market")} == {
        key: told[key] for key in ("bids", "asks", "hash", "market")
    }
    (sample, *_) = json.loads(body("fed-june-825-clob-books.json"))
    assert list(said) == list(sample)
    still = witnessed(venue, name)
    assert witnessed(venue, name) == still
    run(venue, connected(venue, name), 0, 2)
    assert witnessed(venue, name) != still


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("main", "/nothing"),
        ("clob", "/book"),
        ("clob", "/markets-by-token/1"),
        ("data", "/trades"),
        ("other", "/events"),
    ],
)
def test_what_is_not_there_is_not_found(service: str, path: str) -> None:
    """With the venue's own words for a book."""
    answer = market().rest(service, path, (("token_id", "1"),), later(1))
    assert answer.status == 404
    assert "error" in json.loads(answer.body)


def traded(venue: PolymarketMarket, **asked: str) -> list[dict[str, Any]]:
    """The past trades the service tells, page by page."""
    found: list[dict[str, Any]] = []
    query = asked
    while True:
        said = json.loads(ask(venue, Request("/v2/trades", tuple(query.items()), "data")))
        found += said["data"]
        if not said["pagination"]["has_more"]:
            assert said["pagination"]["next_cursor"] is None
            return found
        query = {**asked, "cursor": said["pagination"]["next_cursor"]}


@pytest.mark.parametrize("limit", ["1000", "7"])
def test_past_trades_are_the_streams(limit: str) -> None:
    """The latest first, each once, in numbers and whole seconds; those heard are among them."""
    venue = market()
    said = [
        json.loads(emission.payload, parse_float=str)
        for emission in run(venue, connected(venue, *venue.symbols[:4]), 0, 4)
        if b'"event_type":"last_trade_price"' in emission.payload
    ]
    assert said
    name = said[0]["market"]
    heard = {
        (each["transaction_hash"], each["asset_id"], each["side"], float(each["price"]),
         float(each["size"]), int(each["timestamp"]) // 1000)
        for each in said
        if each["market"] == name
    }  # fmt: skip
    found = traded(venue, condition=name, limit=limit)
    told = [
        (each["transaction_hash"], each["token_id"], each["side"], each["price"], each["size"],
         each["timestamp"])
        for each in found
    ]  # fmt: skip
    assert len(set(told)) == len(told)
    assert heard <= set(told)
    assert [each[5] for each in told] == sorted((each[5] for each in told), reverse=True)
    assert {each["condition_id"] for each in found} == {name}


def test_nobody_needs_to_listen_for_trades_to_happen() -> None:
    """What is over is told all the same, and again when it is listed again."""
    venue = market()
    for step in range(1, 41):
        venue.advance(later(step * 0.1))
    name = venue.symbols[0]
    condition = venue.conditions[name].id
    before = traded(venue, condition=condition)
    assert len(before) > 3
    venue.delist([name])
    assert traded(venue, condition=condition) == before
    asked = Request(f"/markets-by-token/{name}", (), "clob")
    assert json.loads(ask(venue, asked))["condition_id"] == condition
    venue.list_symbols([name])
    again = json.loads(ask(venue, asked))["condition_id"]
    assert again != condition
    hashes = [
        {each["transaction_hash"] for each in found}
        for found in (before, traded(venue, condition=again))
    ]
    assert hashes[0] == hashes[1]
    venue.speed(0)
    venue.advance(later(9))
    assert len(traded(venue, condition=again)) == len(before)


@pytest.mark.parametrize(
    "query",
    [
        (("offset", "0"),),
        (("limit", "1001"),),
        (("limit", "0"),),
        (("condition", "0x12"),),
        (("condition", ",".join(f"0x{number:064x}" for number in range(21))),),
        (("cursor", "!"),),
        (("cursor", "bm9uc2Vuc2U"),),
    ],
)
def test_a_question_the_data_service_does_not_understand(
    query: tuple[tuple[str, str], ...],
) -> None:
    """A refusal with a code, as the documentation says."""
    answer = market().rest("data", "/v2/trades", query, later(1))
    assert answer.status == 400
    assert json.loads(answer.body)["code"] == "invalid_request"


def test_a_second_that_may_go_on_is_not_told_as_whole() -> None:
    """The data goes up to a second that is over."""
    for millis, second in ((0, -1), (1, 0), (999, 0), (1001, 1)):
        now = Now(1_800_000_000_000_000_000 + millis * 1_000_000, 50.0)
        answer = market().rest("data", "/v2/status", (), now)
        told = json.loads(answer.body)["data"]["computed_at"]
        assert told == f"{format_rfc3339((1_800_000_000 + second) * 10**9)[:19]}Z"
