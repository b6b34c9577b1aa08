"""Frames as Kraken spot sends them, made here from the protocol; and a driver for one session."""

import json
import zlib
from collections.abc import Sequence

import msgspec

from ssmd.model.book import Level
from ssmd.model.event import Event, Send
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken import VENUE

TIME = "2026-08-02T05:43:31.066741Z"
TIME_NS = 1_785_649_411_066_741_000
STATUS = (
    b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online",'
    b'"api_version":"v2","connection_id":11278572044473960836}]}'
)
HEARTBEAT = b'{"channel":"heartbeat"}'

ASKS = [(f"45{n}.2", f"0.0{n}0000") for n in range(285, 295)]
BIDS = [(f"45{n}.1", f"1.{n}00000") for n in range(284, 274, -1)]
BOOK = Subscription("book", "BTC/USD")
ETHER = Subscription("book", "ETH/USD")
TRADE = Subscription("trade", "BTC/USD")
INSTRUMENT = Subscription("instrument")


def crc(asks: Sequence[Level], bids: Sequence[Level]) -> int:
    """The checksum as the documentation spells it out, best level first on both sides."""
    text = ""
    for level in (*asks[:10], *bids[:10]):
        for number in level:
            text += number.replace(".", "").lstrip("0")
    return zlib.crc32(text.encode())


def side(levels: Sequence[Level]) -> str:
    return ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in levels)


def item(symbol: str, bids: Sequence[Level], asks: Sequence[Level], checksum: int | None) -> str:
    tail = "" if checksum is None else f',"checksum":{checksum}'
    return (
        f'{{"symbol":"{symbol}","bids":[{side(bids)}],"asks":[{side(asks)}]{tail},'
        f'"timestamp":"{TIME}"}}'
    )


def book(kind: str, *items: str) -> bytes:
    return f'{{"channel":"book","type":"{kind}","data":[{",".join(items)}]}}'.encode()


def snapshot(
    symbol: str = "BTC/USD", bids: Sequence[Level] = BIDS, asks: Sequence[Level] = ASKS
) -> bytes:
    return book("snapshot", item(symbol, bids, asks, crc(asks, bids)))


def trade(*symbols: str, time: str = TIME) -> bytes:
    items = ",".join(
        f'{{"symbol":"{symbol}","side":"buy","price":83744.3,"qty":0.00044780,'
        f'"ord_type":"limit","trade_id":{number},"timestamp":"{time}"}}'
        for number, symbol in enumerate(symbols)
    )
    return f'{{"channel":"trade","type":"update","data":[{items}]}}'.encode()


def ticker(symbol: str = "BTC/USD") -> bytes:
    return (
        '{"channel":"ticker","type":"update","data":[{'
        f'"symbol":"{symbol}","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,'
        '"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,'
        '"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,'
        f'"timestamp":"{TIME}"}}]}}'
    ).encode()


def answer(method: str, req_id: int | None = None, **fields: object) -> bytes:
    """Any answer; fields of the result go in as `result={...}`."""
    told: dict[str, object] = {"method": method, "success": "error" not in fields, **fields}
    if req_id is not None:
        told["req_id"] = req_id
    return json.dumps({**told, "time_in": TIME, "time_out": TIME}).encode()


def result(subscription: Subscription, **fields: object) -> dict[str, object]:
    """What an answer says about a subscription."""
    named = {} if subscription.symbol is None else {"symbol": subscription.symbol}
    return {"channel": subscription.channel, **named, **fields}


class Talk:
    """One session with a clock in hand; remembers what was sent and answers on request."""

    def __init__(self, *, passive: bool = False, depth: int | None = None, **limits: float) -> None:
        options = self.options(passive=passive, depth=depth, **limits)
        self.session = VENUE.session(Shard("kraken", 0, frozenset()), options)
        self.mono = 1000.0
        self.sent: list[dict[str, object]] = []
        self.note(self.session.open(self.now()))

    @staticmethod
    def options(
        *, passive: bool = False, depth: int | None = None, **limits: float
    ) -> SessionOptions:
        return SessionOptions(
            limits=msgspec.structs.replace(VENUE.limits, **{"sends_per_second": 100.0, **limits}),
            parameters={} if depth is None else {"depth": depth},
            passive=passive,
        )

    def now(self) -> Now:
        return Now(int(self.mono * 1e9), self.mono)

    def note(self, events: Sequence[Event]) -> list[Event]:
        """Remember what was sent; give everything else."""
        self.sent += [json.loads(event.payload) for event in events if isinstance(event, Send)]
        return [event for event in events if not isinstance(event, Send)]

    def receive(self, payload: bytes, opcode: Opcode = Opcode.TEXT) -> list[Event]:
        return self.note(self.session.receive(Frame(payload, opcode, 1, self.mono)))

    def want(self, *subscriptions: Subscription) -> list[Event]:
        return self.note(self.session.want(frozenset(subscriptions), self.now()))

    def renew(self, *subscriptions: Subscription) -> list[Event]:
        return self.note(self.session.renew(frozenset(subscriptions), self.now()))

    def tick(self, seconds: float = 0.0) -> list[Event]:
        self.mono += seconds
        return self.note(self.session.tick(self.now()))

    def live(self, seconds: float) -> list[Event]:
        """Let time pass on a healthy connection: heartbeats and pongs every five seconds."""
        events: list[Event] = []
        end = self.mono + seconds
        while self.mono < end:
            self.receive(HEARTBEAT)
            self.receive(answer("pong"))
            events += self.tick(min(5.0, end - self.mono))
        return events

    def requests(self) -> list[tuple[object, object, object]]:
        """Method, channel and symbols of what was sent since the last call, pings left out."""
        sent, self.sent = self.sent, []
        told = []
        for request in sent:
            params = request.get("params")
            if isinstance(params, dict):
                told.append((request["method"], params["channel"], params.get("symbol")))
        return told

    def confirm(self) -> list[Event]:
        """Answer every request sent since, one frame per symbol, as the venue does."""
        sent, self.sent = self.sent, []
        events: list[Event] = []
        for request in sent:
            params = request.get("params")
            if not isinstance(params, dict):
                continue
            for symbol in params.get("symbol") or [None]:
                result = {key: value for key, value in params.items() if key != "symbol"}
                if symbol is not None:
                    result["symbol"] = symbol
                number = request["req_id"]
                assert isinstance(number, int)
                events += self.receive(answer(str(request["method"]), number, result=result))
        return events
