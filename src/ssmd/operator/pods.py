"""What the API server says of pods, and what they say of themselves. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ssmd.model.timestamp import SECOND_NS, parse_rfc3339
from ssmd.operator.names import HTTP
from ssmd.operator.spec.status import ShardStatus, SourceStatus


class PodFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One pod, as the API server has it.

    Attributes:
        name: Its name.
        labels: Its labels.
        addresses: Base URLs of its health servers, by the names of their ports; none before it
            has an address.
        ready_since: Since when it has been ready, Unix seconds; None while it is not.
        draining: It was asked to end.
        over: It has ended.
        restarts: So often its containers were started again.
        trouble: What keeps it from running, in a few words; empty when nothing does.
    """

    name: str
    labels: Mapping[str, str]
    addresses: Mapping[str, str]
    ready_since: float | None
    draining: bool
    over: bool
    restarts: int
    trouble: str


class PodWord(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod says of itself.

    Attributes:
        pod: The pod.
        answered: Whether it answered; nothing is known of one that did not.
        reasons: Why it is not ready, a sentence each.
        warnings: What will go wrong before long, a sentence each.
        shards: Its connections.
        sources: The streams it archives.
        messages: Messages since it started.
        last: When the last one came, Unix seconds; 0 when none has.
        waiting_s: Age of the oldest record that is not archived, in seconds.
        waiting: Messages on the bus that it has not taken.
        full: Whether it cannot keep any more.
    """

    pod: str
    answered: bool = False
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    shards: tuple[ShardStatus, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    messages: int = 0
    last: float = 0.0
    waiting_s: float = 0.0
    waiting: float = 0.0
    full: bool = False


def of(pod: Mapping[str, Any]) -> PodFacts:
    """What a pod's object says."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    draining = bool(metadata.get("deletionTimestamp"))
    return PodFacts(
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        addresses={} if draining else _addresses(pod, status.get("podIP") or ""),
        ready_since=None if draining else _ready_since(status),
        draining=draining,
        over=status.get("phase") in {"Succeeded", "Failed"},
        restarts=sum(int(each.get("restartCount") or 0) for each in containers),
        trouble=_trouble(status, containers),
    )


def seconds(moment: str | None) -> float:
    """Unix seconds of a time of Kubernetes; 0 for none."""
    return parse_rfc3339(moment) / SECOND_NS if moment else 0.0


def _addresses(pod: Mapping[str, Any], address: str) -> dict[str, str]:
    if not address:
        return {}
    host = f"[{address}]" if ":" in address else address
    return {
        port["name"]: f"http://{host}:{port['containerPort']}"
        for container in (pod.get("spec") or {}).get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("name") not in {None, "", HTTP}
    }


def _ready_since(status: Mapping[str, Any]) -> float | None:
    for each in status.get("conditions") or ():
        if each.get("type") == "Ready" and each.get("status") == "True":
            return seconds(each.get("lastTransitionTime"))
    return None


def _trouble(status: Mapping[str, Any], containers: list[Mapping[str, Any]]) -> str:
    for each in containers:
        state = each.get("state") or {}
        waiting = state.get("waiting") or {}
        if waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
            last = ((each.get("lastState") or {}).get("terminated") or {}).get("message") or ""
            more = " ".join(part for part in (waiting.get("message"), last) if part)
            return f"{waiting['reason']}: {more}".rstrip(": ")
    for each in status.get("conditions") or ():
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return f"{each.get('reason') or 'Unschedulable'}: {each.get('message') or ''}"
    return ""
