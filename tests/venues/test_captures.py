"""Every recorded capture, as our sessions and rows understand it: compared with what was reviewed.

`golden.json` holds counts only, never a recorded frame. To renew it after a change that is meant:
`SSMD_GOLDEN=write pytest tests/venues/test_captures.py`, then read the difference.
"""

import gzip
import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from ssmd import venues
from ssmd.archive.hearing import hear
from ssmd.model.envelope import Envelope
from ssmd.model.event import Gap, Reconnect
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions, Venue
from tests.shared import REPOSITORY, shared
from tests.venues.telling import is_declared

GOLDEN: Final = Path(__file__).parent / "golden.json"
CAPTURES: Final = sorted(
    path.relative_to(REPOSITORY.parent / "shared").as_posix()
    for path in (REPOSITORY.parent / "shared" / "data").glob("*/capture-*.jsonl.gz")
) or sorted(json.loads(GOLDEN.read_text(encoding="utf-8")))
"""Those beside the repository; without them those that should be, so that their lack is told."""


class Reading:
    """One pass over a capture."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.labels: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.rejects: Counter[str] = Counter()
        self.inexact: Counter[str] = Counter()
        self.extra: set[str] = set()
        self.connections = 1
        self.frames = 0
        self.digest = hashlib.sha256()
        self._renew()

    def _renew(self) -> None:
        options = SessionOptions(limits=self.venue.limits, passive=True)
        self.session = self.venue.session(Shard(self.venue.id, 0, frozenset()), options)
        self.session.open(Now(0, 0.0))

    def take(self, ts_recv: int | None, raw: bytes) -> None:
        """One frame: labelled, and split without a byte lost."""
        frame = Frame(raw, Opcode.TEXT, ts_recv, 0.0)
        heard = hear(self.session, frame)
        if heard.begins_anew and self.frames:
            self.connections += 1
            self._renew()
            heard = hear(self.session, frame)
        self.frames += 1
        if len(heard.pieces) > 1:
            parts = [piece.payload or b"" for piece in heard.pieces]
            assert b"[" + b",".join(parts) + b"]" == raw
        for event in heard.events:
            if isinstance(event, Gap):
                self.gaps[f"{event.channel} {event.kind}"] += 1
            elif isinstance(event, Reconnect):
                self.gaps[f"reconnect {event.reason}"] += not heard.begins_anew
        for part, piece in enumerate(heard.pieces):
            told = (piece.type, piece.symbols, piece.sequence, piece.ts_event, piece.route)
            self.digest.update(repr(told).encode())
            self.labels[piece.type] += 1
            payload = raw if piece.payload is None else piece.payload
            self._decode(
                Envelope(
                    "f", None, piece.type, piece.symbols, "f-0-x", self.frames, None, part,
                    len(heard.pieces), Opcode.TEXT, piece.sequence, piece.ts_event, ts_recv, payload,
                )
            )  # fmt: skip

    def _decode(self, envelope: Envelope) -> None:
        decoded = self.venue.rows(envelope)
        if not envelope.type.startswith("_"):
            assert decoded.rows or decoded.rejects
            assert is_declared(self.venue, envelope, decoded.rows), envelope.payload
        for row in decoded.rows:
            self.rows[row.table] += 1
            self.inexact.update(f"{row.table}.{column}" for column in row.inexact)
            if row.extra:
                self.extra |= {f"{row.table}.{name}" for name in json.loads(row.extra)}
        self.rejects.update(reject.reason for reject in decoded.rejects)

    def summary(self) -> dict[str, Any]:
        """What is compared."""
        return {
            "frames": self.frames,
            "connections": self.connections,
            "labels": dict(sorted(self.labels.items())),
            "gaps": dict(sorted(self.gaps.items())),
            "rows": dict(sorted(self.rows.items())),
            "rejects": dict(sorted(self.rejects.items())),
            "inexact": dict(sorted(self.inexact.items())),
            "extra": sorted(self.extra),
            "labels_digest": int(self.digest.hexdigest()[:12], 16),
        }


@pytest.mark.parametrize("capture", CAPTURES)
def test_a_recorded_capture_is_understood_as_it_was_reviewed(capture: str) -> None:
    """Labels, gaps and rows of what venues really said; a difference is a decision."""
    path = shared(capture)
    reading = Reading(venues.load(path.parent.name.replace("_", "-")))
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            recorded = json.loads(line)
            reading.take(recorded["ts_recv"], recorded["raw"].encode())
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    found = reading.summary()
    if os.environ.get("SSMD_GOLDEN") == "write":
        GOLDEN.write_text(
            json.dumps(golden | {capture: found}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
        return
    assert found == golden.get(capture)
