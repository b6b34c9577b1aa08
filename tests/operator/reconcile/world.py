"""A namespace with an operator in it, and controllers that make pods as Kubernetes would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from ssmd.model.errors import Unavailable
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.operator import kubeconfig as kubeconfigs
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.errors import Absent, Conflict
from ssmd.operator.names import API_VERSION
from ssmd.operator.service import Operator
from ssmd.operator.settings import OperatorSettings
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.tasks import Stop

SHIPPED: Final = Path(__file__).parents[3] / "src/ssmd/venues"
ENVIRONMENT: Final = "name: prod\ntransport: {url: nats://nats.lab:4222}\n"
CLOCK: Final = SystemClock()


def feed_text(name: str = "kraken") -> str:
    """A shipped feed's file."""
    return (SHIPPED / name / "feed.yaml").read_text(encoding="utf-8")


class World:
    """One namespace, and everything a test does in it.

    Attributes:
        cluster: A client of a person's.
        namespace: The namespace.
        kubeconfig: How others come in.
        well: Says whether a pod becomes ready.
        drains: Whether pods that are to end do; else they take their time.
        job: How Jobs end: `Complete`, `Failed`, or empty while they run.
    """

    def __init__(self, cluster: Cluster, kubeconfig: Path) -> None:
        self.cluster = cluster
        self.namespace = cluster.namespace
        self.kubeconfig = kubeconfig
        self.well: Callable[[Manifest], bool] = bool
        self.job = "Complete"
        self.drains = True
        self._made = 0

    async def configure(self, *, feed: str = "kraken") -> None:
        """Put a feed and an environment there."""
        await self.put_map(f"feed-{feed}", {"feed.yaml": feed_text(feed)})
        await self.put_map("env-prod", {"env.yaml": ENVIRONMENT})

    async def put_map(self, name: str, data: Mapping[str, str]) -> None:
        """Put a ConfigMap there."""
        await self.put({"apiVersion": "v1", "kind": "ConfigMap", "data": dict(data)}, name)

    async def connector(self, **spec: object) -> Manifest:
        """Ask for a Connector, or change what it asks for."""
        return await self.ask(
            "Connector", "north", {"feed": "kraken", "environment": "prod", **spec}
        )

    async def ask(self, kind: str, name: str, spec: Mapping[str, object]) -> Manifest:
        """Ask for a resource, or change what it asks for."""
        return await self.put({"apiVersion": API_VERSION, "kind": kind, "spec": dict(spec)}, name)

    async def put(self, manifest: Manifest, name: str) -> Manifest:
        """Apply an object as a person does."""
        metadata = {"name": name, "namespace": self.namespace}
        return await self.cluster.apply({**manifest, "metadata": metadata}, force=True)

    async def get(self, kind: str, name: str = "north", of: str = API_VERSION) -> Manifest | None:
        """An object, as it is."""
        return await self.cluster.find(of, kind, name, self.namespace)

    async def deployments(self) -> dict[str, Manifest]:
        """All Deployments, by name."""
        found = await self.cluster.list("apps/v1", "Deployment", namespace=self.namespace)
        return {each["metadata"]["name"]: each for each in found}

    async def condition(
        self, word: str, kind: str = "Connector", name: str = "north"
    ) -> tuple[str, str, str]:
        """A condition's status, reason and message; empty while there is none."""
        found = await self.get(kind, name)
        for each in ((found or {}).get("status") or {}).get("conditions") or ():
            if each["type"] == word:
                return each["status"], each["reason"], each.get("message", "")
        return "", "", ""

    async def is_so(self, word: str, status: str, reason: str = "", **of: str) -> bool:
        """Whether a condition is of this status, and reason."""
        found = await self.condition(word, **of)
        return found[0] == status and (not reason or found[1] == reason)

    async def reasons(self) -> set[str]:
        """The reasons of all events."""
        found = await self.cluster.list("v1", "Event", namespace=self.namespace)
        return {each["reason"] for each in found}

    async def until(
        self, check: Callable[[], Awaitable[object]], what: str = "", *, tries: int = 600
    ) -> None:
        """Wait until something is so."""
        for _ in range(tries):
            if await check():
                return
            await asyncio.sleep(0.05)
        message = f"it did not come to pass: {what}"
        raise AssertionError(message)

    async def control(self) -> None:
        """Make pods of Deployments and Jobs, for ever."""
        while True:
            with contextlib.suppress(Unavailable, Absent, Conflict):  # the next step does it
                await self._step()
            await asyncio.sleep(0.05)

    async def _step(self) -> None:
        pods = await self.cluster.list("v1", "Pod", namespace=self.namespace)
        owners = {}
        for each in (await self.deployments()).values():
            uid = each["metadata"]["uid"]
            owners[uid] = each
            mine = [pod for pod in pods if _owner(pod) == uid]
            await self._deploy(each, mine)
        for each in await self.cluster.list("batch/v1", "Job", namespace=self.namespace):
            owners[each["metadata"]["uid"]] = each
            await self._end(each)
        for pod in pods:
            if _owner(pod) not in owners:
                await self._delete(pod)

    async def _deploy(self, deployment: Manifest, pods: list[Manifest]) -> None:
        spec = deployment["spec"]
        template = spec["template"]
        digest = str(template["spec"]["containers"]) + str(template["metadata"])
        current = [pod for pod in pods if pod["metadata"]["annotations"]["test/of"] == digest]
        rolls = spec["strategy"]["type"] == "RollingUpdate"
        followed = sum(_is_ready(pod) for pod in current) >= spec["replicas"]
        for pod in pods:
            if pod in current[spec["replicas"] :] or (
                pod not in current and (followed or not rolls)
            ):
                await self._delete(pod)
        if rolls or len(pods) == len(current):
            for _ in range(len(current), spec["replicas"]):
                await self._make(deployment, template, digest)
        for pod in current:
            await self._ready(pod)

    async def _make(self, deployment: Manifest, template: Manifest, digest: str) -> None:
        self._made += 1
        metadata, mine = template["metadata"], deployment["metadata"]
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "controller": True}
        await self.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"{mine['name']}-{self._made}",
                    "namespace": self.namespace,
                    "labels": metadata.get("labels") or {},
                    "annotations": {**(metadata.get("annotations") or {}), "test/of": digest},
                    "ownerReferences": [owner | {"name": mine["name"], "uid": mine["uid"]}],
                },
                "spec": template["spec"],
            }
        )

    async def _ready(self, pod: Manifest) -> None:
        wanted = "True" if self.well(pod) else "False"
        for each in (pod.get("status") or {}).get("conditions") or ():
            if each["type"] == "Ready" and each["status"] == wanted:
                return
        now = format_rfc3339(CLOCK.wall() // SECOND_NS * SECOND_NS)[:19] + "Z"
        ready = {"type": "Ready", "status": wanted, "lastTransitionTime": now}
        await self.tell(pod, {"phase": "Running", "conditions": [ready]})

    async def _end(self, job: Manifest) -> None:
        ended = {each["type"] for each in (job.get("status") or {}).get("conditions") or ()}
        if not self.job or self.job in ended:
            return
        now = format_rfc3339(CLOCK.wall())[:19] + "Z"
        before = "SuccessCriteriaMet" if self.job == "Complete" else "FailureTarget"
        conditions = [
            {"type": each, "status": "True", "reason": "Test", "lastTransitionTime": now}
            for each in (before, self.job)
        ]
        told: dict[str, Any] = {"startTime": now, "conditions": conditions}
        if self.job == "Complete":
            told |= {"completionTime": now, "succeeded": 1}
        await self.tell(job, told)

    async def tell(self, found: Manifest, status: Mapping[str, object]) -> None:
        """Say how an object is, as its controller does."""
        meant = {key: found[key] for key in ("apiVersion", "kind")}
        metadata = {key: found["metadata"][key] for key in ("name", "namespace")}
        await self.cluster.merge(
            {**meant, "metadata": metadata, "status": dict(status)}, subresource="status"
        )

    async def _delete(self, pod: Manifest) -> None:
        if self.drains and not pod["metadata"].get("deletionTimestamp"):
            await self.cluster.delete("v1", "Pod", pod["metadata"]["name"], self.namespace)

    def settings(self, **more: object) -> OperatorSettings:
        """How an operator runs here: impatient."""
        usual: dict[str, Any] = {
            "namespaces": (self.namespace,),
            "image": "images.local/ssmd:1",
            "identity": "one",
            "lease_namespace": self.namespace,
            "lease_s": 3.0,
            "resync_s": 2.0,
            "recheck_s": 1.0,
            "blind_s": 30.0,
        }
        return OperatorSettings(**(usual | more))

    @asynccontextmanager
    async def operated(self, **more: object) -> AsyncIterator[Operator]:
        """With an operator, which has to end well."""
        target = kubeconfigs.find(str(self.kubeconfig), None, self.namespace)
        operator, stop = Operator(target, self.settings(**more)), Stop()
        running = asyncio.create_task(operator.run(stop))
        try:
            yield operator
        finally:
            stop.request("test")
            await running
        assert stop.error is None, stop.error


def _is_ready(pod: Manifest) -> bool:
    told = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in told)


def _owner(found: Manifest) -> str:
    references = found["metadata"].get("ownerReferences") or ()
    return next((each["uid"] for each in references if each.get("controller")), "")
