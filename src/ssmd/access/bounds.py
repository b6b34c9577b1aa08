"""What a filter says about time, feed and instrument, so that files need not be opened. Pure.

Polars and DuckDB filter exactly by themselves. What is found here only spares work: whatever is not
understood is taken to say nothing.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import polars as pl
from polars.exceptions import PolarsError

from ssmd.access.times import Range
from ssmd.model.timestamp import parse_rfc3339

_TIMES: Final = {"ts_recv": "received", "ts_event": "event"}
_NAMES: Final = {"feed": "feed", "instrument_id": "instrument"}
_UNITS: Final = {"Nanoseconds": 1, "Microseconds": 1000, "Milliseconds": 1_000_000}
_TURNED: Final = {"Gt": "Lt", "GtEq": "LtEq", "Lt": "Gt", "LtEq": "GtEq", "Eq": "Eq"}
_WORDS: Final = {">": "Gt", ">=": "GtEq", "<": "Lt", "<=": "LtEq", "=": "Eq"}
_SQL: Final = re.compile(
    r"\(?\(?(\w+) (>=|<=|>|<|=) '((?:[^']|'')*)'(?:::TIMESTAMP_NS)?\)?\)?", re.ASCII
)


class Bounds(msgspec.Struct, frozen=True):
    """What every row that passes a filter has.

    Attributes:
        received: When it was received.
        event: Its time by the venue's clock.
        feed: Its feed; None when it may be of any.
        instrument: Its `venue:symbol`; None when it may be about any.
    """

    received: Range = Range()
    event: Range = Range()
    feed: str | None = None
    instrument: str | None = None

    def shared(self, other: "Bounds") -> "Bounds":
        """What holds when both do."""
        return Bounds(
            self.received.shared(other.received),
            self.event.shared(other.event),
            other.feed if self.feed is None else self.feed,
            other.instrument if self.instrument is None else self.instrument,
        )

    def both(self, other: "Bounds") -> "Bounds":
        """What holds whichever of them does."""
        return Bounds(
            self.received.both(other.received),
            self.event.both(other.event),
            self.feed if self.feed == other.feed else None,
            self.instrument if self.instrument == other.instrument else None,
        )


def of_predicate(predicate: pl.Expr | None) -> Bounds:
    """What a Polars filter says."""
    if predicate is None:
        return Bounds()
    try:
        tree = json.loads(predicate.meta.serialize(format="json"))
    except (PolarsError, ValueError):  # a Python function inside of it, perhaps
        return Bounds()
    return _together(_of_tree(tree))


def of_plan(filters: object) -> Bounds:
    """What the filters say that DuckDB shows of a scan, as `EXPLAIN` does: one text, or several."""
    texts = [filters] if isinstance(filters, str) else filters
    if not isinstance(texts, list):
        return Bounds()
    return _together(found for text in texts for found in _of_text(str(text)))


def _together(found: Iterable[Bounds]) -> Bounds:
    whole = Bounds()
    for each in found:
        whole = whole.shared(each)
    return whole


def _of_tree(tree: object) -> Iterator[Bounds]:
    match tree:
        case {"BinaryExpr": {"left": left, "op": "And", "right": right}}:
            yield from _of_tree(left)
            yield from _of_tree(right)
        case {"BinaryExpr": {"left": {"Column": str(name)}, "op": str(op), "right": right}}:
            yield _compared(name, op, _literal(right))
        case {"BinaryExpr": {"left": left, "op": str(op), "right": {"Column": str(name)}}}:
            yield _compared(name, _TURNED.get(op, ""), _literal(left))
        case {
            "Function": {
                "input": [{"Column": str(name)}, low, high],
                "function": {"Boolean": {"IsBetween": _}},
            }
        }:
            yield _compared(name, "GtEq", _literal(low))
            yield _compared(name, "LtEq", _literal(high))


def _literal(tree: object) -> int | str | None:
    """A time in ns, or a text; None when it is neither."""
    match tree:
        case {"Literal": {"Scalar": {"Datetime": [int(value), str(unit), *_]}}}:
            return value * _UNITS[unit]
        case {"Literal": {"Scalar": {"String": str(text)}}}:
            return text
    return None


def _of_text(text: str) -> Iterator[Bounds]:
    """One filter of a plan; a part that is not a plain comparison says nothing."""
    plain = text.replace("optional: ", "")
    if " OR " in plain or "NOT" in plain:
        return
    for part in plain.split(" AND "):
        match = _SQL.fullmatch(part)
        if match is not None:
            name, op, value = match[1], _WORDS[match[2]], match[3].replace("''", "'")
            yield _compared(name, op, _time(value) if name in _TIMES else value)


def _time(text: str) -> int | None:
    try:
        return parse_rfc3339(f"{text}Z")
    except ValueError:
        return None


def _compared(name: str, op: str, value: int | str | None) -> Bounds:
    """What one comparison says."""
    known: dict[str, Any]
    if name in _TIMES and isinstance(value, int):
        ranges = {
            "Gt": Range(since=value + 1),
            "GtEq": Range(since=value),
            "Lt": Range(until=value),
            "LtEq": Range(until=value + 1),
            "Eq": Range(value, value + 1),
        }
        known = {_TIMES[name]: ranges.get(op, Range())}
    elif name in _NAMES and op == "Eq" and isinstance(value, str):
        known = {_NAMES[name]: value}
    else:
        known = {}
    return Bounds(**known)
