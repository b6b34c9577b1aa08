"""Kraken Futures' side of the WebSocket talk: answers, snapshots, heartbeats, alerts."""

import contextlib
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer, BookState, Emission, Owed, SimulationOptions
from ssmd.venues.kraken_futures.messages import FEEDS, HEARTBEAT, TYPES, canonical
from ssmd.venues.kraken_futures.simulated_listing import STANDINGS, Listing, maturity
from ssmd.venues.kraken_futures.simulated_market import Market
from ssmd.venues.kraken_futures.simulated_rest import answer
from ssmd.venues.kraken_futures.simulated_wording import MILLISECOND_NS

HEARTBEAT_S: Final = 10.0
"""Pause between messages of the heartbeat feed, in seconds."""

_PRIVATE: Final = frozenset({"fills", "open_orders", "open_positions", "balances"})
_SYMBOL: Final = re.compile(r"[A-Z]{2}_[A-Za-z0-9]{2,20}(_\d{6})?")
_INFO: Final = Emission(b'{"event":"info","version":1}')


class _Request(msgspec.Struct):
    event: str
    feed: str = ""
    product_ids: list[str] = []


_decode = msgspec.json.Decoder(_Request).decode
_encode = msgspec.json.Encoder().encode


class KrakenFuturesMarket(Market):
    """The simulated venue: the market, and how it answers."""

    def __init__(self, options: SimulationOptions) -> None:
        _check(options.symbols)
        super().__init__(options)
        self.refused: set[str] = set()
        self.answer_delay_s = 0.0
        self._sockets: list[KrakenFuturesSocket] = []
        self._wall = 0

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every product listed."""
        return tuple(self.listings)

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        """Everybody is let in: there are no accounts."""
        return 101

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        """Answer a GET request."""
        return answer(self, path, dict(query), now)

    def connect(self) -> "KrakenFuturesSocket":
        """The venue's side of one more socket."""
        socket = KrakenFuturesSocket(self)
        self._sockets.append(socket)
        return socket

    def left(self, socket: "KrakenFuturesSocket") -> None:
        """A socket is gone."""
        if socket in self._sockets:
            self._sockets.remove(socket)

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer as if every product were listed, without any data."""
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            asked = _decode(payload).product_ids
            self.list_products(symbol for symbol in asked if _is_product(canonical(symbol)))
        socket = self.connect()
        answers = socket.receive(payload, now)
        socket.close()
        return [answer for answer in answers if not answer.symbols]

    def advance(self, now: Now) -> None:
        """Let time pass."""
        self._wall = now.wall
        super().advance(now)

    def refuse(self, symbol: str) -> None:
        """Refuse every later request for this product."""
        self.refused.add(canonical(symbol))

    def delay_answers(self, seconds: float) -> None:
        """Answer every later request this much later; never, if that is infinite."""
        self.answer_delay_s = seconds

    def freeze(self, symbol: str, frozen: bool) -> None:
        """Let one product stand still on the sockets there are, or go on."""
        for socket in self._sockets:
            if frozen:
                socket.frozen.add(canonical(symbol))
            else:
                socket.frozen.discard(canonical(symbol))

    def list_symbols(self, symbols: Sequence[str]) -> None:
        """List more products.

        Raises:
            ConfigError: A symbol is not a product's.
        """
        _check(symbols)
        self.list_products(symbols)

    def delist(self, symbols: Sequence[str]) -> None:
        """End products."""
        self.end_products(symbols, self._wall // MILLISECOND_NS)

    def stand(self, symbol: str, status: str) -> None:
        """Let a product stand otherwise.

        Raises:
            ConfigError: It is not listed, or no product stands so.
        """
        listing = self.listings.get(canonical(symbol))
        if listing is None or status not in STANDINGS:
            message = f"{symbol!r} cannot be {status!r}."
            remedy = f"Name a listed product, and one of: {', '.join(sorted(STANDINGS))}."
            raise ConfigError(message, remedy=remedy)
        self.change(listing, status, self._wall // MILLISECOND_NS)

    def novelty(self) -> Emission:
        """A message of a feed that did not exist when this was written."""
        return Emission(
            b'{"feed":"settlement_preview","product_id":"PF_XBTUSD","price":83744.5,"time":1}'
        )


class KrakenFuturesSocket:
    """The venue's side of one socket."""

    def __init__(self, market: KrakenFuturesMarket) -> None:
        self.outbox: list[Emission] = []
        self.frozen: set[str] = set()
        self._unsure: set[str] = set()
        self.missed: dict[tuple[str, str], int] = {}
        self._market = market
        self._held: set[tuple[str, str]] = set()
        self._late: deque[tuple[float, bytes]] = deque()
        self._heartbeat_mono: float | None = None

    def open(self, now: Now) -> Sequence[Emission]:
        """The version comes first."""
        return [_INFO]

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer a request, now, later or never."""
        delay = self._market.answer_delay_s
        if math.isinf(delay):
            return []
        if delay or self._late:
            self._late.append((now.mono + delay, payload))
            return []
        return self._answer(payload, now)

    def tick(self, now: Now) -> Sequence[Emission]:
        """Late answers, what the market did, and a heartbeat every ten seconds."""
        self._unsure |= self.frozen
        out, self.outbox = self.outbox, []
        while self._late and self._late[0][0] <= now.mono:
            _, payload = self._late.popleft()
            out.extend(self._answer(payload, now))
        beat = self._heartbeat_mono
        if beat is not None and now.mono - beat >= HEARTBEAT_S:
            self._heartbeat_mono = now.mono
            millis = now.wall // MILLISECOND_NS
            out.append(Emission(b'{"feed":"heartbeat","time":%d}' % millis))
        return out

    def books(self) -> Sequence[BookState]:
        """Every book that is subscribed and was told whole since it stood still."""
        return [
            self._market.listings[symbol].state()
            for feed, symbol in sorted(self._held)
            if feed == "book" and symbol not in self._unsure and symbol in self._market.listings
        ]

    def owed(self) -> frozenset[Owed]:
        """What is subscribed; a book builds on its snapshot."""
        return frozenset(
            Owed(type_, symbol, "book" if feed == "book" else "")
            for feed, symbol in self._held
            for type_ in (feed, f"{feed}_snapshot")
            if type_ in TYPES
        )

    def close(self) -> None:
        """Forget the subscriptions."""
        for feed, symbol in self._held:
            self._market.leave(feed, symbol, self)
        self._held.clear()
        self._market.left(self)

    def _answer(self, payload: bytes, now: Now) -> list[Emission]:
        """Answers first, then the snapshots they promise.

        What the market did before the request goes out first: a snapshot already contains it.
        """
        earlier, self.outbox = self.outbox, []
        try:
            request = _decode(payload)
        except (msgspec.DecodeError, RecursionError):
            return [*earlier, _complaint("error", "Json Error")]
        match request.event:
            case "subscribe" | "unsubscribe" if request.feed == HEARTBEAT:
                on = request.event == "subscribe"
                self._heartbeat_mono = now.mono if on else None
                answers = [_emission({"event": f"{request.event}d", "feed": HEARTBEAT})]
            case "subscribe":
                answers = self._subscribe(request, now)
            case "unsubscribe":
                answers = self._unsubscribe(request)
            case _:
                answers = [_complaint("error", "Unsupported event")]
        return [*earlier, *answers]

    def _subscribe(self, request: _Request, now: Now) -> list[Emission]:
        feed = request.feed
        if feed in _PRIVATE:
            return [_complaint("alert", "Failed to subscribe to authenticated feed")]
        if feed not in FEEDS:
            return [_complaint("alert", "Couldn't subscribe to invalid feed")]
        answers: list[Emission] = []
        snapshots: list[Emission] = []
        for product_id in request.product_ids:
            listing = self._market.listing(product_id, now)
            if listing is None or listing.symbol in self._market.refused:
                answers.append(_complaint("error", "Invalid product id"))
                continue
            symbol = listing.symbol
            if (feed, symbol) in self._held:
                answers.append(_complaint("alert", "Already subscribed to feed, re-requesting"))
            else:
                self._held.add((feed, symbol))
                self._market.listen(feed, symbol, self)
                answers.append(_ack("subscribed", feed, symbol))
            snapshots.append(self._snapshot(feed, listing, now))
        return answers + snapshots

    def _unsubscribe(self, request: _Request) -> list[Emission]:
        if request.feed not in FEEDS:
            return [_complaint("alert", "Couldn't unsubscribe from invalid feed")]
        answers: list[Emission] = []
        for symbol in map(canonical, request.product_ids):
            if (request.feed, symbol) in self._held:
                self._held.discard((request.feed, symbol))
                self._market.leave(request.feed, symbol, self)
                answers.append(_ack("unsubscribed", request.feed, symbol))
            else:
                answers.append(_complaint("alert", "Not subscribed to feed"))
        return answers

    def _snapshot(self, feed: str, listing: Listing, now: Now) -> Emission:
        """What a subscription begins with."""
        missed = self.missed.get((feed, listing.symbol), 0)
        millis = now.wall // MILLISECOND_NS
        match feed:
            case "book":
                self._unsure.discard(listing.symbol)
                payload = listing.book_snapshot().payload(missed)
            case "trade":
                payload = listing.trade_snapshot(missed)
            case "ticker":
                payload = listing.ticker(millis)
            case _:
                payload = listing.ticker_lite(millis)
        return Emission(payload, symbols=(listing.symbol,))


def _is_product(symbol: str) -> bool:
    """Whether it is spelled as one, and ends on a day there is, if it ends."""
    try:
        return bool(_SYMBOL.fullmatch(symbol)) and maturity(symbol) != 0
    except ValueError:
        return False


def _check(symbols: Sequence[str]) -> None:
    """Refuse what the venue could never list.

    Raises:
        ConfigError: A symbol is not a product's.
    """
    for symbol in symbols:
        if not _is_product(canonical(symbol)):
            message = f"{symbol!r} is not a product that can be simulated."
            remedy = "Name products as the venue does: `PF_XBTUSD`, `FF_XBTUSD_301227`."
            raise ConfigError(message, remedy=remedy)


def _ack(event: str, feed: str, symbol: str) -> Emission:
    return _emission({"event": event, "feed": feed, "product_ids": [symbol]})


def _complaint(event: str, message: str) -> Emission:
    return _emission({"event": event, "message": message})


def _emission(fields: dict[str, object]) -> Emission:
    return Emission(_encode(fields))


def simulated(options: SimulationOptions) -> KrakenFuturesMarket:
    """The simulated venue.

    Raises:
        ConfigError: A symbol is not a product's.
    """
    return KrakenFuturesMarket(options)
