"""Which files may be let go here. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from ssmd.feeds.upload import Retention
from ssmd.model.timestamp import SECOND_NS

NEVER: Final = frozenset({"outcomes", "funding"})
"""Tables that stay for good: they are small, and asked for over all time."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the archive.

    Attributes:
        name: Relative to the root.
        size: In bytes.
        ended: When its slot was over, ns.
        is_raw: Whether it is a raw segment: of one age those go first, for tables hold the same.
        may_go: Whether the store is proved to hold it, and nothing here needs it.
    """

    name: str
    size: int
    ended: int
    is_raw: bool
    may_go: bool


def plan(candidates: Iterable[Candidate], retention: Retention, now: int) -> list[Candidate]:
    """What goes, in the order in which it should.

    Args:
        candidates: Every file that counts towards the archive's size.
        retention: What the user wants.
        now: The time, ns.
    """
    known = list(candidates)
    left = sum(each.size for each in known)
    going = []
    for each in sorted(known, key=lambda each: (each.ended, not each.is_raw, each.name)):
        is_old = retention.keep_s is not None and each.ended + retention.keep_s * SECOND_NS <= now
        is_over = retention.max_bytes is not None and left > retention.max_bytes
        if each.may_go and (is_old or is_over):
            left -= each.size
            going.append(each)
    return going
