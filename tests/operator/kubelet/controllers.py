"""What makes pods of Deployments and Jobs, and says how those are."""

import hashlib
from typing import Any

import msgspec

from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime.clock import Clock
from tests.operator.kubelet.api import Api, Object

NODE = "test-node"
_TEMPLATE = "test-kubelet/template"
"""Annotation of a pod: the template it was made from."""


class Controllers:
    """The Deployment and the Job controller, one step at a time; CronJobs only when they are asked.

    A Deployment's pods belong to it directly, without a ReplicaSet between; its strategy is
    `Recreate`, whatever it says: ours have no other.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._made = 0

    async def step(self, pods: list[Object]) -> None:
        """Look at everything once.

        Args:
            pods: Every pod of the namespace.
        """
        deployments = await self._api.list("deployments")
        jobs = await self._api.list("jobs")
        owners = {each["metadata"]["uid"] for each in (*deployments, *jobs)}
        for pod in pods:
            owner = _owner(pod)
            if owner is not None and owner["uid"] not in owners:
                await self._remove(pod)
        for each in deployments:
            if not each["metadata"].get("deletionTimestamp"):
                await self._deploy(each, _owned(pods, each))
        for each in jobs:
            if not each["metadata"].get("deletionTimestamp"):
                await self._run(each, _owned(pods, each))

    async def trigger(self, cron_job: str, job: str) -> None:
        """Run a CronJob now, as its schedule would."""
        found = await self._api.get("cronjobs", cron_job)
        assert found is not None, f"there is no CronJob {cron_job}"
        template = found["spec"]["jobTemplate"]
        metadata = {
            **template.get("metadata", {}),
            "name": job,
            "ownerReferences": [_reference(found, "batch/v1", "CronJob")],
        }
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
        await self._api.create("jobs", {**body, "spec": template["spec"]})
        now = format_rfc3339(self._clock.wall())[:19] + "Z"
        await self._api.status("cronjobs", cron_job, {"lastScheduleTime": now})

    async def _deploy(self, deployment: Object, pods: list[Object]) -> None:
        spec, metadata = deployment["spec"], deployment["metadata"]
        wanted = spec.get("replicas", 1)
        template = _digest(spec["template"])
        current = [p for p in pods if p["metadata"]["annotations"][_TEMPLATE] == template]
        surplus = [p for p in pods if p not in current] + current[wanted:]
        for pod in surplus:
            await self._remove(pod)
        for _ in range(wanted - len(pods)):  # not before the old ones have gone
            await self._create(deployment, "apps/v1", "Deployment", spec["template"])
        ready = [p for p in current if _ready(p)]
        status: Object = {
            "observedGeneration": metadata["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(current),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "unavailableReplicas": max(0, wanted - len(ready)),
        }
        if any(deployment.get("status", {}).get(key, 0) != value for key, value in status.items()):
            await self._api.status("deployments", metadata["name"], status)

    async def _run(self, job: Object, pods: list[Object]) -> None:
        status = job.get("status", {})
        if any(c["type"] in {"Complete", "Failed"} for c in status.get("conditions", [])):
            return
        spec, name = job["spec"], job["metadata"]["name"]
        phases = [pod.get("status", {}).get("phase") for pod in pods]
        failed = phases.count("Failed")
        began = status.get("startTime") or format_rfc3339(self._clock.wall())[:19] + "Z"
        told: Object = {"startTime": began, "failed": failed, "active": len(pods) - failed}
        if "Succeeded" in phases:
            told |= {"succeeded": 1, "active": 0} | self._over("Complete", "CompletionsReached")
        elif failed > spec.get("backoffLimit", 6):
            told |= self._over("Failed", "BackoffLimitExceeded")
        elif self._late(spec, began):
            told |= self._over("Failed", "DeadlineExceeded") | {"active": 0}
            for pod in pods:
                await self._remove(pod)
        elif len(pods) == failed:
            await self._create(job, "batch/v1", "Job", spec["template"])
            told["active"] = 1
        if any(status.get(key, 0) != value for key, value in told.items()):
            await self._api.status("jobs", name, told)

    def _late(self, spec: Object, began: str) -> bool:
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is None:
            return False
        end = _plus(began, deadline)
        return format_rfc3339(self._clock.wall()) > end

    def _over(self, kind: str, reason: str) -> Object:
        """A Job's end, as its controller tells it in two steps."""
        now = format_rfc3339(self._clock.wall())[:19] + "Z"
        before = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        conditions = [
            {"type": each, "status": "True", "reason": reason, "lastTransitionTime": now}
            for each in (before, kind)
        ]
        found: Object = {"conditions": conditions, "ready": 0}
        return found | {"completionTime": now} if kind == "Complete" else found

    async def _create(self, owner: Object, version: str, kind: str, template: Object) -> None:
        self._made += 1
        name = f"{owner['metadata']['name']}-{owner['metadata']['uid'][:5]}-{self._made:04d}"
        metadata = template["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "labels": metadata.get("labels", {}),
                "annotations": metadata.get("annotations", {}) | {_TEMPLATE: _digest(template)},
                "ownerReferences": [_reference(owner, version, kind)],
            },
            "spec": template["spec"] | {"nodeName": NODE},
        }
        await self._api.create("pods", body)

    async def _remove(self, pod: Object) -> None:
        if not pod["metadata"].get("deletionTimestamp"):
            await self._api.delete("pods", pod["metadata"]["name"])


def _owned(pods: list[Object], owner: Object) -> list[Object]:
    uid = owner["metadata"]["uid"]
    return [pod for pod in pods if (found := _owner(pod)) is not None and found["uid"] == uid]


def _owner(pod: Object) -> Object | None:
    references: list[Object] = pod["metadata"].get("ownerReferences", [])
    return next((each for each in references if each.get("controller")), None)


def _reference(owner: Object, version: str, kind: str) -> Object:
    return {
        "apiVersion": version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _digest(template: Any) -> str:  # noqa: ANN401 - any tree
    plain = msgspec.json.encode(template, order="deterministic")
    return hashlib.sha256(plain).hexdigest()[:12]


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _plus(moment: str, seconds: int) -> str:
    from datetime import datetime, timedelta  # noqa: PLC0415 - only Jobs with a deadline

    return (datetime.fromisoformat(moment) + timedelta(seconds=seconds)).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )
