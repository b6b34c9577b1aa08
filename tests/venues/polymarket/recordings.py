"""Recorded frames, read from beside the repository."""

import gzip
import json

from tests.shared import shared

NEW = "data/polymarket/capture-crypto-20260524.jsonl.gz"
LEGACY = "data/polymarket/capture-legacy-btc1h-20250703.jsonl.gz"


def frames(capture: str) -> list[bytes]:
    """The frames of a capture, in order."""
    lines = gzip.decompress(shared(capture).read_bytes()).splitlines()
    return [json.loads(line)["raw"].encode() for line in lines]


def single(name: str) -> bytes:
    """A frame that stands alone."""
    return shared(f"data/polymarket/frames/{name}.json").read_bytes()


def body(name: str) -> bytes:
    """A REST body."""
    raw = shared(f"data/polymarket/rest/{name}").read_bytes()
    return gzip.decompress(raw) if name.endswith(".gz") else raw
