"""The simulated market: books whose checksums hold, messages that look as recorded."""

import json
import re
from decimal import Decimal

import pytest

from tests.shared import shared
from tests.venues.kraken.simulating import (
    START,
    BookClient,
    fingerprints,
    full_session,
    later,
    market,
    read,
    recorded,
    request,
    run,
    single_frames,
    skeleton,
)


def test_the_checking_client_agrees_with_the_real_venue() -> None:
    """A checker that is wrong in the same way as the simulator would prove nothing."""
    client = BookClient(10)
    verdicts = [client.check(frame) for frame in recorded()]
    assert verdicts.count(True) == 68
    assert False not in verdicts


@pytest.mark.parametrize("depth", [10, 25, 100])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_checksum_holds_for_a_client_that_truncates(depth: int, seed: int) -> None:
    """Each subscribed depth has its own view: levels enter it from below and fall out silently."""
    venue = market(1000.0, seed, "BTC/USD", "SOL/USD", "NEW/COIN")
    socket, client = venue.connect(), BookClient(depth)
    wanted = request("subscribe", channel="book", symbol=list(venue.symbols), depth=depth)
    out = list(socket.receive(wanted, START)) + run(venue, socket, 0, 2)
    verdicts = [client.check(emission.payload) for emission in out]
    assert verdicts.count(True) > 1500
    assert False not in verdicts


def test_sockets_of_different_depths_see_one_market() -> None:
    """The books are shared: both views are right, and the deeper one holds the other."""
    venue = market(1000.0, 5, "BTC/USD")
    small, large = venue.connect(), venue.connect()
    views = {small: BookClient(10), large: BookClient(25)}
    for socket, client in views.items():
        asked = request("subscribe", channel="book", symbol=["BTC/USD"], depth=client.depth)
        assert all(client.check(e.payload) is not False for e in socket.receive(asked, START))
    for step in range(1, 300):
        now = later(step * 0.005)
        venue.advance(now)
        for socket, client in views.items():
            assert all(client.check(e.payload) is not False for e in socket.tick(now))
    for best, all_ in zip(views[small].books["BTC/USD"], views[large].books["BTC/USD"],
                          strict=True):  # fmt: skip
        assert best.items() <= all_.items()


def test_a_wrong_checksum_is_wrong_once_and_only_where_it_was_asked() -> None:
    """The fault must be seen as one gap of one symbol."""
    venue = market(500.0, 1, "BTC/USD", "ETH/USD")
    socket, client = venue.connect(), BookClient(10)
    wanted = request("subscribe", channel="book", symbol=["BTC/USD", "ETH/USD"])
    out = list(socket.receive(wanted, START))
    venue.corrupt("ETH/USD")
    out += run(venue, socket, 0, 2)
    wrong = [e.payload for e in out if client.check(e.payload) is False]
    assert len(wrong) == 1
    assert b'"symbol":"ETH/USD"' in wrong[0]


@pytest.mark.parametrize("symbol", ["BTC/USD", "ETH/USD"])
@pytest.mark.parametrize("kind", ["snapshot", "update"])
def test_book_messages_have_the_recorded_fingerprint(symbol: str, kind: str) -> None:
    """Keys, their order, decimals of prices and sizes, digits of times: as captured."""
    real = fingerprints(recorded(), "book", kind, symbol)
    assert real
    assert fingerprints(full_session(), "book", kind, symbol) == real


@pytest.mark.parametrize("channel", ["ticker", "trade", "ohlc"])
def test_ticker_trade_and_candle_have_the_recorded_fingerprint(channel: str) -> None:
    """The single real frames there are of these channels show the same keys and decimals."""
    real = fingerprints(single_frames(), channel, "update", "BTC/USD")
    assert len(real) == 1
    assert fingerprints(full_session(), channel, "update", "BTC/USD") == real


def test_instrument_messages_have_the_recorded_fingerprint() -> None:
    """Pairs and assets as in the one snapshot there is: keys, their order, kinds of numbers."""
    text = shared("data/kraken/rest/ws-v2-instrument-snapshot-2024.json").read_text()
    real = read(text.encode())
    venue = market(1.0, 1, "BTC/USD", "ETH/USD", "DOGE/USD")
    _, snapshot = venue.connect().receive(request("subscribe", channel="instrument"), START)
    ours = read(snapshot.payload)
    assert list(ours) == list(real)
    for part, name in (("pairs", "symbol"), ("assets", "id")):
        recorded_items = real["data"][part]  # type: ignore[index]
        known = {item[name]: item for item in recorded_items}
        shapes = {json.dumps([*item]) for item in recorded_items}
        for item in ours["data"][part]:  # type: ignore[index]
            assert json.dumps([*item]) in shapes
            assert {key: _kind(value) for key, value in item.items()} == {
                key: _kind(value) for key, value in known[item[name]].items()
            }
    assert skeleton(ours["data"]["pairs"][0]) == skeleton(  # type: ignore[index]
        next(pair for pair in real["data"]["pairs"] if pair["symbol"] == "BTC/USD")  # type: ignore[index]
    )


def _kind(value: object) -> str:
    return type(value).__name__


def test_status_acks_and_refusals_have_the_recorded_fingerprint() -> None:
    """What a session must understand before any data comes."""
    ours = full_session(0.1)
    real = single_frames()
    assert list(read(ours[0])["data"][0]) == list(read(real[0])["data"][0])  # type: ignore[index]
    acks = [json.dumps(skeleton(read(f))) for f in recorded() if b'"method"' in f]
    said = [json.dumps(skeleton(read(f))) for f in ours if b'"method"' in f]
    assert acks[0] in said
    assert acks[2].replace("false", "true") != acks[2]
    socket = market(1.0, 1, "BTC/USD").connect()
    refusals = [
        request("subscribe", channel="trade", symbol=["XBT/USD"]),
        request("subscribe", channel="executions"),
        request("subscribe", channel="book", depth=27, symbol=["BTC/USD"]),
    ]
    expected = [frame for frame in real if b'"error"' in frame]
    for asked, known in zip(refusals, expected, strict=True):
        (answer,) = socket.receive(asked, START)
        assert skeleton(read(answer.payload)) == skeleton(read(known))


def test_fingerprints_written_down_by_hand_hold_without_the_recordings() -> None:
    """The captures are not shipped; this is what they say, for a machine without them."""
    level = json.dumps({"price": "N.d", "qty": "N.dddddddd"})
    item = {"symbol": "text:symbol", "bids": [level], "asks": [level], "checksum": "N",
            "timestamp": "time6"}  # fmt: skip
    book = json.dumps({"channel": "book", "type": "update", "data": [json.dumps(item)]})
    ours = full_session()
    assert fingerprints(ours, "book", "update", "BTC/USD") == {book}
    keys = {
        "trade": "symbol side price qty ord_type trade_id timestamp",
        "ticker": "symbol bid bid_qty ask ask_qty last volume vwap low high change change_pct "
        "trades timestamp",
    }
    for channel, names in keys.items():
        messages = [read(f) for f in ours if f'"channel":"{channel}","type":"upd'.encode() in f]
        assert messages
        for message in messages:
            assert list(message["data"][0]) == names.split()  # type: ignore[index]


def test_sizes_keep_trailing_zeros_and_removals_are_zero() -> None:
    """Both are in the captures, and both break a client that reads numbers as floats."""
    sizes = re.findall(rb'"qty":([0-9.]+)', b"".join(full_session()))
    assert all(len(size.partition(b".")[2]) == 8 for size in sizes)
    assert any(size.endswith(b"000000") and size != b"0.00000000" for size in sizes)
    assert b"0.00000000" in sizes


def test_trade_ids_are_contiguous_per_symbol_and_a_snapshot_holds_the_latest() -> None:
    """So that a client can find a missing trade."""
    venue = market(500.0, 4, "BTC/USD", "ETH/USD")
    socket = venue.connect()
    socket.receive(request("subscribe", channel="trade", symbol=list(venue.symbols)), START)
    ids: dict[str, list[int]] = {}
    for emission in run(venue, socket, 0, 3):
        message = read(emission.payload)
        if message["channel"] == "trade":
            trade = message["data"][0]  # type: ignore[index]
            ids.setdefault(trade["symbol"], []).append(int(trade["trade_id"]))
    for numbers in ids.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    other = venue.connect()
    asked = request("subscribe", channel="trade", symbol=["BTC/USD"], snapshot=True)
    _, snapshot = other.receive(asked, later(4))
    trades = read(snapshot.payload)["data"]
    assert isinstance(trades, list)
    assert int(trades[-1]["trade_id"]) == ids["BTC/USD"][-1]
    assert len(trades) == 50


@pytest.mark.parametrize("minutes", [1, 5])
def test_a_candle_adds_up_to_its_trades(minutes: int) -> None:
    """A client that has the trades can check every one of them."""
    venue = market(400.0, 6, "BTC/USD")
    socket = venue.connect()
    begin = minutes * 60 - 1.5
    for asked in ({"channel": "trade"}, {"channel": "ohlc", "interval": minutes}):
        socket.receive(request("subscribe", symbol=["BTC/USD"], **asked), later(begin))
    trades: list[dict[str, str]] = []
    begins = set()
    candles = 0
    for emission in run(venue, socket, begin, 3):
        message = json.loads(emission.payload, parse_float=Decimal)
        if message["channel"] == "trade":
            trades += message["data"]
        elif message["channel"] == "ohlc":
            candles += 1
            (candle,) = message["data"]
            begins.add(candle["interval_begin"])
            assert candle["interval_begin"][:19] <= message["timestamp"][:19]
            assert message["timestamp"][:26] == str(trades[-1]["timestamp"])[:26]
            inside = [t for t in trades if t["timestamp"] >= candle["interval_begin"][:19]]
            prices = [trade["price"] for trade in inside]
            assert candle["interval"] == minutes
            assert candle["close"] == prices[-1]
            assert candle["trades"] == len(inside)
            assert candle["volume"] == sum(Decimal(trade["qty"]) for trade in inside)
            assert candle["low"] <= min(prices)
            assert candle["high"] >= max(prices)
    assert candles == len(trades) > 100
    assert len(begins) == 2


def test_candles_of_other_lengths_are_refused() -> None:
    """The venue has nine of them."""
    socket = market(1.0, 1, "BTC/USD").connect()
    asked = request("subscribe", channel="ohlc", symbol=["BTC/USD"], interval=2)
    (answer,) = socket.receive(asked, START)
    assert read(answer.payload)["success"] is False


def test_the_rate_is_met_and_one_seed_gives_one_market() -> None:
    """Messages per second over all symbols; reproducible to the byte."""

    def session() -> list[bytes]:
        venue = market(2000.0, 11)
        socket = venue.connect()
        asked = request("subscribe", channel="book", symbol=list(venue.symbols))
        first = [e.payload for e in socket.receive(asked, START)]
        return first + [e.payload for e in run(venue, socket, 0, 2)]

    out = session()
    assert 3980 <= sum(b'"update"' in payload for payload in out) <= 4010
    assert out == session()
    assert out != full_session()


def test_speed_stops_and_multiplies_the_traffic() -> None:
    """What pauses and floods are made of."""
    venue = market(100.0, 1, "BTC/USD")
    socket = venue.connect()
    socket.receive(request("subscribe", channel="book", symbol=["BTC/USD"]), START)
    normal = len(run(venue, socket, 0, 1))
    venue.speed(10)
    flood = len(run(venue, socket, 1, 1))
    venue.speed(0)
    still = run(venue, socket, 2, 1)
    assert flood > 8 * normal
    assert {e.payload for e in still} <= {b'{"channel":"heartbeat"}'}
