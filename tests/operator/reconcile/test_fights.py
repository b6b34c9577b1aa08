"""Who owns what: autoscalers and admission are let be, foreign edits are not, and nobody is fought."""

import asyncio
from typing import Any

from ssmd.operator.cluster import Cluster, Manifest
from ssmd.sim.kubernetes import FakeApi
from tests.operator.reconcile.test_connector import settled, up
from tests.operator.reconcile.world import World

NAME = "north-connector-0-a"


async def edit(world: World, manager: str, spec: dict[str, Any]) -> None:
    """Somebody else takes fields of the Deployment."""
    other = Cluster.connect(str(world.kubeconfig), None, world.namespace, manager=manager)
    async with other:
        manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}
        metadata = {"name": NAME, "namespace": world.namespace}
        await other.apply({**manifest, "metadata": metadata}, force=True)


def container(deployment: Manifest) -> dict[str, Any]:
    """Its only container."""
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


async def test_resources_are_left_and_the_rest_is_taken_back(world: World) -> None:
    """A vertical autoscaler's requests stay, and that is told; another image does not."""
    async with world.operated():
        await up(world)
        ours = container((await world.deployments())[NAME])["image"]
        more = {"name": "connector", "resources": {"requests": {"cpu": "777m"}}}
        template = {"spec": {"containers": [more | {"image": "images.local/other:1"}]}}
        await edit(world, "autoscaler", {"template": template})

        async def mended() -> bool:
            return bool(container((await world.deployments())[NAME])["image"] == ours)

        await world.until(mended, "our image")
        deployment = (await world.deployments())[NAME]
        assert container(deployment)["resources"]["requests"]["cpu"] == "777m"

        async def told() -> bool:
            return "Yielded" in await world.reasons()

        await world.until(told, "told that it was left")
        await settled(world)


async def test_what_was_deleted_comes_back(world: World) -> None:
    """A NetworkPolicy and a Deployment that somebody deleted are made again."""
    async with world.operated():
        await up(world)
        policy = ("networking.k8s.io/v1", "NetworkPolicy", "north-connector")
        assert await world.cluster.delete(*policy, world.namespace)
        assert await world.cluster.delete("apps/v1", "Deployment", NAME, world.namespace)

        async def back() -> bool:
            there = NAME in await world.deployments()
            return there and await world.get(policy[1], policy[2], policy[0]) is not None

        await world.until(back, "both are back")


async def test_what_nobody_wants_any_more_goes(world: World) -> None:
    """A NetworkPolicy that is switched off is removed; what only looks like ours is not."""
    async with world.operated():
        await up(world)
        found = await world.get("NetworkPolicy", "north-connector", "networking.k8s.io/v1")
        assert found is not None
        plain = {
            "labels": found["metadata"]["labels"],
            "name": "alike",
            "namespace": world.namespace,
        }
        await world.cluster.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": plain, "data": {}}
        )
        await world.connector(rollout={"readyS": 0}, network={"enabled": False})

        async def gone() -> bool:
            of = "networking.k8s.io/v1"
            return await world.get("NetworkPolicy", "north-connector", of) is None

        await world.until(gone, "the NetworkPolicy has gone")
        assert await world.get("ConfigMap", "alike", "v1") is not None


async def test_admission_is_not_fought(fake: FakeApi, faked: World) -> None:
    """Autopilot raises requests of every Deployment (FAKE API): after a while nothing is written."""

    def raised(deployment: dict[str, Any]) -> None:
        for each in deployment["spec"]["template"]["spec"]["containers"]:
            each.setdefault("resources", {}).setdefault("requests", {})["cpu"] = "2"
            each["resources"].setdefault("limits", {})["cpu"] = "2"

    fake.mutate("Deployment", raised)
    async with faked.operated(resync_s=0.3, recheck_s=0.2):
        await up(faked)
        await quiet(fake)


async def quiet(fake: FakeApi, seconds: float = 1.5) -> None:
    """Wait until the operator has written nothing for so long but its Lease.

    That it looks meanwhile is what `resync_s` is for; the journal says what it wrote.
    """
    written: list[tuple[str, str, str]] = []
    for _ in range(40):
        fake.journal.clear()
        await asyncio.sleep(seconds)
        written = [
            (each.verb, each.kind, each.name)
            for each in fake.writes()
            if each.manager == "ssmd-operator" and each.kind != "Lease"
        ]
        if not written:
            looked = [each for each in fake.journal if each.kind == "Connector"]
            assert looked, "nothing was written because nothing was looked at"
            return
    message = f"it writes for ever: {written[:5]}"
    raise AssertionError(message)
