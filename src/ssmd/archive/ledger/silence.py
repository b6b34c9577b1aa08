"""How far open connections prove anything. Pure."""

from collections.abc import Iterable, Mapping

from ssmd.archive.ledger.carry import Life, Line
from ssmd.archive.overlap import SILENT_NS


def newest(lives: Iterable[Life], before: int | None) -> int | None:
    """The last archived time of all connections, ns: none is moved by a clock that went astray.

    Args:
        lives: Every connection there is news of.
        before: What earlier days told.
    """
    return max(
        (ts for ts in (before, *(life.heard for life in lives)) if ts is not None), default=None
    )


def fallen(lives: Iterable[Life], horizon: int | None) -> dict[str, int]:
    """Open connections that fell silent, and up to when each can count as live, ns."""
    ends = {life.connection: life.heard + SILENT_NS for life in lives if life.over is None}
    return {who: end for who, end in ends.items() if end < (horizon or 0)}


def is_doubtful(line: Line, silent: Mapping[str, int]) -> bool:
    """Whether a connection that fell silent held a subscription: later news may tell more."""
    return any(cover.until is None and cover.begun.connection in silent for cover in line.covers)
