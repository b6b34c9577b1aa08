"""The test kubelet does what a node does: what is proved with it is proved of real processes."""

import base64
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.operator.kubelet.api import Api, Object
from tests.operator.kubelet.files import Mounts
from tests.operator.kubelet.kubelet import Kubelet
from tests.operator.kubelet.variables import expanded

pytestmark = pytest.mark.integration
CLOCK = SystemClock()
SERVE = [sys.executable, "-m", "http.server", "8080", "--bind", "$(POD_IP)", "-d", "/data"]
IP: Object = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}


class Lab:
    """A fake API server with a node."""

    def __init__(self, server: FakeApi, api: Api, node: Kubelet) -> None:
        self.server = server
        self.api = api
        self.node = node

    async def pod(self) -> Object:
        """The one pod there is."""
        (found,) = await self.api.list("pods")
        return found

    async def get(self, kind: str, name: str) -> Object:
        """An object that is there."""
        found = await self.api.get(kind, name)
        assert found is not None
        return found

    async def until(self, true: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for something."""
        deadline = CLOCK.mono() + 30
        while not await true():
            assert CLOCK.mono() < deadline, f"{what}: {self.node.faults}\n{self.node.logs()}"
            await CLOCK.sleep(0.02)

    async def ready(self) -> Object:
        """The one pod, once it is ready."""

        async def holds() -> bool:
            found = await self.api.list("pods")
            return len(found) == 1 and is_ready(found[0])

        await self.until(holds, "a ready pod")
        return await self.pod()


def is_ready(pod: Object) -> bool:
    """Whether a pod says that it is ready."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@asynccontextmanager
async def lab(root: Path) -> AsyncIterator[Lab]:
    """A fake API server with a node, and a namespace of its own."""
    async with FakeApi(CLOCK) as server:
        kubeconfig = server.kubeconfig(root / "kubeconfig", namespace="lab")
        server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}})
        async with (
            Api.open(kubeconfig, "lab") as api,
            Kubelet(api, root / "node", clock=CLOCK) as node,
        ):
            yield Lab(server, api, node)


def template(command: list[str], **more: Any) -> Object:  # noqa: ANN401 - whatever a container has
    """A pod template of one container."""
    container = {"name": "main", "image": "none", "command": command, "env": [IP]}
    container |= {"volumeMounts": [{"name": "data", "mountPath": "/data"}], **more}
    spec: Object = {"terminationGracePeriodSeconds": 20, "containers": [container]}
    spec["volumes"] = [{"name": "data", "emptyDir": {}}]
    return {"metadata": {"labels": {"app": "it"}}, "spec": spec}


def deployment(pods: Object, replicas: int = 1) -> Object:
    """A Deployment of them."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "it", "namespace": "lab"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "it"}},
            "template": pods,
        },
    }


def probed() -> Object:
    """A server that says when it is ready."""
    probe = {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1, "failureThreshold": 30}
    ports = [{"name": "web", "containerPort": 8080}]
    return template(SERVE, ports=ports, startupProbe=probe, readinessProbe=probe)


async def test_a_deployment_runs_until_it_is_scaled_down(tmp_path: Path) -> None:
    """One ready pod at an address of its own; scaled down it ends by SIGTERM and is confirmed gone."""
    async with lab(tmp_path) as it:
        it.server.create(deployment(probed()))
        pod = await it.ready()
        assert pod["status"]["podIP"].startswith("127.")

        async def told() -> bool:
            status = (await it.get("deployments", "it")).get("status", {})
            return bool(status.get("readyReplicas") == 1 and status["observedGeneration"] >= 1)

        await it.until(told, "the Deployment's status")
        await it.api.merge("deployments", "it", {"spec": {"replicas": 0}})

        async def gone() -> bool:
            return not await it.api.list("pods")

        await it.until(gone, "the pod to go")
        assert it.node.pods == {}


async def test_a_killed_container_is_started_again(tmp_path: Path) -> None:
    """The pod stays, counts a restart, and remembers how the life before ended."""
    async with lab(tmp_path) as it:
        it.server.create(deployment(probed()))
        name = (await it.ready())["metadata"]["name"]
        it.node.kill_pod(name, signal.SIGKILL)

        async def again() -> bool:
            pod = await it.pod()
            restarts = pod["status"]["containerStatuses"][0]["restartCount"]
            return restarts == 1 and is_ready(pod)

        await it.until(again, "a second life")
        (status,) = (await it.pod())["status"]["containerStatuses"]
        assert status["lastState"]["terminated"]["exitCode"] == 137


async def test_a_job_ends_as_its_pods_do(tmp_path: Path) -> None:
    """Good at once, or failed as often as it may; the pod's last message is there to be read."""
    ends = {
        "good": ["sh", "-c", "printf word > $0", "/dev/termination-log"],
        "bad": ["sh", "-c", "echo why; exit 3"],
    }
    async with lab(tmp_path) as it:
        for name, command in ends.items():
            pods = template(command, terminationMessagePolicy="FallbackToLogsOnError")
            pods["spec"]["restartPolicy"] = "Never"
            job = {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": name, "namespace": "lab"},
            }
            it.server.create(job | {"spec": {"backoffLimit": 1, "template": pods}})

        async def over() -> bool:
            jobs = [await it.get("jobs", name) for name in ends]
            return all(job.get("status", {}).get("conditions") for job in jobs)

        await it.until(over, "both Jobs to end")
        good, bad = [(await it.get("jobs", name))["status"] for name in ends]
        assert good["succeeded"] == 1
        assert bad["failed"] == 2
        assert [each["type"] for each in bad["conditions"]][-1] == "Failed"
        said = {
            (state["exitCode"], state["message"].strip())
            for pod in await it.api.list("pods")
            for each in pod["status"]["containerStatuses"]
            if (state := each["state"]["terminated"])
        }
        assert said == {(0, "word"), (3, "why")}


async def test_a_pod_waits_for_what_it_refers_to(tmp_path: Path) -> None:
    """Without its ConfigMap and its Secret a pod is not started; with them it sees what they hold."""
    show = [
        "sh",
        "-c",
        'cat /etc/it/f.yaml; echo "$BOTH"; stat -c %a /etc/it/f.yaml; exec sleep 60',
    ]
    secret = {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    env = [IP, secret, {"name": "BOTH", "value": "$(WORD) $(NONE) $$(WORD)"}]
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "c", "mountPath": "/etc/it"}]
    pods = template(show, env=env, volumeMounts=mounts)
    source = {"name": "c", "configMap": {"name": "c", "defaultMode": 0o440}}
    pods["spec"]["volumes"].append(source)
    async with lab(tmp_path) as it:
        it.server.create(deployment(pods))

        async def waits() -> bool:
            found = await it.api.list("pods")
            states = [
                s for pod in found for s in pod.get("status", {}).get("containerStatuses", [])
            ]
            return any(
                "not found" in s["state"].get("waiting", {}).get("message", "") for s in states
            )

        await it.until(waits, "a pod that waits")
        it.server.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "lab"},
             "data": {"f.yaml": "dir: /data\n"}}
        )  # fmt: skip
        it.server.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "lab"},
             "data": {"k": base64.b64encode(b"hush").decode()}}
        )  # fmt: skip
        name = (await it.ready())["metadata"]["name"]

        async def said() -> bool:
            return len(it.node.log(name).splitlines()) == 3

        await it.until(said, "the pod's words")
        folder, words, mode = it.node.log(name).splitlines()
        assert folder.startswith(f"dir: {tmp_path}")
        assert words == "hush $(NONE) $(WORD)"
        assert mode in {"440", "400"}


def test_paths_are_replaced_whole() -> None:
    """A path is replaced where it is one, and not in the middle of another."""
    mounts = Mounts({"/data": Path("/x"), "/data/in": Path("/y"), "/etc": Path("/z")})
    text = "dir: /data\nin: '/data/in/f' db: /database a:/usr/data --to=/etc,/data"
    expected = "dir: /x\nin: '/y/f' db: /database a:/usr/data --to=/z,/x"
    assert mounts.translate(text) == expected
    assert expanded("$(A) $(B) $$(A)", {"A": "1"}) == "1 $(B) $(A)"
