"""Many series of one metric as one value a shard: nothing counted twice, nothing left out. Pure.

A feed has a series for each shard (of each of its divisions, when it has some), and more than one of the same shard where its process was
replaced, where two connectors record the feed, or where one process is scraped by two jobs. A gauge
says how its shard is by the best of those: somebody holds the socket. A counter's increases add up
over processes, for each received its own; the same process scraped twice counts once.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from ssmd.feeds.share import SHARDS

_SHOWN: Final = 6
"""So many shards are named; of more, the worst."""


class Sample(msgspec.Struct, frozen=True):
    """One series of an answer.

    Attributes:
        labels: Its labels.
        value: Its value.
    """

    labels: Mapping[str, str]
    value: float


class Answer(msgspec.Struct, frozen=True):
    """What Prometheus said to one query.

    Attributes:
        query: The query.
        samples: Every series of the answer.
    """

    query: str
    samples: tuple[Sample, ...] = ()


class Planned:
    """How many shards are planned, by whom: a feed has a process for each division and share.

    Args:
        samples: What each process says of its own plan.
    """

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self._of: dict[tuple[str, str], int] = {}
        self._most: dict[str, int] = {}
        for sample in samples:
            name, process = category(sample.labels), sample.labels.get("instance", "")
            count = int(sample.value)
            self._of[name, process] = max(self._of.get((name, process), 0), count)
            self._most[name] = max(self._most.get(name, 0), count)

    @property
    def is_nothing(self) -> bool:
        """Whether somebody tells of a plan, and nobody plans any shard."""
        return bool(self._most) and not any(self._most.values())

    def of(self, labels: Mapping[str, str]) -> int | None:
        """How many the process of a series plans; None when nobody tells."""
        name = category(labels)
        return self._of.get((name, labels.get("instance", "")), self._most.get(name))


def by_shard(
    samples: Iterable[Sample],
    best: Callable[[float, float], float],
    planned: Planned,
) -> dict[str, float]:
    """The value of every shard: the best of its processes'.

    Args:
        samples: Every series of a gauge.
        best: `max` or `min`: which of two processes' values is the shard's.
        planned: How many shards each process plans; those beyond have ended, and what their gauges
            still say is old.
    """
    found: dict[str, float] = {}
    for sample in samples:
        number, bound = sample.labels.get("shard", ""), planned.of(sample.labels)
        if bound is not None and number.isdigit() and int(number) % SHARDS >= bound:
            continue
        shard = _named(sample.labels)
        found[shard] = best(found[shard], sample.value) if shard in found else sample.value
    return found


def increases(samples: Iterable[Sample]) -> dict[str, float]:
    """The increase of every shard: the sum over its processes and message types."""
    once: dict[tuple[str, str, str], float] = {}
    for sample in samples:
        labels = sample.labels
        key = _named(labels), labels.get("instance", ""), labels.get("message_type", "")
        once[key] = max(once.get(key, 0.0), sample.value)
    found: dict[str, float] = {}
    for (shard, _, _), value in once.items():
        found[shard] = found.get(shard, 0.0) + value
    return found


def category(labels: Mapping[str, str]) -> str:
    """The division that a series is of; empty for a feed without."""
    return labels.get("category", "")


def _named(labels: Mapping[str, str]) -> str:
    """A shard's name among all of its feed: two divisions both have a first one."""
    shard = labels.get("shard", "")
    return f"{category(labels)}/{shard}" if category(labels) else shard


def processes(samples: Iterable[Sample]) -> int:
    """How many processes the series are of."""
    return len({sample.labels.get("instance", "") for sample in samples})


def shown(values: Mapping[str, float], worst: Callable[[float], float]) -> str:
    """A few shards' values, the worst first.

    Args:
        values: By shard.
        worst: Gives less for a worse value.
    """
    ordered = sorted(values.items(), key=lambda item: (worst(item[1]), item[0]))
    named = ", ".join(f"{shard or '?'}={value:g}" for shard, value in ordered[:_SHOWN])
    more = len(ordered) - _SHOWN
    return f"shard {named}" + (f" and {more} more" if more > 0 else "")
