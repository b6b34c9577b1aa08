"""The publisher's connection on the bus: its records, its frames, and the end of the one before."""

import secrets
import socket
from collections import deque
from typing import Final

from ssmd import __version__
from ssmd.bus.chained import ChainedPublisher, End
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.records import Closed, ConnectionRecord, Lost, Opened
from ssmd.model.timestamp import connection_id
from ssmd.runtime.clock import Clock
from ssmd.runtime.timekeeping import Timekeeper
from ssmd.secmaster.changes import telemetry
from ssmd.secmaster.changes.frames import (
    Mark,
    Place,
    Shape,
    Source,
    Values,
    frame,
    subject,
    type_of,
)
from ssmd.secmaster.changes.settings import FEED, SHARD

_ENTROPY_BITS: Final = 74
_NOTHING: Final = b"null"


class Writer:
    """One connection of change capture, from its opening to its closing record.

    Args:
        chain: Open, and at the stream's end.
        clock: What time it is.
        prefix: First tokens of the subjects.
        endpoint: Where the database is, without credentials.

    Attributes:
        connection: Its id; empty before `begin`.
        mark: What the last message says of its place.
        sequence: Where the last message will stand in the stream.
    """

    def __init__(self, chain: ChainedPublisher, clock: Clock, prefix: str, endpoint: str) -> None:
        self.connection = ""
        self.mark = Mark("", 0, 0, 0, 0)
        self.sequence = 0
        self._chain = chain
        self._clock = clock
        self._prefix = prefix
        self._endpoint = endpoint
        self._ordinal = self._record = -1
        self._began = clock.mono()
        self._under_way: deque[tuple[int, str]] = deque()

    async def begin(self, end: End, mark: Mark, reason: str) -> None:
        """Close the connection of whoever died before, and open ours.

        Args:
            end: Where the stream ends.
            mark: What these records say of their place: nothing happens by them.
            reason: Why the connection is made.

        Raises:
            Displaced: Somebody else wrote meanwhile.
        """
        self.mark = mark
        if not end.closed:
            await self._bury(end)
        now = self._clock.wall()
        entropy = secrets.randbits(_ENTROPY_BITS)
        self.connection = connection_id(FEED, SHARD, now, entropy)
        self._ordinal = self._record = -1
        await self._say(
            Opened(
                feed=FEED,
                venue=FEED,
                shard=SHARD,
                endpoint=self._endpoint,
                local="",
                peer="",
                previous=end.connection or None,
                reason=reason,
                version=__version__,
                host=socket.gethostname(),
                clock=Timekeeper(self._clock).state(),
            )
        )

    async def frame(
        self, source: Source, op: str, place: Place, mark: Mark, shape: Shape, rows: "Rows"
    ) -> None:
        """Publish a changed row.

        Raises:
            Displaced: The chain is broken.
        """
        old, new = rows
        present = new if new is not None else old
        assert present is not None  # noqa: S101 - a change has at least one of them
        payload = frame(
            source, shape.table, op, place, shape.key(present), shape.row(old), shape.row(new)
        )
        await self.tell(shape.table, op, payload, mark, place.commit_ts, shape.symbols(present))

    async def note(
        self, source: Source, table: str, op: str, place: Place, mark: Mark, said: bytes = _NOTHING
    ) -> None:
        """Publish what is about no row: `said` is JSON, and stands where a row would.

        Raises:
            Displaced: The chain is broken.
        """
        payload = frame(source, table, op, place, b"{}", _NOTHING, said)
        await self.tell(table, op, payload, mark, place.commit_ts, ())

    async def tell(
        self, table: str, op: str, payload: bytes, mark: Mark, ts: int, symbols: tuple[str, ...]
    ) -> None:
        """Publish a frame as it is.

        Raises:
            Displaced: The chain is broken.
        """
        self._ordinal += 1
        envelope = self._envelope(type_of(table), symbols, payload, ordinal=self._ordinal, ts=ts)
        self.mark = mark
        place = subject(self._prefix, table, op)
        self.sequence = await self._chain.publish(place, envelope, mark.text())
        self._under_way.append((self.sequence, table))
        telemetry.framed(op)
        self.settle()

    def settle(self) -> None:
        """Count what the bus has confirmed meanwhile."""
        while self._under_way and self._under_way[0][0] <= self._chain.stored:
            telemetry.published(self._under_way.popleft()[1], self._clock.wall())

    def abandon(self) -> None:
        """Count what the bus has not confirmed: nobody waits for it any more."""
        self.settle()
        for _, table in self._under_way:
            telemetry.not_published(table)
        self._under_way.clear()

    async def finish(self, reason: str) -> None:
        """Close the connection; nothing follows.

        Raises:
            Displaced: The chain is broken.
        """
        await self._say(
            Closed(
                last_ordinal=self._ordinal,
                last_record=self._record + 1,
                by="connector",
                reason=reason,
                lifetime_s=round(self._clock.mono() - self._began, 3),
            )
        )

    async def _bury(self, end: End) -> None:
        """Say how the connection of a dead publisher ended: as far as the stream holds it."""
        self.connection = end.connection
        # Its opening may lie before what we looked at; it was there.
        self._record = max(0, end.record)
        ordinal = max(end.ordinal, end.greatest)
        if end.missing is not None:
            lost = Lost(ordinals=(end.missing,), reason="bus_loss")
            self._record += 1
            await self._publish(LEDGER, records.encode(lost))
        closed = Closed(
            last_ordinal=ordinal, last_record=self._record + 1, by="recovery", reason="died"
        )
        await self._say(closed)

    async def _say(self, record: ConnectionRecord) -> None:
        self._record += 1
        await self._publish(CONNECTION, records.encode(record))

    async def _publish(self, kind: str, payload: bytes) -> None:
        envelope = self._envelope(kind, (), payload, record=self._record)
        place = subject(self._prefix, kind, "record")
        self.sequence = await self._chain.publish(place, envelope, self.mark.text())

    def _envelope(
        self,
        kind: str,
        symbols: tuple[str, ...],
        payload: bytes,
        *,
        ordinal: int | None = None,
        record: int | None = None,
        ts: int | None = None,
    ) -> Envelope:
        return Envelope(
            feed=FEED,
            category=None,
            type=kind,
            symbols=symbols,
            connection=self.connection,
            ordinal=ordinal,
            record=record,
            part=0,
            parts=1,
            opcode=Opcode.TEXT,
            sequence=None,
            ts_event=ts,
            ts_recv=self._clock.wall(),
            payload=payload,
        )


Rows = tuple[Values | None, Values | None]
"""A row before and after."""
