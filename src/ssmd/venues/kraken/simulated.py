"""The simulated Kraken spot: one market, its sockets, its REST, and how it can misbehave."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer, Emission, SimulationOptions
from ssmd.venues.kraken.simulated_market import Market
from ssmd.venues.kraken.simulated_rest import answer
from ssmd.venues.kraken.simulated_socket import KrakenSocket, decode_request

_SYMBOL: Final = re.compile(r"[A-Za-z0-9.]+/[A-Za-z0-9.]+")
_WORD: Final = re.compile(r"[a-z_]{1,40}")
_DATA: Final = b'{"channel"'


class _Granted(msgspec.Struct):
    """What was subscribed."""

    channel: str
    depth: int = 0


class _Answer(msgspec.Struct):
    """The venue's answer to a request that it granted."""

    result: _Granted


_granted = msgspec.json.Decoder(_Answer).decode


class KrakenMarket(Market):
    """The simulated venue: the market, and how it answers."""

    def __init__(self, options: SimulationOptions) -> None:
        require_pairs(options.symbols)
        super().__init__(options)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every pair listed."""
        return tuple(self.listings)

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        """Let in whoever comes."""
        return 101

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        """Answer a GET request."""
        return answer(self, service, path, query, now)

    def connect(self) -> KrakenSocket:
        """The venue's side of one more socket."""
        return KrakenSocket(self)

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer as if every pair were listed, without snapshots."""
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            self.list_pairs(decode_request(payload).params.symbol)
        socket = self.connect()
        answers = socket.receive(payload, now)
        socket.close()
        return [answer for answer in answers if not answer.payload.startswith(_DATA)]

    def recall(self, envelope: Envelope) -> None:
        """Grant books of the depth that was granted then, and of no other."""
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            result = _granted(envelope.payload).result
            if result.channel == "book":
                self.depths.add(result.depth)

    def refuse(self, symbol: str) -> None:
        """Refuse every later request for this pair."""
        self.refused.add(symbol)

    def delay_answers(self, seconds: float) -> None:
        """Answer every later request this much later; infinitely late is never."""
        self.answer_delay_s = seconds

    def freeze(self, symbol: str, frozen: bool) -> None:
        """Let one pair stand still on the sockets there are now, or go on with fresh books."""
        if frozen and symbol not in self.listings:
            message = f"{symbol!r} is not listed."
            raise ConfigError(message, remedy=f"Name one of: {', '.join(self.listings)}.")
        for socket in self.sockets:
            if frozen:
                socket.frozen.add(symbol)
            else:
                socket.thaw(symbol)

    def list_symbols(self, symbols: Sequence[str]) -> None:
        """List more pairs and tell the instrument channel."""
        require_pairs(symbols)
        fresh = [symbol for symbol in symbols if symbol not in self.listings]
        self.list_pairs(fresh)
        self._announce(fresh)

    def delist(self, symbols: Sequence[str]) -> None:
        """End pairs: the instrument channel says so, and nothing follows."""
        ended = [symbol for symbol in symbols if symbol in self.listings]
        for symbol in ended:
            self.listings[symbol].status = "delisted"
        self._announce(ended)
        for symbol in ended:
            for socket in self.sockets:
                socket.forget(symbol)
            del self.listings[symbol]
        self.listeners_changed()

    def stand(self, symbol: str, status: str) -> None:
        """Let a pair have another state, in a word that may be none of the venue's.

        Raises:
            ConfigError: The pair is not listed, or that is no word.
        """
        if symbol not in self.listings or not _WORD.fullmatch(status):
            message = f"{symbol!r} cannot have the state {status!r}."
            raise ConfigError(message, remedy="Name a listed pair, and a word like `cancel_only`.")
        self.listings[symbol].status = status
        self.listeners_changed()
        self._announce([symbol])

    def novelty(self) -> Emission:
        """A message on a channel that nobody knows."""
        item = {"symbol": next(iter(self.listings), "BTC/USD"), "indicative_price": 1}
        message = {"channel": "auction", "type": "update", "data": [item]}
        return Emission(msgspec.json.encode(message))

    def _announce(self, symbols: Sequence[str]) -> None:
        """Tell the instrument channel how pairs stand now."""
        if not symbols:
            return
        message = self.instruments("update", symbols)
        for socket in self.sockets:
            if socket.hears_instruments:
                socket.outbox.append(message)


def require_pairs(symbols: Sequence[str]) -> None:
    """Refuse what is no pair.

    Raises:
        ConfigError: A symbol is not one.
    """
    for symbol in symbols:
        if not _SYMBOL.fullmatch(symbol):
            message = f"{symbol!r} is not a pair that can be simulated."
            raise ConfigError(message, remedy="Name pairs as the venue does: `BTC/USD`.")


def simulated(options: SimulationOptions) -> KrakenMarket:
    """The simulated venue.

    Raises:
        ConfigError: A symbol is not a pair.
    """
    return KrakenMarket(options)
