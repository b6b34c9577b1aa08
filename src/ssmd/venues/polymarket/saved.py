"""The same as `reference`, out of saved bodies: each is known by what it holds.

A body is Gamma's list of events or of markets, one event, one market, what its search answers
(`events`), or lines of one object each, a market also as `raw` with notes beside it. A market
that stands by itself has the event it names inside; none is missing a parent.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from ssmd.model.rest import Catalog, Saved
from ssmd.venues.polymarket.gamma import entries
from ssmd.venues.polymarket.reference_reading import Reading

_Kind = Literal["event", "market"]
_EXPECTED: Final = (
    "an answer of Polymarket's Gamma: a list of events or markets (`GET /events`, `/markets`),"
    " one of them, or a line for each"
)
_LISTS: Final = ("events", "markets", "data")


def saved(bodies: Sequence[Saved]) -> Catalog:
    """Everything that some saved bodies list; the first of what comes twice counts.

    Raises:
        ValueError: A body is no listing of this venue; the message names its file.
    """
    read = [(one.name, _sorted(one)) for one in bodies]
    reading = Reading(strict=True)
    for wanted in ("event", "market"):
        for name, found in read:
            those = [raw for kind, raw in found if kind == wanted]
            if those:
                take = reading.events if wanted == "event" else reading.markets
                yield take(those, name)


def _sorted(one: Saved) -> list[tuple[_Kind, bytes]]:
    """What a file holds.

    Raises:
        ValueError: It is none of what is expected.
    """
    try:
        found = list(_objects(one.body.strip()))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{one.name} is not {_EXPECTED}: {error}") from error
    kinds = [_kind(raw) for raw in found]
    usual = next((kind for kind in kinds if kind), None)
    if usual is None:
        raise ValueError(f"{one.name} is not {_EXPECTED}.")
    return [(kind or usual, raw) for kind, raw in zip(kinds, found, strict=True)]


def _objects(text: bytes) -> Iterator[bytes]:
    """The events and markets of a body.

    Raises:
        ValueError: It is not readable.
    """
    if text[:1] == b"[":
        yield from entries(text)
        return
    first, _, more = text.partition(b"\n")
    lines = text.splitlines() if more and _fields(first) is not None else [text]
    for line in lines:
        fields = _fields(line)
        if fields is None:
            raise ValueError(f"not an object: {line[:60].decode(errors='replace')!r}")
        yield from _unwrapped(fields, line)


def _unwrapped(fields: dict[str, bytes], line: bytes) -> Iterator[bytes]:
    if _kind(line) is not None:
        yield line
        return
    for name in ("raw", "response"):
        if name in fields:
            yield from _objects(fields[name].strip())
            return
    for name in _LISTS:
        if fields.get(name, b"").lstrip()[:1] == b"[":
            yield from entries(fields[name])


def _kind(raw: bytes) -> _Kind | None:
    """What an object is, by the fields that only such a one has."""
    fields = _fields(raw) or {}
    if "conditionId" in fields or "clobTokenIds" in fields:
        return "market"
    return "event" if "markets" in fields and "slug" in fields else None


def _fields(raw: bytes) -> dict[str, bytes] | None:
    try:
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None
    return {name: bytes(value) for name, value in found.items()}
