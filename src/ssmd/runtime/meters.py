"""How metrics are made: in one registry, and every series at zero from the start."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
"""What `/metrics` shows."""
ProcessCollector(registry=REGISTRY)

SHARD: Final = ("feed", "category", "shard")
"""Labels of what there is one of per shard."""
FEED: Final = ("feed", "category")
"""Labels of what there is one of per feed."""
STREAM: Final = ("feed", "stream")
"""Labels of what there is one of per archived stream."""
LEDGER: Final = ("feed",)
"""Labels of what there is one of per ledger."""
FINE: Final = (1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Buckets for what takes microseconds, in seconds."""
COARSE: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Buckets for what takes milliseconds and more, in seconds."""

M = TypeVar("M", Counter, Gauge, Histogram)
_by_labels: dict[tuple[str, ...], list[tuple[Counter | Gauge | Histogram, tuple[str, ...]]]] = {}


def counter(
    name: str, text: str, labels: tuple[str, ...], *, more: str = "", values: Iterable[str] = ()
) -> Counter:
    """A counter.

    Args:
        name: Its name.
        text: Its meaning.
        labels: `SHARD`, `FEED` or `STREAM`.
        more: One label more.
        values: Every word that label can have.
    """
    names = (*labels, more) if more else labels
    return _known(Counter(name, text, names, registry=REGISTRY), labels, more, values)


def gauge(
    name: str, text: str, labels: tuple[str, ...], *, more: str = "", values: Iterable[str] = ()
) -> Gauge:
    """A gauge; arguments as for `counter`."""
    names = (*labels, more) if more else labels
    return _known(Gauge(name, text, names, registry=REGISTRY), labels, more, values)


def histogram(
    name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...] = COARSE
) -> Histogram:
    """A histogram; arguments as for `counter`."""
    return _known(Histogram(name, text, labels, buckets=buckets, registry=REGISTRY), labels, "", ())


def _known(metric: M, labels: tuple[str, ...], more: str, values: Iterable[str]) -> M:
    words = tuple(values)
    if labels and bool(more) == bool(words):
        _by_labels.setdefault(labels, []).append((metric, words))
    return metric


def touch(feed: str, category: str | None, shard: int | str) -> None:
    """Make every series of a shard, and of its feed, exist at zero."""
    _touch(SHARD, (feed, category or "", str(shard)))
    _touch(FEED, (feed, category or ""))


def touch_feed(feed: str, category: str | None) -> None:
    """Make every series of a feed exist at zero."""
    _touch(FEED, (feed, category or ""))


def touch_stream(feed: str, stream: str) -> None:
    """Make every series of an archived stream exist at zero."""
    _touch(STREAM, (feed, stream))


def touch_ledger(feed: str) -> None:
    """Make every series of a feed's ledger exist at zero."""
    _touch(LEDGER, (feed,))


def touch_labels(labels: tuple[str, ...], values: tuple[str, ...]) -> None:
    """Make every series with labels of a room's own exist at zero."""
    _touch(labels, values)


def _touch(labels: tuple[str, ...], values: tuple[str, ...]) -> None:
    for metric, words in _by_labels.get(labels, ()):
        for word in words:
            metric.labels(*values, word)
        if not words:
            metric.labels(*values)


def observe_all(histogram: Histogram, values: Iterable[float]) -> None:
    """Observe many values at once, below zero as zero: less than a fifth of the cost of one by one.

    Args:
        histogram: One with its labels, if it has any.
        values: In seconds.
    """
    ordered = sorted(values)
    done = 0
    for bucket, bound in zip(histogram._buckets, histogram._upper_bounds, strict=True):  # noqa: SLF001 - the library has no call for this
        upto = bisect_right(ordered, bound, done)
        if upto != done:
            bucket.inc(upto - done)
            done = upto
    histogram._sum.inc(sum(ordered[bisect_left(ordered, 0.0) :]))  # noqa: SLF001 - see above
