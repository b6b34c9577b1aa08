"""A venue's own simulated side and our session, talking without sockets."""

from collections import deque
from collections.abc import Sequence

from ssmd import venues
from ssmd.model.event import Event, Send
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.session import Session
from ssmd.model.simulated import Emission, SimulatedMarket, SimulatedSocket, SimulationOptions
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions, Venue

START = 1_800_000_000_000_000_000
STEP_S = 0.05


def simulated(venue: Venue, *, rate: float = 50.0, seed: int = 1) -> SimulatedMarket:
    """The venue's own market; every venue has one."""
    assert venue.simulated is not None
    return venue.simulated(SimulationOptions(seed=seed, rate=rate))


def talk(venue: Venue, *, passive: bool = False) -> Session:
    """Our side of a connection that is open."""
    options = SessionOptions(limits=venue.limits, passive=passive)
    session = venue.session(Shard(venue.id, 0, frozenset()), options)
    session.open(Now(0, 0.0))
    return session


def everything(venue: Venue, symbols: Sequence[str]) -> frozenset[Subscription]:
    """All channels of some symbols."""
    return venue.subscriptions(tuple(sorted(venue.channels)), tuple(symbols))


class Exchange:
    """One connection between our session and the simulated venue; time passes in `live`.

    Attributes:
        said: Every message of the venue.
        told: Everything our session said, in order.
        sent: Everything we sent.
    """

    def __init__(self, name: str, *, rate: float = 50.0, seed: int = 1) -> None:
        self.venue = venues.load(name)
        self.market = simulated(self.venue, rate=rate, seed=seed)
        self.now = Now(START, 0.0)
        self.said: list[Emission] = []
        self.told: list[Event] = []
        self.sent: list[bytes] = []
        self._coming: deque[Emission] = deque()
        self._hearing = False
        self.connect()

    def connect(self) -> None:
        """A new connection; the old one is gone."""
        options = SessionOptions(limits=self.venue.limits)
        self.session: Session = self.venue.session(Shard(self.venue.id, 0, frozenset()), options)
        self.server: SimulatedSocket = self.market.connect()
        self._hear(self.server.open(self.now))
        self._send(self.session.open(self.now))

    def want(self, subscriptions: frozenset[Subscription]) -> None:
        """State what is wanted."""
        self._send(self.session.want(subscriptions, self.now))

    def renew(self, subscriptions: frozenset[Subscription]) -> None:
        """Ask again for what is held."""
        self._send(self.session.renew(subscriptions, self.now))

    def live(self, seconds: float, *, until: bool = False) -> None:
        """Let time pass; with `until` only until everything wanted is answered."""
        end = self.now.mono + seconds
        while self.now.mono < end and not (until and self.session.ready):
            self.now = Now(self.now.wall + round(STEP_S * 1e9), self.now.mono + STEP_S)
            self.market.advance(self.now)
            self._hear(self.server.tick(self.now))
            self._send(self.session.tick(self.now))

    def events(self) -> list[Event]:
        """What our session said since the last call, in order."""
        found, self.told = self.told, []
        return found

    def _hear(self, emissions: Sequence[Emission]) -> None:
        """Hear in the order in which it was said: an answer waits for what is on its way."""
        self._coming.extend(emissions)
        while not self._hearing and self._coming:
            self._hearing = True
            emission = self._coming.popleft()
            frame = Frame(emission.payload, emission.opcode, self.now.wall, self.now.mono)
            events = self.session.receive(frame)
            self.said.append(emission)
            self._send(events)
            self._hearing = False

    def _send(self, events: Sequence[Event]) -> None:
        self.told += events
        for event in events:
            if not isinstance(event, Send):
                continue
            self.sent.append(event.payload)
            if event.opcode is Opcode.PING:
                self._hear([Emission(event.payload, Opcode.PONG)])
            elif not event.opcode.is_control:
                self._hear(self.server.receive(event.payload, self.now))


def conversation(venue: Venue, seconds: float) -> list[bytes]:
    """What the venue's own simulation says to a client of ours that wants everything, as text."""
    exchange = Exchange(venue.id)
    exchange.want(everything(venue, exchange.market.symbols[:3]))
    exchange.live(seconds)
    return [said.payload for said in exchange.said if not said.opcode.is_control]
