"""Stretches of time, `since` included, `until` not. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

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


def near(spans: Sequence[Span], since: int, until: int) -> Iterator[Span]:
    """Those that a time overlaps, of spans in order that do not overlap each other."""
    at = bisect_right(spans, since, key=lambda span: span[1])
    while at < len(spans) and spans[at][0] < until:
        yield spans[at]
        at += 1


def without(spans: Iterable[Span], removed: Sequence[Span]) -> list[Span]:
    """What is left of spans when others are taken out, which are in order and do not overlap."""
    left: list[Span] = []
    for since, until in spans:
        begin = since
        for low, high in near(removed, since, until):
            left.append((begin, low))
            begin = high
        left.append((begin, until))
    return [(since, until) for since, until in left if since < until]


def shared(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What spans have in common with others, which are in order and do not overlap."""
    both = [
        (max(since, low), min(until, high))
        for since, until in some
        for low, high in near(others, since, until)
    ]
    return sorted((since, until) for since, until in both if since < until)
