"""Makes objects as they are wanted: by server-side apply, and only when something is not."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ssmd.operator import telemetry
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.errors import Absent, Claim, Conflict
from ssmd.operator.fields import digest, fingerprint, may_be_left, without
from ssmd.operator.memory import Entry, Key, Memory, key_of
from ssmd.operator.names import MANAGED_BY, MANAGER, Kind, selector
from ssmd.runtime.clock import Clock

SWEPT: Final = (
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "CronJob"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
)
"""Kinds whose objects are removed when nobody wants them any more. Claims are not: they hold data."""


class Applier:
    """Applies objects, and remembers what it applied."""

    def __init__(self, cluster: Cluster, memory: Memory, clock: Clock, *, recheck_s: float) -> None:
        """Make it.

        Args:
            cluster: Where.
            memory: What was applied.
            clock: Times the checks.
            recheck_s: What nobody shows us is looked up after so long, in seconds.
        """
        self._cluster = cluster
        self._memory = memory
        self._clock = clock
        self._recheck_s = recheck_s

    async def ensure(
        self, manifest: Mapping[str, Any], live: Manifest | None = None, *, looked: bool = False
    ) -> tuple[Claim, ...]:
        """Make an object as it is wanted; nothing is written when it is so already.

        Fields that others own are taken back; but how many pods there are, and how much they are
        given, is left to whoever took that.

        Args:
            manifest: What is wanted: all of it is ours, and nothing else.
            live: The object as it is, if it was looked up anyway.
            looked: It was: without `live` there is none, whatever is remembered.

        Returns:
            Fields that were newly left to others.
        """
        key, asked = key_of(manifest), digest(manifest)
        if looked and live is None:
            self._memory.forget(key)
        if await self._holds(key, asked, manifest, live):
            return ()
        found, left = await self._apply(manifest)
        entry = Entry(asked=asked, found=fingerprint(found), checked=self._clock.mono())
        self._memory.keep(key, entry)
        return left

    async def scale_down(self, live: Manifest) -> None:
        """Ask a Deployment's pods to drain: it is of a revision that cannot be rendered any more."""
        metadata = live["metadata"]
        self._memory.forget(key_of(live))
        await self._cluster.merge(
            {
                "apiVersion": live["apiVersion"],
                "kind": live["kind"],
                "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
                "spec": {"replicas": 0},
            }
        )
        telemetry.applied(_words(live))

    async def delete(self, live: Mapping[str, Any]) -> None:
        """Delete an object; what belongs to it goes with it."""
        metadata = live["metadata"]
        self._memory.forget(key_of(live))
        if await self._cluster.delete(
            live["apiVersion"], live["kind"], metadata["name"], metadata["namespace"]
        ):
            telemetry.deleted(_words(live))

    async def owned(
        self, kind: Kind, name: str, namespace: str, uid: str, of: tuple[str, str]
    ) -> list[Manifest]:
        """The objects of one kind that belong to a resource; none when there is no such kind."""
        try:
            found = await self._cluster.list(
                *of, namespace=namespace, labels=selector(name, kind) | {MANAGED_BY: MANAGER}
            )
        except Absent:
            return []
        return [each for each in found if _owner_uid(each) == uid]

    async def sweep(
        self,
        kind: Kind,
        name: str,
        namespace: str,
        uid: str,
        wanted: Iterable[Mapping[str, Any]],
        kinds: Iterable[tuple[str, str]] = SWEPT,
    ) -> list[Manifest]:
        """Remove what belongs to a resource and is not wanted any more.

        Returns:
            What was removed.
        """
        names = {(each["kind"], each["metadata"]["name"]) for each in wanted}
        removed = []
        for of in kinds:
            for each in await self.owned(kind, name, namespace, uid, of):
                if (each["kind"], each["metadata"]["name"]) in names:
                    continue
                if not each["metadata"].get("deletionTimestamp"):
                    await self.delete(each)
                    removed.append(each)
        return removed

    async def _holds(
        self, key: Key, asked: str, manifest: Mapping[str, Any], live: Manifest | None
    ) -> bool:
        entry = self._memory.get(key)
        if entry is None or entry.asked != asked:
            return False
        now = self._clock.mono()
        if live is None:
            if now - entry.checked < self._recheck_s:
                return True
            metadata = manifest["metadata"]
            live = await self._cluster.find(
                manifest["apiVersion"], manifest["kind"], metadata["name"], metadata["namespace"]
            )
        if live is None or fingerprint(live) != entry.found:
            return False
        self._memory.keep(key, Entry(asked=asked, found=entry.found, checked=now))
        return True

    async def _apply(self, manifest: Mapping[str, Any]) -> tuple[Manifest, tuple[Claim, ...]]:
        what = _words(manifest)
        try:
            found = await self._cluster.apply(manifest)
        except Conflict as error:
            if not error.claims:
                raise
            claims = error.claims
        else:
            telemetry.applied(what)
            return found, ()
        foreign = [each for each in claims if each.manager != MANAGER]
        left = tuple(each for each in foreign if may_be_left(each.field))
        taken = [each for each in foreign if each not in left]
        for each in left:
            manifest = without(manifest, each.field)
        found = await self._cluster.apply(manifest, force=True)
        if left:
            telemetry.yielded(what, left)
        if taken:
            telemetry.forced(what, taken)
        telemetry.applied(what)
        return found, left


def _owner_uid(live: Mapping[str, Any]) -> str:
    references = live["metadata"].get("ownerReferences", ())
    return next((each["uid"] for each in references if each.get("controller")), "")


def _words(manifest: Mapping[str, Any]) -> str:
    return (
        f"{manifest['kind']} {manifest['metadata'].get('namespace')}/{manifest['metadata']['name']}"
    )
