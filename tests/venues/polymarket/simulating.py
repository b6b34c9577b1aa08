"""Drives the simulated venue in tests, and reads what it says independently of it."""

import json
import re
from typing import Any

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.venues.polymarket.simulated import PolymarketMarket, PolymarketSocket, simulated

START = Now(1_800_000_000_123_456_789, 50.0)


def later(seconds: float) -> Now:
    return Now(START.wall + round(seconds * 1e9), START.mono + seconds)


def first(*tokens: str, **fields: object) -> bytes:
    """The first message of a connection."""
    request = {
        "assets_ids": list(tokens),
        "type": "market",
        "custom_feature_enabled": True,
        "initial_dump": True,
        "level": 2,
    }
    return json.dumps(request | fields).encode()


def operation(name: str, *tokens: str) -> bytes:
    request = {"operation": name, "assets_ids": list(tokens), "custom_feature_enabled": True}
    return json.dumps(request).encode()


def market(rate: float = 500.0, seed: int = 1, *symbols: str) -> PolymarketMarket:
    return simulated(SimulationOptions(seed=seed, rate=rate, symbols=symbols))


def connected(venue: PolymarketMarket, *tokens: str) -> PolymarketSocket:
    """A socket that asked for these in its first message, the books being read."""
    socket = venue.connect()
    assert list(socket.open(START)) == []
    socket.receive(first(*tokens), START)
    return socket


def run(
    venue: PolymarketMarket, socket: PolymarketSocket, begin: float, seconds: float
) -> list[Emission]:
    """Let time pass in steps of 5 ms."""
    out: list[Emission] = []
    for step in range(1, round(seconds / 0.005) + 1):
        now = later(begin + step * 0.005)
        venue.advance(now)
        out += socket.tick(now)
    return out


def messages(emissions: list[Emission]) -> list[dict[str, Any]]:
    """Every message said, those of a list apart."""
    said: list[dict[str, Any]] = []
    for emission in emissions:
        value = json.loads(emission.payload)
        said += value if isinstance(value, list) else [value]
    return said


def kinds(emissions: list[Emission]) -> set[str]:
    return {message["event_type"] for message in messages(emissions)}


SORTS = {
    "66 hex": r"0x[0-9a-f]{64}",
    "sha1": r"[0-9a-f]{40}",
    "token": r"\d{70,78}",
    "milliseconds": r"\d{13}",
    "decimal": r"\d+(\.\d+)?",
}
"""The sorts of text there are, the narrowest first."""


def skeleton(value: object) -> object:
    """Keys in order and the sort of every value: what a fingerprint compares."""
    if isinstance(value, dict):
        return {name: skeleton(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(skeleton(inner)) for inner in value})
    if isinstance(value, str):
        return next((sort for sort, form in SORTS.items() if re.fullmatch(form, value)), value)
    return value


def fingerprints(payloads: list[bytes]) -> dict[str, set[str]]:
    """The shapes of every type that occurs, in lists and alone."""
    found: dict[str, set[str]] = {}
    for payload in payloads:
        value = json.loads(payload)
        for message in value if isinstance(value, list) else [value]:
            if not message.get("bids", True) or not message.get("asks", True):
                continue  # a book with an empty side has no shape of a level
            if message.get("last_trade_price") == "":
                continue  # nor has one that was never traded
            kind = message["event_type"]
            if "side" in message:
                message["side"] = "side"
            for change in message.get("price_changes", ()):
                change["side"] = "side"
            found.setdefault(kind, set()).add(json.dumps(skeleton(message)))
    return found


class Books:
    """Books rebuilt from what is said: wholes, and changes of single levels."""

    def __init__(self) -> None:
        self.levels: dict[str, dict[tuple[str, str], str]] = {}

    @staticmethod
    def of(message: dict[str, Any]) -> dict[tuple[str, str], str]:
        return {
            (side, level["price"]): level["size"]
            for side in ("bids", "asks")
            for level in message[side]
        }

    def take(self, message: dict[str, Any]) -> None:
        if message["event_type"] == "book":
            self.levels[message["asset_id"]] = self.of(message)
        for change in message.get("price_changes", ()):
            book = self.levels.get(change["asset_id"])
            if book is None:
                continue
            key = ("bids" if change["side"] == "BUY" else "asks", change["price"])
            if change["size"] == "0":
                book.pop(key, None)
            else:
                book[key] = change["size"]

    def touch(self, token: str) -> tuple[str, str]:
        book = self.levels[token]
        bids = [price for side, price in book if side == "bids"]
        asks = [price for side, price in book if side == "asks"]
        return max(bids, key=float), min(asks, key=float)
