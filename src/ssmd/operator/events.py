"""Tells people what happened: Events of Kubernetes, one for each thing and not one for each look."""

import hashlib
from typing import Final, Literal

from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.operator import telemetry
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.errors import Conflict
from ssmd.operator.names import API_VERSION, MANAGER
from ssmd.runtime.clock import Clock

_AGAIN_S: Final = 600.0
"""The same is not told again before so long, in seconds."""
_LONGEST: Final = 1000
_KEPT: Final = 5000


class Events:
    """Tells events of resources. What cannot be told is logged, and stops nothing."""

    def __init__(self, cluster: Cluster, clock: Clock, *, identity: str = MANAGER) -> None:
        self._cluster = cluster
        self._clock = clock
        self._identity = identity
        self._told: dict[str, tuple[float, int]] = {}

    async def tell(
        self,
        resource: Manifest,
        reason: str,
        message: str,
        *,
        kind: Literal["Normal", "Warning"] = "Normal",
    ) -> None:
        """Tell of a resource, unless the same was told a while ago.

        Args:
            resource: The resource.
            reason: What happened, in one CamelCase word.
            message: What happened, in a sentence.
            kind: Whether somebody has to look.
        """
        name, namespace = resource["metadata"]["name"], resource["metadata"]["namespace"]
        text = f"{resource['metadata']['uid']} {reason} {message}"
        word = hashlib.sha256(text.encode()).hexdigest()[:16]
        now = self._clock.mono()
        last, count = self._told.get(word, (float("-inf"), 0))
        if now - last < _AGAIN_S:
            return
        if len(self._told) >= _KEPT:
            self._told.clear()
        self._told[word] = now, count + 1
        body = self._event(resource, f"{name[:200]}.{word}", reason, message, kind)
        key = f"{namespace}/{name}"
        try:
            await self._put(body, count + 1)
        except SsmdError as error:
            self._told.pop(word, None)
            telemetry.not_told(key, reason=reason, error=error)
        else:
            telemetry.told(key, reason=reason, message=message)

    async def _put(self, body: Manifest, count: int) -> None:
        try:
            await self._cluster.create({**body, "count": count})
        except Conflict:  # it was told before, maybe by an operator before us
            seen = {key: body[key] for key in ("apiVersion", "kind", "lastTimestamp")}
            meant = {key: body["metadata"][key] for key in ("name", "namespace")}
            await self._cluster.merge({**seen, "metadata": meant, "count": count})

    def _event(
        self, resource: Manifest, name: str, reason: str, message: str, kind: str
    ) -> Manifest:
        metadata = resource["metadata"]
        now = format_rfc3339(self._clock.wall() // SECOND_NS * SECOND_NS)[:19] + "Z"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": resource["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
            "reason": reason,
            "message": message[:_LONGEST],
            "type": kind,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": self._identity[:128],
        }
