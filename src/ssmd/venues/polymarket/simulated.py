"""Polymarket's side of the talk: books instead of answers, and silence instead of refusals."""

import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer, BookState, Emission, Owed, SimulationOptions
from ssmd.venues.polymarket import messages
from ssmd.venues.polymarket.simulated_market import Market
from ssmd.venues.polymarket.simulated_rest import answer
from ssmd.venues.polymarket.subscriptions import CEILING

_TOKEN: Final = re.compile(r"[0-9]{1,78}")
_SWITCHING: Final = 101
_NEWS: Final = "new_market"
"""Comes to all who asked for the newer types, whatever they hold."""
_CUSTOM: Final = frozenset({"best_bid_ask", "market_resolved", _NEWS})
_BOOKS: Final = frozenset(
    {
        messages.BOOK,
        messages.PRICE_CHANGE,
        messages.PRICE_CHANGE_V1,
        messages.PRICE_CHANGE_V0,
    }
)
"""What a book is made of."""
_INVALID: Final = Emission(messages.INVALID)
_PONG: Final = Emission(messages.PONG)


class _Request(msgspec.Struct):
    assets_ids: list[str] = []
    type: str | None = None
    operation: str | None = None
    custom_feature_enabled: bool = False
    initial_dump: bool = True


_decode: Final = msgspec.json.Decoder(_Request).decode


class PolymarketMarket(Market):
    """The simulated venue: the market, and how it answers."""

    def __init__(self, options: SimulationOptions) -> None:
        _check(options.symbols)
        super().__init__(options)
        self.refused: set[str] = set()
        self.answer_delay_s = 0.0

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        """Everybody is let in."""
        return _SWITCHING

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        """Gamma's listings, the order book's books, past trades."""
        self.told(now)
        return answer(self, service, path, query, now.wall)

    def connect(self) -> "PolymarketSocket":
        """The venue's side of one more socket."""
        return PolymarketSocket(self)

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Nothing but a pong: the venue answers with books, and those are played back."""
        return [_PONG] if payload == messages.PING else []

    def refuse(self, symbol: str) -> None:
        """Never send a book of this token to whoever asks from now on: no other refusal exists."""
        self.refused.add(symbol)

    def delay_answers(self, seconds: float) -> None:
        """Take in every later request this much later; pongs come as always."""
        self.answer_delay_s = seconds

    def list_symbols(self, symbols: Sequence[str]) -> None:
        """List tokens, two by two a condition.

        Raises:
            ConfigError: One is not a token id.
        """
        _check(symbols)
        super().list_symbols(symbols)

    def novelty(self) -> Emission:
        """A message of a type that did not exist when this was written."""
        condition = self.open[0] if self.conditions else None
        fields = {
            "event_type": "liquidity_reward",
            "market": condition.id if condition else "",
            "asset_id": condition.tokens[0] if condition else "",
            "reward": "12.5",
            "timestamp": str(self.rng.randint(1_700_000_000_000, 1_900_000_000_000)),
        }
        return Emission(msgspec.json.encode(fields))


class PolymarketSocket:
    """The venue's side of one socket; `simulated_market.Listener` says what its fields mean."""

    def __init__(self, market: PolymarketMarket) -> None:
        self.outbox: list[Emission] = []
        self.is_custom = False
        self.frozen: set[str] = set()
        self.held: dict[str, None] = {}
        self._unsure: set[str] = set()
        self._market = market
        self._late: deque[tuple[float, bytes]] = deque()
        self._is_first = True

    def open(self, now: Now) -> Sequence[Emission]:
        """The venue says nothing until it is asked."""
        self._market.sockets[self] = None
        return []

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer a keepalive at once, anything else now or later."""
        if payload == messages.PING:
            return [_PONG]
        self._market.sockets[self] = None
        delay = self._market.answer_delay_s
        if math.isinf(delay):
            return []
        if delay or self._late:
            self._late.append((now.mono + delay, payload))
            return []
        return self._answer(payload, now)

    def tick(self, now: Now) -> Sequence[Emission]:
        """What the market did, and late answers."""
        self._unsure |= self.frozen
        out, self.outbox = self.outbox, []
        while self._late and self._late[0][0] <= now.mono:
            out += self._answer(self._late.popleft()[1], now)
        return out

    def books(self) -> Sequence[BookState]:
        """Every book that is held and did not stand still since it was asked for."""
        return [
            self._market.conditions[token].state(token)
            for token in self.held
            if token not in self._unsure and token in self._market.conditions
        ]

    def owed(self) -> frozenset[Owed]:
        """Every message about a token that is held; the newer types to whoever asked for them."""
        kinds = messages.TYPES if self.is_custom else messages.TYPES - _CUSTOM
        owed = {
            Owed(kind, token, messages.BOOK if kind in _BOOKS else "")
            for token in self.held
            for kind in kinds - {_NEWS}
        }
        return frozenset(owed | {Owed(_NEWS, None)} if self.is_custom else owed)

    def close(self) -> None:
        """Forget the subscriptions."""
        self._market.sockets.pop(self, None)
        self._market.listeners_changed()

    def _answer(self, payload: bytes, now: Now) -> list[Emission]:
        """Books of what is new, in one list; nothing of what is unknown, refused or too much.

        What the market did before the request goes out first: a book already contains it.
        """
        earlier, self.outbox = self.outbox, []
        try:
            request = _decode(payload)
        except (msgspec.DecodeError, RecursionError):
            return [*earlier, _INVALID]
        match request.operation, request.type, self._is_first:
            case None, "market", True:
                self._is_first = False
                self.is_custom = request.custom_feature_enabled
                added = self._subscribe(request.assets_ids)
            case "subscribe", _, _:
                self.is_custom |= request.custom_feature_enabled
                added = self._subscribe(request.assets_ids)
            case "unsubscribe", _, _:
                for token in request.assets_ids:
                    self.held.pop(token, None)
                added = []
            case _:
                return [*earlier, _INVALID]
        self._market.listeners_changed()
        if not added or not request.initial_dump:
            return earlier
        books = b",".join(self._market.book(token, now.wall) for token in added)
        return [*earlier, Emission(b"[%s]" % books, symbols=tuple(added))]

    def _subscribe(self, tokens: list[str]) -> list[str]:
        wanted = dict.fromkeys(tokens)
        if len(self.held | wanted) > CEILING:
            return []
        added = [
            token
            for token in wanted
            if token in self._market.conditions and token not in self._market.refused
        ]
        self.held.update(dict.fromkeys(added))
        self._unsure.difference_update(added)
        return added


def _check(symbols: Sequence[str]) -> None:
    for symbol in symbols:
        if not _TOKEN.fullmatch(symbol):
            message = f"{symbol!r} is not a token that can be simulated."
            raise ConfigError(message, remedy="Name tokens as the venue does: decimal digits.")


def simulated(options: SimulationOptions) -> PolymarketMarket:
    """The simulated venue.

    Raises:
        ConfigError: A symbol is not a token id.
    """
    return PolymarketMarket(options)
