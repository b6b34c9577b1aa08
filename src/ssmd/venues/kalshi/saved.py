"""The same as `reference`, out of saved bodies: each is known by what it holds.

A body is the venue's answer, or the answer under `response` with `_metadata` beside it, or several
of them by name under `payloads`, or a market as two answers gave it (`nested`, `single`): then the
whole answer counts. What stands beside an answer (a note, a count) is passed over. A list by
itself, and lines of one object each, are lists of whatever their entries are.

Parents may be left out: when no file brings series, events stand without theirs; when no file
brings events, markets stand without theirs. When some file does, they are to be complete.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ssmd.model.rest import Catalog, Saved
from ssmd.venues.kalshi.listing_pages import entries_of, fields_of
from ssmd.venues.kalshi.reference_reading import Reading

_SERIES, _FEES, _EVENTS, _MARKETS = "series", "series_fee_change_arr", "events", "markets"
_LISTS: Final = (_SERIES, _FEES, _EVENTS, _MARKETS)
"""The fields under which answers hold their lists, in the order they are read."""
_ALONE: Final = {"series": _SERIES, "event": _EVENTS, "market": _MARKETS}
"""The fields of answers about one thing."""
_WRAPPERS: Final = ("response", "single")
_NAMED: Final = "payloads"
_NEEDED: Final = {
    _SERIES: "ticker",
    _FEES: "scheduled_ts",
    _EVENTS: "event_ticker",
    _MARKETS: "ticker",
}
"""What an entry of each kind has: a list none of whose entries has it holds something else."""
_EXPECTED: Final = (
    "an answer of Kalshi's `GET /series`, `/series/fee_changes`, `/events` or `/markets`, of one"
    " of them, or a list of such objects"
)
"""What a file should be, for people."""

Found = dict[str, list[tuple[str, list[bytes]]]]
"""By kind: the entries of each file that has some."""


def saved(bodies: Sequence[Saved]) -> Catalog:
    """Everything that some saved bodies list; the first of what comes twice counts.

    Raises:
        ValueError: A body is no listing of this venue; the message names its file.
    """
    found: Found = {kind: [] for kind in _LISTS}
    for one in bodies:
        for kind, entries in _sorted(one):
            found[kind].append((one.name, entries))
    reading = Reading(
        lambda _series, _category: True,
        strict=True,
        needs_series=bool(found[_SERIES]),
        needs_events=bool(found[_EVENTS]),
    )
    for name, entries in found[_SERIES]:
        yield reading.take_series(entries, name)
    for name, entries in found[_FEES]:
        yield reading.take_fee_changes(entries, name)
    for name, entries in found[_EVENTS]:
        yield reading.take_events(entries, name)
    for name, entries in found[_MARKETS]:
        page, missing = reading.take_markets(entries, name)
        yield page
        yield reading.orphans(missing)


def _sorted(one: Saved) -> list[tuple[str, list[bytes]]]:
    """Kinds and entries of a file.

    Raises:
        ValueError: It is none of what is expected.
    """
    try:
        found = list(_answers(one.body))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{one.name} is not {_EXPECTED}: {error}") from error
    if not found:
        raise ValueError(f"{one.name} is not {_EXPECTED}.")
    return found


def _answers(body: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """What a body holds, out of whatever it is wrapped in.

    Raises:
        ValueError: It is not readable, or a list of it holds something else.
    """
    text = body.strip()
    if text[:1] == b"[":
        yield from _loose(entries_of({"it": text}, "it", "a list"))
        return
    first, _, more = text.partition(b"\n")
    if more and _is_whole(first):
        yield from _loose([line for line in text.splitlines() if line.strip()])
        return
    yield from _wrapped(text)


def _wrapped(text: bytes) -> Iterator[tuple[str, list[bytes]]]:
    fields = fields_of(text, "it")
    for name, kind in _ALONE.items():
        if fields.get(name, b"")[:1] == b"{":
            yield kind, [fields[name]]
    for kind in _LISTS:
        if kind in fields and fields[kind][:1] != b"{":
            yield kind, _proper(kind, entries_of(fields, kind, "it"))
    for name in _WRAPPERS:
        if fields.get(name, b"")[:1] == b"{":
            yield from _wrapped(fields[name])
    if _NAMED in fields:
        for inner in fields_of(fields[_NAMED], _NAMED).values():
            yield from _wrapped(inner)


def _proper(kind: str, entries: list[bytes]) -> list[bytes]:
    if entries and not any(_NEEDED[kind] in _keys(raw) for raw in entries):
        raise ValueError(f"no entry of its `{kind}` has a `{_NEEDED[kind]}`")
    return entries


def _loose(entries: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Objects without the answer around them; what is none goes with the first that is known.

    Raises:
        ValueError: None of them is known.
    """
    kinds = [_kind(_keys(raw)) for raw in entries]
    usual = next((kind for kind in kinds if kind), None)
    if usual is None:
        raise ValueError("none of its entries is a series, a fee change, an event or a market")
    sorted_: dict[str, list[bytes]] = {}
    for raw, kind in zip(entries, kinds, strict=True):
        sorted_.setdefault(kind or usual, []).append(raw)
    yield from sorted_.items()


def _kind(keys: frozenset[str]) -> str | None:
    if "scheduled_ts" in keys:
        return _FEES
    if "ticker" in keys:
        return _MARKETS if "event_ticker" in keys else _SERIES
    return _EVENTS if "event_ticker" in keys else None


def _keys(raw: bytes) -> frozenset[str]:
    try:
        return frozenset(fields_of(raw, "an entry"))
    except ValueError:
        return frozenset()


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
