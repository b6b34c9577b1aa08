"""Stretches of time, `since` included, `until` not. Pure."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""From when on and up to when, ns."""


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch made one."""
    made: list[Span] = []
    for since, until in sorted(spans):
        if made and since <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], until))
        else:
            made.append((since, until))
    return made


def without(spans: Iterable[Span], removed: Sequence[Span]) -> list[Span]:
    """What is left of spans when others are taken out; both in order, neither overlapping."""
    left: list[Span] = []
    for since, until in spans:
        begin = since
        for low, high in removed:
            if begin < high and low < until:
                left.append((begin, low))
                begin = high
        left.append((begin, until))
    return [(since, until) for since, until in left if since < until]


def shared(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What two lists of spans have in common."""
    both = [(max(since, low), min(until, high)) for since, until in some for low, high in others]
    return sorted((since, until) for since, until in both if since < until)
