"""The simulated exchange's side of one socket: commands, their answers, and what they promise."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ssmd.model.frame import Now, Opcode
from ssmd.model.simulated import BookState, Emission, Owed
from ssmd.venues.kalshi.messages import SHARED_TYPES, News
from ssmd.venues.kalshi.simulated_market import BOOKS, LIVES, Market
from ssmd.venues.kalshi.simulated_stream import Stream

PING_S: Final = 10.0
"""Pause between the exchange's own pings, in seconds."""
PUBLIC: Final = (BOOKS, "trade", "ticker", *sorted(LIVES))
PRIVATE: Final = ("fill", "market_positions", "user_orders", "communications",
                  "order_group_updates")  # fmt: skip
"""Channels about an account: they can be subscribed, and nothing ever happens on them."""
ERRORS: Final = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    6: "Already subscribed",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    10: "Channel error",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    16: "Market not found",
    26: "Subscription market limit exceeded",
}
_ACTIONS: Final = ("add_markets", "delete_markets", "get_snapshot")
_TYPES: Final = {
    channel: tuple(
        kind.kind
        for kind in News.__subclasses__()
        if kind.channel == channel or (channel in LIVES and kind in SHARED_TYPES)
    )
    for channel in PUBLIC
}
"""The message types that come on a channel."""
_HEARTBEAT: Final = Emission(b"heartbeat", Opcode.PING)


class Params(msgspec.Struct):
    """What a command is about."""

    channels: list[str] = []
    market_ticker: str = ""
    market_tickers: list[str] = []
    sid: int = 0
    sids: list[int] = []
    action: str = ""
    use_yes_price: bool = False
    send_initial_snapshot: bool = False
    skip_ticker_ack: bool = False

    @property
    def tickers(self) -> list[str]:
        """The markets named, each once."""
        named = [self.market_ticker] if self.market_ticker else self.market_tickers
        return list(dict.fromkeys(named))


class Command(msgspec.Struct):
    """One message of a client."""

    cmd: str
    id: int = 0
    params: Params | None = None


decode = msgspec.json.Decoder(Command).decode
_encode = msgspec.json.Encoder().encode


def answer(kind: str, id_: int, **fields: object) -> Emission:
    """An answer; the number of a command is left out when it has none."""
    named = {"id": id_} if id_ else {}
    return Emission(_encode({"type": kind, **named, **fields}) + b"\n")


def error(id_: int, code: int, ticker: str = "") -> Emission:
    """A refusal, of one market when it is about one."""
    about = {"market_ticker": ticker} if ticker else {}
    return answer("error", id_, msg={"code": code, "msg": ERRORS[code], **about})


class KalshiSocket:
    """The exchange's side of one socket.

    Attributes:
        outbox: What the market did and is not sent yet.
        frozen: Markets whose messages are not made here.
    """

    def __init__(
        self,
        market: Market,
        refused: set[str],
        answer_delay_s: Callable[[], float],
        limit: Callable[[], int],
        left: Callable[["KalshiSocket"], None],
    ) -> None:
        self.outbox: list[Emission] = []
        self.frozen: set[str] = set()
        self._unsure: set[str] = set()
        self._market = market
        self._refused = refused
        self._answer_delay_s = answer_delay_s
        self._limit = limit
        self._left = left
        self._streams: dict[int, Stream] = {}
        self._sid = 0
        self._late: deque[tuple[float, bytes]] = deque()
        self._ping_mono: float | None = None

    def open(self, now: Now) -> Sequence[Emission]:
        """The exchange waits to be asked."""
        self._market.at(now)
        self._ping_mono = now.mono
        return []

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer a command, now or later.

        What the market did before it goes out first: a snapshot already contains it.
        """
        self._market.at(now)
        delay = self._answer_delay_s()
        if delay == math.inf:
            return []  # as if it had never come: later ones are not to wait behind it
        if delay or self._late:
            self._late.append((now.mono + delay, payload))
            return []
        self._answer(payload, now)
        return self._flush()

    def tick(self, now: Now) -> Sequence[Emission]:
        """What the market did, late answers, and a ping every ten seconds."""
        self._unsure |= self.frozen
        while self._late and self._late[0][0] <= now.mono:
            self._answer(self._late.popleft()[1], now)
        if self._ping_mono is None:
            self._ping_mono = now.mono
        if now.mono - self._ping_mono >= PING_S:
            self._ping_mono = now.mono
            self.outbox.append(_HEARTBEAT)
        return self._flush()

    def books(self) -> Sequence[BookState]:
        """Every book that is subscribed and was told whole since it stood still."""
        return [
            self._market.listings[ticker].state()
            for stream in self._streams.values()
            if stream.channel == BOOKS and stream.tickers is not None
            for ticker in sorted(stream.tickers - self._unsure)
            if ticker in self._market.listings
        ]

    def owed(self) -> frozenset[Owed]:
        """What is subscribed; the messages of books build on each other."""
        return frozenset(
            Owed(type_, ticker, BOOKS if stream.channel == BOOKS else "")
            for stream in self._streams.values()
            for type_ in _TYPES.get(stream.channel, ())
            for ticker in (stream.tickers or (None,))
        )

    def close(self) -> None:
        """Forget the subscriptions."""
        for stream in self._streams.values():
            self._market.leave(stream)
        self._streams.clear()
        self._market.listeners_changed()
        self._left(self)

    def _flush(self) -> list[Emission]:
        """Take everything out; streams keep writing into the same list."""
        out = self.outbox.copy()
        self.outbox.clear()
        return out

    def _say(self, emission: Emission) -> None:
        self.outbox.append(emission)

    def _answer(self, payload: bytes, now: Now) -> None:
        try:
            command = decode(payload)
        except (msgspec.DecodeError, RecursionError):
            self._say(error(0, 1))
            return
        params = command.params
        if command.cmd == "list_subscriptions":
            held = [{"channel": s.channel, "sid": s.sid} for s in self._streams.values()]
            self._say(answer("ok", command.id, msg=held))
        elif command.cmd not in {"subscribe", "update_subscription", "unsubscribe"}:
            self._say(error(command.id, 5))
        elif params is None:
            self._say(error(command.id, 2))
        elif command.cmd == "subscribe":
            self._subscribe(command.id, params, now)
        elif command.cmd == "unsubscribe":
            self._unsubscribe(command.id, params)
        else:
            self._update(command.id, params, now)
        self._market.listeners_changed()

    def _subscribe(self, id_: int, params: Params, now: Now) -> None:
        if not params.channels:
            self._say(error(id_, 3))
        begun = [stream for name in params.channels if (stream := self._begin(id_, name, params))]
        for stream in begun:
            if stream.tickers is not None:
                self._show(stream, params.tickers, now, figures=params.send_initial_snapshot)

    def _begin(self, id_: int, channel: str, params: Params) -> Stream | None:
        """Answer for one channel; gives its stream when it is granted."""
        tickers = None if channel in LIVES or channel in PRIVATE else params.tickers or None
        if channel not in PUBLIC and channel not in PRIVATE:
            refusal = 8
        elif any(stream.channel == channel for stream in self._streams.values()):
            refusal = 6
        elif channel == BOOKS and not tickers:
            refusal = 14
        elif tickers and len(tickers) > self._limit():
            refusal = 26
        else:
            refusal = 0
        if refusal:
            self._say(error(id_, refusal))
            return None
        found = None if tickers is None else self._known(id_, tickers)
        if found is not None and not found:
            return None
        stream = Stream(
            self._number(channel),
            channel,
            None if found is None else set(found),
            self.outbox,
            self.frozen,
            yes_price=params.use_yes_price,
            terse=params.skip_ticker_ack,
        )
        self._streams[stream.sid] = stream
        self._say(answer("subscribed", id_, msg={"channel": channel, "sid": stream.sid}))
        if channel not in PRIVATE:
            self._market.enter(stream)
        return stream

    def _number(self, channel: str) -> int:
        """The number of a subscription that begins: a recorded one, or the next."""
        number = self._market.sids.get(channel, 0)
        if not number or number in self._streams:
            self._sid = number = max(self._sid, *self._streams, 0) + 1
        return number

    def _update(self, id_: int, params: Params, now: Now) -> None:
        sids = params.sids or ([params.sid] if params.sid else [])
        stream = self._streams.get(sids[0]) if len(sids) == 1 else None
        if len(sids) != 1:
            refusal = 12
        elif stream is None:
            refusal = 7
        elif params.action not in _ACTIONS:
            refusal = 13 if params.action else 15
        elif not params.tickers:
            refusal = 14
        elif stream.tickers is None or (
            params.action == "get_snapshot" and stream.channel != BOOKS
        ):
            refusal = 10
        else:
            self._change(id_, stream, stream.tickers, params, now)
            return
        self._say(error(id_, refusal))

    def _change(self, id_: int, stream: Stream, held: set[str], params: Params, now: Now) -> None:
        """Add, delete or show again; every answer has the whole set, and uses up a number."""
        named = params.tickers
        if params.action == "add_markets":
            named = [ticker for ticker in self._known(id_, named) if ticker not in held]
            if len(held) + len(named) > self._limit():
                self._say(error(id_, 26))
                return
            if params.tickers and not named and not held.intersection(params.tickers):
                return  # every one of them was refused
            for ticker in named:
                self._market.listings[ticker].attach(stream)
            held.update(named)
        elif params.action == "delete_markets":
            for ticker in held.intersection(named):
                self._market.listings[ticker].detach(stream)
            held.difference_update(named)
        else:
            named = [ticker for ticker in named if ticker in held]
        told = {} if stream.terse else {"msg": {"market_tickers": sorted(held)}}
        self._say(answer("ok", id_, sid=stream.sid, seq=stream.number(), **told))
        if params.action != "delete_markets":
            self._show(stream, named, now, figures=params.send_initial_snapshot)

    def _unsubscribe(self, id_: int, params: Params) -> None:
        if not params.sids:
            self._say(error(id_, 4))
        for sid in params.sids:
            stream = self._streams.pop(sid, None)
            if stream is None:
                self._say(error(id_, 7))
                continue
            self._market.leave(stream)
            self._say(answer("unsubscribed", id_, sid=sid, seq=stream.number()))

    def _known(self, id_: int, tickers: Sequence[str]) -> list[str]:
        """Those that can be subscribed; each of the others is refused by itself."""
        known = []
        for ticker in tickers:
            listing = self._market.listings.get(ticker)
            open_ = listing is not None and listing.status in {"active", "initialized"}
            if open_ and ticker not in self._refused:
                known.append(ticker)
            else:
                self._say(error(id_, 16, ticker))
        return known

    def _show(self, stream: Stream, named: Sequence[str], now: Now, *, figures: bool) -> None:
        """The books of markets as they stand; their figures only when that was asked for."""
        for ticker in named:
            listing = self._market.listings.get(ticker)
            if listing is None or stream.tickers is None or ticker not in stream.tickers:
                continue
            if stream.channel == BOOKS:
                self._unsure.discard(ticker)
                listing.snapshot(stream)
            elif stream.channel == "ticker" and figures:
                body = listing.figures(self._market.stamp.moment(now.wall))
                stream.tell(b"ticker", body, listing.symbols)
