"""From the spool to the bus, as fast as the bus takes it and no faster."""

from pathlib import Path
from typing import Protocol

from ssmd.connector.spool.codec import encode
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import Envelope
from ssmd.model.records import Lost

_BATCH = 500


class Bus(Protocol):
    """What the pump needs of a publisher."""

    @property
    def room(self) -> int:
        """How many more envelopes are welcome now."""
        ...

    def publish(self, key: int, envelope: Envelope) -> None:
        """Send one; its key comes back acknowledged or refused."""
        ...

    async def wait_room(self) -> None:
        """Wait until there is room."""
        ...


class Pump:
    """Moves envelopes from spool to bus in order; memory stays flat however long the bus is away.

    Attributes:
        refused: How many envelopes the bus refused for good.
        has_given: Whether the bus has stored anything.
    """

    def __init__(self, spool: Spool, telemetry: Telemetry, *, aside: Path) -> None:
        """Make a pump.

        Args:
            spool: Where envelopes come from.
            telemetry: Told of refusals.
            aside: File that keeps what the bus refuses, as spool records.
        """
        self.refused = 0
        self.has_given = False
        self._spool = spool
        self._telemetry = telemetry
        self._aside = aside

    async def run(self, bus: Bus) -> None:
        """Publish until cancelled."""
        while True:
            await bus.wait_room()
            # Only what is durable: bus and archive never know more than a spool that lost its tail.
            taken = self._spool.take(min(bus.room, _BATCH), self._spool.synced)
            if not taken:
                self._spool.more.clear()
                await self._spool.more.wait()
                continue
            for position, envelope in taken:
                bus.publish(position, envelope)

    def acknowledged(self, position: int, sequence: int, duplicate: bool) -> None:
        """The bus stored an envelope."""
        self.has_given = True
        self._spool.acknowledged(position, sequence)

    def refuse(self, position: int, reason: str) -> None:
        """The bus will never take an envelope: keep it aside, declare it, and go on."""
        self.refused += 1
        envelope = self._spool.find(position)
        self._telemetry.set_aside(position, reason)
        if envelope is not None:
            with self._aside.open("ab") as file:
                file.write(encode(position, envelope))
            self._declare(envelope)
        self._spool.acknowledged(position, 0)

    def _declare(self, envelope: Envelope) -> None:
        ordinal, record = envelope.ordinal, envelope.record
        lost = Lost(
            ordinals=() if ordinal is None else ((ordinal, ordinal),),
            records=() if record is None else ((record, record),),
            reason="publish_refused",
        )
        life = self._spool.life(envelope.connection)
        if life is not None:  # else nobody could number the record; the incident stands alone
            self._spool.declare(life, lost)
