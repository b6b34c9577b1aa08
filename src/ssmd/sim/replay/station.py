"""One feed of a replay: where its clients come, and what goes to which of them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ssmd import venues
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.simulated import (
    KeepsSubscriptions,
    Owed,
    Recalls,
    SimulatedMarket,
    SimulationOptions,
)
from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock
from ssmd.sim.replay import survey, telemetry
from ssmd.sim.replay.lead import lead_in
from ssmd.sim.replay.listener import Begin, Counts, Listener, Subject
from ssmd.sim.replay.socket import Client
from ssmd.sim.replay.survey import Survey
from ssmd.sim.replay.taped import Key, Taped, is_readable
from ssmd.sim.server import listen


class Visit(msgspec.Struct, frozen=True):
    """What one client was sent.

    Attributes:
        client: Its number.
        peer: Its address.
        counts: What became of the frames that concerned it.
    """

    client: int
    peer: str
    counts: Counts


class Station:
    """Serves one feed's recording to any number of clients.

    Attributes:
        feed: The feed's name.
        clock: Its time.
        url: Where it listens, once `start` returned.
        served: Frames whose turn has come.
        incomplete: Frames of these of which a piece is not archived.
        visits: What every client was sent, those that are gone included.
    """

    def __init__(self, root: Path, known: Survey, clock: Clock) -> None:
        """Make the venue's side ready.

        Raises:
            ConfigError: Nobody wrote it, or it cannot say what is subscribed.
        """
        self.feed = known.feed
        self.clock = clock
        self.url = ""
        self.served = 0
        self.incomplete = 0
        self.known = known
        self._root = root
        self._venue = venues.load(known.venue)
        self._market = _market(self._venue, known)
        self._server: asyncio.Server | None = None
        self._clients: dict[Client, None] = {}
        self._left: list[Visit] = []
        self._number = 0
        self._by_kind: dict[tuple[str, str | None], dict[Client, None]] = defaultdict(dict)
        self._place: Key = (known.since, "", -1)

    @property
    def clients(self) -> tuple[Client, ...]:
        """Who is connected."""
        return tuple(self._clients)

    @property
    def visits(self) -> list[Visit]:
        """What every client was sent, in the order they came."""
        here = [Visit(each.number, each.peer, each.listener.counts) for each in self._clients]
        return sorted([*self._left, *here], key=lambda visit: visit.client)

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            Busy: The port is taken, or the address is not ours.
        """
        self._server = await listen(self._upgrade, host, port, None)
        self.url = f"ws://{host}:{self._server.sockets[0].getsockname()[1]}"
        telemetry.listening(self.feed, self.url)

    async def stop(self) -> None:
        """Stop listening; whoever is connected stays."""
        if self._server is not None:
            self._server.close()

    def tape(self) -> Iterator[tuple[Taped, "Station"]]:
        """Everything recorded, in order; every frame with whose it is."""
        for frame in survey.tape(self._root, self.known):
            if any(map(is_readable, frame.pieces)):
                yield frame, self

    def serve(self, frame: Taped) -> None:
        """A frame's turn has come."""
        self._place = frame.key
        self.served += 1
        self.incomplete += len(frame.pieces) < frame.parts
        concerned: dict[Client, None] = {}
        for piece in frame.pieces:
            concerned.update(self._by_kind.get((piece.type, None), ()))
            for symbol in piece.symbols:
                concerned.update(self._by_kind.get((piece.type, symbol), ()))
        for client in concerned:
            client.hear(frame)

    def tick(self) -> None:
        """Let every client's socket do what is due."""
        for client in self.clients:
            client.tick()

    def joined(self, client: Client) -> int:
        """A client came; gives its number."""
        self._clients[client] = None
        self._number += 1
        return self._number - 1

    def left(self, client: Client) -> None:
        """A client is gone."""
        if client in self._clients:
            del self._clients[client]
            self._left.append(Visit(client.number, client.peer, client.listener.counts))
        self._index(client, frozenset())

    def subscribed(self, client: Client, owed: frozenset[Owed]) -> Key:
        """A client's subscriptions are these now; gives the place of the last frame served."""
        self._index(client, owed)
        return self._place

    async def lead_in(
        self, listener: Listener, wanted: set[Subject], upto: Key
    ) -> tuple[list[Taped], Mapping[Subject, Begin]]:
        """What was recorded of some states from their snapshots on, up to a place.

        Raises:
            Damaged: A segment cannot be read.
        """
        known = self.known
        return await asyncio.to_thread(
            lead_in, self._root, known.feed, listener, wanted, known.since, upto
        )

    def _index(self, client: Client, owed: frozenset[Owed]) -> None:
        kinds = {(each.type, each.symbol) for each in owed}
        for kind in [kind for kind, clients in self._by_kind.items() if client in clients]:
            del self._by_kind[kind][client]
            if not self._by_kind[kind]:
                del self._by_kind[kind]
        for kind in kinds:
            self._by_kind[kind][client] = None

    def _upgrade(self, headers: Mapping[str, str], path: str) -> Client:
        """Let in whoever comes: a recording asks for no account."""
        listener = Listener(self.known.connections, self._is_snapshot)
        return Client(self, self._market.connect(), listener)

    def _is_snapshot(self, envelope: Envelope) -> bool:
        return any(row.is_snapshot for row in self._venue.rows(envelope).rows)


def _market(venue: Venue, known: Survey) -> SimulatedMarket:
    """The venue's side of the talk, with what was recorded listed and nothing happening.

    Raises:
        ConfigError: Nobody wrote it, or it cannot say what is subscribed.
    """
    if venue.simulated is None:
        message = f"Nobody wrote the other side of {venue.id}."
        raise ConfigError(message, remedy="Read the archive with `ssmd.open` instead.")
    listed, refused = [], 0
    for symbol in known.symbols:
        try:
            venue.simulated(SimulationOptions(rate=0.0, symbols=(symbol,)))
        except ConfigError:
            refused += 1
        else:
            listed.append(symbol)
    if refused:
        telemetry.unlisted(known.feed, refused)
    market = venue.simulated(SimulationOptions(rate=0.0, symbols=tuple(listed)))
    socket = market.connect()
    if not isinstance(socket, KeepsSubscriptions):
        message = f"The other side of {venue.id} cannot say what is subscribed."
        raise ConfigError(message, remedy="Read the archive with `ssmd.open` instead.")
    socket.close()
    if isinstance(market, Recalls):
        for envelope in known.answers:
            market.recall(envelope)
    return market
