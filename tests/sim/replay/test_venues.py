"""Every venue's recording is told again to the byte, to whoever asks as the recorder did."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ssmd import venues
from ssmd.archive.importer import import_capture
from ssmd.model.frame import Now, Opcode
from ssmd.model.simulated import SimulationOptions
from ssmd.model.timestamp import SECOND_NS
from tests.sim.client import connected
from tests.sim.replay.recorded import CLOCK, serving

START = 1_785_600_000 * SECOND_NS
SECONDS = 4
Ask = Callable[[tuple[str, ...]], list[object]]


def kalshi(symbols: tuple[str, ...]) -> list[object]:
    channels = ["trade", "orderbook_delta", "ticker"]
    params = {"channels": channels, "market_tickers": symbols}
    return [{"id": 1, "cmd": "subscribe", "params": params}]


def kraken(symbols: tuple[str, ...]) -> list[object]:
    wanted = [{"channel": name, "symbol": symbols} for name in ("book", "trade", "ticker")]
    return [
        {"method": "subscribe", "params": params} for params in [*wanted, {"channel": "instrument"}]
    ]


def kraken_futures(symbols: tuple[str, ...]) -> list[object]:
    return [
        {"event": "subscribe", "feed": feed, "product_ids": symbols}
        for feed in ("heartbeat", "ticker", "book", "trade", "ticker_lite")
    ]


def polymarket(symbols: tuple[str, ...]) -> list[object]:
    return [{"assets_ids": symbols, "type": "market", "custom_feature_enabled": True}]


ASKS: dict[str, tuple[Ask, tuple[str, ...]]] = {
    "kalshi": (kalshi, ("KXBTCD-26AUG0216-T65999.99", "KXETHD-26AUG0216-T3999.99")),
    "kraken": (kraken, ("BTC/USD", "ETH/USD")),
    "kraken-futures": (kraken_futures, ("PF_XBTUSD", "PF_ETHUSD")),
    "polymarket": (polymarket, tuple(str(10**29 + each) for each in range(4))),
}


def said(
    venue: str, requests: list[bytes], symbols: tuple[str, ...]
) -> list[tuple[int, bytes, bool]]:
    """What a simulated venue says: when, what, and whether it is market data."""
    simulated = venues.load(venue).simulated
    assert simulated is not None
    market = simulated(SimulationOptions(seed=5, rate=100.0, symbols=symbols))
    socket = market.connect()
    found = [(START, each) for each in socket.open(Now(START, 0.0))]
    for request in requests:
        found += [(START, each) for each in socket.receive(request, Now(START, 0.0))]
    for tick in range(1, SECONDS * 20):
        now = Now(START + tick * SECOND_NS // 20, tick / 20)
        market.advance(now)
        found += [(now.wall, each) for each in socket.tick(now)]
    return [
        (ts + number, each.payload, bool(each.symbols))
        for number, (ts, each) in enumerate(found)
        if each.opcode is Opcode.TEXT
    ]


def put_in(root: Path, venue: str, recording: list[tuple[int, bytes, bool]]) -> None:
    """Archive what a venue said."""
    path = root.parent / "capture.jsonl"
    path.write_text(
        "".join(json.dumps({"ts_recv": ts, "raw": raw.decode()}) + "\n" for ts, raw, _ in recording)
    )
    import_capture(path, "recorded", venues.load(venue), root, clock=CLOCK)


async def test_subscriptions_have_the_numbers_they_had(tmp_path: Path) -> None:
    """A client tells messages apart by them, whatever the order in which it asks."""
    ask, symbols = ASKS["kalshi"]
    requests = [msgspec.json.encode(each) for each in ask(symbols)]
    put_in(tmp_path / "archive", "kalshi", said("kalshi", requests, symbols))
    params = {"channels": ["ticker", "trade", "orderbook_delta"], "market_tickers": symbols}
    asked = msgspec.json.encode({"id": 9, "cmd": "subscribe", "params": params})
    async with (
        serving(tmp_path / "archive", "recorded") as (stations, _, _),
        connected(stations[0].url) as client,
    ):
        client.say(asked)
        await client.until(client.gone.is_set)
    heard = [json.loads(payload) for kind, payload in client.messages if kind == 1]
    granted = {m["msg"]["channel"]: m["msg"]["sid"] for m in heard if m["type"] == "subscribed"}
    told = {m["type"]: m["sid"] for m in heard if m["type"] != "subscribed"}
    assert granted == {"trade": 1, "orderbook_delta": 2, "ticker": 3}
    assert granted.items() <= told.items()


@pytest.mark.parametrize("share", ["all", "one"])
@pytest.mark.parametrize("venue", sorted(ASKS))
async def test_what_the_venue_said_is_said_again(tmp_path: Path, venue: str, share: str) -> None:
    """Every message about what the client asked for, split frames included, and no other."""
    ask, symbols = ASKS[venue]
    requests = [msgspec.json.encode(each) for each in ask(symbols)]
    recording = said(venue, requests, symbols)
    put_in(tmp_path / "archive", venue, recording)
    wanted = symbols if share == "all" else symbols[:1]
    asking = requests if share == "all" else [msgspec.json.encode(each) for each in ask(wanted)]
    async with serving(tmp_path / "archive", "recorded") as (stations, _, outcome):
        async with connected(stations[0].url) as client:
            for request in asking:
                client.say(request)
            await client.until(client.gone.is_set)
        told = (await outcome).feeds[0]
    everything = [raw for _, raw, is_data in recording if is_data]
    heard = [payload for kind, payload in client.messages if kind == 1]
    assert told.frames == len(everything)
    if share == "all":
        talk = len(heard) - len(everything)
        assert heard[talk:] == everything
        return
    known = set(everything)
    data = [payload for payload in heard if payload in known or payload.startswith(b"[")]
    assert data == [
        _of(raw, wanted[0]) for raw in everything if wanted[0].encode() in raw or b'"assets"' in raw
    ]
    assert 0 < len(data) < len(everything)


def _of(raw: bytes, symbol: str) -> bytes:
    """A frame, or of one that holds several messages the one about a symbol."""
    if not raw.startswith(b"["):
        return raw
    parts = msgspec.json.decode(raw, type=list[msgspec.Raw])
    return b"[%b]" % b",".join(bytes(part) for part in parts if symbol.encode() in bytes(part))
