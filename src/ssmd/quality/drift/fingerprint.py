"""How the messages of a day are made: their fields by path, what stands in each, how often. Pure.

Nothing is understood here: a message is read as JSON, whatever it says, and only its shape is
counted. Counts add up, so that the fingerprint of two days is `merge` of theirs, in any order.

A path is written `data[].bids[].price`; `[]` is any element of an array, `*` any key of an object
that is a map: one keyed by symbols, numbers, or by more names than a venue would give to fields.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final, Literal

import msgspec

Kind = Literal[
    "null",
    "bool",
    "int",
    "decimal",
    "number_text",
    "text",
    "empty_text",
    "object",
    "array",
    "unreadable",
]
"""What a value is; `number_text` is a number in quotation marks, `unreadable` no JSON at all."""
BLANK: Final = frozenset({"null", "empty_text"})
"""The kinds that say nothing."""

MOST_KEYS: Final = 64
"""An object that has more different keys is a map."""
MOST_ITEMS: Final = 64
"""So many elements of an array are looked at: the others are made as the first are."""
DEEPEST: Final = 8
"""Objects inside of more objects than this are maps, so that nothing grows without bounds."""
ANY: Final = "*"
"""The key that stands for all keys of a map."""

_NAME: Final = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$]{0,63}|[A-Za-z][A-Za-z-]{0,63}")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_KINDS: Final[dict[type, Kind]] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "decimal",
    dict: "object",
    list: "array",
}
_read = msgspec.json.Decoder().decode


class Ref(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Where a message rests.

    Attributes:
        ts_recv: When it was received, ns; 0 in imports that do not know.
        connection: On which connection.
        ordinal: Its frame.
        part: The piece of the frame.
        file: Name of the segment, relative to the archive's root.
    """

    ts_recv: int
    connection: str
    ordinal: int
    part: int
    file: str


class Seen(msgspec.Struct, array_like=True):
    """Values of one kind in one place.

    Attributes:
        count: How many.
        first: The first message that has one.
    """

    count: int
    first: Ref


class Node(msgspec.Struct, omit_defaults=True):
    """What stands in one place of messages.

    Attributes:
        kinds: The values that were there.
        keys: What stands under the keys of those that are objects.
        items: What the elements are of those that are arrays.
        is_map: Whether those that are objects have so many keys that only `*` is told apart.
    """

    kinds: dict[str, Seen] = {}
    keys: dict[str, "Node"] = {}
    items: "Node | None" = None
    is_map: bool = False

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(seen.count for seen in self.kinds.values())

    @property
    def blank(self) -> int:
        """How many of them say nothing: null, or a text of no letters."""
        return sum(seen.count for kind, seen in self.kinds.items() if kind in BLANK)

    def of(self, kind: Kind) -> int:
        """How many of a kind there were."""
        seen = self.kinds.get(kind)
        return 0 if seen is None else seen.count


class Fingerprint(msgspec.Struct):
    """How messages are made, by their type."""

    types: dict[str, Node] = {}

    @property
    def messages(self) -> int:
        """How many messages there were."""
        return sum(node.count for node in self.types.values())


class Taking:
    """Takes messages one by one.

    Attributes:
        fingerprint: Of those that were taken.
    """

    def __init__(self) -> None:
        self.fingerprint = Fingerprint()
        self._symbols: Collection[str] = ()
        self._ref = Ref(0, "", 0, 0, "")
        self._newest = self._ref
        """The greatest message that is the first of anything."""
        self._is_late = False

    def take(self, type_: str, text: bytes, symbols: Collection[str], ref: Ref) -> None:
        """Take a message.

        Args:
            type_: Its type.
            text: Its bytes.
            symbols: The instruments it speaks of: they are no names of fields.
            ref: Where it rests.
        """
        self._symbols = symbols
        self._ref = ref
        self._is_late = ref < self._newest
        node = self.fingerprint.types.get(type_)
        if node is None:
            node = self.fingerprint.types[type_] = Node()
        try:
            value = _read(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            self._count(node, "unreadable")
            return
        self._value(node, value, 0)

    def _value(self, node: Node, value: Any, depth: int) -> None:  # noqa: ANN401 - any JSON
        kind = _KINDS.get(type(value))
        if kind is None:
            kind = _text(value)
        seen = node.kinds.get(kind)
        if seen is None or self._is_late:
            self._count(node, kind)
        else:
            seen.count += 1
        if kind == "object":
            self._object(node, value, depth + 1)
        elif kind == "array" and value:
            if node.items is None:
                node.items = Node()
            for item in value[:MOST_ITEMS]:
                self._value(node.items, item, depth)

    def _object(self, node: Node, value: dict[str, Any], depth: int) -> None:
        keys = node.keys
        for key, inner in value.items():
            name = ANY if node.is_map or depth > DEEPEST or key in self._symbols else key
            child = keys.get(name)
            if child is None:
                child = self._child(node, name)
                keys = node.keys
            self._value(child, inner, depth)

    def _child(self, node: Node, key: str) -> Node:
        """What stands under a key that was not met yet; it may be one too many."""
        name = key if _NAME.fullmatch(key) else ANY
        child = node.keys.get(name)
        if child is not None:
            return child
        child = node.keys[name] = Node()
        if _is_map(node):
            _collapse(node)
            return node.keys[ANY]
        return child

    def _count(self, node: Node, kind: Kind) -> None:
        seen = node.kinds.get(kind)
        if seen is None:
            node.kinds[kind] = Seen(1, self._ref)
            self._newest = max(self._newest, self._ref)
            return
        seen.count += 1
        seen.first = min(seen.first, self._ref)


def merge(one: Fingerprint, other: Fingerprint) -> Fingerprint:
    """The fingerprint of all that two are of; both stay as they are."""
    return Fingerprint(
        {
            name: _merged(one.types.get(name, Node()), other.types.get(name, Node()))
            for name in sorted(one.types.keys() | other.types.keys())
        }
    )


def alike(one: Node, other: Node) -> tuple[Node, Node]:
    """The same two, as maps both if one is a map: their keys can be held against each other."""
    if one.is_map == other.is_map:
        return one, other
    return tuple(_as_map(each) for each in (one, other))  # type: ignore[return-value]  # both


def inner(node: Node) -> Iterator[tuple[str, Node]]:
    """What stands in a place, and how the path to it goes on."""
    for key, child in sorted(node.keys.items()):
        yield f".{key}", child
    if node.items is not None:
        yield "[]", node.items


def paths(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every place of a type's messages; the message itself has an empty path."""
    yield path, node
    for step, child in inner(node):
        yield from paths(child, f"{path}{step}" if path else step.removeprefix("."))


def _text(value: str) -> Kind:
    if not value:
        return "empty_text"
    return "text" if _NUMBER.fullmatch(value) is None else "number_text"


def _merged(one: Node, other: Node) -> Node:
    items = [each.items for each in (one, other) if each.items is not None]
    node = Node(
        kinds={
            kind: _both(one.kinds.get(kind), other.kinds.get(kind))
            for kind in sorted(one.kinds.keys() | other.kinds.keys())
        },
        keys={
            key: _merged(one.keys.get(key, Node()), other.keys.get(key, Node()))
            for key in sorted(one.keys.keys() | other.keys.keys())
        },
        items=None if not items else _merged(items[0], items[1] if items[1:] else Node()),
        is_map=one.is_map or other.is_map,
    )
    if node.is_map or _is_map(node):
        _collapse(node)
    return node


def _both(one: Seen | None, other: Seen | None) -> Seen:
    known = [each for each in (one, other) if each is not None]
    return Seen(sum(each.count for each in known), min(each.first for each in known))


def _is_map(node: Node) -> bool:
    return len(node.keys) - (ANY in node.keys) > MOST_KEYS


def _as_map(node: Node) -> Node:
    made = _merged(node, Node())
    _collapse(made)
    return made


def _collapse(node: Node) -> None:
    """Tell the keys of an object apart no more."""
    whole = Node()
    for child in node.keys.values():
        whole = _merged(whole, child)
    node.keys = {ANY: whole} if node.keys else {}
    node.is_map = True
