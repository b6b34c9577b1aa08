"""What there is to be asked of: every metric of the services, its labels, and their closed words."""

import importlib
import pkgutil
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

import ssmd.runtime
from ssmd.runtime import meters

TARGET: Final = ("job", "instance")
"""Labels that Prometheus gives to whatever it scrapes."""
_OF_PROMETHEUS: Final = {
    "up": ("gauge", TARGET),
    "process_start_time_seconds": ("gauge", TARGET),
    "process_resident_memory_bytes": ("gauge", TARGET),
    "process_cpu_seconds_total": ("counter", TARGET),
}
"""What it knows of each target, and what the client library tells of each process."""
_PARTS: Final = ("_bucket", "_sum", "_count")

Words = dict[str, tuple[str, ...]]
"""The closed words a label can have, by label; a label that is not there may have any."""


class Series:
    """One name that can be queried.

    Attributes:
        name: As it is exposed, `_total` or `_bucket` and all.
        kind: `counter`, `gauge`; a histogram's parts are counters.
        labels: Its labels; those of its target too.
        words: The closed sets among them.
    """

    def __init__(self, name: str, kind: str, labels: tuple[str, ...], words: Words) -> None:
        self.name = name
        self.kind = kind
        self.labels = labels
        self.words = words


def catalog() -> dict[str, Series]:
    """Every series of every `metrics` module of `ssmd.runtime`, by name."""
    for module in pkgutil.iter_modules(ssmd.runtime.__path__):
        if module.name.endswith("metrics"):
            importlib.import_module(f"ssmd.runtime.{module.name}")
    found = {
        name: Series(name, kind, labels, {}) for name, (kind, labels) in _OF_PROMETHEUS.items()
    }
    for metric in set(meters.REGISTRY._collector_to_names):  # noqa: SLF001 - nowhere else to look
        if isinstance(metric, Counter | Gauge | Histogram):
            found |= {each.name: each for each in _series(metric)}
    return found


def _series(metric: Counter | Gauge | Histogram) -> list[Series]:
    (family,) = metric.describe()
    own = tuple(metric._labelnames)  # noqa: SLF001 - the library shows them nowhere else
    labels, words = (*own, *TARGET), _words(metric, own)
    if family.type == "histogram":
        return [
            Series(f"{family.name}{part}", "counter", (*labels, *(["le"] * (not at))), words)
            for at, part in enumerate(_PARTS)
        ]
    end = "_total" if family.type == "counter" else ""
    return [Series(family.name + end, family.type, labels, words)]


def _words(metric: Counter | Gauge | Histogram, labels: tuple[str, ...]) -> Words:
    """The closed words of the metric's last label, as it was declared with them."""
    for known in meters._by_labels.values():  # noqa: SLF001 - what was declared stands there alone
        for each, words in known:
            if each is metric and words:
                return {labels[-1]: words}
    return {}
