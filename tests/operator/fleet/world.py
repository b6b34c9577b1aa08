"""A FAKE API with everything of SSMD in it, and somebody who plays its controllers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ssmd.cli.root import root
from ssmd.operator.cluster import Cluster
from ssmd.operator.crds.definitions import definitions
from ssmd.operator.names import COMPONENT, labels
from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi

NAMESPACE = "rec"
IMAGE = "ssmd:1"
FLUX = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "kustomizations.kustomize.toolkit.fluxcd.io"},
    "spec": {
        "group": "kustomize.toolkit.fluxcd.io",
        "scope": "Namespaced",
        "names": {"plural": "kustomizations", "singular": "kustomization", "kind": "Kustomization"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"suspend": {"type": "boolean"}},
                            }
                        },
                    }
                },
            }
        ],
    },
}
"""As much of Flux as we need: something that can be suspended."""


class World:
    """The FAKE API, and the commands that ask it.

    Attributes:
        api: The FAKE API.
        ended: Pods that ended, in order: `component/name`.
        stuck: Pods that do not end.
        deaf: Deployments whose pods do not become ready.
    """

    def __init__(self, api: FakeApi, kubeconfig: Path) -> None:
        self.api = api
        self.ended: list[str] = []
        self.stuck: set[str] = set()
        self.deaf: set[str] = set()
        self._kubeconfig = kubeconfig

    async def ssmd(self, *words: str) -> Result:
        """Run a command against the FAKE API, as from a terminal."""
        runner = CliRunner(env={"KUBECONFIG": str(self._kubeconfig), "COLUMNS": "200"})
        return await asyncio.to_thread(runner.invoke, root, list(words))

    async def installed(self, marks: dict[str, str] | None = None) -> None:
        """Put everything of SSMD there, and wait until its pods run."""
        self._install(marks)
        while any(
            (each.get("status") or {}).get("readyReplicas") != each["spec"]["replicas"]
            for each in self.api.objects("Deployment", NAMESPACE)
        ):
            await asyncio.sleep(0.02)

    def _install(self, marks: dict[str, str] | None) -> None:
        self._deployment("ssmd-operator", {COMPONENT: "operator"}, marks, replicas=2)
        self._deployment("a-archiver", labels("a", "Archiver"), marks)
        for slot in ("0-a", "1-a"):
            self._deployment(f"c-connector-{slot}", labels("c", "Connector"), marks)
        self._deployment("s-secmastersync-changes", labels("s", "SecmasterSync"), marks)
        self.api.create(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": self._metadata("q-qualitycheck", labels("q", "QualityCheck"), marks),
                "spec": {
                    "schedule": "0 6 * * *",
                    "jobTemplate": {"spec": {"template": _template({}, never=True)}},
                },
            }
        )

    def _deployment(
        self, name: str, own: dict[str, str], marks: dict[str, str] | None, *, replicas: int = 1
    ) -> None:
        chosen = own | {"place": name}
        self.api.create(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": self._metadata(name, own, marks),
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": {"place": name}},
                    "template": _template(chosen),
                },
            }
        )

    def _metadata(
        self, name: str, own: dict[str, str], marks: dict[str, str] | None
    ) -> dict[str, Any]:
        named = {"app.kubernetes.io/name": "ssmd", **own, **(marks or {})}
        return {"name": name, "namespace": NAMESPACE, "labels": named}

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object that must be there."""
        found = self.api.get(kind, name, NAMESPACE)
        assert found is not None, f"{kind} {name} is gone"
        return found

    async def tell(self, api_version: str, kind: str, name: str, status: dict[str, Any]) -> None:
        """Write a status, as a controller does."""
        async with Cluster.connect(str(self._kubeconfig), manager="controllers") as client:
            named = {"name": name, "namespace": NAMESPACE}
            whole = {"apiVersion": api_version, "kind": kind, "metadata": named, "status": status}
            await client.merge(whole, subresource="status")

    async def owned_by(self, manager: str, manifest: dict[str, Any]) -> None:
        """Apply an object as somebody else."""
        async with Cluster.connect(str(self._kubeconfig), manager=manager) as client:
            await client.apply(manifest)

    def pod(self, name: str, own: dict[str, str]) -> None:
        """Make a pod of one container, `x`."""
        meta = {"name": name, "namespace": NAMESPACE, "labels": own}
        spec = _template(own)["spec"]
        self.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})

    def replicas(self) -> dict[str, int]:
        """Pods wanted of every Deployment, by name."""
        return {
            each["metadata"]["name"]: each["spec"]["replicas"]
            for each in self.api.objects("Deployment", NAMESPACE)
        }

    async def play(self) -> None:
        """Make pods and end them, as their Deployments ask, for ever."""
        async with Cluster.connect(str(self._kubeconfig), manager="controllers") as client:
            while True:
                for each in self.api.objects("Deployment", NAMESPACE):
                    await self._tend(client, each)
                await asyncio.sleep(0.02)

    async def _tend(self, client: Cluster, deployment: dict[str, Any]) -> None:
        place = deployment["metadata"]["name"]
        mine = [
            pod
            for pod in self.api.objects("Pod", NAMESPACE)
            if pod["metadata"]["labels"].get("place") == place
        ]
        wanted = deployment["spec"]["replicas"]
        for number in range(len(mine), wanted):
            self.pod(f"{place}-{number}", deployment["spec"]["template"]["metadata"]["labels"])
        for pod in mine[wanted:]:
            name = pod["metadata"]["name"]
            if name in self.stuck:
                continue
            await client.delete("v1", "Pod", name)
            self.ended.append(f"{deployment['metadata']['labels'][COMPONENT]}/{name}")
        if (
            place not in self.deaf
            and (deployment.get("status") or {}).get("readyReplicas", 0) != wanted
        ):
            told = {"readyReplicas": wanted, "replicas": wanted}
            await self.tell("apps/v1", "Deployment", place, told)


def _template(own: dict[str, str], *, never: bool = False) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "x", "image": IMAGE}]}
    return {
        "metadata": {"labels": own},
        "spec": spec | ({"restartPolicy": "Never"} if never else {}),
    }


@contextlib.asynccontextmanager
async def world(folder: Path, *, also: Sequence[dict[str, Any]] = ()) -> AsyncIterator[World]:
    """A FAKE API with our kinds and a namespace, whose controllers are played."""
    async with FakeApi(SystemClock()) as api:
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        for each in (*definitions(), *also):
            api.create(each)
        made = World(api, api.kubeconfig(folder / "kubeconfig", namespace=NAMESPACE))
        player = asyncio.create_task(made.play())
        try:
            yield made
        finally:
            player.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await player
