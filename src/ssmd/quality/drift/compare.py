"""What became different in how messages are made. Pure.

A share has changed when its two 99.9 % confidence intervals (Wilson's) have nothing in common: the
rule that keeps small samples silent. From 11 against 11 messages on a field that is always there,
or never, can change; what varies by itself needs more. A field's share is one of the objects that
could have it, not of all messages: an empty book has no prices, and misses none.
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from ssmd.model.envelope import UNREAD
from ssmd.quality.drift import fingerprint
from ssmd.quality.drift.fingerprint import ANY, BLANK, Fingerprint, Node

Change = Literal[
    "new_field", "missing_field", "retyped_field", "null_rate", "new_type", "unread_frames"
]
"""What can become different."""
Severity = Literal["warning", "error"]
"""Whether what is known of a message is endangered (`error`), or there is only more to know."""

Interval = tuple[float, float]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When a difference is worth a word.

    Attributes:
        z: Width of the confidence intervals, in standard deviations (3.29: 99.9 %).
        usual: A field that is in so large a share of its objects is expected in all of them.
        jump: How much less often such a field must be there, or how much more often a field must
            be null, as a share.
        rare: A kind of value in less than this share of values was not the field's kind.
        unread: So large a share of frames that no session understood is an error.
    """

    z: float = 3.29
    usual: float = 0.9
    jump: float = 0.2
    rare: float = 0.01
    unread: float = 0.001


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """How a field was made in a time.

    Attributes:
        of: Objects, elements or messages that could have it.
        count: How many had it.
        kinds: How many of its values were of which kind.
    """

    of: int
    count: int
    kinds: dict[str, int]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that became different.

    Attributes:
        change: What.
        severity: How bad it is.
        type: Message type.
        path: The field; empty for the message itself.
        kind: The kind of value that is new, or came to be the usual; empty for other changes.
        before: How the field was made before.
        after: How it is made now.
    """

    change: Change
    severity: Severity
    type: str
    path: str
    kind: str = ""
    before: Side
    after: Side


_NOTHING: Final = Node()


def interval(count: int, of: int, z: float) -> Interval:
    """Where a share probably is: Wilson's interval; all of 0..1 when nothing is known.

    >>> interval(0, 0, 3.29)
    (0.0, 1.0)
    """
    if not of:
        return 0.0, 1.0
    share, width = count / of, z * z / of
    middle = share + width / 2
    reach = float((width * (share * (1 - share) + width / 4)) ** 0.5)
    return max(0.0, (middle - reach) / (1 + width)), min(1.0, (middle + reach) / (1 + width))


def compare(before: Fingerprint, after: Fingerprint, policy: Policy) -> list[Difference]:
    """What became different, type by type.

    Args:
        before: Of some days.
        after: Of the day in question.
        policy: When a difference is worth a word.
    """
    found: list[Difference] = []
    whole = Side(of=before.messages, count=0, kinds={}), after.messages
    for name, node in sorted(after.types.items()):
        known = before.types.get(name)
        if name == UNREAD:
            found.append(_unread(node, known or _NOTHING, before, after, policy))
        elif known is not None:
            found += _Places(name, policy).differences("", known, node)
        elif _rose(0, whole[0].of, node.count, whole[1], policy):
            side = Side(of=whole[1], count=node.count, kinds=_kinds(node))
            found.append(_difference("new_type", "warning", name, "", whole[0], side))
    return found


def side(node: Node, of: int) -> Side:
    """How a field is made, of so many objects that could have it."""
    return Side(of=of, count=node.count, kinds=_kinds(node))


class _Places:
    """The places of one type's messages."""

    def __init__(self, type_: str, policy: Policy) -> None:
        self._type = type_
        self._policy = policy

    def differences(
        self, path: str, before: Node, after: Node, of: tuple[int, int] | None = None
    ) -> Iterator[Difference]:
        """What became different in a place and below it."""
        counts = of or (before.count, after.count)
        yield from self._retyped(path, before, after, counts)
        yield from self._null(path, before, after, counts)
        one, other = fingerprint.alike(before, after)
        for key in sorted(one.keys.keys() | other.keys.keys()):
            yield from self._field(
                f"{path}.{key}" if path else key,
                (one.keys.get(key), one.of("object")),
                (other.keys.get(key), other.of("object")),
                is_any=key == ANY,
            )
        if before.items is not None and after.items is not None:
            yield from self.differences(f"{path}[]", before.items, after.items)

    def _field(
        self, path: str, was: tuple[Node | None, int], now: tuple[Node | None, int], *, is_any: bool
    ) -> Iterator[Difference]:
        """One key of objects: it may be new, or missing."""
        before, after = was[0] or _NOTHING, now[0] or _NOTHING
        counts = was[1], now[1]
        known, present = before.count, after.count
        if not is_any and not known and _rose(0, counts[0], present, counts[1], self._policy):
            yield self._told("new_field", "warning", path, (before, after), counts)
        elif not is_any and self._is_missing(known, counts[0], present, counts[1]):
            yield self._told("missing_field", "error", path, (before, after), counts)
        if known and present:
            of = (known, present) if is_any else counts
            yield from self.differences(path, before, after, of)

    def _is_missing(self, known: int, was: int, present: int, now: int) -> bool:
        policy = self._policy
        return (
            was > 0
            and now > 0
            and known / was >= policy.usual
            and known / was - present / now >= policy.jump
            and _rose(now - present, now, was - known, was, policy, falls=True)
        )

    def _retyped(
        self, path: str, before: Node, after: Node, of: tuple[int, int]
    ) -> Iterator[Difference]:
        """A kind that was never there, or that was rare and is now the most usual."""
        policy = self._policy
        was, now = (each.count - each.blank for each in (before, after))
        for kind, seen in sorted(after.kinds.items()):
            known = before.kinds[kind].count if kind in before.kinds else 0
            if kind in BLANK or not _rose(known, was, seen.count, now, policy):
                continue
            if not known or (known / was < policy.rare and seen.count * 2 > now):
                yield self._told("retyped_field", "error", path, (before, after), of, kind)

    def _null(
        self, path: str, before: Node, after: Node, of: tuple[int, int]
    ) -> Iterator[Difference]:
        was, now = before.blank, after.blank
        known, present = before.count, after.count
        if (
            present
            and known
            and now / present - was / known >= self._policy.jump
            and _rose(was, known, now, present, self._policy)
        ):
            yield self._told("null_rate", "warning", path, (before, after), of)

    def _told(
        self,
        change: Change,
        severity: Severity,
        path: str,
        nodes: tuple[Node, Node],
        of: tuple[int, int],
        kind: str = "",
    ) -> Difference:
        before, after = (side(node, count) for node, count in zip(nodes, of, strict=True))
        return _difference(change, severity, self._type, path, before, after, kind)


def _unread(
    node: Node, known: Node, before: Fingerprint, after: Fingerprint, policy: Policy
) -> Difference:
    """Frames nobody understands are always told: what they say is in no table."""
    is_bad = node.count > policy.unread * after.messages
    return _difference(
        "unread_frames",
        "error" if is_bad else "warning",
        UNREAD,
        "",
        side(known, before.messages),
        side(node, after.messages),
    )


def _difference(
    change: Change,
    severity: Severity,
    type_: str,
    path: str,
    before: Side,
    after: Side,
    kind: str = "",
) -> Difference:
    return Difference(
        change=change,
        severity=severity,
        type=type_,
        path=path,
        kind=kind,
        before=before,
        after=after,
    )


def _rose(
    count: int, of: int, then: int, of_then: int, policy: Policy, *, falls: bool = False
) -> bool:
    """Whether a share is certainly greater then; with `falls`, whether it is certainly less."""
    low, high = interval(count, of, policy.z)
    least, most = interval(then, of_then, policy.z)
    return low > most if falls else least > high


def _kinds(node: Node) -> dict[str, int]:
    return {kind: seen.count for kind, seen in sorted(node.kinds.items())}
