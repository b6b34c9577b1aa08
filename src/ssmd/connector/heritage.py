"""What a connector takes over: the last connection of each of its shards, if another process had it.

A spool knows the connections of its own past. A process with another spool (another pod of the same
share, which takes over from one that runs, or whose volume is gone) learns them from the stream.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from ssmd.bus import reader
from ssmd.bus.errors import StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.connector.spool.lives import Lives
from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.share import Share
from ssmd.model.envelope import CONNECTION, CONTROL, SENT, Envelope
from ssmd.model.errors import SsmdError
from ssmd.model.records import Closed, decode_connection
from ssmd.model.timestamp import SECOND_NS, shard_of
from ssmd.runtime.clock import Clock, within

LONGEST_S: Final = 1.0
"""Longest wait for the bus to tell, in seconds: capturing comes first."""
_LIVE_NS: Final = 130 * SECOND_NS
"""A connection that lives ticks in less, ns: the watchdog cuts one that is silent for longer."""

Scan = Callable[[tuple[str, ...], int | None], AsyncIterator[tuple[int, Envelope]]]
"""Messages of some types with their payloads, from a time of the bus's on, ns, if it is given."""


class Heritage:
    """Asks the stream once, before the first connection is made.

    Told apart are a connection that lives (it is closed nowhere, and was heard of lately) and one
    that died with its process: what follows the first is a handover, what follows the second is
    what makes `unknown` of it.

    Args:
        share: Whose shards are asked about.
        lives: Told what comes of it.
        scan: Reads the stream.
        clock: What time it is.
        telemetry: Told what comes of it.
    """

    def __init__(
        self,
        share: Share,
        lives: Lives,
        scan: Scan,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._share = share
        self._lives = lives
        self._scan = scan
        self._clock = clock
        self._telemetry = telemetry
        self._latest: dict[str, str] = {}
        self._closed: set[str] = set()
        self._heard: set[str] = set()

    async def learn(self) -> None:
        """Ask; a bus that is away, or slow, is not waited for, and leaves what it did not tell."""
        try:
            await within(self._clock, LONGEST_S, self._ask())
        except StreamUnfit:
            return  # there is none yet, or none that is ours: whoever makes it judges it
        except (SsmdError, TimeoutError) as error:
            reason = error.message if isinstance(error, SsmdError) else "the bus is slow"
            self._telemetry.heritage_unknown(reason)
        for connection in self._latest.values():
            self._lives.succeeds(connection, alive=self._lives_on(connection))
        living = sorted(who for who, alive in self._lives.elsewhere.items() if alive)
        if living:
            self._telemetry.handover(living)

    def _lives_on(self, connection: str) -> bool:
        """Whether another process has it still; REST may be silent for an hour, sockets are not."""
        if connection in self._closed:
            return False
        return connection in self._heard or shard_of(connection).endswith(f"-{self._share.rest}")

    async def _ask(self) -> None:
        """First who lives: a connection may be older than its opening record's stay in the stream."""
        since = self._clock.wall() - _LIVE_NS
        self._heard |= await self._read(since, CONNECTION, CONTROL, SENT)
        await self._read(None, CONNECTION)

    async def _read(self, since: int | None, *kinds: str) -> set[str]:
        """Take note of connections and closings; gives whom it met."""
        met: set[str] = set()
        async for _, envelope in self._scan(kinds, since):
            if self._is_ours(envelope.connection):
                met.add(envelope.connection)
                if _is_closing(envelope):
                    self._closed.add(envelope.connection)
        for connection in met:
            shard = shard_of(connection)
            self._latest[shard] = max(self._latest.get(shard, ""), connection)
        return met

    def _is_ours(self, connection: str) -> bool:
        feed, _, number = shard_of(connection).rpartition("-")
        return feed == self._telemetry.feed and self._share.is_mine(number)


def scanner(settings: BusSettings, clock: Clock, stream: str, prefix: str) -> Scan:
    """Reads a stream, with its subjects' prefix, as `Heritage` does: at once, or not at all."""

    def scan(kinds: tuple[str, ...], since: int | None) -> AsyncIterator[tuple[int, Envelope]]:
        return reader.scan(
            settings,
            clock,
            stream,
            1,
            timeout_s=LONGEST_S,
            patient=False,
            subjects=tuple(f"{prefix}.json.{kind}.>" for kind in kinds),
            since=since,
            payloads=True,
        )

    return scan


def _is_closing(envelope: Envelope) -> bool:
    if envelope.type != CONNECTION or not envelope.record:
        return False
    try:
        return isinstance(decode_connection(envelope.payload), Closed)
    except msgspec.MsgspecError:
        return False  # of another version: what it says is not known
