"""What every venue owes the neighbours of a bad element: all of their rows, and a word about it.

The session labels the message first, as in life: a frame that it takes for unread has no rows.
"""

import copy
import functools
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import pytest

from ssmd import venues
from ssmd.model.envelope import UNREAD
from ssmd.model.event import Data
from ssmd.model.fields import decode, encode
from ssmd.model.frame import Frame, Opcode
from ssmd.model.row import Row
from ssmd.model.venue import Venue
from tests.venues.conversation import START, conversation, talk
from tests.venues.test_contract_rows import envelope, every_venue

DEEPEST = 3
"""How many steps it may take from the message to a list."""
MESSAGES = 3
"""How many messages are broken, of all those with a list in one place."""

Path: TypeAlias = tuple[str | int, ...]
STRANGE: dict[str, object] = {"strange": []}
"""What no venue says in any field."""


class Told(NamedTuple):
    """What is made of a message.

    Attributes:
        labels: The types of its parts; empty when it is unread as a whole.
        symbols: Whom its parts are about.
        rows: All rows, in order.
        complaints: How many pieces are rejected, or unread by themselves.
    """

    labels: list[str]
    symbols: set[str]
    rows: list[Row]
    complaints: int

    @property
    def facts(self) -> Counter[tuple[object, ...]]:
        """The rows by what a neighbour cannot change: not its place, nor lists told with it."""
        names = ("symbol", "native_id", "side", "price", "size", "delta")
        return Counter(
            (row.table, *(getattr(row, name, None) for name in names)) for row in self.rows
        )


class Place(NamedTuple):
    """A list in a message of the simulated venue."""

    message: object
    path: Path

    def told(self, venue: Venue, index: int, *instead: object) -> Told:
        """The message with other elements instead of one."""
        message = copy.deepcopy(self.message)
        items = found(message, self.path)
        items[index : index + 1] = instead
        return tell(venue, message)

    def alone(self, venue: Venue, index: int) -> Told:
        """The message with none but one of the elements."""
        message = copy.deepcopy(self.message)
        items = found(message, self.path)
        items[:] = [items[index]]
        return tell(venue, message)


def tell(venue: Venue, message: object) -> Told:
    """Let a session label a message, and read its rows as it is labelled."""
    payload = encode(message).encode()
    told = Told([], set(), [], 0)
    for event in talk(venue, passive=True).receive(Frame(payload, Opcode.TEXT, START, 0.0)):
        if isinstance(event, Data):
            part = payload if event.payload is None else event.payload
            decoded = venue.rows(envelope(event.type, part, event.symbols))
            told.labels.append(event.type)
            told.symbols.update(event.symbols)
            told.rows.extend(decoded.rows)
            complaints = len(decoded.rejects) + (event.type == UNREAD)
            told = told._replace(complaints=told.complaints + complaints)
    return told


def found(message: object, path: Path) -> list[object]:
    """The list at the end of a path."""
    for step in path:
        assert isinstance(message, dict | list)
        message = message[step]  # type: ignore[index]  # the path was found in it
    assert isinstance(message, list)
    return message


def lists(value: object, path: Path = ()) -> Iterator[Path]:
    """Where lists with elements are, as deep as is looked."""
    if isinstance(value, list) and value:
        yield path
    if len(path) < DEEPEST and isinstance(value, list | dict):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        for step, inner in steps:
            yield from lists(inner, (*path, step))


@functools.cache
def places(name: str) -> tuple[Place, ...]:
    """Lists in what the simulated venue says: some of every kind of message and place.

    One of a single element (a trade, mostly) is made one of two by saying it again.
    """
    venue = venues.load(name)
    chosen: list[Place] = []
    seen: Counter[tuple[object, ...]] = Counter()
    for payload in conversation(venue, 5.0):
        try:
            message = decode(payload)
        except ValueError:
            continue  # some talk is no JSON
        told = tell(venue, message)
        for path in lists(message):
            kind = (*sorted(set(told.labels)), *("*" if type(x) is int else x for x in path))
            if told.labels and seen[kind] < MESSAGES:
                seen[kind] += 1
                place = Place(copy.deepcopy(message), path)
                items = found(place.message, path)
                if len(items) == 1:
                    items += items
                chosen.append(place)
    return tuple(chosen)


def ends(place: Place) -> Iterator[tuple[int, object]]:
    """The first and the last element."""
    items = found(place.message, place.path)
    for index in (0, len(items) - 1):
        yield index, items[index]


def fields(element: object) -> dict[str, object]:
    """The fields of an element; none when it has none."""
    return element if isinstance(element, dict) else {}


def check(venue: Venue, place: Place, index: int, broken: Told, *, says_less: bool = False) -> None:
    """Every neighbour has its rows and its name; the broken one has its rows, or a complaint.

    One that says less than before (a book without its asks) has some row, or a complaint.
    """
    where = (place.path, index)
    whole, without = tell(venue, place.message), place.told(venue, index)
    assert broken.labels, where
    assert not without.facts - broken.facts, where
    assert not broken.symbols or {row.symbol for row in without.rows} - {None} <= broken.symbols
    owed = len(without.rows) + 1 if says_less else len(whole.rows)
    assert broken.complaints or len(broken.rows) >= owed, where
    # The message without the element is a measure only if nobody else is missing from it.
    own = max(1, len(place.alone(venue, index).rows))
    assert len(without.rows) >= len(whole.rows) - own, where


@every_venue
def test_the_simulated_venue_has_lists_to_break(name: str) -> None:
    """The promises below are about something."""
    assert places(name)


@every_venue
@pytest.mark.parametrize("instead", [None, 7, "x", [], {}])
def test_an_element_that_is_something_else_costs_no_other(name: str, instead: object) -> None:
    """Where an object should be, anything else is complained of."""
    venue = venues.load(name)
    for place in places(name):
        for index, element in ends(place):
            broken = place.told(venue, index, instead)
            check(venue, place, index, broken)
            if isinstance(element, dict):
                assert broken.complaints, (place.path, index)


@every_venue
def test_an_element_without_one_of_its_fields_costs_no_other(name: str) -> None:
    """Each field is left out once."""
    venue = venues.load(name)
    for place in places(name):
        for index, element in ends(place):
            for field in fields(element):
                rest = {key: value for key, value in fields(element).items() if key != field}
                less = isinstance(fields(element)[field], list)
                check(venue, place, index, place.told(venue, index, rest), says_less=less)


@every_venue
def test_a_field_of_another_type_costs_no_other_and_shows(name: str) -> None:
    """Each field is something else once; it shows unless it says nothing even when it is right."""
    venue = venues.load(name)
    for place in places(name):
        whole = tell(venue, place.message)
        for index, element in ends(place):
            for field in fields(element):
                broken = place.told(venue, index, {**fields(element), field: STRANGE})
                check(venue, place, index, broken)
                rest = {key: value for key, value in fields(element).items() if key != field}
                idle = place.told(venue, index, rest).rows == whole.rows
                assert idle or broken.complaints or broken.rows != whole.rows, (place.path, field)
