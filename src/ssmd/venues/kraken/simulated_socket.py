"""Kraken spot's side of one WebSocket v2 connection: answers, snapshots, heartbeats, refusals.

Answers have the venue's own key order, which is the alphabet's.
"""

from collections import deque
from collections.abc import Sequence
from math import isinf
from typing import Final

import msgspec

from ssmd.model.frame import Now
from ssmd.model.simulated import BookState, Emission, Owed
from ssmd.venues.kraken.simulated_listing import Listing, Socket
from ssmd.venues.kraken.simulated_market import Market

DEPTHS: Final = frozenset({10, 25, 100, 500, 1000})
"""The depths a book can be subscribed at (docs.kraken.com, spot-websocket-v2/book)."""
HEARTBEAT: Final = Emission(b'{"channel":"heartbeat"}')
HEARTBEAT_S: Final = 1.0
"""Pause between heartbeats on a subscribed connection, in seconds: data or not."""
_PRIVATE: Final = frozenset({"balances", "executions", "level3"})
_DEFAULT_DEPTH: Final = 10
_INTERVALS: Final = frozenset({1, 5, 15, 30, 60, 240, 1440, 10080, 21600})
_CHANNELS: Final = frozenset({"ticker", "trade", "book", "ohlc", "instrument"})


class _Params(msgspec.Struct):
    channel: str = ""
    symbol: list[str] = []
    depth: int = _DEFAULT_DEPTH
    interval: int = 1
    snapshot: bool | None = None

    @property
    def chosen(self) -> dict[str, object]:
        """What its channel lets a client choose."""
        match self.channel:
            case "book":
                return {"depth": self.depth}
            case "ohlc":
                return {"interval": self.interval}
            case _:
                return {}


class _Request(msgspec.Struct):
    method: str
    params: _Params = msgspec.field(default_factory=_Params)
    req_id: int | None = None


decode_request: Final = msgspec.json.Decoder(_Request).decode
_encode: Final = msgspec.json.Encoder().encode


class KrakenSocket:
    """The venue's side of one socket."""

    def __init__(self, market: Market) -> None:
        self.outbox: list[Emission] = []
        self.frozen: set[str] = set()
        self._market = market
        self._held: dict[tuple[str, str], _Params] = {}
        self._late: deque[tuple[float, int, bytes]] = deque()
        self._heartbeat_mono: float | None = None
        market.sockets.append(self)

    @property
    def hears_instruments(self) -> bool:
        """Whether the instrument channel is subscribed."""
        return ("instrument", "") in self._held

    def thaw(self, symbol: str) -> None:
        """Let a frozen pair go on: its books are told anew, for the client's are out of date."""
        if symbol not in self.frozen:
            return
        self.frozen.remove(symbol)
        held = self._held.get(("book", symbol))
        if held is not None:
            listing = self._market.listings[symbol]
            self.outbox.append(listing.snapshot(held.depth, self._market.time))

    def forget(self, symbol: str) -> None:
        """End all that is subscribed of a pair, without a word."""
        self.frozen.discard(symbol)
        for channel, held in tuple(self._held):
            if held == symbol:
                self._drop(channel, held)

    def open(self, now: Now) -> Sequence[Emission]:
        """The status of the system comes first."""
        number = self._market.rng.getrandbits(63) | 1 << 63  # beyond 2^53, as the venue's are
        status = (
            '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online",'
            f'"api_version":"v2","connection_id":{number},"upcoming_maintenance":[],'
            '"emergency":[]}]}'
        )
        return [Emission(status.encode())]

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer a request, now or later."""
        if isinf(self._market.answer_delay_s):
            return []
        if self._market.answer_delay_s or self._late:
            self._late.append((now.mono + self._market.answer_delay_s, now.wall, payload))
            return []
        return self._answer(payload, now.wall, now)

    def tick(self, now: Now) -> Sequence[Emission]:
        """Late answers, what the market did, and a heartbeat once a second."""
        out, self.outbox = self.outbox, []
        while self._late and self._late[0][0] <= now.mono:
            _, received, payload = self._late.popleft()
            out.extend(self._answer(payload, received, now))
        if not self._held:
            self._heartbeat_mono = None
        elif self._heartbeat_mono is None:
            self._heartbeat_mono = now.mono
        elif now.mono - self._heartbeat_mono >= HEARTBEAT_S:
            self._heartbeat_mono = now.mono
            out.append(HEARTBEAT)
        return out

    def books(self) -> Sequence[BookState]:
        """Every book that is subscribed and not frozen."""
        return [
            self._market.listings[symbol].state(held.depth)
            for (channel, symbol), held in self._held.items()
            if channel == "book" and symbol not in self.frozen
        ]

    def owed(self) -> frozenset[Owed]:
        """What is subscribed; a book or the instruments build on a snapshot, if one was wanted."""
        return frozenset(
            Owed(channel, symbol or None, channel if _builds(held) else "")
            for (channel, symbol), held in self._held.items()
        )

    def close(self) -> None:
        """Forget the subscriptions."""
        for channel, symbol in tuple(self._held):
            self._drop(channel, symbol)
        if self in self._market.sockets:
            self._market.sockets.remove(self)
        self._market.listeners_changed()

    def _answer(self, payload: bytes, received: int, now: Now) -> list[Emission]:
        """Answers first, then the snapshots they promise.

        What the market did before the request goes out first: a snapshot already contains it.
        """
        earlier, self.outbox = self.outbox, []
        times = {
            "time_in": self._market.stamp.text(received),
            "time_out": self._market.stamp.text(now.wall + 37_000),
        }
        try:
            request = decode_request(payload)
        except (msgspec.DecodeError, RecursionError):
            fields = {"error": "Malformed request", "method": "error", "success": False, **times}
            return [*earlier, Emission(_encode(fields))]
        base: dict[str, object] = {"method": request.method, **times}
        if request.req_id is not None:
            base["req_id"] = request.req_id
        match request.method:
            case "ping":
                answers = [_emission(base | {"method": "pong"})]
            case "subscribe":
                answers = self._subscribe(request.params, base, now.wall + 37_000)
            case "unsubscribe":
                answers = self._unsubscribe(request.params, base)
            case _:
                answers = [_refusal(base, "Unsupported method")]
        self._market.listeners_changed()
        return [*earlier, *answers]

    def _subscribe(self, params: _Params, base: dict[str, object], ts: int) -> list[Emission]:
        refusal = _objection(params) or self._market.objection(params.channel, params.depth)
        if refusal:
            return [_refusal(base, refusal)]
        wants_snapshot = (
            params.snapshot if params.snapshot is not None else (params.channel != "trade")
        )
        if params.channel == "instrument":
            return self._subscribe_instrument(base, wants_snapshot=wants_snapshot)
        answers, snapshots = [], []
        for symbol in params.symbol:
            reason = self._refused(params.channel, symbol)
            if reason:
                answers.append(_refusal(base | {"symbol": symbol}, reason))
                continue
            result = {"channel": params.channel, **params.chosen}
            result |= {"snapshot": wants_snapshot, "symbol": symbol}
            answers.append(_emission(base | {"result": result, "success": True}))
            listing = self._market.listings[symbol]
            self._hold(params, listing)
            if wants_snapshot:
                snapshots.append(_snapshot(params, listing, ts, self._market.stamp.text(ts)))
        return answers + snapshots

    def _subscribe_instrument(
        self, base: dict[str, object], *, wants_snapshot: bool
    ) -> list[Emission]:
        if ("instrument", "") in self._held:
            return [_refusal(base, "Already subscribed")]
        market = self._market
        self._held["instrument", ""] = _Params("instrument", snapshot=wants_snapshot)
        result = {"channel": "instrument", "snapshot": wants_snapshot}
        answer = _emission(base | {"result": result, "success": True})
        return (
            [answer, market.instruments("snapshot", market.listings)]
            if wants_snapshot
            else [answer]
        )

    def _unsubscribe(self, params: _Params, base: dict[str, object]) -> list[Emission]:
        answers = []
        for symbol in params.symbol if params.channel != "instrument" else [""]:
            named: dict[str, object] = {"symbol": symbol} if symbol else {}
            if (params.channel, symbol) not in self._held:
                answers.append(_refusal(base | named, "Subscription Not Found"))
                continue
            held = self._drop(params.channel, symbol)
            result = {"channel": params.channel, **held.chosen, **named}
            answers.append(_emission(base | {"result": result, "success": True}))
        return answers

    def _refused(self, channel: str, symbol: str) -> str:
        """Why this pair cannot be subscribed; empty when it can."""
        if symbol not in self._market.listings or symbol in self._market.refused:
            return f"Currency pair not supported {symbol}"
        return "Already subscribed" if (channel, symbol) in self._held else ""

    def _hold(self, params: _Params, listing: Listing) -> None:
        self._held[params.channel, listing.symbol] = params
        if params.channel == "book":
            listing.book.deepen(params.depth)
        _listeners(params, listing).append(self)

    def _drop(self, channel: str, symbol: str) -> _Params:
        held = self._held.pop((channel, symbol))
        if channel != "instrument":
            listing = self._market.listings[symbol]
            _listeners(held, listing).remove(self)
            listing.tidy()
        return held


def _listeners(params: _Params, listing: Listing) -> list[Socket]:
    """Who hears what a subscription asks for."""
    match params.channel:
        case "book":
            return listing.books.setdefault(params.depth, [])
        case "ohlc":
            return listing.candles.setdefault(params.interval, [])
        case "trade":
            return listing.trades
        case _:
            return listing.tickers


def _builds(held: _Params) -> bool:
    """Whether what comes on a subscription can be read only from its snapshot on."""
    return held.channel in {"book", "instrument"} and held.snapshot is not False


def _objection(params: _Params) -> str:
    """Why a whole request is refused; empty when its pairs are looked at one by one."""
    if params.channel in _PRIVATE:
        return "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
    if params.channel not in _CHANNELS:
        return "Unsupported channel"
    if params.channel == "book" and params.depth not in DEPTHS:
        return "Subscription depth not supported"
    if params.channel == "ohlc" and params.interval not in _INTERVALS:
        return "Subscription ohlc interval not supported"
    if params.channel != "instrument" and not params.symbol:
        return "Symbol(s) not found"
    return ""


def _snapshot(params: _Params, listing: Listing, ts: int, time: str) -> Emission:
    match params.channel:
        case "book":
            return listing.snapshot(params.depth, time)
        case "ohlc":
            return listing.candle("snapshot", params.interval, ts)
        case "trade":
            return listing.history()
        case _:
            return listing.ticker("snapshot", time)


def _refusal(base: dict[str, object], error: str) -> Emission:
    return _emission(base | {"error": error, "success": False})


def _emission(fields: dict[str, object]) -> Emission:
    return Emission(_encode(dict(sorted(fields.items()))))
