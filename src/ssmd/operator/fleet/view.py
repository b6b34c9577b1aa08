"""What a person sees of a resource: one line in a list, or all that is known of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS, parse_rfc3339
from ssmd.operator.spec.status import (
    ArchiverStatus,
    Condition,
    ConnectorStatus,
    PlaceStatus,
    ShardStatus,
)

Shown = ConnectorStatus | ArchiverStatus
_STATUSES: Final[dict[str, type[Shown]]] = {
    "Connector": ConnectorStatus,
    "Archiver": ArchiverStatus,
}
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_UNTOLD: Final = "-"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A resource in a list.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        feeds: What it records or archives.
        phase: In one word.
        ready: Shares that are recorded, of those wanted; for an Archiver, pods.
        wanted: How many are wanted.
        connected: The state of its connections, or of its sources.
        messages: Messages since its pods started.
        last_message_time: When the last one came, RFC 3339, UTC.
        trouble: The conditions that are not as they should be.
        created: When it was made, RFC 3339, UTC.
    """

    namespace: str
    name: str
    feeds: tuple[str, ...]
    phase: str
    ready: int
    wanted: int
    connected: str
    messages: int
    last_message_time: str | None
    trouble: tuple[str, ...]
    created: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a resource.

    Attributes:
        line: As in a list.
        is_current: Whether the operator has looked at the newest spec.
        conditions: Its answers.
        places: Where a Connector runs.
        shards: The connections of a Connector.
        sources: The streams of an Archiver: feed, stream, messages.
        events: The last events, oldest first: when, reason, sentence.
        drain: What an Archiver's drain does.
    """

    line: Line
    is_current: bool
    conditions: tuple[Condition, ...]
    places: tuple[PlaceStatus, ...] = ()
    shards: tuple[ShardStatus, ...] = ()
    sources: tuple[tuple[str, str, int], ...] = ()
    events: tuple[tuple[str, str, str], ...] = ()
    drain: str = ""


def status_of(found: Mapping[str, Any]) -> Shown:
    """The status of a Connector or Archiver; that of a new one is empty.

    Raises:
        SsmdError: It is not one that this version writes.
    """
    try:
        return msgspec.convert(found.get("status") or {}, _STATUSES[found["kind"]])
    except msgspec.ValidationError as error:
        name = found["metadata"]["name"]
        raise SsmdError(
            f"The status of {found['kind']} {name!r} cannot be read: {error}.",
            remedy="Use the `ssmd` of the operator's version.",
        ) from error


def line(found: Mapping[str, Any]) -> Line:
    """A resource in a list."""
    status, metadata, spec = status_of(found), found["metadata"], found.get("spec") or {}
    if isinstance(status, ConnectorStatus):
        feeds: tuple[str, ...] = (str(spec.get("feed", "")),)
        wanted = status.wanted_replicas
        connected = status.connection_state
    else:
        feeds = tuple(dict.fromkeys(str(each.get("feed", "")) for each in spec.get("sources", ())))
        wanted = 1
        connected = f"{len(status.sources)} streams"
    return Line(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        feeds=feeds,
        phase="Deleting" if metadata.get("deletionTimestamp") else status.phase,
        ready=status.ready_replicas,
        wanted=wanted,
        connected=connected,
        messages=status.messages,
        last_message_time=status.last_message_time,
        trouble=tuple(each.type for each in status.conditions if each.is_trouble),
        created=metadata.get("creationTimestamp", ""),
    )


def detail(found: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Detail:
    """All that is known of a resource.

    Args:
        found: The resource.
        events: Events about it, as Kubernetes has them.
    """
    status = status_of(found)
    told = sorted(
        (
            str(each.get("lastTimestamp") or each.get("eventTime") or ""),
            str(each.get("reason", "")),
            str(each.get("message") or each.get("note") or ""),
        )
        for each in events
    )
    common: dict[str, Any] = {
        "line": line(found),
        "is_current": status.observed_generation == found["metadata"].get("generation", 0),
        "conditions": status.conditions,
        "events": tuple(told),
    }
    if isinstance(status, ConnectorStatus):
        return Detail(places=status.places, shards=status.shards, **common)
    sources = tuple((each.feed, each.stream, each.messages) for each in status.sources)
    return Detail(sources=sources, drain=status.drain, **common)


def age(moment: str | None, now: int) -> str:
    """How long ago something was, in two characters and a unit, as `kubectl` shows it.

    Args:
        moment: RFC 3339; None or empty when nobody knows.
        now: ns since the Unix epoch.
    """
    if not moment:
        return _UNTOLD
    passed = max(now - parse_rfc3339(moment), 0) // SECOND_NS
    for length, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "m")):
        if passed >= 2 * length:
            return f"{passed // length}{unit}"
    return f"{passed}s"


def is_well(found: Detail) -> bool:
    """Whether the operator looked at the newest spec, says that it is ready, and nothing else."""
    ready = any(each.type == "Ready" and each.status == "True" for each in found.conditions)
    return ready and found.is_current and not found.line.trouble
