"""What an archive holds of one connection, folded from its envelopes: what the oracle compares."""

import re
from hashlib import blake2b, sha256
from typing import Final

from ssmd.model import records
from ssmd.model.envelope import BACKFILL, CONNECTION, LEDGER, REST, SENT, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.intervals import Intervals

REST_SHARD: Final = "rest"
"""What stands for a shard in the opening record of REST requests."""
_HOST: Final = re.compile(rb"https?://([^/\"?]+)")


def digest_of(opcode: Opcode, payload: bytes) -> bytes:
    """What stands for a message's kind and bytes."""
    return blake2b(payload, digest_size=16, salt=bytes((opcode,))).digest()


class Archived:
    """One connection in the archive.

    Attributes:
        id: Its id.
        opened: Its opening record.
        opened_ts: When that was made, ns.
        closed: Its closing record.
        lost: Ordinals of frames declared lost.
        lost_records: Numbers of records declared lost.
        digests: What stands for each whole frame, by ordinal; of REST bodies their sha256.
        split: Ordinals of frames that were archived in parts.
        duplicates: Frames and records found more than once.
        times: When its frames were received, ns.
        hosts: Whom it asked over REST, `host:port` each.
        asked: How many REST requests it made.
        fetched: How many of these have their answer in a frame.
    """

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.opened: records.Opened | None = None
        self.opened_ts = 0
        self.closed: records.Closed | None = None
        self.lost = Intervals()
        self.lost_records = Intervals()
        self.digests: dict[int, bytes] = {}
        self.split: set[int] = set()
        self.duplicates = 0
        self.times: list[int] = []
        self.hosts: set[str] = set()
        self.asked = 0
        self.fetched = 0
        self._records: set[int] = set()
        self._parts: dict[int, dict[int, bytes]] = {}

    @property
    def is_rest(self) -> bool:
        """Whether its frames are answers to REST requests."""
        return self.opened is not None and self.opened.shard == REST_SHARD

    @property
    def last_ts(self) -> int:
        """Receipt of the last archived frame, ns; the opening when there is none."""
        return max(self.times, default=self.opened_ts)

    @property
    def last_ordinal(self) -> int:
        """The greatest ordinal given, as far as the archive knows."""
        if self.closed is not None:
            return self.closed.last_ordinal
        return max(max(self.digests, default=-1), self.lost.last)

    def add(self, envelope: Envelope) -> None:
        """Take one envelope in."""
        if envelope.record is not None:
            self._add_record(envelope, envelope.record)
        elif envelope.ordinal is not None:
            self._add_frame(envelope, envelope.ordinal)

    def _add_record(self, envelope: Envelope, number: int) -> None:
        if number in self._records:
            self.duplicates += 1
            return
        self._records.add(number)
        if envelope.type == CONNECTION:
            record = records.decode_connection(envelope.payload)
            if isinstance(record, records.Opened):
                self.opened, self.opened_ts = record, envelope.ts_recv or 0
            elif self.closed is None or record.last_record > self.closed.last_record:
                self.closed = record  # what a refusal after the end declares is closed once more
        elif envelope.type == LEDGER:
            entry = records.decode_ledger(envelope.payload)
            if isinstance(entry, records.Lost):
                self._declare(entry)
            elif isinstance(entry, records.Fetched):
                self.fetched += entry.ordinal is not None
        elif envelope.type == SENT and (host := _HOST.search(envelope.payload)):
            self.hosts.add(host[1].decode(errors="replace"))
            self.asked += 1

    def _declare(self, lost: records.Lost) -> None:
        for first, last in lost.ordinals:
            self.lost.add_range(first, last)
        for first, last in lost.records:
            self.lost_records.add_range(first, last)

    def _add_frame(self, envelope: Envelope, ordinal: int) -> None:
        parts = self._parts.setdefault(ordinal, {}) if envelope.parts > 1 else {}
        if ordinal in self.digests or envelope.part in parts:
            self.duplicates += 1
            return
        payload = envelope.payload
        if envelope.parts > 1:
            parts[envelope.part] = payload
            if len(parts) < envelope.parts:
                return
            payload = b"[" + b",".join(parts[part] for part in sorted(parts)) + b"]"
            del self._parts[ordinal]
            self.split.add(ordinal)
        if envelope.type in {REST, BACKFILL}:
            self.digests[ordinal] = sha256(payload).digest()
        else:
            self.digests[ordinal] = digest_of(envelope.opcode, payload)
        if envelope.ts_recv is not None:
            self.times.append(envelope.ts_recv)
