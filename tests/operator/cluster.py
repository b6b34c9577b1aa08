"""A cluster for tests: an API server, ours or the one of `KUBECONFIG`, and a node that runs pods."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from ssmd.operator.cluster import Cluster
from ssmd.operator.crds.definitions import definitions
from ssmd.operator.names import API_VERSION, environment_map, feed_map
from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.operator.kubelet.api import Api
from tests.operator.kubelet.kubelet import Kubelet
from tests.operator.market import ENVIRONMENT, FEED, Market

CLOCK = SystemClock()
REAL: Final = os.environ.get("KUBECONFIG")
"""A real API server's: the same tests run against it."""


class Lab:
    """A namespace of a cluster, with a node in it.

    Attributes:
        kubeconfig: How to reach it.
        namespace: The namespace.
        cluster: A client.
        api: Another, as the node has it.
        node: The node.
        fake: The fake API server; None when it is a real one.
        told: What to show besides when something is waited for in vain.
    """

    def __init__(
        self,
        kubeconfig: Path,
        cluster: Cluster,
        api: Api,
        node: Kubelet,
        fake: FakeApi | None,
    ) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = api.namespace
        self.cluster = cluster
        self.api = api
        self.node = node
        self.fake = fake
        self.told: list[Callable[[], str]] = []

    async def configure(self, market: Market) -> None:
        """Put feed and environment where pods find them."""
        await self.config_map(feed_map(FEED), {"feed.yaml": market.feed_yaml()})
        await self.config_map(environment_map(ENVIRONMENT), {"env.yaml": market.environment_yaml()})

    async def config_map(self, name: str, data: dict[str, str]) -> None:
        """Make or change a ConfigMap."""
        metadata = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        await self.cluster.apply(body, force=True)

    async def resource(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Make or change one of our resources."""
        metadata = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        await self.cluster.apply(body, force=True)

    async def status(self, kind: str, name: str) -> dict[str, Any]:
        """What is said of one of our resources; nothing when it has gone."""
        found = await self.cluster.find(API_VERSION, kind, name)
        return {} if found is None else dict(found.get("status", {}))

    async def until(
        self, true: Callable[[], Awaitable[bool]], what: str, *, patience_s: float = 60.0
    ) -> None:
        """Wait for a condition; in vain, what the pods say is shown."""
        deadline = CLOCK.mono() + patience_s
        while not await true():
            if CLOCK.mono() >= deadline:
                said = "\n".join((*(tell() for tell in self.told), self.node.logs()))
                pytest.fail(f"waited in vain for: {what}\n{self.node.faults}\n{said}")
            await CLOCK.sleep(0.05)

    async def ready(self, count: int, what: str) -> None:
        """Wait until so many pods are ready."""

        async def hold() -> bool:
            return len(await self.ready_pods()) == count

        await self.until(hold, what)

    async def ready_pods(self) -> list[dict[str, Any]]:
        """The pods that are ready, and stay."""
        return [
            pod
            for pod in await self.api.list("pods")
            if not pod["metadata"].get("deletionTimestamp")
            and any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in pod.get("status", {}).get("conditions", [])
            )
        ]


@asynccontextmanager
async def lab(root: Path) -> AsyncIterator[Lab]:
    """A namespace of its own, with a node: in the cluster of `KUBECONFIG`, else in a fake one."""
    async with AsyncExitStack() as stack:
        fake = None
        if REAL is None:
            fake = await stack.enter_async_context(FakeApi(CLOCK))
            kubeconfig = fake.kubeconfig(root / "kubeconfig", namespace="default")
        else:
            kubeconfig = Path(REAL)
        outside = await stack.enter_async_context(Cluster.connect(str(kubeconfig)))
        for definition in definitions():
            await outside.apply(definition, force=True)
        namespace = f"ssmd-pods-{uuid4().hex[:8]}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await outside.create(body)
        stack.push_async_callback(outside.delete, "v1", "Namespace", namespace)
        cluster = await stack.enter_async_context(
            Cluster.connect(str(kubeconfig), namespace=namespace, manager="test")
        )
        api = await stack.enter_async_context(Api.open(kubeconfig, namespace))
        node = await stack.enter_async_context(Kubelet(api, root / "node", clock=CLOCK))
        if fake is not None:
            fake.ask_logs(
                lambda _, pod, container: (
                    node.log(pod, container or None) if pod in node.pods else None
                )
            )
        yield Lab(kubeconfig, cluster, api, node, fake)
