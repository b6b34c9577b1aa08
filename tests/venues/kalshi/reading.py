"""What the tests of reading share: envelopes, and the recorded frames as JSON with numbers as text."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.model.row import Decoded
from ssmd.venues.kalshi.rows import rows

TALK = {"subscribed", "unsubscribed", "ok", "error"}
"""Types of frames that are answers to us, and no data."""


def envelope(kind: str, payload: bytes) -> Envelope:
    """A frame of a type, as the connector publishes it."""
    return Envelope(
        feed="kalshi",
        category=None,
        type=kind,
        symbols=(),
        connection="kalshi-0-00000000-0000-7000-8000-000000000000",
        ordinal=7,
        record=None,
        part=0,
        parts=1,
        opcode=Opcode.TEXT,
        sequence=None,
        ts_event=None,
        ts_recv=None,
        payload=payload,
    )


def read(kind: str, msg: object, **frame: object) -> Decoded:
    """The rows of a message made here."""
    made = {"type": kind, "sid": 3, "msg": msg, **frame}
    return rows(envelope(kind, json.dumps(made).encode()))


def recorded(path: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Type, exact bytes and content of each recorded data frame; numbers are left as their text."""
    text = path.read_bytes()
    for line in (gzip.decompress(text) if path.suffix == ".gz" else text).splitlines():
        raw = json.loads(line)["raw"]
        frame = json.loads(raw, parse_float=str, parse_int=str)
        if frame["type"] not in TALK:
            yield frame["type"], raw.encode(), frame


def only(decoded: Decoded) -> Any:  # noqa: ANN401 - the tables differ
    """The one row of a message without rejects."""
    assert decoded.rejects == ()
    (row,) = decoded.rows
    return row


def why(decoded: Decoded) -> str:
    """The reason of the one reject of a message without rows."""
    assert decoded.rows == ()
    (reject,) = decoded.rejects
    assert reject.envelope == envelope("ticker", b"").message_id
    return reject.reason


def as_any(row: object) -> Any:  # noqa: ANN401 - the tables differ
    """A row of whichever table."""
    return row
