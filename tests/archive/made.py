"""Envelopes and archives as a connector and an archiver would make them, for tests."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import SECOND_NS, connection_id
from ssmd.sim.manual_clock import ManualClock

START = 1_800_000_000 * SECOND_NS
"""2027-01-15T08:00:00Z: the beginning of a slot."""
CREATED = START - 3600 * SECOND_NS
STREAM = "TEST_KRAKEN"


class Sent(msgspec.Struct, frozen=True):
    """An envelope with its stream sequence."""

    sequence: int
    envelope: Envelope


class Talk:
    """One connection's life, as its connector tells it."""

    def __init__(
        self, shard: int = 0, ts: int = START, previous: str | None = None, *, feed: str = "kraken"
    ) -> None:
        self.feed = feed
        self.id = connection_id(feed, shard, ts, shard)
        self.shard = shard
        self.previous = previous
        self.ts = ts
        self.ordinal = 0
        self.record = 0
        self.category: str | None = None

    def envelope(self, type_: str, payload: bytes, **more: object) -> Envelope:
        """Any envelope of this connection."""
        fields: dict[str, object] = {
            "feed": self.feed,
            "category": self.category,
            "type": type_,
            "symbols": (),
            "connection": self.id,
            "ordinal": None,
            "record": None,
            "part": 0,
            "parts": 1,
            "opcode": Opcode.TEXT,
            "sequence": None,
            "ts_event": None,
            "ts_recv": self.ts,
            "payload": payload,
        }
        return msgspec.convert(fields | more, Envelope)

    def opened(self, reason: str = "start", source: str | None = None) -> Envelope:
        """The opening record."""
        return self.said(
            CONNECTION,
            records.Opened(
                feed=self.feed,
                venue="test",
                shard=self.shard,
                endpoint="ws://127.0.0.1",
                local="127.0.0.1:1",
                peer="127.0.0.1:2",
                previous=self.previous,
                reason=reason,
                version="0",
                host="here",
                source=source,
            ),
        )

    def said(self, type_: str, record: records.ConnectionRecord | records.LedgerRecord) -> Envelope:
        """A record of this connection."""
        number = self.record
        self.record += 1
        return self.envelope(type_, records.encode(record), record=number)

    def lost(self, *ordinals: tuple[int, int]) -> Envelope:
        """A record that declares frames lost."""
        return self.said(LEDGER, records.Lost(ordinals=ordinals, reason="spool_full"))

    def gap(self, symbol: str = "BTC/USD") -> Envelope:
        """A record of a venue's own loss."""
        return self.said(
            LEDGER,
            records.GapFound(
                channel="book",
                symbols=(symbol,),
                kind="checksum",
                expected=1,
                found=2,
                ordinal=self.ordinal - 1,
            ),
        )

    def frames(self, count: int, *, step_ns: int = 1_000_000, size: int = 40) -> list[Envelope]:
        """The next frames, one `step_ns` apart."""
        made = []
        for _ in range(count):
            payload = b'{"n":%d,"x":"%b"}' % (self.ordinal, b"y" * (size + self.ordinal % 7))
            made.append(self.envelope("trade", payload, ordinal=self.ordinal, symbols=("BTC/USD",)))
            self.ordinal += 1
            self.ts += step_ns
        return made

    def closed(self, last: int | None = None) -> Envelope:
        """The closing record."""
        return self.said(
            CONNECTION,
            records.Closed(
                last_ordinal=self.ordinal - 1 if last is None else last,
                last_record=self.record,
                by="connector",
                reason="shutdown",
            ),
        )

    def life(self, frames: int, *, step_ns: int = 1_000_000) -> list[Envelope]:
        """Opening, frames, closing."""
        return [self.opened(), *self.frames(frames, step_ns=step_ns), self.closed()]


def sent(envelopes: Iterable[Envelope], after: int = 0) -> list[Sent]:
    """Envelopes as they come from a stream, numbered from `after` + 1."""
    return [Sent(after + index, each) for index, each in enumerate(envelopes, 1)]


def archive(root: Path, clock: ManualClock | None = None, **settings: object) -> Archive:
    """An archive of the test stream, ready for its first delivery."""
    made = Archive(
        root,
        STREAM,
        clock=clock or ManualClock(START),
        settings=msgspec.convert(settings, ArchiveSettings),
    )
    position = made.position
    made.adopt(CREATED, position.sequence if position else 0)
    return made


def record(root: Path, envelopes: Sequence[Envelope], commits: int = 4, **settings: object) -> None:
    """Write, in several commits, an archive that is sealed in the end."""
    made = archive(root, None, **settings)
    deliveries = sent(envelopes)
    size = -(-len(deliveries) // commits)
    for at in range(0, len(deliveries), size):
        made.append(deliveries[at : at + size])
        made.commit()
    made.seal_all()
    made.close()
