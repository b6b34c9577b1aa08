"""What is still to be said in the spool: losses and closing records that found no room."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.connector.spool.lives import Life, Lives
from ssmd.connector.spool.losses import Loss, LossesFile, Pending
from ssmd.connector.spool.recovery import Found, lost_in
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.intervals import Intervals
from ssmd.model.records import Closed, LossReason, Lost
from ssmd.model.records import encode as encode_record
from ssmd.runtime.clock import Clock

_TOLD: Final = frozenset({CONNECTION, LEDGER})
"""Records by which a reader knows what a connection holds; what we sent is not among them."""
_GONE_KEPT: Final = 4096
"""Closed connections remembered, in case one of their frames is refused by the bus later."""


class Owed:
    """Losses survive in reserved space until the records that declare them are durable."""

    def __init__(self, reserve: LossesFile, found: Found, clock: Clock) -> None:
        self._reserve = reserve
        self._clock = clock
        self._lives: Lives = found.lives
        unsaid = [found.unsaid(loss) for loss in reserve.found]
        lost = [loss for loss in unsaid if loss.ordinals or loss.records]
        # First of all, so that a crash never leaves the greater numbers said and these unsaid.
        self._losses = Pending([*_between(lost, found), *lost])
        self._said = Pending()
        """Declared in records that may not be durable yet."""
        self._closing: dict[str, tuple[Life, Closed]] = {}
        self._gone: dict[str, tuple[Life, Closed]] = dict(found.ended)
        for loss in self._losses.all():  # whoever lost it is dead now
            life = self._lives.begin(loss.connection, loss.feed, loss.category)
            life.raise_to(
                max((last for _, last in loss.ordinals), default=-1),
                max((last for _, last in loss.records), default=-1),
            )

    def __bool__(self) -> bool:
        return bool(self._losses or self._closing)

    @property
    def frames(self) -> int:
        """Frames lost and not declared in the spool yet."""
        return self._losses.frames

    @property
    def said(self) -> Pending:
        """A mark for `durable`."""
        return self._said

    def close(self, life: Life, closed: Closed) -> None:
        """A connection is over; its closing record is owed."""
        self._closing[life.connection] = (life, closed)

    def gone(self, connection: str) -> Life | None:
        """The counters of a connection that was closed lately."""
        known = self._gone.get(connection)
        return None if known is None else known[0]

    def reopen(self, connection: str) -> None:
        """Something was said of a connection after its end: it must be closed once more."""
        if connection in self._gone:
            self._closing[connection] = self._gone[connection]

    def lose(self, batch: Sequence[Envelope], reason: LossReason) -> int:
        """Take envelopes that could not be written; gives how many frames they were.

        Raises:
            OSError: Not even the reserved space can be written.
        """
        frames = 0
        for envelope in batch:
            lost = lost_in(envelope)
            if lost is not None:  # the declaration itself did not arrive
                self._losses.owe(envelope, lost)
            elif envelope.type == CONNECTION and envelope.connection in self._gone:
                self._closing[envelope.connection] = self._gone.pop(envelope.connection)
            elif envelope.type in _TOLD and envelope.connection in self._lives.open:
                self._lives.open[envelope.connection].untold = True
            frames += self._losses.add(envelope, reason)
        self._write()
        return frames

    def settle(self) -> list[Envelope]:
        """The records that say everything owed: losses first, then closings."""
        owed = self._losses.all()
        self._said = Pending([*self._said.all(), *owed])
        self._losses = Pending()
        batch = [self._loss_record(loss) for loss in owed]
        for life, closed in self._closing.values():
            numbered = msgspec.structs.replace(
                closed, last_ordinal=life.ordinal, last_record=life.record + 1
            )
            batch.append(life.say(CONNECTION, encode_record(numbered), self._clock.wall()))
            self._gone[life.connection] = (life, closed)
        self._closing.clear()
        while len(self._gone) > _GONE_KEPT:
            self._gone.pop(next(iter(self._gone)))
        return batch

    def durable(self, mark: Pending) -> None:
        """What `said` named before a sync is durable after it: the reserved space is free again.

        Raises:
            OSError: The reserved space cannot be written.
        """
        if mark and mark is self._said:
            self._said = Pending()
            self._write()

    def renew(self) -> None:
        """Write the reserved space again: its last fsync failed.

        Raises:
            OSError: It cannot be written.
        """
        if self._said or self._losses:
            self._write()

    def _write(self) -> None:
        self._reserve.write([*self._said.all(), *self._losses.all()])

    def _loss_record(self, loss: Loss) -> Envelope:
        connection = loss.connection
        life = self._lives.open.get(connection) or self.gone(connection)
        if life is None:
            life = self._lives.begin(connection, loss.feed, loss.category)
        lost = Lost(ordinals=tuple(loss.ordinals), records=tuple(loss.records), reason=loss.reason)
        return life.say(LEDGER, encode_record(lost), self._clock.wall())


def _between(lost: Sequence[Loss], found: Found) -> list[Loss]:
    """Numbers between the end of the files and reserved losses: a power cut took them from both.

    Only what is durable is published, so neither bus nor archive has them. A connection's opening
    is its record 0: where no record of it survived, that one is lost, whatever else was.
    """
    holes = []
    for connection in dict.fromkeys(loss.connection for loss in lost):
        if connection in found.ended:
            continue
        losses = [loss for loss in lost if loss.connection == connection]
        ordinals = Intervals(r for loss in losses for r in loss.ordinals)
        records = Intervals(r for loss in losses for r in loss.records)
        life = found.lives.open.get(connection)
        ordinal, record = (-1, -1) if life is None else (life.kept_ordinal, life.kept_record)
        missing = ordinals.missing(ordinal + 1, ordinals.last)
        missing_records = records.missing(record + 1, max(records.last, 0))
        if missing or missing_records:
            first = losses[0]
            hole = Loss(
                connection, first.feed, first.category, "spool_damaged", missing, missing_records
            )
            holes.append(hole)
    return holes
