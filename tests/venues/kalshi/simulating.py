"""Drives the simulated exchange in tests, and reads what it says independently of it."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ssmd.model.frame import Now, Opcode
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.venues.kalshi.simulated import KalshiMarket, simulated
from ssmd.venues.kalshi.simulated_socket import KalshiSocket
from tests.shared import shared

START = Now(1_800_000_000_123_456_789, 50.0)
CHANNELS = (
    "orderbook_delta", "trade", "ticker", "market_lifecycle_v2", "multivariate_market_lifecycle",
)  # fmt: skip
A, B, C = "KXBTCD-27JAN1517-T99999.99", "KXBTCD-27JAN1517-T100499.99", "KXBTC15M-27JAN150815-15"

Message = dict[str, Any]


def read(payload: bytes) -> Message:
    assert payload.endswith(b"}\n"), payload
    message = json.loads(payload, parse_float=Decimal)
    assert isinstance(message, dict)
    return message


def texts(emissions: Iterable[Emission]) -> list[Message]:
    """The messages, without the exchange's pings."""
    return [read(e.payload) for e in emissions if e.opcode == Opcode.TEXT]


def later(seconds: float) -> Now:
    return Now(START.wall + round(seconds * 1e9), START.mono + seconds)


def command(cmd: str, number: int = 1, **params: object) -> bytes:
    body: Message = {"id": number, "cmd": cmd}
    if params:
        body["params"] = params
    return json.dumps(body).encode()


def subscribe(channel: str, *tickers: str, number: int = 1, **params: object) -> bytes:
    named = {"market_tickers": list(tickers)} if tickers else {}
    return command("subscribe", number, channels=[channel], **named, **params)


def update(sid: int, action: str, *tickers: str, number: int = 9) -> bytes:
    return command(
        "update_subscription", number, sids=[sid], action=action, market_tickers=list(tickers)
    )


def market(rate: float = 500.0, seed: int = 1, *symbols: str) -> KalshiMarket:
    return simulated(SimulationOptions(seed=seed, rate=rate, symbols=symbols))


def opened(venue: KalshiMarket, now: Now = START) -> KalshiSocket:
    socket = venue.connect()
    assert list(socket.open(now)) == []
    venue.advance(now)
    return socket


def run(venue: KalshiMarket, socket: KalshiSocket, begin: float, seconds: float) -> list[Emission]:
    """Let time pass in steps of 5 ms."""
    out: list[Emission] = []
    for step in range(1, round(seconds / 0.005) + 1):
        now = later(begin + step * 0.005)
        venue.advance(now)
        out += socket.tick(now)
    return out


class Client:
    """Reads the exchange's page on books: levels from a snapshot, then signed changes.

    Attributes:
        books: By market, then side: contracts by price.
        last: The last number of each sid.
        skipped: By sid, how many numbers were left out, in order of appearance.
    """

    def __init__(self, *, yes_price: bool = False) -> None:
        self.books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
        self.last: dict[int, int] = {}
        self.skipped: list[tuple[int, int]] = []
        self._yes_price = yes_price

    def hear(self, emissions: Iterable[Emission]) -> list[Message]:
        messages = texts(emissions)
        for message in messages:
            self._count(message)
            kind = message["type"]
            if kind == "orderbook_snapshot":
                self._replace(message["msg"])
            elif kind == "orderbook_delta":
                self._change(message["msg"])
        return messages

    def _count(self, message: Message) -> None:
        if "seq" not in message:
            return
        sid, seq = message["sid"], message["seq"]
        expected = self.last.get(sid, 0) + 1
        if seq != expected:
            self.skipped.append((sid, seq - expected))
        self.last[sid] = seq

    def _replace(self, told: Message) -> None:
        self.books[told["market_ticker"]] = {
            side: {
                Decimal(price): Decimal(size) for price, size in told.get(f"{side}_dollars_fp", [])
            }
            for side in ("yes", "no")
        }
        assert [] not in (told.get("yes_dollars_fp"), told.get("no_dollars_fp"))
        self._sound(told["market_ticker"])

    def _change(self, told: Message) -> None:
        side = self.books[told["market_ticker"]][told["side"]]
        price = Decimal(told["price_dollars"])
        size = side.get(price, Decimal(0)) + Decimal(told["delta_fp"])
        assert size >= 0, told
        if size:
            side[price] = size
        else:
            del side[price]
        self._sound(told["market_ticker"])

    def _sound(self, ticker: str) -> None:
        yes, no = (self.books[ticker][side] for side in ("yes", "no"))
        assert all(0 < price < 1 for price in (*yes, *no))
        if yes and no:
            ask = min(no) if self._yes_price else 1 - max(no)
            assert max(yes) < ask, f"{ticker} is crossed"


_SHAPES = (
    ("dollars", r"-?\d+\.\d{4}"),
    ("count", r"-?\d+\.\d\d"),
    ("uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ("time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"),
)


def shape(value: object) -> object:
    """Keys, and the kind of every value: what a fingerprint compares."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in sorted(value.items())}
        case list():
            return sorted({json.dumps(shape(inner)) for inner in value})
        case str():
            return next((name for name, form in _SHAPES if re.fullmatch(form, value)), "text")
        case bool() | None:
            return type(value).__name__
        case _:
            return "number"


def fingerprint(value: object) -> str:
    return json.dumps(shape(value), sort_keys=True)


def recorded(name: str, per_type: int | None = None) -> list[Message]:
    """The messages of a capture; of each type only the first few when so many are enough."""
    lines = gzip.decompress(shared(f"data/kalshi/capture-{name}.jsonl.gz").read_bytes())
    seen: Counter[bytes] = Counter()
    messages = []
    for line in lines.splitlines():
        kind = re.search(rb'\\"type\\":\\"(\w+)', line)
        assert kind is not None
        seen[kind[1]] += 1
        if per_type is None or seen[kind[1]] <= per_type:
            messages.append(json.loads(json.loads(line)["raw"]))
    return messages


def single_frames() -> list[Message]:
    path = shared("data/kalshi/frames/real-lifecycle-trade-ticker-2025-2026.jsonl")
    return [json.loads(json.loads(line)["raw"]) for line in path.read_text().splitlines()]


def everything(seconds: float = 6.0, rate: float = 400.0) -> list[Message]:
    """All there is to hear on all public channels, some of it asked for."""
    venue = market(rate, 3)
    socket = opened(venue)
    tickers = venue.symbols[:12]
    out: list[Emission] = []
    for number, channel in enumerate(CHANNELS, 1):
        named = tickers if number <= 3 else ()
        out += socket.receive(subscribe(channel, *named, number=number), START)
    out += run(venue, socket, 0, seconds)
    now = later(seconds)
    out += socket.receive(subscribe("no_such_channel", number=20), now)
    out += socket.receive(update(1, "add_markets", venue.symbols[12], "KXNONE-1", number=21), now)
    venue.delist([tickers[0]])
    out += socket.tick(now)
    out += socket.receive(command("list_subscriptions", 22), now)
    out += socket.receive(command("unsubscribe", 23, sids=[1, 7]), now)
    return texts(out)
