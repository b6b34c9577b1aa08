"""Envelopes for tests of rows, and an independent reading of what they should say."""

import gzip
import json
from collections.abc import Sequence
from decimal import Decimal

from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.model.row import Decoded, Row
from ssmd.venues.kraken import VENUE
from tests.shared import shared


def envelope(kind: str, payload: bytes) -> Envelope:
    return Envelope(
        "kraken", None, kind, (), "kraken-0-x", 7, None, 0, 1, Opcode.TEXT, None, None, 1, payload
    )


def decoded(kind: str, payload: bytes) -> Decoded:
    return VENUE.rows(envelope(kind, payload))


def rows(kind: str, payload: bytes) -> tuple[Row, ...]:
    """The rows of a message without any reject."""
    made = decoded(kind, payload)
    assert made.rejects == ()
    return made.rows


def message(channel: str, data: object, kind: str = "update", **beside: object) -> bytes:
    return json.dumps({"channel": channel, "type": kind, "data": data, **beside}).encode()


def exact(payload: bytes) -> dict[str, object]:
    """A message as the standard library reads it, numbers as text."""
    parsed = json.loads(payload, parse_float=str, parse_int=str)
    assert isinstance(parsed, dict)
    return parsed


def spelled(value: Decimal | int | None, like: str | None) -> str | None:
    """A number as text; with the exponent of the original where that has one."""
    if value is None:
        return None
    assert like is not None
    if "E" in like.upper():
        assert Decimal(like) == value
        return like
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def captured(name: str) -> list[bytes]:
    lines = gzip.decompress(shared(f"data/kraken/{name}").read_bytes()).splitlines()
    return [json.loads(line)["raw"].encode() for line in lines]


def singles() -> list[bytes]:
    text = shared("data/kraken/frames/real-v2-misc-2026.jsonl").read_text()
    return [json.loads(line)["raw"].encode() for line in text.splitlines()]


def of(made: Sequence[Row], table: str) -> list[Row]:
    return [row for row in made if row.table == table]
