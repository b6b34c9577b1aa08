"""What an alert is, and how it proves itself: the case in which it fires, and one in which not."""

import re
from typing import Final, Literal

import msgspec
from scripts.observe.catalog import TARGET

Severity = Literal["critical", "warning"]
"""`critical`: data is being lost, or will be soon; wake somebody. `warning`: look today."""

_TEMPLATE: Final = re.compile(r"\{\{ \$(labels\.(\w+)|value[^}]*) \}\}")
DEMO: Final[dict[str, str]] = {
    "job": "ssmd",
    "instance": "demo-1",
    "feed": "demo",
    "category": "",
    "shard": "0",
    "stream": "DEMO",
    "venue": "demo",
}
"""What the labels are in a case, unless it says otherwise."""


class Told(msgspec.Struct, frozen=True):
    """One series of a case.

    Attributes:
        name: The metric.
        values: In promtool's short words, one a minute: `0x5 1x10` (six 0, then eleven 1),
            `0+2x60` (growing by 2), `_x5` (not there).
        labels: Those that differ from `DEMO`, or are more.
    """

    name: str
    values: str
    labels: dict[str, str] = {}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A situation, and the moment at which it is judged.

    Attributes:
        told: What the services show.
        minute: When, in minutes from the first value.
        since: From which minute on the expression holds, where the alert waits: it is silent until
            its time has come.
        labels: The alert's own labels when it fires, without its severity.
        shown: The number in its summary, as it is written there.
        why: What the situation is.
    """

    told: tuple[Told, ...]
    minute: int
    since: int | None = None
    labels: dict[str, str] = {}
    shown: str = ""
    why: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing somebody must hear of.

    Attributes:
        name: Its name, also of its page in `docs/runbooks`.
        expr: When it holds.
        hold: For so long it must hold, in minutes.
        severity: How bad it is.
        summary: One sentence, with `{{ $labels.x }}` and `{{ $value }}` of Prometheus.
        fires: A situation in which it fires.
        quiet: One that looks like it, in which it must not.
    """

    name: str
    expr: str
    hold: int = 0
    severity: Severity
    summary: str
    fires: Case
    quiet: tuple[Case, ...]

    @property
    def page(self) -> str:
        """Its page, from the root of the repository."""
        return f"docs/runbooks/{self.name}.md"

    @property
    def annotations(self) -> dict[str, str]:
        """What a person is told."""
        return {"summary": self.summary, "runbook": self.page}

    def rendered(self, case: Case) -> dict[str, str]:
        """What a person is told in a case."""

        def fill(match: re.Match[str]) -> str:
            return case.labels.get(match[2], "") if match[2] else case.shown

        return {"summary": _TEMPLATE.sub(fill, self.summary), "runbook": self.page}


def told(name: str, values: str, **labels: str) -> Told:
    """A series of a case; a label that is None is not there."""
    return Told(name, values, labels)


def labels_of(*names: str, **more: str) -> dict[str, str]:
    """Labels of a firing alert, as `DEMO` has them; an empty one is none."""
    found = {name: DEMO[name] for name in names} | more
    return {name: value for name, value in found.items() if value}


def shard(**more: str) -> dict[str, str]:
    """Labels of an alert about one shard."""
    return labels_of(*TARGET, "feed", "category", "shard", **more)


def of_feed(**more: str) -> dict[str, str]:
    """Labels of an alert about a feed, at one service."""
    return labels_of(*TARGET, "feed", "category", **more)


def stream(**more: str) -> dict[str, str]:
    """Labels of an alert about a stream, at one service."""
    return labels_of(*TARGET, "feed", "stream", **more)
