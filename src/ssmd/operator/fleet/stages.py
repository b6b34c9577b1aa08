"""In which order everything is scaled down and up. Pure.

Down: the operator first, so that nobody undoes it; then who only reads; then the connectors, which
give the bus what they hold; then what follows the security master and what runs by the clock; the archivers last,
so that everything that was recorded is archived. Up: the reverse.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ssmd.operator.names import COMPONENT, SCALED_FROM

DOWN: Final[tuple[tuple[str, str], ...]] = (
    ("operator", "operator"),
    ("API", "api"),
    ("connectors", "connector"),
    ("security master", "secmastersync"),
    ("quality", "qualitycheck"),
    ("archivers", "archiver"),
)
"""Name of each stage, and the component label of what it scales."""

KINDS: Final[tuple[tuple[str, str], ...]] = (("apps/v1", "Deployment"), ("batch/v1", "CronJob"))


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One object that is scaled, or suspended when it runs by the clock.

    Attributes:
        api_version: Its group and version.
        kind: Its kind.
        namespace: Its namespace.
        name: Its name.
        running: Pods wanted of it; for what runs by the clock 1, or 0 when it is suspended.
        ready: Pods of it that are ready; for what runs by the clock, runs under way.
        pods: Labels that find its pods; empty for what runs by the clock.
        remembered: How many there were before it was scaled down; None when it was not.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    running: int
    ready: int
    pods: dict[str, str]
    remembered: int | None

    @property
    def text(self) -> str:
        """How a person calls it."""
        return f"{self.kind} {self.namespace}/{self.name}"

    def down(self) -> dict[str, Any] | None:
        """The merge patch that scales it down and remembers; None when that was done."""
        if not self.running:
            return None
        return self._patch(str(self.running), 0)

    def up(self) -> dict[str, Any] | None:
        """The merge patch that brings it back; None when it was not scaled down by us."""
        if self.remembered is None:
            return None
        return self._patch(None, self.remembered)

    def _patch(self, remembered: str | None, count: int) -> dict[str, Any]:
        spec = {"suspend": not count} if self.kind == "CronJob" else {"replicas": count}
        return {"metadata": {"annotations": {SCALED_FROM: remembered}}, "spec": spec}


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What is scaled together, and has drained before the next stage begins.

    Attributes:
        name: In a word.
        targets: What is scaled.
    """

    name: str
    targets: tuple[Target, ...]


def stages(objects: Iterable[Mapping[str, Any]], *, up: bool) -> list[Stage]:
    """Everything of ours among these objects, in order; a stage without any is left out."""
    by_component: dict[str, list[Target]] = {}
    for each in objects:
        component = ((each.get("metadata") or {}).get("labels") or {}).get(COMPONENT, "")
        by_component.setdefault(component, []).append(target(each))
    found = [
        Stage(name=name, targets=tuple(sorted(by_component[component], key=_order)))
        for name, component in DOWN
        if component in by_component
    ]
    return found[::-1] if up else found


def target(found: Mapping[str, Any]) -> Target:
    """What an object of the API is to us."""
    metadata = found["metadata"]
    remembered = (metadata.get("annotations") or {}).get(SCALED_FROM)
    spec, status = found.get("spec") or {}, found.get("status") or {}
    clocked = found["kind"] == "CronJob"
    return Target(
        api_version=found["apiVersion"],
        kind=found["kind"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        running=int(not spec.get("suspend", False)) if clocked else int(spec.get("replicas", 1)),
        ready=len(status.get("active") or ()) if clocked else int(status.get("readyReplicas") or 0),
        pods={} if clocked else dict((spec.get("selector") or {}).get("matchLabels") or {}),
        remembered=None if remembered is None else int(remembered),
    )


def _order(found: Target) -> tuple[str, str, str]:
    return (found.kind, found.namespace, found.name)
