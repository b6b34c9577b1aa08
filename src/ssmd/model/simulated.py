"""The venue's side of the talk, for simulated venues: no socket, no clock, no IO."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Protocol, runtime_checkable

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.frame import Now, Opcode


class Emission(msgspec.Struct, frozen=True, gc=False):
    """One message a simulated venue says.

    Attributes:
        payload: The exact bytes.
        opcode: Which kind of message it is.
        symbols: The instruments whose market data it is; empty for talk about the connection.
    """

    payload: bytes
    opcode: Opcode = Opcode.TEXT
    symbols: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What a simulated venue answers to a REST request.

    Attributes:
        status: HTTP status.
        body: Exact bytes of a JSON body.
        headers: More headers than the content type.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class SimulationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a simulated market is to behave.

    Attributes:
        seed: The same seed gives the same market.
        rate: Data messages per second for a client that subscribed to everything, over all
            symbols together.
        symbols: What is listed, in the venue's own strings; empty for the venue's usual ones.
        secrets: The one account that is let in, by the names its handshake uses; empty lets in
            whoever brings well-formed credentials.
    """

    seed: int = 0
    rate: float = 100.0
    symbols: tuple[str, ...] = ()
    secrets: Mapping[str, str] = {}


class SimulatedSocket(Protocol):
    """The venue's side of one socket.

    WebSocket control frames are answered by the server that owns the socket and never come here.
    """

    def open(self, now: Now) -> Sequence[Emission]:
        """The client is connected; say what the venue says first."""
        ...

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """The client said this; give the answers that are due at once."""
        ...

    def tick(self, now: Now) -> Sequence[Emission]:
        """Everything that became due since: late answers, market data, heartbeats; in order."""
        ...

    def close(self) -> None:
        """The socket is gone; forget its subscriptions."""
        ...


class BookState(msgspec.Struct, frozen=True):
    """A book as a client must have it that read everything it was sent.

    Attributes:
        symbol: The venue's own string.
        depth: How many levels a side the client asked for; None for all.
        bids: Price and quantity of every level, the best first, as the venue spells them.
        asks: The same.
    """

    symbol: str
    depth: int | None
    bids: tuple[tuple[str, str], ...]
    asks: tuple[tuple[str, str], ...]


@runtime_checkable
class KeepsBooks(Protocol):
    """A simulated socket that can say which books its client must have."""

    def books(self) -> Sequence[BookState]:
        """Every book the client subscribed to, as of the last message handed out.

        A book that stands still on purpose is left out: what the client has of it is old.
        """
        ...


class Owed(msgspec.Struct, frozen=True):
    """What a client that subscribed is to be sent.

    Attributes:
        type: The message type.
        symbol: The venue's own string; None for messages of this type about whatever they are.
        state: What these messages build on, so that they can only be read from a snapshot on;
            empty when each stands for itself.
    """

    type: str
    symbol: str | None
    state: str = ""


@runtime_checkable
class KeepsSubscriptions(Protocol):
    """A simulated socket that can say what its client subscribed to: for replays."""

    def owed(self) -> frozenset[Owed]:
        """Everything that was granted and not ended since."""
        ...


@runtime_checkable
class OpensByClock(Protocol):
    """A simulated market that lists what opens later, by itself."""

    def list_unopened(self, symbols: Sequence[str], opens_s: float) -> None:
        """List instruments that open in so many seconds: nothing is said when they do."""
        ...


@runtime_checkable
class Recalls(Protocol):
    """A simulated market whose answers can be made to agree with recorded messages."""

    def recall(self, envelope: Envelope) -> None:
        """Answer from now on as whoever recorded this was answered: numbers, depths."""
        ...


@runtime_checkable
class ChangesStatus(Protocol):
    """A simulated market whose instruments can be made to stand otherwise than they do."""

    def stand(self, symbol: str, status: str) -> None:
        """Let an instrument have this state from now on, and say so where the venue does.

        Args:
            symbol: The venue's own string.
            status: The state in the venue's own words; one that nobody knows may be among them.

        Raises:
            ConfigError: The venue could not say that.
        """
        ...


class SimulatedMarket(Protocol):
    """What all sockets of one simulated venue share, and the ways it can misbehave on demand."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is listed."""
        ...

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        """Judge an upgrade request: 101 lets the client in, anything else is the HTTP status.

        Args:
            headers: Its headers, names in lower case.
            now: When it came.
        """
        ...

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        """Answer a GET request.

        Args:
            service: Which of the venue's REST services is asked.
            path: Below the service's base address, beginning with `/`.
            query: Its parameters, in order.
            now: When it came.
        """
        ...

    def connect(self) -> SimulatedSocket:
        """The venue's side of one more socket."""
        ...

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer a request as if all it asks for were listed, without any data: for playback."""
        ...

    def advance(self, now: Now) -> None:
        """Let time pass: what happens is handed out by every socket's next `tick`."""
        ...

    def speed(self, factor: float) -> None:
        """Multiply the configured rate from now on; 0 stops the traffic, 1 is normal."""
        ...

    def refuse(self, symbol: str) -> None:
        """Refuse every later request for this symbol."""
        ...

    def delay_answers(self, seconds: float) -> None:
        """Answer every later request this much later, in seconds; 0 is normal.

        Raises:
            ConfigError: This market cannot do that.
        """
        ...

    def freeze(self, symbol: str, frozen: bool) -> None:
        """Let the streams of one symbol stand still, or go on; REST and the others go on.

        A frozen symbol's messages are never made, so no integrity figure shows that they lack.
        A resubscription is answered, snapshot included, and the symbol stays frozen on that
        socket; a new socket is not affected.
        """
        ...

    def list_symbols(self, symbols: Sequence[str]) -> None:
        """List more instruments, for REST and subscriptions, from now on."""
        ...

    def delist(self, symbols: Sequence[str]) -> None:
        """End instruments as the venue does: last messages, then nothing, absent from lists."""
        ...

    def novelty(self) -> Emission:
        """A message of a type that did not exist when this was written."""
        ...

    def corrupt(self, symbol: str | None) -> None:
        """Let the next integrity figure (checksum or sequence) be wrong.

        Args:
            symbol: Of this symbol; None for whichever comes next.

        Raises:
            ConfigError: This market cannot do that.
        """
        ...


def falling_weights(number: int) -> list[float]:
    """Cumulative weights of so many markets: each is moved less than the one before it."""
    return list(accumulate(1 / (1 + i) for i in range(number)))
