"""Frames as Polymarket sends them, made here from the protocol; and a driver for one session."""

import json
from collections.abc import Sequence

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.event import Event, Send
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.polymarket import VENUE

TIME = "1779628221541"
TIME_NS = 1_779_628_221_541_000_000
MARKET = "0x" + "5a" * 32
YES = "8217562424919644741338343046740685307297503114625435770925702626842363712973"
NO = "8533079854282414817365339178428406428730740336742234260674914923673401277401"
HASH = "0b" * 20
PONG = b"PONG"


def token(number: int) -> str:
    """One of many token ids."""
    return str(10**76 + number)


def held(*tokens: str) -> frozenset[Subscription]:
    return frozenset(Subscription("market", name) for name in tokens)


def sub(name: str) -> Subscription:
    return Subscription("market", name)


def written(message: object) -> bytes:
    """Compact JSON, as the venue writes it."""
    return json.dumps(message, separators=(",", ":")).encode()


def levels(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"price": price, "size": size} for price, size in pairs]


def book(name: str = YES, **fields: object) -> dict[str, object]:
    """A book as it comes today; a field given as None is left out."""
    whole: dict[str, object] = {
        "market": MARKET,
        "asset_id": name,
        "timestamp": TIME,
        "hash": HASH,
        "bids": levels(("0.01", "1171569"), ("0.42", "44999.99")),
        "asks": levels(("0.99", "20"), ("0.6325", "5")),
        "tick_size": "0.01",
        "event_type": "book",
        "last_trade_price": "0.5",
        **fields,
    }
    return {key: value for key, value in whole.items() if value is not None}


def change(name: str = YES, side: str = "BUY", **fields: object) -> dict[str, object]:
    return {
        "asset_id": name,
        "price": "0.984",
        "size": "100",
        "side": side,
        "hash": "c4" * 20,
        "best_bid": "0.973",
        "best_ask": "0.985",
        **fields,
    }


def price_change(*changes: dict[str, object], **fields: object) -> dict[str, object]:
    return {
        "market": MARKET,
        "price_changes": list(changes),
        "timestamp": TIME,
        "event_type": "price_change",
        **fields,
    }


def trade(name: str = YES, **fields: object) -> dict[str, object]:
    return {
        "market": MARKET,
        "asset_id": name,
        "price": "0.64",
        "size": "5",
        "fee_rate_bps": "0",
        "side": "BUY",
        "timestamp": TIME,
        "event_type": "last_trade_price",
        "transaction_hash": "0x9f",
        **fields,
    }


def envelope(payload: bytes, kind: str = "book") -> Envelope:
    """A whole frame in the archive."""
    return Envelope(
        "polymarket", None, kind, (), "polymarket-0-x", 7, None, 0, 1, Opcode.TEXT,
        None, None, None, payload,
    )  # fmt: skip


class Talk:
    """One session with a clock in hand; remembers what was sent."""

    def __init__(self, *, passive: bool = False, **limits: float) -> None:
        options = SessionOptions(
            limits=msgspec.structs.replace(VENUE.limits, **{"sends_per_second": 100.0, **limits}),
            passive=passive,
        )
        self.session = VENUE.session(Shard("polymarket", 0, frozenset()), options)
        self.mono = 1000.0
        self.sent: list[bytes] = []
        self.note(self.session.open(self.now()))

    def now(self) -> Now:
        return Now(int(self.mono * 1e9), self.mono)

    def note(self, events: Sequence[Event]) -> list[Event]:
        """Remember what was sent; give everything else."""
        self.sent += [event.payload for event in events if isinstance(event, Send)]
        return [event for event in events if not isinstance(event, Send)]

    def receive(self, payload: bytes, opcode: Opcode = Opcode.TEXT) -> list[Event]:
        return self.note(self.session.receive(Frame(payload, opcode, 1, self.mono)))

    def want(self, *tokens: str) -> list[Event]:
        return self.note(self.session.want(held(*tokens), self.now()))

    def renew(self, *tokens: str) -> list[Event]:
        return self.note(self.session.renew(held(*tokens), self.now()))

    def tick(self, seconds: float = 0.0) -> list[Event]:
        self.mono += seconds
        return self.note(self.session.tick(self.now()))

    def live(self, seconds: float) -> list[Event]:
        """Let time pass on a healthy connection: a pong every five seconds."""
        events: list[Event] = []
        end = self.mono + seconds
        while self.mono < end:
            self.receive(PONG)
            events += self.tick(min(5.0, end - self.mono))
        return events

    def books(self, *tokens: str) -> list[Event]:
        """One list of books, as the venue answers."""
        return self.receive(written([book(name) for name in tokens]))

    def requests(self) -> list[tuple[str, list[str]]]:
        """What was sent since the last call, keepalives left out: operation and tokens."""
        sent, self.sent = self.sent, []
        told = []
        for payload in sent:
            if payload != b"PING":
                request = json.loads(payload)
                told.append((request.get("operation", "first"), request["assets_ids"]))
        return told
