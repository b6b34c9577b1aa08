"""Which connections exist without a closing record, and how far each has come."""

from collections.abc import Iterable

from ssmd.connector.spool.codec import LifeState
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.records import HANDOVER
from ssmd.model.timestamp import shard_of


class Life:
    """The counters of one connection.

    Attributes:
        connection: Its id.
        feed: The feed's name.
        category: The feed's division, if any.
        ordinal: The last ordinal given; -1 when none.
        record: The last record number given; -1 when none.
        kept_ordinal: The greatest ordinal in the spool or declared lost.
        kept_record: The greatest record number in the spool or declared lost.
        untold: Whether something we said of it is lost: a reader does not know what it holds.
    """

    __slots__ = (
        "category",
        "connection",
        "feed",
        "kept_ordinal",
        "kept_record",
        "ordinal",
        "record",
        "untold",
    )

    def __init__(
        self,
        connection: str,
        feed: str,
        category: str | None,
        ordinal: int = -1,
        record: int = -1,
    ) -> None:
        self.connection = connection
        self.feed = feed
        self.category = category
        self.ordinal = self.kept_ordinal = ordinal
        self.record = self.kept_record = record
        self.untold = False

    def next_ordinal(self) -> int:
        """Receive a frame: its number on this connection."""
        self.ordinal += 1
        return self.ordinal

    def next_record(self) -> int:
        """The number of the next thing we say about this connection."""
        self.record += 1
        return self.record

    def say(
        self,
        kind: str,
        payload: bytes,
        ts: int,
        symbols: tuple[str, ...] = (),
        opcode: Opcode = Opcode.TEXT,
    ) -> Envelope:
        """Our next record about this connection.

        Args:
            kind: The record's type.
            payload: What it says.
            ts: When it was made, ns since the Unix epoch.
            symbols: Whom it concerns.
            opcode: The frame's kind, for what we sent.
        """
        return Envelope(
            feed=self.feed,
            category=self.category,
            type=kind,
            symbols=symbols,
            connection=self.connection,
            ordinal=None,
            record=self.next_record(),
            part=0,
            parts=1,
            opcode=opcode,
            sequence=None,
            ts_event=None,
            ts_recv=ts,
            payload=payload,
        )

    def raise_to(self, ordinal: int, record: int) -> None:
        """Learn from elsewhere (bus, losses) that these numbers were given."""
        self.ordinal = self.kept_ordinal = max(self.ordinal, ordinal)
        self.record = self.kept_record = max(self.record, record)

    def state(self) -> LifeState:
        """What a carry says of it."""
        return LifeState(
            self.connection, self.feed, self.category, self.kept_ordinal, self.kept_record
        )


class Lives:
    """All connections that are open, dead or waiting for their closing record."""

    def __init__(
        self, states: Iterable[LifeState] = (), latest: dict[str, str] | None = None
    ) -> None:
        self.open: dict[str, Life] = {}
        self.latest: dict[str, str] = dict(latest or {})
        """The last connection of each shard, open or closed."""
        self.elsewhere: dict[str, bool] = {}
        """Those that another process had, and whether it has them still, as far as is known."""
        for state in states:
            self.open[state.connection] = Life(
                state.connection, state.feed, state.category, state.ordinal, state.record
            )

    def succeeds(self, connection: str, *, alive: bool) -> None:
        """Another process had, or has, a shard's last connection."""
        shard = shard_of(connection)
        if connection > self.latest.get(shard, ""):
            self.latest[shard] = connection
            self.elsewhere[connection] = alive

    def before(self, shard: str, reason: str) -> tuple[str | None, str]:
        """What a new connection of a shard follows, and why it is made.

        Args:
            shard: Which, `{feed}-{shard}`.
            reason: Why it is made if what it follows is over.
        """
        previous = self.latest.get(shard)
        return previous, HANDOVER if self.elsewhere.get(previous or "") else reason

    def begin(self, connection: str, feed: str, category: str | None) -> Life:
        """A connection is made; its counters begin."""
        life = self.open.get(connection)
        if life is None:
            life = self.open[connection] = Life(connection, feed, category)
            shard = shard_of(connection)
            known = self.latest.get(shard, "")
            if connection > known or known in self.elsewhere:  # whose clock may be ahead of ours
                self.latest[shard] = connection
        return life

    def observe(self, envelope: Envelope) -> None:
        """Take note of an envelope that is kept: the counters follow it."""
        life = self.open.get(envelope.connection)
        if life is None:
            if envelope.record is not None and envelope.record > 0:
                return  # a repeated closing record, or a loss found after closing
            life = self.begin(envelope.connection, envelope.feed, envelope.category)
        if envelope.ordinal is not None:
            life.kept_ordinal = max(life.kept_ordinal, envelope.ordinal)
        elif envelope.record is not None:
            life.kept_record = max(life.kept_record, envelope.record)
            if envelope.type == CONNECTION and envelope.record > 0:
                del self.open[envelope.connection]
