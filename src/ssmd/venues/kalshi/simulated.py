"""A simulated Kalshi: its markets, its sockets, its REST service, and how it can misbehave."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer, Emission, SimulationOptions
from ssmd.venues.kalshi.messages import SHARED_TYPES, News
from ssmd.venues.kalshi.simulated_admission import Admission
from ssmd.venues.kalshi.simulated_market import Market
from ssmd.venues.kalshi.simulated_rest import RestService
from ssmd.venues.kalshi.simulated_socket import (
    PRIVATE,
    PUBLIC,
    Command,
    KalshiSocket,
    Params,
    answer,
    decode,
    error,
)

_CHANNELS: Final = {
    kind.kind: kind.channel for kind in News.__subclasses__() if kind not in SHARED_TYPES
}


class _Told(msgspec.Struct):
    """Whatever belongs to a subscription."""

    sid: int = 0


_told = msgspec.json.Decoder(_Told).decode

MARKET_LIMIT: Final = 500_000
"""Most markets of one subscription (changelog of 2026-06-18)."""


class KalshiMarket(Market):
    """The simulated venue.

    Attributes:
        limit: Most markets of one subscription; a test may lower it.
    """

    def __init__(self, options: SimulationOptions) -> None:
        super().__init__(options)
        self.limit = MARKET_LIMIT
        self._admission = Admission(options.secrets)
        self._rest = RestService(self)
        self._refused: set[str] = set()
        self._answer_delay_s = 0.0
        self._sockets: dict[KalshiSocket, None] = {}

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        """Public channels ask for a signature as well."""
        self.at(now)
        return self._admission.judge(headers, now)

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        """Answer a GET request."""
        self.at(now)
        return self._rest.answer(service, path, query)

    def connect(self) -> KalshiSocket:
        """The venue's side of one more socket."""
        socket = KalshiSocket(
            self,
            self._refused,
            lambda: self._answer_delay_s,
            lambda: self.limit,
            lambda socket: self._sockets.pop(socket, None),
        )
        self._sockets[socket] = None
        return socket

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Grant whatever is asked for; numbers are those of a recording, so none is used up.

        A channel has the same sid on every socket: `PUBLIC`, in order, from 1.
        """
        try:
            command = decode(payload)
        except (msgspec.DecodeError, RecursionError):
            return [error(0, 1)]
        params = command.params or Params()
        self.at(now)
        self.list_quietly(params.tickers)
        return _agreed(command, params)

    def recall(self, envelope: Envelope) -> None:
        """Give a subscription the number that it had then: its messages carry it."""
        kind = _CHANNELS.get(envelope.type)
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            told = _told(envelope.payload)
            if kind is not None and told.sid:
                self.sids.setdefault(kind, told.sid)

    def refuse(self, symbol: str) -> None:
        """Refuse every later request for this market."""
        self._refused.add(symbol)

    def delay_answers(self, seconds: float) -> None:
        """Answer every later command this much later."""
        self._answer_delay_s = seconds

    def freeze(self, symbol: str, frozen: bool) -> None:
        """Let one market's messages stop on the sockets of now; its book goes on.

        When they go on, books are told anew first: what was never told cannot be made up.
        """
        listing = self.listings.get(symbol)
        deaf = set() if listing is None else set(listing.books)
        for socket in self._sockets:
            (socket.frozen.add if frozen else socket.frozen.discard)(symbol)
        if listing is None:
            return
        listing.sort()
        if not frozen:
            for stream in listing.books:
                if stream not in deaf:
                    listing.snapshot(stream)

    def novelty(self) -> Emission:
        """A message in the usual envelope, of a type nobody has heard of."""
        ticker = next(iter(self.listings), "")
        message = {"type": "market_mood", "sid": 1, "msg": {"market_ticker": ticker, "mood": "up"}}
        return Emission(msgspec.json.encode(message) + b"\n")


def _agreed(command: Command, params: Params) -> list[Emission]:
    """The answers to a command when everything exists."""
    match command.cmd:
        case "subscribe":
            return [
                answer("subscribed", command.id, msg={"channel": channel, "sid": sid})
                if (sid := _sid(channel))
                else error(command.id, 8)
                for channel in params.channels
            ]
        case "update_subscription":
            sid = params.sid or next(iter(params.sids), 0)
            # A list would be the whole truth of the sid, and a recording knows of no set.
            return [answer("ok", command.id, sid=sid)]
        case "unsubscribe":
            return [answer("unsubscribed", command.id, sid=sid) for sid in params.sids]
        case "list_subscriptions":
            return [answer("ok", command.id, msg=[])]
        case _:
            return [error(command.id, 5)]


def _sid(channel: str) -> int:
    """A channel's fixed number in a playback; 0 when there is no such channel."""
    channels = (*PUBLIC, *PRIVATE)
    return channels.index(channel) + 1 if channel in channels else 0


def simulated(options: SimulationOptions) -> KalshiMarket:
    """The simulated venue.

    Raises:
        ConfigError: A symbol is not a market's ticker, or the account's key cannot be read.
    """
    return KalshiMarket(options)
