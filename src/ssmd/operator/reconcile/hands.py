"""What every kind's reconciliation works with."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.operator.apply import SWEPT, Applier
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.conditions import Answer, merged
from ssmd.operator.events import Events
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.facts import Owner
from ssmd.operator.names import FINALIZER, SKIP_DRAIN
from ssmd.operator.observe import Observer
from ssmd.operator.reading import Found, Reader
from ssmd.operator.spec.status import (
    ApiStatus,
    ArchiverStatus,
    ConnectorStatus,
    ScheduledStatus,
    Told,
)
from ssmd.runtime.clock import Clock

S = TypeVar("S", bound=Told)
_COUNTERS_S: Final = 60.0
"""Counters alone are a reason to write a status only so often, in seconds."""
_COUNTERS: Final = ("messages", "last_message_time", "shards", "sources")


class Hands:
    """The cluster, and everything that is done to it on behalf of one resource after another."""

    def __init__(
        self,
        cluster: Cluster,
        applier: Applier,
        reader: Reader,
        observer: Observer,
        events: Events,
        clock: Clock,
        *,
        recheck_s: float,
    ) -> None:
        self.cluster = cluster
        self.applier = applier
        self.reader = reader
        self.observer = observer
        self.events = events
        self.clock = clock
        self._recheck_s = recheck_s
        self._swept: dict[str, tuple[int, float]] = {}
        self._counted: dict[str, float] = {}

    def now(self) -> float:
        """Unix seconds."""
        return self.clock.wall() / SECOND_NS

    def stamp(self) -> str:
        """The time as Kubernetes writes it."""
        return format_rfc3339(self.clock.wall() // SECOND_NS * SECOND_NS)[:19] + "Z"

    async def say(self, resource: Manifest, before: S, status: S) -> None:
        """Write a status if it says anything new; counters alone are not new all the time."""
        uid = resource["metadata"]["uid"]
        now = self.clock.mono()
        if status == before and resource.get("status") is not None:
            return
        counted = self._counted.get(uid)
        recent = counted is not None and now - counted < _COUNTERS_S
        if recent and _plain(status) == _plain(before):
            return
        await self.cluster.apply(
            _identity(resource) | {"status": _shown(status)},
            force=True,
            subresource="status",
        )
        self._counted[uid] = now

    async def complain(self, resource: Manifest, complaints: Iterable[Complaint]) -> None:
        """Tell people what is wrong with what a resource asks for."""
        for each in complaints:
            await self.events.tell(resource, each.reason, each.message, kind="Warning")

    async def refuse(
        self,
        resource: Manifest,
        before: ConnectorStatus | ArchiverStatus | ScheduledStatus | ApiStatus,
        complaint: Complaint,
    ) -> None:
        """Say that a spec cannot be read; whatever runs goes on."""
        more = "" if before == type(before)() else " What runs goes on as it was."
        message = complaint.message + more
        generation = resource["metadata"].get("generation", 0)
        answers = [
            Answer("Ready", "False", complaint.reason, message),
            Answer("FeedConfigValid", "Unknown", "NotRead", "The spec says not which feed."),
            Answer("Progressing", "False", "Blocked", "What is asked for is not acceptable."),
        ]
        status = msgspec.structs.replace(
            before,
            observed_generation=generation,
            conditions=merged(answers, before.conditions, generation, self.stamp()),
        )
        await self.say(resource, before, status)

    async def ensure(
        self,
        resource: Manifest,
        manifest: Mapping[str, Any],
        live: Manifest | None = None,
        *,
        looked: bool = False,
    ) -> None:
        """Make an object as it is wanted; what was left to others is told. Arguments as `Applier`."""
        left = await self.applier.ensure(manifest, live, looked=looked)
        if left:
            what = f"{manifest['kind']} {manifest['metadata']['name']}"
            fields = ", ".join(f"{each.field} to {each.manager or 'another'}" for each in left)
            await self.events.tell(resource, "Yielded", f"{what}: left {fields}.")

    async def sweep(
        self, resource: Manifest, owner: Owner, wanted: Iterable[Mapping[str, Any]]
    ) -> None:
        """Remove what is not wanted any more; looked for after a change, and now and then."""
        generation, now = resource["metadata"].get("generation", 0), self.clock.mono()
        last = self._swept.get(owner.uid)
        if last is not None and last[0] == generation and now - last[1] < self._recheck_s:
            return
        kinds: list[tuple[str, str]] = list(SWEPT)
        if owner.kind == "Connector":
            kinds.remove(("apps/v1", "Deployment"))  # its places come and go by a rollout
        for each in await self.applier.sweep(
            owner.kind, owner.name, owner.namespace, owner.uid, wanted, kinds
        ):
            what = f"{each['kind']} {each['metadata']['name']}"
            await self.events.tell(resource, "Removed", f"{what} is not wanted any more.")
        self._swept[owner.uid] = generation, now

    async def hold(self, resource: Manifest) -> Manifest:
        """Make sure that a resource does not go before it has drained."""
        metadata = resource["metadata"]
        held = metadata.get("finalizers") or []
        if FINALIZER in held:
            return resource
        return await self._finalizers(resource, [*held, FINALIZER])

    async def release(self, resource: Manifest) -> None:
        """Let a resource go."""
        held = resource["metadata"].get("finalizers") or []
        if FINALIZER in held:
            await self._finalizers(resource, [each for each in held if each != FINALIZER])
        self.forget(resource["metadata"]["uid"])

    def forget(self, uid: str) -> None:
        """Forget a resource that has gone."""
        self._swept.pop(uid, None)
        self._counted.pop(uid, None)

    async def _finalizers(self, resource: Manifest, finalizers: list[str]) -> Manifest:
        whole = _identity(resource)
        whole["metadata"] |= {
            "resourceVersion": resource["metadata"]["resourceVersion"],
            "finalizers": finalizers or None,
        }
        return await self.cluster.merge(whole)


def status_of(resource: Manifest, kind: type[S]) -> S:
    """A resource's status as it is; an empty one when it cannot be read."""
    try:
        return msgspec.convert(resource.get("status") or {}, kind)
    except msgspec.ValidationError:
        return kind()


def skips_drain(resource: Manifest) -> bool:
    """Whether somebody lets a resource go without proof."""
    notes = resource["metadata"].get("annotations") or {}
    return str(notes.get(SKIP_DRAIN, "")).lower() == "true"


def _identity(resource: Manifest) -> Manifest:
    metadata = resource["metadata"]
    return {
        "apiVersion": resource["apiVersion"],
        "kind": resource["kind"],
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
    }


def _shown(status: Told) -> dict[str, object]:
    """A status with all its own fields: `kubectl` shows no defaults."""
    return {
        field.encode_name: msgspec.to_builtins(value)
        for field in msgspec.structs.fields(status)
        if (value := getattr(status, field.name)) is not None
    }


def _plain(status: Told) -> Told:
    """A status without what only counts."""
    if not isinstance(status, ConnectorStatus | ArchiverStatus | ScheduledStatus):
        return status
    fields = {each: None for each in _COUNTERS if each in status.__struct_fields__}
    return msgspec.structs.replace(status, **fields)


__all__ = ["Found", "Hands", "skips_drain", "status_of"]
