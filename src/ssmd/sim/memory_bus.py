"""A bus in memory: one stream that is synced now and then, and everything that can befall it.

`memory_publisher`, `memory_consumer` and `memory_control` stand in for the doors of the room `bus`.
Times are the clock's, so a simulated minute takes as long as its work.
"""

from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from ssmd.bus.api import StreamState
from ssmd.model.envelope import Envelope
from ssmd.runtime.clock import Clock

DUPLICATES_S: Final = 10.0
"""How long a stream remembers message ids, in seconds."""
SYNC_S: Final = 1.0
"""Pause between two syncs of the store, in seconds."""
LATENCY_S: Final = 0.002
"""From one side of the bus to the other, in seconds."""


class MemoryStream:
    """What one stream holds.

    Attributes:
        created: When it was made, ns.
        messages: Everything stored; the first has sequence 1.
        times: When each was stored, ns, no two alike.
        floors: What each consumer has acknowledged.
        active: When each consumer did so last, ns; empty after a restart of the server.
    """

    def __init__(self, created: int) -> None:
        self.created = created
        self.messages: list[Envelope] = []
        self.times: list[int] = []
        self.floors: dict[str, int] = {}
        self.active: dict[str, int] = {}
        self._ids: dict[str, tuple[int, float]] = {}

    @property
    def last(self) -> int:
        """Sequence of the last message; 0 when there is none."""
        return len(self.messages)

    def store(self, envelope: Envelope, wall: int, mono: float) -> tuple[int, bool]:
        """Keep a message; gives its sequence, and whether its id was known."""
        known = self._ids.get(envelope.message_id)
        if known is not None and mono - known[1] < DUPLICATES_S:
            return known[0], True
        self.messages.append(envelope)
        self.times.append(wall + self.last % 1000)
        self._ids[envelope.message_id] = self.last, mono
        return self.last, False

    def roll_back(self, last: int, floors: dict[str, int]) -> int:
        """Become what it was; gives how many messages go."""
        gone = self.messages[last:]
        del self.messages[last:], self.times[last:]
        for envelope in gone:
            self._ids.pop(envelope.message_id, None)
        self.floors = {name: min(floor, last) for name, floor in floors.items()}
        self.active = {}
        return len(gone)


class _Copy(msgspec.Struct, frozen=True):
    """The store as it was at one moment."""

    created: int
    last: int
    floors: dict[str, int]


class MemoryBus:
    """A server with one stream.

    Args:
        clock: What time it is.
        rng: Decides what is lost, repeated and held back.

    Attributes:
        stream: What it holds; None while there is no stream.
        on_lost: Called when every connection breaks.
        stalled_until: Nothing is stored and nothing answered before this monotonic time.
        receipts_to_lose: How many of the next receipts never arrive.
        to_shuffle: How many of the next batches are stored in another order.
        to_hold: How many of the next deliveries come late, after others that were stored later.
        to_repeat: How many of the next deliveries come once more.
        met: How often each misfortune really happened, by its name.
    """

    def __init__(self, clock: Clock, rng: Random) -> None:
        self.stream: MemoryStream | None = None
        self.on_lost: list[Callable[[], None]] = []
        self.stalled_until = 0.0
        self.receipts_to_lose = 0
        self.to_shuffle = 0
        self.to_hold = 0
        self.to_repeat = 0
        self.met: dict[str, int] = {}
        self._clock = clock
        self.rng = rng
        self._reachable = True
        self._synced: list[_Copy] = []

    @property
    def reachable(self) -> bool:
        """Whether somebody answers."""
        return self._reachable

    @property
    def stalled(self) -> bool:
        """Whether the server holds its breath."""
        return self._clock.mono() < self.stalled_until

    @property
    def state(self) -> StreamState | None:
        """The stream now; None when there is none."""
        if self.stream is None:
            return None
        last = self.stream.last
        first = 1 if last else 0
        return StreamState(self.stream.created, first, last, last, 0)

    def ensure(self) -> StreamState:
        """Have a stream; twice is fine."""
        if self.stream is None:
            self.stream = MemoryStream(self._clock.wall())
        state = self.state
        assert state is not None  # noqa: S101 - just made
        return state

    def happened(self, what: str, times: int = 1) -> None:
        """Count a misfortune that had an effect."""
        self.met[what] = self.met.get(what, 0) + times

    async def run(self) -> None:
        """Sync the store now and then, until cancelled."""
        while True:
            await self._clock.sleep(SYNC_S)
            self.sync()

    def sync(self) -> None:
        """Make durable what the stream holds."""
        if self.stream is not None:
            stream = self.stream
            self._synced.append(_Copy(stream.created, stream.last, dict(stream.floors)))

    def leave(self) -> None:
        """Be away from now on: every connection breaks."""
        if self._reachable:
            self._reachable = False
            self._disconnect()

    def come_back(self) -> None:
        """Answer again."""
        self._reachable = True

    def calm(self) -> None:
        """Nothing is lost, repeated or held back any more."""
        self.receipts_to_lose = self.to_shuffle = self.to_hold = self.to_repeat = 0
        self.stalled_until = 0.0

    def power_cut(self) -> None:
        """Lose what was not synced, some of it perhaps not; stay away until `come_back`."""
        self.leave()
        if self.stream is None:
            return
        kept = [copy for copy in self._synced if copy.created == self.stream.created]
        if not kept:
            self.happened("messages", self.stream.last)
            self.stream = None
            return
        last = self.rng.choice((kept[-1].last, self.rng.randint(kept[-1].last, self.stream.last)))
        self.happened("messages", self.stream.roll_back(last, kept[-1].floors))

    def restore(self) -> None:
        """Stop, put an older copy of the store in place, and start again."""
        if self.stream is not None:
            self._disconnect()
            kept = [copy for copy in self._synced if copy.created == self.stream.created]
            if kept:
                copy = self.rng.choice(kept[-6:])
                self.happened("messages", self.stream.roll_back(copy.last, copy.floors))
                self._synced = [each for each in kept if each.last <= copy.last]

    def recreate(self) -> None:
        """Delete the stream, and make one of the same name at once."""
        if self.stream is not None:
            self.happened("messages", self.stream.last)
            self.stream = MemoryStream(self._clock.wall())

    def _disconnect(self) -> None:
        for lost in tuple(self.on_lost):
            lost()
