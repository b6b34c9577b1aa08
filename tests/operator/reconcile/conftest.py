"""A world for each test: on our fake API, or on the real one that KUBECONFIG points at."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.operator import kubeconfig as kubeconfigs
from ssmd.operator.cluster import Cluster
from ssmd.operator.crds.definitions import definitions
from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.operator.reconcile.world import World


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    """The FAKE API, for what a real one cannot be made to do."""
    async with FakeApi(SystemClock()) as api:
        yield api


@pytest.fixture
async def faked(fake: FakeApi, tmp_path: Path) -> AsyncIterator[World]:
    """A world on the FAKE API."""
    path = fake.kubeconfig(tmp_path / "kubeconfig", namespace="lab")
    async with Namespace(path, "lab") as world:
        yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world on the API that these tests are about: the FAKE one, unless KUBECONFIG names another."""
    real = os.environ.get("KUBECONFIG")
    if real:
        async with Namespace(Path(real), f"ssmd-test-{uuid.uuid4().hex[:8]}") as world:
            yield world
        return
    async with FakeApi(SystemClock()) as api:
        path = api.kubeconfig(tmp_path / "kubeconfig", namespace="lab")
        async with Namespace(path, "lab") as world:
            yield world


class Namespace:
    """A namespace with definitions, a feed, an environment, and controllers."""

    def __init__(self, path: Path, namespace: str) -> None:
        self._path = path
        self._namespace = namespace

    async def __aenter__(self) -> World:
        target = kubeconfigs.find(str(self._path), None, self._namespace)
        self._cluster = Cluster(target, manager="person")
        for each in definitions():
            await self._cluster.apply(each, force=True)
        metadata = {"name": self._namespace}
        await self._cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, force=True
        )
        world = World(self._cluster, self._path)
        await world.configure()
        self._control = asyncio.create_task(world.control())
        return world

    async def __aexit__(self, *error: object) -> None:
        died = self._control.done()
        self._control.cancel()
        (outcome,) = await asyncio.gather(self._control, return_exceptions=True)
        await self._cluster.delete("v1", "Namespace", self._namespace)
        await self._cluster.close()
        assert not died, outcome
