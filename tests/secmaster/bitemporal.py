"""What was so, as it was known: by going through everything that was ever said. It shares nothing with the SQL."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec

Key: TypeAlias = tuple[str, str]
"""Venue and symbol."""
State: TypeAlias = dict[str, object]


class Said(msgspec.Struct, frozen=True):
    """One write that changed something.

    Attributes:
        key: Which row.
        known: When it became known.
        since: Since when it holds.
        values: The columns that were said; None when the row was deleted.
        whole: Whether the row came with it.
    """

    key: Key
    known: datetime
    since: datetime
    values: State | None
    whole: bool = False


def told(key: Key, history: list[Said], as_of: datetime, known_at: datetime) -> State | None:
    """One row at a time, as it was known at a time; None when there was none."""
    state: State | None = None
    began = as_of
    for each in history:
        if each.key != key or each.known > known_at:
            continue
        if each.whole:
            began = each.since  # what is said of a row holds for no row before it
        if as_of < each.since or as_of < began:
            continue
        if each.values is None:
            state = None
        elif each.whole:
            state = dict(each.values)
        elif state is not None:
            state = {**state, **each.values}
    return state


def since(key: Key, history: list[Said], said: datetime | None, known: datetime) -> datetime:
    """Since when a new row holds: never before the one of that name before it ended."""
    start = cut(said, known)
    began: datetime | None = None
    for each in history:
        if each.key == key and each.whole:
            began = each.since
        elif each.key == key and each.values is None and began != each.known:
            start = max(start, each.known)  # unless it was there for no time at all
    return start


def cut(said: datetime | None, known: datetime) -> datetime:
    """What is said of the future holds from now on."""
    return known if said is None else min(said, known)


def differing(old: Mapping[str, object], new: Mapping[str, object]) -> State:
    """What a write changed."""
    return {name: value for name, value in new.items() if old[name] != value}
