"""Many resources, and operators that end in the middle of their work."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from ssmd.operator import kubeconfig as kubeconfigs
from ssmd.operator.apply import Applier
from ssmd.operator.cluster import Cluster
from ssmd.operator.events import Events
from ssmd.operator.index import Index, Key
from ssmd.operator.memory import Memory
from ssmd.operator.observe import Observer
from ssmd.operator.reading import Reader
from ssmd.operator.reconcile.engine import Engine
from ssmd.operator.reconcile.hands import Hands
from ssmd.sim.kubernetes import FakeApi
from tests import tier
from tests.operator.reconcile.test_connector import AT_ONCE, settled
from tests.operator.reconcile.test_fights import quiet
from tests.operator.reconcile.world import CLOCK, World

KEY = Key("Connector", "lab", "north")


class Killed(BaseException):
    """The process ended: nobody catches this."""


class Mortal(Cluster):
    """A client whose process ends at one of its requests, before or after it was done."""

    def __init__(self, target: kubeconfigs.Target, left: int, *, after: bool) -> None:
        super().__init__(target)
        self.left = left
        self.after = after

    @contextlib.contextmanager
    def _said(self, what: str) -> Iterator[None]:
        self.left -= 1
        if not self.left and not self.after:
            raise Killed
        with super()._said(what):
            yield
        if not self.left:
            raise Killed


async def look(world: World, left: int, *, after: bool) -> bool:
    """One look by a new process, which may end in between; whether it came to its end."""
    target = kubeconfigs.find(str(world.kubeconfig), None, world.namespace)
    async with Mortal(target, left, after=after) as cluster:
        hands = Hands(
            cluster,
            Applier(cluster, Memory(), CLOCK, recheck_s=0),
            Reader(cluster, CLOCK, image="images.local/ssmd:1"),
            Observer(CLOCK),
            Events(cluster, CLOCK),
            CLOCK,
            recheck_s=0,
        )
        try:
            await Engine(hands, Index()).look(KEY._replace(namespace=world.namespace))
        except Killed:
            return False
    return True


async def recorded(world: World) -> bool:
    """Whether some process of the Connector is ready."""
    pods = await world.cluster.list("v1", "Pod", namespace=world.namespace)
    return any(
        each["status"] == "True"
        for pod in pods
        for each in (pod.get("status") or {}).get("conditions", ())
    )


@pytest.mark.timeout(600 if tier.FULL else 120)
@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.full), True])
async def test_it_may_end_at_any_request(world: World, after: bool) -> None:
    """Killed before (after) each request in turn: a take-over comes to its end, always recording."""
    await world.connector(rollout=AT_ONCE)
    while not await recorded(world):
        await look(world, 0, after=after)
    await world.connector(rollout=AT_ONCE, env={"X": "1"})
    for left in range(1, 200, tier.scale(gate=4, full=1)):
        if await look(world, left, after=after) and list(await world.deployments()) == [
            "north-connector-0-b"
        ]:
            break
        assert await recorded(world), f"nobody records after request {left}"

    async def over() -> bool:
        await look(world, 0, after=after)
        return list(await world.deployments()) == ["north-connector-0-b"]

    await world.until(over, "the twin alone")
    await settled(world)


@pytest.mark.timeout(1200 if tier.FULL else 120)
async def test_many_resources_come_to_rest(fake: FakeApi, faked: World) -> None:
    """All come up; then, looked at again and again, nothing is written (FAKE API: its journal)."""
    number = tier.scale(gate=15, full=500)
    names = [f"north-{index}" for index in range(number)]
    for name in names:
        spec = {"feed": "kraken", "environment": "prod", "rollout": AT_ONCE}
        await faked.ask("Connector", name, spec)
    async with faked.operated(resync_s=1.0 if not tier.FULL else 60.0, recheck_s=0.5):

        async def all_up() -> bool:
            found = await faked.cluster.list("ssmd.io/v1alpha1", "Connector", namespace="lab")
            return all((each.get("status") or {}).get("phase") == "Running" for each in found)

        await faked.until(all_up, "all run", tries=tier.scale(gate=600, full=12_000))
        assert len(await faked.deployments()) == number
        await quiet(fake, seconds=tier.scale(gate=2, full=90))


@pytest.mark.full
async def test_a_real_process_is_killed(world: World) -> None:
    """`kill -9` in the middle of a take-over, again and again: the next one ends it."""
    await world.connector(rollout=AT_ONCE, replicas=2)
    command = [sys.executable, "-m", "ssmd", "operator", "run", "--no-leader-election"]
    command += ["--kubeconfig", str(world.kubeconfig), "--namespace", world.namespace]
    for index, lives_s in enumerate((2.0, 2.5, 3.0, 3.5, 4.0)):
        await world.connector(rollout=AT_ONCE, replicas=2, env={"X": str(index)})
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, "SSMD_IMAGE": "images.local/ssmd:1"}
        )
        await asyncio.sleep(lives_s)  # where it is by then is chance: that is the point
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await world.connector(rollout=AT_ONCE, replicas=2, env={"X": "last"})  # only this one sees it
    process = await asyncio.create_subprocess_exec(*command)
    await settled(world)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
