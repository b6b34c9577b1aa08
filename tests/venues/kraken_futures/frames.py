"""Frames as Kraken Futures sends them, made here from the protocol; a driver for one session."""

import json
from collections.abc import Iterable, Sequence

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.event import Event, Gap, Send
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.row import Decoded
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken_futures import VENUE

MILLIS = 1_787_000_000_123
TIME_NS = MILLIS * 1_000_000
INFO = b'{"event":"info","version":1}'
HEARTBEAT = b'{"feed":"heartbeat","time":%d}' % MILLIS
INVALID_PRODUCT = b'{"event":"error","message":"Invalid product id"}'

XBT, ETH, SOL = "PF_XBTUSD", "PF_ETHUSD", "PF_SOLUSD"
BOOK = Subscription("book", XBT)
ETHER = Subscription("book", ETH)
SOLANA = Subscription("book", SOL)
TRADE = Subscription("trade", XBT)
TICKER = Subscription("ticker", XBT)


def encoded(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def book(seq: int, product: str = XBT, side: str = "buy") -> bytes:
    return (
        f'{{"feed":"book","product_id":"{product}","side":"{side}","seq":{seq},'
        f'"price":84001.5,"qty":0.25,"timestamp":{MILLIS}}}'
    ).encode()


def levels(pairs: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in pairs)


def book_snapshot(
    seq: int,
    product: str = XBT,
    bids: Sequence[tuple[str, str]] = (("84001.5", "0.25"), ("84000.0", "1.5")),
    asks: Sequence[tuple[str, str]] = (("84002.0", "3.0"),),
) -> bytes:
    return (
        f'{{"feed":"book_snapshot","product_id":"{product}","timestamp":{MILLIS},"seq":{seq},'
        f'"tickSize":null,"bids":[{levels(bids)}],"asks":[{levels(asks)}]}}'
    ).encode()


def trade(seq: int, product: str = XBT, kind: str = "fill") -> bytes:
    return (
        f'{{"product_id":"{product}","feed":"trade","uid":"uid-{seq}","side":"sell",'
        f'"type":"{kind}","time":{MILLIS},"qty":0.0052,"price":84001.0,"seq":{seq}}}'
    ).encode()


def trade_snapshot(seqs: Iterable[int], product: str = XBT) -> bytes:
    trades = ",".join(
        f'{{"feed":"trade","product_id":"{product}","uid":"uid-{seq}","side":"buy",'
        f'"type":"fill","seq":{seq},"time":{MILLIS},"qty":50.0,"price":84001.0}}'
        for seq in seqs
    )
    return f'{{"feed":"trade_snapshot","product_id":"{product}","trades":[{trades}]}}'.encode()


def ticker(product: str = XBT, **fields: str) -> bytes:
    """A ticker; `fields` are JSON texts that replace or add, empty ones leave the field out."""
    told = {
        "time": str(MILLIS),
        "product_id": f'"{product}"',
        "funding_rate": "0.5551234567890123",
        "funding_rate_prediction": "-1.3e-11",
        "relative_funding_rate": "3.141592653589e-6",
        "relative_funding_rate_prediction": "-2.718281e-7",
        "next_funding_rate_time": str(MILLIS + 3_600_000),
        "leverage": '"100x"',
        "premium": "-0.0",
        "feed": '"ticker"',
        "bid": "84001.0",
        "ask": "84002.0",
        "bid_size": "0.0311",
        "ask_size": "0.006",
        "volume": "1234.5678",
        "dtm": "0",
        "index": "83990.25",
        "last": "83997.0",
        "change": "1.2345678901234567",
        "suspended": "false",
        "tag": '"perpetual"',
        "pair": '"XBT:USD"',
        "openInterest": "2222.3333",
        "markPrice": "84003.12345678901",
        "maturityTime": "0",
        "post_only": "true",
        "volumeQuote": "103702345.125",
        "open": "84190.0",
        "high": "85001.0",
        "low": "83000.0",
    }
    told.update(fields)
    return ("{" + ",".join(f'"{k}":{v}' for k, v in told.items() if v) + "}").encode()


def lite(product: str = XBT) -> bytes:
    return (
        f'{{"premium":0.3,"product_id":"{product}","feed":"ticker_lite","bid":411.1,"ask":411.4,'
        '"change":2.123456789012345,"volume":1000001.0,"tag":"month","pair":"LTC:USD","dtm":7,'
        '"maturityTime":1640000000000,"volumeQuote":1000001.0}'
    ).encode()


def answer(event: str, *items: Subscription, **fields: object) -> bytes:
    """An answer about items of one feed, in one frame."""
    told: dict[str, object] = {"event": event, "feed": items[0].channel}
    symbols = [item.symbol for item in items if item.symbol is not None]
    if symbols:
        told["product_ids"] = symbols
    return encoded({**told, **fields})


def alert(message: str, event: str = "alert") -> bytes:
    return encoded({"event": event, "message": message})


def rows(kind: str, payload: bytes) -> Decoded:
    """The rows of a payload as it rests in the archive."""
    return VENUE.rows(
        Envelope("f", None, kind, (), "f-0-x", 7, None, 0, 1, Opcode.TEXT, None, None, 1, payload)
    )


def gap(channel: str, expected: int, found: int, product: str = XBT) -> Gap:
    kind = "sequence" if found > expected else "sequence_reset"
    return Gap(channel, (product,), kind, expected, found)  # type: ignore[arg-type]


class Talk:
    """One session with a clock in hand; remembers what was sent and answers on request."""

    def __init__(self, *, passive: bool = False, **limits: float) -> None:
        changed = {"sends_per_second": 100.0, "ack_timeout_s": 30.0, **limits}
        options = SessionOptions(
            limits=msgspec.structs.replace(VENUE.limits, **changed), passive=passive
        )
        self.session = VENUE.session(Shard("kraken-futures", 0, frozenset()), options)
        self.mono = 1000.0
        self.sent: list[dict[str, object]] = []
        self.pings: list[float] = []
        self.note(self.session.open(self.now()))

    def now(self) -> Now:
        return Now(int(self.mono * 1e9), self.mono)

    def note(self, events: Sequence[Event]) -> list[Event]:
        """Remember what was sent; give everything else."""
        for event in events:
            if isinstance(event, Send) and event.opcode is Opcode.PING:
                self.pings.append(self.mono)
            elif isinstance(event, Send):
                self.sent.append(json.loads(event.payload))
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
            self.receive(b"", Opcode.PONG)
            events += self.tick(min(5.0, end - self.mono))
        return events

    def requests(self) -> list[tuple[object, object, object]]:
        """Event, feed and products of what was sent since the last call."""
        sent, self.sent = self.sent, []
        return [(told["event"], told["feed"], told.get("product_ids")) for told in sent]

    def confirm(self) -> list[Event]:
        """Answer every request sent since, one frame per product, as the venue does."""
        events: list[Event] = []
        for event, feed, products in self.requests():
            for product in products if isinstance(products, list) else [None]:
                events += self.receive(answer(f"{event}d", Subscription(str(feed), product)))
        return events

    def hold(self, *subscriptions: Subscription) -> None:
        """Want, and be confirmed."""
        self.want(*subscriptions)
        self.confirm()
        assert self.session.acknowledged == frozenset(subscriptions)
