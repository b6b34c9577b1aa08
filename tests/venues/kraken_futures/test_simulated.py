"""The simulated venue answers as the real one does, and misbehaves when told to."""

import json
import math

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.rest import CatalogQuery, Page
from ssmd.model.simulated import Answer, Emission, SimulationOptions
from ssmd.venues.kraken_futures import VENUE
from ssmd.venues.kraken_futures.simulated import simulated
from tests.shared import shared
from tests.venues.kraken_futures.simulating import (
    START,
    fingerprint,
    later,
    market,
    read,
    request,
    run,
    subscribed,
)

ALERT = {"event": "alert"}
INVALID_PRODUCT = {"event": "error", "message": "Invalid product id"}


def texts(emissions: object) -> list[dict[str, object]]:
    assert isinstance(emissions, list)
    return [read(each.payload) for each in emissions if isinstance(each, Emission)]


def test_the_version_comes_first() -> None:
    """Before anybody asked for anything."""
    assert texts(market().connect().open(START)) == [{"event": "info", "version": 1}]


def test_every_product_is_confirmed_by_itself_and_then_come_the_snapshots() -> None:
    """As in the recording: all confirmations, then what they promise."""
    socket = market().connect()
    said = texts(socket.receive(request("subscribe", "book", "PF_XBTUSD", "pf_ethusd"), START))
    assert said[:2] == [
        {"event": "subscribed", "feed": "book", "product_ids": ["PF_XBTUSD"]},
        {"event": "subscribed", "feed": "book", "product_ids": ["PF_ETHUSD"]},
    ]
    assert [(each["feed"], each["product_id"]) for each in said[2:]] == [
        ("book_snapshot", "PF_XBTUSD"),
        ("book_snapshot", "PF_ETHUSD"),
    ]
    assert said[2]["tickSize"] is None


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b"nonsense", {"event": "error", "message": "Json Error"}),
        (b'{"event":"dance"}', {"event": "error", "message": "Unsupported event"}),
        (request("subscribe", "liquidations", "PF_XBTUSD"),
         ALERT | {"message": "Couldn't subscribe to invalid feed"}),
        (request("unsubscribe", "liquidations", "PF_XBTUSD"),
         ALERT | {"message": "Couldn't unsubscribe from invalid feed"}),
        (request("subscribe", "fills"),
         ALERT | {"message": "Failed to subscribe to authenticated feed"}),
        (request("subscribe", "book", "PF_NOPEUSD"), INVALID_PRODUCT),
        (request("unsubscribe", "book", "PF_XBTUSD"),
         ALERT | {"message": "Not subscribed to feed"}),
        (request("subscribe", "heartbeat"), {"event": "subscribed", "feed": "heartbeat"}),
        (request("unsubscribe", "heartbeat"), {"event": "unsubscribed", "feed": "heartbeat"}),
    ],
)  # fmt: skip
def test_every_request_has_its_answer(payload: bytes, answer: dict[str, object]) -> None:
    """Complaints name nobody."""
    assert texts(market().connect().receive(payload, START)) == [answer]


def test_a_second_subscription_is_complained_of_and_answered_with_a_snapshot() -> None:
    """It says that it asks again."""
    venue = market()
    socket, _ = subscribed(venue, "PF_XBTUSD", feeds=("book",))
    said = texts(socket.receive(request("subscribe", "book", "PF_XBTUSD"), START))
    assert said[0] == ALERT | {"message": "Already subscribed to feed, re-requesting"}
    assert said[1]["feed"] == "book_snapshot"


def test_what_happened_before_a_request_comes_before_its_answer() -> None:
    """A snapshot contains it already."""
    venue = market(1000.0, 1, "PF_XBTUSD")
    socket, _ = subscribed(venue, "PF_XBTUSD", feeds=("book",))
    venue.advance(later(0))
    venue.advance(later(0.1))
    said = texts(socket.receive(request("subscribe", "book", "PF_XBTUSD"), later(0.1)))
    kinds = [each.get("event") or each["feed"] for each in said]
    assert kinds[:-2] == ["book"] * len(kinds[:-2])
    assert len(kinds) > 50
    assert kinds[-2:] == ["alert", "book_snapshot"]
    assert said[-1]["seq"] == said[-3]["seq"]


def test_the_heartbeat_feed_speaks_every_ten_seconds() -> None:
    """To who holds it, whatever the market does."""
    venue = market(0.001)
    socket, _ = subscribed(venue, "PF_XBTUSD")
    beats = [each for each in run(venue, socket, 0, 35) if not each.symbols]
    assert [read(each.payload)["feed"] for each in beats] == ["heartbeat"] * 3
    socket.receive(request("unsubscribe", "heartbeat"), later(35))
    assert [each for each in run(venue, socket, 35, 15) if not each.symbols] == []


def test_a_refused_product_is_refused_from_then_on() -> None:
    """Among others that are accepted."""
    venue = market()
    venue.refuse("pf_xbtusd")
    socket = venue.connect()
    said = texts(socket.receive(request("subscribe", "trade", "PF_XBTUSD", "PF_ETHUSD"), START))
    assert said[0] == INVALID_PRODUCT
    assert said[1]["product_ids"] == ["PF_ETHUSD"]


def test_answers_come_late_or_never() -> None:
    """In the order of the requests."""
    venue = market()
    socket = venue.connect()
    venue.delay_answers(2.0)
    assert list(socket.receive(request("subscribe", "book", "PF_XBTUSD"), START)) == []
    venue.delay_answers(0.0)
    assert list(socket.receive(request("subscribe", "heartbeat"), START)) == []
    assert list(socket.tick(later(1.9))) == []
    said = texts(list(socket.tick(later(2.0))))
    assert [each["event"] for each in said if "event" in each] == ["subscribed", "subscribed"]
    venue.delay_answers(math.inf)
    assert list(socket.receive(request("subscribe", "trade", "PF_XBTUSD"), START)) == []
    venue.delay_answers(0.0)
    said = texts(socket.receive(request("subscribe", "trade", "PF_ETHUSD"), START))
    assert said[0]["product_ids"] == ["PF_ETHUSD"]


def test_a_playback_agrees_to_whatever_is_asked_for() -> None:
    """The recorded products need not be listed; their data comes from the recording."""
    venue = market(500.0, 1, "PF_XBTUSD")
    asked = request("subscribe", "book", "FI_XBTUSD_210730", "no product")
    assert texts(venue.agree(asked, START)) == [
        {"event": "subscribed", "feed": "book", "product_ids": ["FI_XBTUSD_210730"]},
        INVALID_PRODUCT,
    ]
    assert texts(venue.agree(b"nonsense", START))[0]["event"] == "error"


def test_what_is_usually_listed() -> None:
    """Linear and inverse, perpetual and dated."""
    venue = market()
    assert {symbol[:2] for symbol in venue.symbols} == {"PF", "PI", "FF", "FI"}
    assert venue.admit({}, START) == 101
    venue.list_symbols(["pf_newusd", "PF_XBTUSD"])
    assert venue.symbols[-1] == "PF_NEWUSD"
    assert len(set(venue.symbols)) == len(venue.symbols)


@pytest.mark.parametrize("symbol", ["BTC/USD", "", "FF_XBTUSD_991399", "PF_", "X" * 40])
def test_what_is_no_product_is_refused_with_a_remedy(symbol: str) -> None:
    """A misspelt symbol must not become a market."""
    with pytest.raises(ConfigError, match="PF_XBTUSD"):
        simulated(SimulationOptions(symbols=(symbol,)))
    with pytest.raises(ConfigError):
        market().list_symbols([symbol])


def get(path: str, *query: tuple[str, str]) -> Answer:
    return market().rest("main", path, query, START)


def test_the_catalog_reads_what_the_simulation_lists() -> None:
    """Every product, and nothing but products."""
    venue = market()
    catalog = VENUE.rest.catalog(CatalogQuery())
    next(catalog)
    catalog.send(venue.rest("main", "/instruments", [], START).body)
    found = catalog.send(venue.rest("main", "/tickers", [], START).body)
    assert isinstance(found, Page)
    assert found.rejects == ()
    assert tuple(each.symbol for each in found.instruments) == venue.symbols
    assert all(each.volume_24h and each.open_interest for each in found.instruments)
    kinds = {each.symbol[:2]: each.kind for each in found.instruments}
    assert kinds == {"PF": "perpetual", "PI": "perpetual", "FF": "future", "FI": "future"}


def test_both_shapes_of_complaints_are_made() -> None:
    """The venue has two."""
    missing, unknown = get("/orderbook"), get("/history", ("symbol", "PF_NOPEUSD"))
    assert (missing.status, unknown.status) == (400, 200)
    for answer, words in ((missing, "400 BAD_REQUEST"), (unknown, "invalidArgument: symbol")):
        complaint = VENUE.rest.complaint(answer.body)
        assert complaint is not None
        assert (complaint.reason, complaint.retryable) == (words, False)
    assert get("/nothing").status == 404


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/orderbook", (("symbol", "PF_XBTUSD"),), "GetOrderBook.txt"),
        ("/history", (("symbol", "pf_xbtusd"),), "GetTrades.txt"),
        ("/instruments", (), "instruments-5of-20260925.json"),
        ("/tickers", (), "sample-http_futures_tickers.json"),
    ],
)
def test_answers_have_the_fields_of_recorded_ones(
    path: str, query: tuple[tuple[str, str], ...], name: str
) -> None:
    """Names on every level; kinds of numbers vary in the documentation's examples."""
    text = shared(f"data/kraken_futures/rest/{name}").read_text(encoding="utf-8")
    theirs = json.loads(text[text.index("{") :])
    ours = json.loads(get(path, *query).body)
    if "instruments" in ours:
        (real,) = [each for each in theirs["instruments"] if each["symbol"] == "PF_XBTUSD"]
        (made,) = [each for each in ours["instruments"] if each["symbol"] == "PF_XBTUSD"]
    elif "tickers" in ours:
        real = theirs["tickers"][0]
        (made,) = [each for each in ours["tickers"] if each["symbol"] == "PI_XBTUSD"]
    elif "history" in ours:
        real, made = theirs["history"][0], ours["history"][0]
    else:
        real, made = theirs, ours
    assert set(real) <= set(made)
    assert set(made) == set(real)
    assert fingerprint(made) is not None


def test_one_ticker_is_told_by_itself() -> None:
    """As the witness asks for it."""
    body = json.loads(get("/tickers/PF_XBTUSD").body)
    assert body["result"] == "success"
    assert body["ticker"]["symbol"] == "PF_XBTUSD"
    assert "fundingRate" not in json.loads(get("/tickers/FF_XBTUSD_301227").body)["ticker"]


def test_a_new_kind_of_message_is_no_market_data_of_ours() -> None:
    """For the drill of format drift."""
    novelty = market().novelty()
    assert read(novelty.payload)["feed"] not in VENUE.types
