"""Drives the simulated venue in tests, and reads what it says independently of it."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.venues.kraken_futures.simulated import (
    KrakenFuturesMarket,
    KrakenFuturesSocket,
    simulated,
)
from tests.shared import shared

START = Now(1_800_000_000_123_456_789, 50.0)
CAPTURE = "data/kraken_futures/capture-v1-20210722.jsonl.gz"
SINGLE = "data/kraken_futures/frames/real-v1-2026.jsonl"
FEEDS = ("book", "trade", "ticker", "ticker_lite")


class Product:
    """A client that keeps a book and counts, knowing only what the venue documents.

    Attributes:
        wrong: Counters that did not follow, as (feed, expected, found).
    """

    def __init__(self) -> None:
        self.sides: dict[str, dict[Decimal, Decimal]] = {"buy": {}, "sell": {}}
        self.numbers: dict[str, int] = {}
        self.wrong: list[tuple[str, int, int]] = []

    def hear(self, told: Mapping[str, object]) -> None:
        feed, number = str(told["feed"]), told.get("seq")
        if feed == "book_snapshot":
            for side, name in (("buy", "bids"), ("sell", "asks")):
                levels = told[name]
                assert isinstance(levels, list)
                self.sides[side] = {each["price"]: each["qty"] for each in levels}
            feed = "book"
        elif feed == "trade_snapshot":
            trades = told["trades"]
            assert isinstance(trades, list)
            feed, number = "trade", trades[0]["seq"]
        elif feed in {"book", "trade"}:
            assert isinstance(number, int)
            if feed in self.numbers and self.numbers[feed] + 1 != number:
                self.wrong.append((feed, self.numbers[feed] + 1, number))
            if feed == "book":
                which, price, qty = told["side"], told["price"], told["qty"]
                assert isinstance(which, str)
                assert isinstance(price, Decimal)
                assert isinstance(qty, Decimal)
                levels = self.sides[which]
                levels[price] = qty
                if not qty:
                    del levels[price]
        if isinstance(number, int):
            self.numbers[feed] = number

    def is_sound(self) -> bool:
        """Both sides hold something, and they do not cross."""
        bids, asks = self.sides["buy"], self.sides["sell"]
        return bool(bids and asks) and max(bids) < min(asks)


def read(payload: bytes) -> dict[str, object]:
    parsed = json.loads(payload, parse_float=Decimal)
    assert isinstance(parsed, dict)
    return parsed


def later(seconds: float) -> Now:
    return Now(START.wall + round(seconds * 1e9), START.mono + seconds)


def request(event: str, feed: str, *products: str) -> bytes:
    told: dict[str, object] = {"event": event, "feed": feed}
    if products:
        told["product_ids"] = list(products)
    return json.dumps(told).encode()


def market(rate: float = 500.0, seed: int = 1, *symbols: str) -> KrakenFuturesMarket:
    return simulated(SimulationOptions(seed=seed, rate=rate, symbols=symbols))


def run(
    venue: KrakenFuturesMarket, socket: KrakenFuturesSocket, begin: float, seconds: float
) -> list[Emission]:
    """Let time pass in steps of 5 ms."""
    out: list[Emission] = []
    for step in range(1, round(seconds / 0.005) + 1):
        now = later(begin + step * 0.005)
        venue.advance(now)
        out += socket.tick(now)
    return out


def subscribed(
    venue: KrakenFuturesMarket, *symbols: str, feeds: tuple[str, ...] = FEEDS
) -> tuple[KrakenFuturesSocket, list[Emission]]:
    """A socket that holds feeds of products, and what it was told for it."""
    socket = venue.connect()
    said = [*socket.open(START), *socket.receive(request("subscribe", "heartbeat"), START)]
    for feed in feeds:
        said += socket.receive(request("subscribe", feed, *symbols), START)
    return socket, said


def products(emissions: list[Emission]) -> dict[str, Product]:
    """Every product as a client of ours would know it."""
    known: dict[str, Product] = {}
    for emission in emissions:
        told = read(emission.payload)
        if "event" not in told and "product_id" in told:
            known.setdefault(str(told["product_id"]), Product()).hear(told)
    return known


def fingerprint(value: object) -> object:
    """Names and kinds of value, of all elements of a list together; no order, no figures."""
    match value:
        case dict():
            return frozenset((name, fingerprint(inner)) for name, inner in value.items())
        case list():
            return frozenset(fingerprint(inner) for inner in value)
    return type(value).__name__


def by_kind(
    frames: list[dict[str, object]], only: Callable[[dict[str, object]], bool] = lambda _: True
) -> dict[str, set[object]]:
    """The fingerprints of frames, by event or feed."""
    found: dict[str, set[object]] = {}
    for told in filter(only, frames):
        found.setdefault(str(told.get("event") or told.get("feed")), set()).add(fingerprint(told))
    return found


def recorded() -> Iterator[bytes]:
    """The frames of the capture; skips the test where it is not at hand."""
    with gzip.open(shared(CAPTURE), "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["raw"].encode()


def single_frames() -> list[bytes]:
    """Frames of 2026 that somebody wrote down."""
    lines = shared(SINGLE).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["raw"].encode() for line in lines]
