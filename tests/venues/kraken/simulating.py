"""Drives the simulated venue in tests, and reads what it says independently of it."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.venues.kraken.simulated import KrakenMarket, simulated
from ssmd.venues.kraken.simulated_socket import KrakenSocket
from tests.shared import shared

START = Now(1_800_000_000_123_456_789, 50.0)


class Number(str):
    """A JSON number, kept as it was written."""

    __slots__ = ()


def read(payload: bytes) -> dict[str, object]:
    parsed = json.loads(payload, parse_float=Number, parse_int=Number)
    assert isinstance(parsed, dict)
    return parsed


def later(seconds: float) -> Now:
    return Now(START.wall + round(seconds * 1e9), START.mono + seconds)


def request(method: str, req_id: int | None = None, **params: object) -> bytes:
    body: dict[str, object] = {"method": method}
    if params:
        body["params"] = params
    if req_id is not None:
        body["req_id"] = req_id
    return json.dumps(body).encode()


def market(rate: float = 500.0, seed: int = 1, *symbols: str) -> KrakenMarket:
    return simulated(SimulationOptions(seed=seed, rate=rate, symbols=symbols))


def run(venue: KrakenMarket, socket: KrakenSocket, begin: float, seconds: float) -> list[Emission]:
    """Let time pass in steps of 5 ms."""
    out: list[Emission] = []
    for step in range(1, round(seconds / 0.005) + 1):
        now = later(begin + step * 0.005)
        venue.advance(now)
        out += socket.tick(now)
    return out


def skeleton(value: object, key: str = "") -> object:
    """Keys in order and the shape of every number and text: what a fingerprint compares."""
    match value:
        case dict():
            return {name: skeleton(inner, name) for name, inner in value.items()}
        case list():
            shapes = {json.dumps(skeleton(inner, key)) for inner in value}
            return sorted(shapes)
        case Number():
            return re.sub(r"^-?\d+", "N", value) if "." not in value else _decimals(value)
        case str() if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{6}|\d{9})Z", value):
            return f"time{len(value) - 21}"
        case str():
            return f"text:{key}" if key in {"symbol", "side", "ord_type"} else value
        case _:
            return value


def _decimals(number: str) -> str:
    return "N." + "d" * len(number.partition(".")[2])


def recorded() -> list[bytes]:
    lines = gzip.decompress(
        shared("data/kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz").read_bytes()
    )
    return [json.loads(line)["raw"].encode() for line in lines.splitlines()]


def single_frames() -> list[bytes]:
    path = shared("data/kraken/frames/real-v2-misc-2026.jsonl")
    return [json.loads(line)["raw"].encode() for line in Path(path).read_text().splitlines()]


def fingerprints(frames: list[bytes], channel: str, kind: str, symbol: str) -> set[str]:
    found = set()
    for frame in frames:
        message = read(frame)
        if (message.get("channel"), message.get("type")) != (channel, kind):
            continue
        data = message["data"]
        assert isinstance(data, list)
        if data[0].get("symbol", symbol) != symbol:
            continue
        # A message with levels on one side only has the fingerprint of both, one side empty.
        for item in data:
            for side in ("bids", "asks"):
                if item.get(side) == []:
                    item[side] = [{"price": Number("0.0" if "BTC" in symbol else "0.00"),
                                   "qty": Number("0.00000000")}]  # fmt: skip
        found.add(json.dumps(skeleton(message)))
    return found


def full_session(seconds: float = 6.0) -> list[bytes]:
    venue = market(300.0, 3, "BTC/USD", "ETH/USD")
    socket = venue.connect()
    out = list(socket.open(START))
    for channel in ("book", "trade", "ticker", "ohlc"):
        wanted = request("subscribe", channel=channel, symbol=["BTC/USD", "ETH/USD"])
        out += socket.receive(wanted, START)
    out += run(venue, socket, 0, seconds)
    return [emission.payload for emission in out]


class BookClient:
    """An independent reading of the venue's checksum page: text in, text compared."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.books: dict[str, tuple[dict[str, str], dict[str, str]]] = {}

    def check(self, payload: bytes) -> bool | None:
        """Whether the checksum holds; None when it is no book message."""
        message = read(payload)
        if message.get("channel") != "book":
            return None
        data = message["data"]
        assert isinstance(data, list)
        item = data[0]
        if message["type"] == "snapshot":
            self.books[item["symbol"]] = ({}, {})
        bids, asks = self.books[item["symbol"]]
        for side, levels, best_last in ((bids, item["bids"], True), (asks, item["asks"], False)):
            for level in levels:
                if Decimal(level["qty"]) == 0:
                    side.pop(level["price"], None)
                else:
                    side[level["price"]] = level["qty"]
            for price in sorted(side, key=Decimal, reverse=best_last)[self.depth :]:
                del side[price]
        assert max(map(Decimal, bids)) < min(map(Decimal, asks)), "a crossed book"
        text = "".join(self._digits(asks, best_last=False)) + "".join(
            self._digits(bids, best_last=True)
        )
        return zlib.crc32(text.encode()) == int(item["checksum"])

    @staticmethod
    def _digits(side: dict[str, str], *, best_last: bool) -> Iterator[str]:
        for price in sorted(side, key=Decimal, reverse=best_last)[:10]:
            yield price.replace(".", "").lstrip("0") + side[price].replace(".", "").lstrip("0")
