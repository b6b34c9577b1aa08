"""Atlantis' own side of the talk: a seeded market, its sockets, and its REST."""

import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer, BookState, Emission, SimulationOptions
from ssmd.venues.atlantis.messages import (
    DEALS,
    DEPTH,
    FIELD,
    HEADER,
    MILLISECOND_NS,
    Hold,
    is_token,
)

HEARTBEAT_S: Final = 5.0

_USUAL: Final = {"PEARL": "gems", "CORAL": "gems", "AMBER": "gems", "KELP": "weeds"}
"""What is listed when nobody says otherwise, and the shoal of each."""
_LEVELS: Final = 10
_DEALT: Final = 0.2
_LONGEST_STEP_S: Final = 1.0
_SYMBOL: Final = re.compile(r"[A-Z]{2,16}")

_hold: Final = msgspec.json.Decoder(Hold)
_encode: Final = msgspec.json.Encoder().encode


class Market:
    """One market: whole ticks around a price that stays."""

    def __init__(self, symbol: str, rng: Random) -> None:
        self.symbol = symbol
        self.scale = rng.randint(0, 4)
        self.turns = 0
        self._rng = rng
        middle = rng.randint(100, 90_000)
        self._sides = {
            "b": {middle - away: rng.randint(1, 500) for away in range(1, _LEVELS)},
            "a": {middle + away: rng.randint(1, 500) for away in range(1, _LEVELS)},
        }
        self._last: dict[str, object] = {"i": 0, "e": "b", "p": middle, "q": 1}

    def change(self) -> dict[str, object]:
        """Let one level change."""
        side = self._rng.choice("ab")
        price = self._rng.choice(list(self._sides[side]))
        return self._put(side, price, self._rng.choice((0, 1, 1)) * self._rng.randint(1, 500))

    def deal(self) -> tuple[dict[str, object], dict[str, object]]:
        """Let a deal happen at the best price: itself, and what it leaves."""
        side = self._rng.choice("ab")
        prices = self._sides[side]
        price = max(prices) if side == "b" else min(prices)
        size = self._rng.randint(1, max(prices[price], 1))
        number = self.turns + 1
        taker = "a" if side == "b" else "b"
        self._last = {"i": number, "e": taker, "p": price, "q": size}
        return {"k": "x"} | self._last, self._put(side, price, max(prices[price] - size, 0))

    def last(self) -> dict[str, object]:
        """The latest deal, told again."""
        return {"k": "x"} | self._last | {"o": True}

    def whole(self, *, ended: bool = False) -> dict[str, object]:
        """The whole depth; empty when the market ended."""
        bids, asks = (
            sorted(each for each in self._sides[side].items() if each[1] and not ended)
            for side in "ba"
        )
        return {"k": "D", "b": bids[::-1], "a": asks}

    def state(self) -> BookState:
        """The whole depth, in shells."""
        bids, asks = (
            tuple(
                (f"{Decimal(tick).scaleb(-self.scale):f}", str(size))
                for tick, size in sorted(self._sides[side].items(), reverse=side == "b")
                if size
            )
            for side in "ba"
        )
        return BookState(self.symbol, None, bids, asks)

    def entry(self) -> dict[str, object]:
        """It as it is listed."""
        return {
            "m": self.symbol,
            "name": f"{self.symbol.title()} for shells",
            "shoal": _USUAL.get(self.symbol, "gems"),
            "state": "open",
            "tick": f"{10.0**-self.scale:.{self.scale}f}",
            "day": 1000 + self.turns,
        }

    def _put(self, side: str, price: int, size: int) -> dict[str, object]:
        # A level that is gone keeps its place here: it may come back.
        self._sides[side][price] = size
        self.turns += 1
        return {"k": "d", "e": side, "p": price, "q": size}


class AtlantisMarket:
    """What all sockets share; see `ssmd.model.simulated.SimulatedMarket`."""

    def __init__(self, options: SimulationOptions) -> None:
        self.markets: dict[str, Market] = {}
        self.refused: set[str] = set()
        self.delay_s = 0.0
        self.millis = 0
        self._options = options
        self._rng = Random(options.seed)  # noqa: S311 - a simulation, not a secret
        self._sockets: list[AtlantisSocket] = []
        self._flaws: list[str | None] = []
        self._factor = 1.0
        self._due = 0.0
        self._mono: float | None = None
        self.list_symbols(options.symbols or tuple(_USUAL))

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.markets)

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        shown = headers.get(HEADER.lower(), "")
        return 101 if is_token(shown) and shown == self._options.secrets.get(FIELD, shown) else 401

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        match path.strip("/").split("/"):
            case ["markets"]:
                entries = [market.entry() for market in self.markets.values()]
                return Answer(200, _encode({"markets": entries}))
            case ["markets", symbol] if symbol in self.markets:
                market = self.markets[symbol]
                stand = {"m": symbol, "turns": market.turns, **market.whole()}
                return Answer(200, _encode(stand))
        return Answer(404, _encode({"oops": "no such thing in this sea", "again": False}))

    def connect(self) -> "AtlantisSocket":
        socket = AtlantisSocket(self)
        self._sockets.append(socket)
        return socket

    def left(self, socket: "AtlantisSocket") -> None:
        """A socket is gone."""
        if socket in self._sockets:
            self._sockets.remove(socket)

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        try:
            command = _hold.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            return ()
        return (held(command.i, command.w),)

    def advance(self, now: Now) -> None:
        passed = 0.0 if self._mono is None else min(now.mono - self._mono, _LONGEST_STEP_S)
        self._mono, self.millis = now.mono, now.wall // MILLISECOND_NS
        heard = [
            name for name in self.markets if any(socket.hears(name) for socket in self._sockets)
        ]
        self._due = self._due + passed * self._options.rate * self._factor if heard else 0.0
        while self._due >= 1:
            market = self.markets[self._rng.choice(heard)]
            if self._rng.random() < _DEALT:
                deal, left = market.deal()
                self._tell(DEALS, market, deal)
                self._tell(DEPTH, market, left)
                self._due -= 2
            else:
                self._tell(DEPTH, market, market.change())
                self._due -= 1

    def speed(self, factor: float) -> None:
        self._factor = factor

    def refuse(self, symbol: str) -> None:
        self.refused.add(symbol)

    def delay_answers(self, seconds: float) -> None:
        self.delay_s = seconds

    def freeze(self, symbol: str, frozen: bool) -> None:
        for socket in self._sockets:
            (socket.frozen.add if frozen else socket.frozen.discard)(symbol)

    def list_symbols(self, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            if not _SYMBOL.fullmatch(symbol):
                remedy = "Name markets as the venue does: 2 to 16 capital letters."
                raise ConfigError(f"{symbol!r} is no market that can be simulated.", remedy=remedy)
            if symbol not in self.markets:
                rng = Random(self._rng.getrandbits(64))  # noqa: S311
                self.markets[symbol] = Market(symbol, rng)

    def delist(self, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            market = self.markets.pop(symbol, None)
            if market is not None:
                self._tell(DEPTH, market, market.whole(ended=True))

    def novelty(self) -> Emission:
        return Emission(b'{"k":"tide","m":"PEARL","height":7}')

    def corrupt(self, symbol: str | None) -> None:
        self._flaws.append(symbol)

    def flaw(self, symbol: str) -> int:
        """1 when the next number of this market is to be skipped."""
        for wanted in (None, symbol):
            if wanted in self._flaws:
                self._flaws.remove(wanted)
                return 1
        return 0

    def _tell(self, channel: str, market: Market, message: dict[str, object]) -> None:
        for socket in self._sockets:
            if f"{channel}:{market.symbol}" in socket.held and market.symbol not in socket.frozen:
                socket.tell(market, message)


class AtlantisSocket:
    """The venue's side of one socket; see `ssmd.model.simulated.SimulatedSocket`."""

    def __init__(self, market: AtlantisMarket) -> None:
        self.held: set[str] = set()
        self.frozen: set[str] = set()
        self._unsure: set[str] = set()
        self._market = market
        self._outbox: list[Emission] = []
        self._late: deque[tuple[float, bytes]] = deque()
        self._numbers: dict[str, int] = {}
        self._beats = 0
        self._beat = 0.0

    def open(self, now: Now) -> Sequence[Emission]:
        self._beat = now.mono
        return (Emission(b'{"k":"hi","v":3}'),)

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        delay = self._market.delay_s
        if math.isinf(delay):
            return ()
        self._late.append((now.mono + delay, payload))
        return () if delay else self._said(now)

    def tick(self, now: Now) -> Sequence[Emission]:
        self._unsure |= self.frozen
        if now.mono - self._beat >= HEARTBEAT_S:
            self._beat = now.mono
            self._beats += 1
            self._outbox.append(Emission(b'{"hb":%d}' % self._beats))
        return self._said(now)

    def close(self) -> None:
        self.held.clear()
        self._market.left(self)

    def books(self) -> Sequence[BookState]:
        """Every depth that is held and did not stand still."""
        return [
            market.state()
            for symbol, market in self._market.markets.items()
            if f"{DEPTH}:{symbol}" in self.held and symbol not in self._unsure
        ]

    def hears(self, symbol: str) -> bool:
        """Whether anything of a market is held."""
        return f"{DEPTH}:{symbol}" in self.held or f"{DEALS}:{symbol}" in self.held

    def tell(self, market: Market, message: dict[str, object]) -> None:
        """Send market data, with the next number of its market on this socket."""
        symbol = market.symbol
        number = self._numbers.get(symbol, 0) + 1 + self._market.flaw(symbol)
        self._numbers[symbol] = number
        about = {"m": symbol, "n": number, "t": self._market.millis, "s": market.scale}
        self._outbox.append(Emission(_encode(message | about), symbols=(symbol,)))

    def _said(self, now: Now) -> list[Emission]:
        """Answers that are due come after what happened before them."""
        while self._late and self._late[0][0] <= now.mono:
            self._answer(self._late.popleft()[1])
        said, self._outbox = self._outbox, []
        return said

    def _answer(self, payload: bytes) -> None:
        try:
            command = _hold.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            self._outbox.append(Emission(b'{"k":"held","i":0,"y":[]}'))
            return
        granted = [key for key in command.w if key in self.held or self._grants(key)]
        fresh = [key for key in granted if key not in self.held or key in command.a]
        self.held = set(granted)
        self._outbox.append(held(command.i, granted))
        for key in fresh:
            channel, _, symbol = key.partition(":")
            market = self._market.markets.get(symbol)
            if market is not None:
                self.tell(market, market.whole() if channel == DEPTH else market.last())

    def _grants(self, key: str) -> bool:
        channel, _, symbol = key.partition(":")
        known = channel in {DEPTH, DEALS} and symbol in self._market.markets
        return known and symbol not in self._market.refused


def held(number: int, keys: Sequence[str]) -> Emission:
    """The answer to a command: what is held now."""
    return Emission(_encode({"k": "held", "i": number, "y": list(keys)}))


def simulated(options: SimulationOptions) -> AtlantisMarket:
    """The simulated venue.

    Raises:
        ConfigError: A symbol is no market's.
    """
    return AtlantisMarket(options)
