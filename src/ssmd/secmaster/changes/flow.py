"""From the database's change stream to frames: transactions in order, and what may be confirmed."""

from collections import deque

import msgspec

from ssmd.bus.chained import ChainedPublisher
from ssmd.runtime.clock import Clock
from ssmd.secmaster.changes import pgoutput, telemetry
from ssmd.secmaster.changes.frames import POSITION, Mark, Place, Shape, Source
from ssmd.secmaster.changes.pgoutput import Alive, Begin, Commit, Relation, Row, Truncate, Wal
from ssmd.secmaster.changes.standing import beyond
from ssmd.secmaster.changes.writer import Writer

_NS: int = 1_000_000_000


class _Due(msgspec.Struct, frozen=True):
    """A transaction that may be confirmed once the bus has all of it.

    Attributes:
        sequence: Where its last message will stand in the stream.
        end_lsn: What may be confirmed then.
        commit_ts: When it was committed, ns.
    """

    sequence: int
    end_lsn: int
    commit_ts: int


class Flow:
    """Publishes what the database tells; nothing is kept but one change and what is not confirmed.

    A change is held back until what follows it is known: the last one of a transaction says so,
    and the stream's end then tells that the transaction is whole.

    Args:
        writer: Its connection is open.
        chain: What the writer publishes to.
        clock: What time it is.
        source: Whose changes they are.
        mark: Where the stream ended: what it holds is not published again.
        idle_bytes: So much log without a change, and the stream is told.

    Attributes:
        written: LSN up to which everything received was dealt with.
        confirmed: LSN up to which the bus has everything of ours.
    """

    def __init__(
        self,
        writer: Writer,
        chain: ChainedPublisher,
        clock: Clock,
        source: Source,
        mark: Mark,
        *,
        idle_bytes: int,
    ) -> None:
        self.written = 0
        self.confirmed = mark.end
        self._writer = writer
        self._chain = chain
        self._clock = clock
        self._source = source
        self._mark = mark
        self._idle_bytes = idle_bytes
        self._relations: dict[int, Relation] = {}
        self._shapes: dict[int, Shape] = {}
        self._begin: Begin | None = None
        self._n = 0
        self._lsn = 0
        self._held: tuple[Row | Truncate, int, int] | None = None
        self._due: deque[_Due] = deque()
        self._received = 0
        self._caught_up = clock.mono()

    @property
    def is_caught_up(self) -> bool:
        """Whether everything the database has told is on the bus."""
        return self._begin is None and not self._chain.outstanding

    @property
    def lag_s(self) -> float:
        """How long ago everything told was last on the bus; 0 when it is."""
        now = self._clock.mono()
        if self.is_caught_up:
            self._caught_up = now
        return now - self._caught_up

    async def take(self, found: Wal | Alive) -> bool:
        """Deal with what came; True when the server wants an answer at once.

        Raises:
            Displaced: The chain is broken.
            Unreadable: The server sent what cannot be read.
        """
        if isinstance(found, Alive):
            self._received = max(self._received, found.end)
            await self._idle()
            return found.wants_answer
        told = pgoutput.message(found.data, self._relations)
        self._lsn = found.start
        match told:
            case Row() | Truncate():
                await self._change(told)
            case Relation():
                self._relations[told.oid] = told
                self._shapes[told.oid] = Shape(told.name, told.columns)
            case Begin():
                self._begin, self._n, self._held = told, 0, None
            case Commit():
                await self._commit(told)
        return False

    def confirm(self) -> int:
        """The LSN that may be confirmed to the database, when it has grown; else 0."""
        grown = 0
        self._writer.settle()
        now = self._clock.wall()
        while self._due and self._due[0].sequence <= self._chain.stored:
            due = self._due.popleft()
            grown = due.end_lsn
            telemetry.stored((now - due.commit_ts) / _NS)
        self.confirmed = max(self.confirmed, grown)
        self.written = max(self.written, self.confirmed)
        if self.is_caught_up:
            self.written = max(self.written, self._received)
        return grown

    async def _change(self, told: Row | Truncate) -> None:
        if isinstance(told, Row) and not self._shapes[told.oid].differ(told.old, told.new):
            return
        number, self._n = self._n, self._n + 1
        assert self._begin is not None  # noqa: S101 - the protocol has no change outside of one
        if not beyond(self._mark, self._begin.commit_lsn, number):
            telemetry.skipped(1)
            return
        before, self._held = self._held, (told, number, self._lsn)
        if before is not None:
            await self._publish(before, None)

    async def _commit(self, told: Commit) -> None:
        held, self._held = self._held, None
        if held is not None:
            await self._publish(held, told)
            assert self._begin is not None  # noqa: S101 - a commit ends what began
            due = _Due(self._writer.sequence, told.end_lsn, self._begin.commit_ts)
            self._due.append(due)
        self._begin = None
        self._received = max(self._received, told.end_lsn)

    async def _publish(self, held: tuple[Row | Truncate, int, int], commit: Commit | None) -> None:
        told, number, lsn = held
        begin = self._begin
        assert begin is not None  # noqa: S101 - see above
        place = Place(lsn, begin.commit_lsn, begin.commit_ts, begin.xid, number, commit is not None)
        mark = Mark(
            self._source.system,
            self._source.generation,
            begin.commit_lsn,
            number,
            0 if commit is None else commit.end_lsn,
        )
        if isinstance(told, Row):
            shape = self._shapes[told.oid]
            await self._writer.frame(
                self._source, told.op, place, mark, shape, (told.old, told.new)
            )
            return
        for oid in told.oids:
            table = self._relations[oid].name
            await self._writer.note(self._source, table, "truncate", place, mark)

    async def _idle(self) -> None:
        """Tell the stream that nothing happened, before the database keeps too much for us."""
        if not self.is_caught_up or self._due:
            return
        since = max(self.confirmed, self._mark.end)
        if self._received - since < self._idle_bytes:
            return
        # What begins at the very end is not told yet, so the place is just before it.
        end = self._received
        place = Place(end - 1, end - 1, self._clock.wall(), None, 0, True)
        mark = Mark(self._source.system, self._source.generation, end - 1, 0, end)
        await self._writer.note(self._source, POSITION, "idle", place, mark)
        self._due.append(_Due(self._writer.sequence, end, place.commit_ts))
