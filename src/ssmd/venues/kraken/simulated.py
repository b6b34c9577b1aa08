"""Kraken spot's side of the WebSocket v2 talk: answers, snapshots, heartbeats, refusals.

Answers have the venue's own key order, which is the alphabet's.
"""

import contextlib
import re
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.venues.kraken.simulated_market import DEPTHS, HEARTBEAT, Listing, Market

HEARTBEAT_S: Final = 1.0
"""Pause between heartbeats on a subscribed connection, in seconds: data or not."""
_PRIVATE: Final = frozenset({"balances", "executions", "level3"})
_SYMBOL: Final = re.compile(r"[A-Za-z0-9.]+/[A-Za-z0-9.]+")
_DEFAULT_DEPTH: Final = 10
_DATA: Final = b'{"channel"'


class _Params(msgspec.Struct):
    channel: str = ""
    symbol: list[str] = []
    depth: int = _DEFAULT_DEPTH
    snapshot: bool | None = None


class _Request(msgspec.Struct):
    method: str
    params: _Params = msgspec.field(default_factory=_Params)
    req_id: int | None = None


_decode = msgspec.json.Decoder(_Request).decode
_encode = msgspec.json.Encoder().encode


class KrakenMarket(Market):
    """The simulated venue: the market, and how it answers."""

    def __init__(self, options: SimulationOptions) -> None:
        for symbol in options.symbols:
            if not _SYMBOL.fullmatch(symbol):
                message = f"{symbol!r} is not a pair that can be simulated."
                raise ConfigError(message, remedy="Name pairs as the venue does: `BTC/USD`.")
        super().__init__(options)
        self.refused: set[str] = set()
        self.answer_delay_s = 0.0

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every pair listed."""
        return tuple(self.listings)

    def connect(self) -> "KrakenSocket":
        """The venue's side of one more socket."""
        return KrakenSocket(self)

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer as if every pair were listed, without snapshots."""
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            self.list_pairs(_decode(payload).params.symbol)
        socket = self.connect()
        answers = socket.receive(payload, now)
        socket.close()
        return [answer for answer in answers if not answer.payload.startswith(_DATA)]

    def refuse(self, symbol: str) -> None:
        """Refuse every later request for this pair."""
        self.refused.add(symbol)

    def delay_answers(self, seconds: float) -> None:
        """Answer every later request this much later."""
        self.answer_delay_s = seconds


class KrakenSocket:
    """The venue's side of one socket."""

    def __init__(self, market: KrakenMarket) -> None:
        self.outbox: list[Emission] = []
        self._market = market
        self._held: dict[tuple[str, str], int] = {}
        self._late: deque[tuple[float, int, bytes]] = deque()
        self._heartbeat_mono: float | None = None

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

    def close(self) -> None:
        """Forget the subscriptions."""
        for channel, symbol in tuple(self._held):
            self._drop(channel, symbol)
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
            request = _decode(payload)
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
                answers = self._subscribe(request.params, base, times["time_out"])
            case "unsubscribe":
                answers = self._unsubscribe(request.params, base)
            case _:
                answers = [_refusal(base, "Unsupported method")]
        self._market.listeners_changed()
        return [*earlier, *answers]

    def _subscribe(self, params: _Params, base: dict[str, object], time: str) -> list[Emission]:
        refusal = _objection(params)
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
            result: dict[str, object] = {"channel": params.channel}
            if params.channel == "book":
                result["depth"] = params.depth
            result |= {"snapshot": wants_snapshot, "symbol": symbol}
            answers.append(_emission(base | {"result": result, "success": True}))
            listing = self._market.listings[symbol]
            self._hold(params.channel, listing, params.depth)
            if wants_snapshot:
                snapshots.append(_snapshot(params.channel, listing, params.depth, time))
        return answers + snapshots

    def _subscribe_instrument(
        self, base: dict[str, object], *, wants_snapshot: bool
    ) -> list[Emission]:
        if ("instrument", "") in self._held:
            return [_refusal(base, "Already subscribed")]
        self._held["instrument", ""] = 0
        result = {"channel": "instrument", "snapshot": wants_snapshot}
        answer = _emission(base | {"result": result, "success": True})
        return [answer, self._market.instruments()] if wants_snapshot else [answer]

    def _unsubscribe(self, params: _Params, base: dict[str, object]) -> list[Emission]:
        answers = []
        for symbol in params.symbol if params.channel != "instrument" else [""]:
            named: dict[str, object] = {"symbol": symbol} if symbol else {}
            if (params.channel, symbol) not in self._held:
                answers.append(_refusal(base | named, "Subscription Not Found"))
                continue
            depth = self._drop(params.channel, symbol)
            result: dict[str, object] = {"channel": params.channel}
            if params.channel == "book":
                result["depth"] = depth
            answers.append(_emission(base | {"result": result | named, "success": True}))
        return answers

    def _refused(self, channel: str, symbol: str) -> str:
        """Why this pair cannot be subscribed; empty when it can."""
        if symbol not in self._market.listings or symbol in self._market.refused:
            return f"Currency pair not supported {symbol}"
        return "Already subscribed" if (channel, symbol) in self._held else ""

    def _hold(self, channel: str, listing: Listing, depth: int) -> None:
        self._held[channel, listing.symbol] = depth
        match channel:
            case "book":
                listing.book.deepen(depth)
                listing.books.setdefault(depth, []).append(self)
            case "trade":
                listing.trades.append(self)
            case _:
                listing.tickers.append(self)

    def _drop(self, channel: str, symbol: str) -> int:
        depth = self._held.pop((channel, symbol))
        if channel == "instrument":
            return depth
        listing = self._market.listings[symbol]
        match channel:
            case "book":
                listing.books[depth].remove(self)
                if not listing.books[depth]:
                    del listing.books[depth]
            case "trade":
                listing.trades.remove(self)
            case _:
                listing.tickers.remove(self)
        return depth


def _objection(params: _Params) -> str:
    """Why a whole request is refused; empty when its pairs are looked at one by one."""
    if params.channel in _PRIVATE:
        return "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
    if params.channel not in {"ticker", "trade", "book", "instrument"}:
        return "Unsupported channel"
    if params.channel == "book" and params.depth not in DEPTHS:
        return "Subscription depth not supported"
    if params.channel != "instrument" and not params.symbol:
        return "Symbol(s) not found"
    return ""


def _snapshot(channel: str, listing: Listing, depth: int, time: str) -> Emission:
    match channel:
        case "book":
            return listing.snapshot(depth, time)
        case "trade":
            return listing.history()
        case _:
            return listing.ticker("snapshot", time)


def _refusal(base: dict[str, object], error: str) -> Emission:
    return _emission(base | {"error": error, "success": False})


def _emission(fields: dict[str, object]) -> Emission:
    return Emission(_encode(dict(sorted(fields.items()))))


def simulated(options: SimulationOptions) -> KrakenMarket:
    """The simulated venue.

    Raises:
        ConfigError: A symbol is not a pair.
    """
    return KrakenMarket(options)
