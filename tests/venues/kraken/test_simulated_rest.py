"""The simulated venue's REST: the names, shapes and errors of the real one."""

import gzip
import json
import re
from datetime import datetime

import pytest

from ssmd.model.rest import CatalogQuery, Page
from ssmd.venues.kraken import VENUE
from ssmd.venues.kraken.simulated import KrakenMarket
from ssmd.venues.kraken.simulated_listing import CLOSING, USUAL
from ssmd.venues.kraken.simulated_rest import key
from tests.shared import shared
from tests.venues.kraken.simulating import START, later, market, request, run


def get(venue: KrakenMarket, path: str, **query: str) -> dict[str, object]:
    answer = venue.rest("main", f"/0/public/{path}", list(query.items()), later(60))
    assert answer.status == 200
    parsed = json.loads(answer.body)
    assert isinstance(parsed, dict)
    return parsed


def result(venue: KrakenMarket, path: str, **query: str) -> dict[str, object]:
    found = get(venue, path, **query)
    assert found["error"] == []
    assert isinstance(found["result"], dict)
    return found["result"]


def shape(value: object) -> object:
    """Keys in order, and of every text that is a number its decimals."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(inner) for inner in value[:1]]
        case str() if re.fullmatch(r"-?\d+(\.\d+)?", value):
            return "." + "d" * len(value.partition(".")[2])
        case _:
            return type(value).__name__


def sample(name: str) -> dict[str, object]:
    parsed = json.loads(shared(f"data/kraken/rest/sample-http_{name}.json").read_text())
    assert isinstance(parsed, dict)
    return parsed


def traded(symbol: str = "BTC/USD", rate: float = 300.0) -> KrakenMarket:
    """A market in which something has happened."""
    venue = market(rate, 1, symbol)
    socket = venue.connect()
    socket.receive(request("subscribe", channel="trade", symbol=[symbol]), START)
    run(venue, socket, 0, 0.5)
    return venue


def test_the_catalog_reads_what_is_listed() -> None:
    """Both sides were written apart; discovery sees what can be subscribed."""
    venue = market(1.0, 1)
    pages = []
    generator = VENUE.rest.catalog(CatalogQuery())
    item = next(generator, None)
    while item is not None:
        if isinstance(item, Page):
            pages.append(item)
            item = next(generator, None)
        else:
            answer = venue.rest(item.service, item.path, item.query, START)
            assert VENUE.rest.complaint(answer.body) is None
            item = generator.send(answer.body)
    found = [instrument for page in pages for instrument in page.instruments]
    assert [reject for page in pages for reject in page.rejects] == []
    assert tuple(instrument.symbol for instrument in found) == venue.symbols
    assert {it.symbol for it in found if it.status != "active"} == CLOSING
    assert {(it.base, it.quote) for it in found if it.symbol == "DOGE/USD"} == {("DOGE", "USD")}


def test_the_names_of_pairs_and_assets_are_the_real_ones() -> None:
    """A client that knows only the simulation would fail at the venue."""
    body = gzip.decompress(shared("data/kraken/rest/AssetPairs-20260112.json.gz").read_bytes())
    real = json.loads(body)["result"]
    venue = market(1.0, 1, *USUAL, "ETH/BTC", "BTC/USDT", "DOGE/USDT", "ADA/EUR")
    ours = result(venue, "AssetPairs")
    for name, pair in ours.items():
        assert isinstance(pair, dict)
        for field in ("altname", "wsname", "base", "quote", "pair_decimals", "tick_size"):
            if field in {"pair_decimals", "tick_size"} and pair["wsname"] != "XBT/USD":
                continue
            assert pair[field] == real[name][field]
    assert set(result(venue, "Assets")) == {
        pair[side] for pair in ours.values() for side in ("base", "quote") if isinstance(pair, dict)
    }


def test_a_pair_has_the_recorded_fields_in_their_order() -> None:
    """Of 2026-09-25, execution venue included."""
    text = shared("data/kraken/rest/kraken_assetpairs_4of1451_20260925.json").read_text()
    real = json.loads(text)["result"]["XXBTZUSD"]
    (pair,) = result(market(1.0, 1, "BTC/USD"), "AssetPairs", pair="XXBTZUSD").values()
    assert isinstance(pair, dict)
    assert list(pair) == list(real)
    text = shared("data/kraken/rest/kraken_assets_5of849_20260925.json").read_text()
    asset = json.loads(text)["result"]["XXBT"]
    ours = result(market(1.0, 1, "BTC/USD"), "Assets")["XXBT"]
    assert isinstance(ours, dict)
    assert list(ours) == list(asset)


@pytest.mark.parametrize(
    ("path", "name"), [("Depth", "order_book"), ("Trades", "trades"), ("Ticker", "ticker")]
)
def test_answers_have_the_recorded_shape(path: str, name: str) -> None:
    """Texts with their decimals, numbers where the venue has numbers."""
    venue = traded("BTC/USDT")
    real = sample(name)
    assert shape(get(venue, path, pair="XBTUSDT")) == shape(real)


def test_the_status_and_the_time_are_the_markets() -> None:
    """Whole seconds, as documented."""
    venue = market(1.0, 1)
    status, time = result(venue, "SystemStatus"), result(venue, "Time")
    assert status["status"] == "online"
    at = datetime.fromisoformat(str(status["timestamp"])).timestamp()
    assert at == time["unixtime"] == START.wall // 10**9 + 60
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d\d \d\d:\d\d:\d\d \+0000", str(time["rfc1123"]))


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD"])
def test_a_pair_may_be_asked_for_by_each_of_its_names(name: str) -> None:
    """The answer names it by its key."""
    assert list(result(market(1.0, 1, "BTC/USD"), "Depth", pair=name)) == ["XXBTZUSD"]


def test_a_book_has_as_many_levels_as_asked_for() -> None:
    """And the best first, as the stream tells them."""
    venue = market(1.0, 1, "BTC/USD")
    book = result(venue, "Depth", pair="XBTUSD", count="10")["XXBTZUSD"]
    assert isinstance(book, dict)
    listing = venue.listings["BTC/USD"]
    assert [float(level[0]) for level in book["asks"]] == [
        n / 10 for n in listing.book.asks.keys[:10]
    ]
    assert [float(level[0]) for level in book["bids"]] == [
        -n / 10 for n in listing.book.bids.keys[:10]
    ]


def test_trades_can_be_paged_through() -> None:
    """From one answer's `last` on, that trade included, until nothing follows."""
    venue = traded()
    everything = result(venue, "Trades", pair="XBTUSD")["XXBTZUSD"]
    assert isinstance(everything, list)
    ids: list[object] = []
    since = "0"
    for _ in range(30):
        page = result(venue, "Trades", pair="XBTUSD", since=since, count="7")
        rows = page["XXBTZUSD"]
        assert isinstance(rows, list)
        assert not ids or rows[0][6] == ids[-1]
        ids += [row[6] for row in rows if row[6] not in ids]
        since = str(page["last"])
    assert ids == [row[6] for row in everything]
    latest = result(venue, "Trades", pair="XBTUSD", count="1")["XXBTZUSD"]
    assert latest == everything[-1:]


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("Depth", {"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ("Depth", {"pair": "BTC/USD"}, "EQuery:Unknown asset pair"),
        ("Depth", {}, "EGeneral:Invalid arguments"),
        ("Depth", {"pair": "XBTUSD", "count": "0"}, "EGeneral:Invalid arguments:count"),
        ("Trades", {"pair": "XBTUSD", "since": "x"}, "EGeneral:Invalid arguments:since"),
        ("Trades", {"pair": "XBTUSD", "count": "1001"}, "EGeneral:Invalid arguments:count"),
        ("Ticker", {"pair": "XBTUSD,NOPE"}, "EQuery:Unknown asset pair"),
        ("AssetPairs", {"aclass_base": "x"}, "EGeneral:Invalid arguments:aclass_base"),
    ],
)
def test_errors_come_with_status_200(path: str, query: dict[str, str], words: str) -> None:
    """As the venue's do."""
    assert get(market(1.0, 1, "BTC/USD"), path, **query) == {"error": [words]}


@pytest.mark.parametrize(("service", "path"), [("main", "/0/public/Nope"), ("x", "/0/public/Time")])
def test_an_unknown_path_is_not_found(service: str, path: str) -> None:
    """A misspelt request must not look like an empty answer."""
    answer = market(1.0, 1).rest(service, path, (), START)
    assert answer.status == 404
    assert VENUE.rest.complaint(answer.body) is not None


def test_nothing_is_listed_of_the_other_class() -> None:
    """There are no simulated shares."""
    assert result(market(1.0, 1), "AssetPairs", aclass_base="tokenized_asset") == {}
    assert result(market(1.0, 1), "Assets", aclass="tokenized_asset") == {}


def test_the_witness_sees_what_happens() -> None:
    """Equal digests mean that nothing happened."""
    venue = traded(rate=0.0)

    def digest(channel: str) -> bytes:
        witness = VENUE.rest.witness("BTC/USD", frozenset({channel}), "nonce")
        assert witness is not None
        asked = next(witness)
        answer = venue.rest(asked.service, asked.path, asked.query, START)
        with pytest.raises(StopIteration) as done:
            witness.send(answer.body)
        return bytes(done.value.value)

    before = {channel: digest(channel) for channel in ("book", "trade")}
    assert before == {channel: digest(channel) for channel in before}
    venue.listings["BTC/USD"].move(venue.stamp.text(START.wall), 0)
    venue.listings["BTC/USD"].move(venue.stamp.text(START.wall), 0)
    assert {channel: digest(channel) != was for channel, was in before.items()} == {
        "book": True, "trade": True,
    }  # fmt: skip


def test_keys_are_older_than_the_other_names() -> None:
    """Written down from the recordings, for a machine without them."""
    assert {symbol: key(symbol) for symbol in ("BTC/USD", "ETH/BTC", "DOGE/USD", "SOL/USD")} == {
        "BTC/USD": "XXBTZUSD", "ETH/BTC": "XETHXXBT", "DOGE/USD": "XDGUSD", "SOL/USD": "SOLUSD",
    }  # fmt: skip
