"""Frames as Kalshi sends them, made here from the protocol; and a driver for one session."""

import json
from collections.abc import Sequence

import msgspec

from ssmd.model.event import Event, Send
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kalshi import VENUE

MS = 1_800_000_123_456
NS = MS * 1_000_000
A, B, C = "KXAB-27JAN01-T1.5", "KXAB-27JAN01-T2.5", "KXAB-27JAN01-T3.5"
BOOK_A, BOOK_B, BOOK_C = (Subscription("orderbook_delta", market) for market in (A, B, C))
TRADE_A, TRADE_B, TRADE_C = (Subscription("trade", market) for market in (A, B, C))
TICKER_A = Subscription("ticker", A)
LIFE = Subscription("market_lifecycle_v2")


def frame(kind: str, sid: int | None, seq: int | None, **msg: object) -> bytes:
    """Any message of a subscription; it ends with a newline, as on the wire."""
    head = {"type": kind, "sid": sid, "seq": seq}
    told = {key: value for key, value in head.items() if value is not None}
    return json.dumps({**told, "msg": msg}).encode() + b"\n"


def delta(seq: int | None, market: str = A, sid: int = 1, **fields: object) -> bytes:
    told = {"price_dollars": "0.0960", "delta_fp": "-54.00", "side": "yes", "ts_ms": MS, **fields}
    return frame("orderbook_delta", sid, seq, market_ticker=market, market_id="m", **told)


def snapshot(seq: int | None, market: str = A, sid: int = 1, *, empty: bool = False) -> bytes:
    levels = {} if empty else {"yes_dollars_fp": [["0.0800", "300.00"]]}
    return frame("orderbook_snapshot", sid, seq, market_ticker=market, market_id="m", **levels)


def trade(seq: int | None, market: str = A, sid: int = 2) -> bytes:
    told = {"yes_price_dollars": "0.3600", "count_fp": "1.50", "taker_side": "no", "ts_ms": MS}
    return frame("trade", sid, seq, trade_id="t", market_ticker=market, **told)


def ticker(market: str = A, sid: int = 3) -> bytes:
    told = {"price_dollars": "0.4800", "volume_fp": "1.00", "ts": MS // 1000, "ts_ms": MS}
    return frame("ticker", sid, None, market_ticker=market, **told)


def lifecycle(seq: int | None, market: str = A, sid: int = 4) -> bytes:
    told = {"event_type": "settled", "settled_ts": MS // 1000}
    return frame("market_lifecycle_v2", sid, seq, market_ticker=market, **told)


def subscribed(number: int | None, channel: str, sid: int) -> bytes:
    told = {} if number is None else {"id": number}
    return json.dumps(
        {"type": "subscribed", **told, "msg": {"channel": channel, "sid": sid}}
    ).encode()


def ok(number: int, sid: int, seq: int, *markets: str) -> bytes:
    """A change was made; without markets the list is left out."""
    told = {"msg": {"market_tickers": sorted(markets)}} if markets else {}
    return json.dumps({"type": "ok", "id": number, "sid": sid, "seq": seq, **told}).encode()


def unsubscribed(number: int | None, sid: int, seq: int) -> bytes:
    told = {} if number is None else {"id": number}
    return json.dumps({"type": "unsubscribed", **told, "sid": sid, "seq": seq}).encode()


def error(number: int | None, code: int, words: str = "No", **fields: object) -> bytes:
    """A refusal; `market` names the one it is about, `sid` the subscription."""
    told: dict[str, object] = (
        {"type": "error"} if number is None else {"type": "error", "id": number}
    )
    if "sid" in fields:
        told["sid"] = fields["sid"]
    named = {"market_ticker": fields["market"]} if "market" in fields else {}
    return json.dumps({**told, "msg": {"code": code, "msg": words, **named}}).encode()


class Talk:
    """One session with a clock in hand; remembers what was sent and answers on request."""

    def __init__(self, *, passive: bool = False, **limits: float) -> None:
        options = self.options(passive=passive, **limits)
        self.session = VENUE.session(Shard("kalshi", 0, frozenset()), options)
        self.mono = 1000.0
        self.sent: list[dict[str, object]] = []
        self.pings = 0
        self.note(self.session.open(self.now()))

    @staticmethod
    def options(*, passive: bool = False, **limits: float) -> SessionOptions:
        return SessionOptions(
            limits=msgspec.structs.replace(VENUE.limits, **{"sends_per_second": 100.0, **limits}),
            passive=passive,
        )

    def now(self) -> Now:
        return Now(int(self.mono * 1e9), self.mono)

    def note(self, events: Sequence[Event]) -> list[Event]:
        """Remember what was sent; give everything else."""
        for event in events:
            if isinstance(event, Send) and event.opcode is Opcode.PING:
                self.pings += 1
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
        """Let time pass on a healthy connection: the venue's pings, and its pongs to ours."""
        events: list[Event] = []
        end = self.mono + seconds
        while self.mono < end:
            self.receive(b"heartbeat", Opcode.PING)
            self.receive(b"", Opcode.PONG)
            events += self.tick(min(1.0, end - self.mono))
        return events

    def requests(self) -> list[tuple[object, object, object]]:
        """What was sent since the last call: what for, on which channel or sid, which markets."""
        sent, self.sent = self.sent, []
        told = []
        for request in sent:
            params = request["params"]
            assert isinstance(params, dict)
            (where,) = params.get("channels") or params["sids"]
            what = params.get("action") or request["cmd"]
            told.append((what, where, params.get("market_tickers")))
        return told

    def number(self) -> int:
        """The number of the last request."""
        number = self.sent[-1]["id"]
        assert isinstance(number, int)
        return number


def held(*subscriptions: Subscription, sends_per_second: float = 100.0) -> Talk:
    """A talk in which some subscriptions are confirmed, in the order of their channels.

    The sids are those that the frames above take when not told otherwise.
    """
    talk = Talk(sends_per_second=sends_per_second)
    talk.want(*subscriptions)
    sids = {"orderbook_delta": 1, "trade": 2, "ticker": 3, "market_lifecycle_v2": 4}
    for request in talk.sent:
        params, number = request["params"], request["id"]
        assert isinstance(params, dict)
        assert isinstance(number, int)
        (channel,) = params["channels"]
        talk.receive(subscribed(number, channel, sids[channel]))
    talk.sent.clear()
    return talk
