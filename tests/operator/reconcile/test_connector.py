"""A Connector, from its first pod to its last."""

from typing import Any

from ssmd.operator.names import FINALIZER
from tests.operator.reconcile.world import World, feed_text

AT_ONCE: dict[str, Any] = {"readyS": 0}
"""Twins that are ready take over at once; a busy machine is no reason to take one back."""
IMPATIENT: dict[str, Any] = AT_ONCE | {"deadlineS": 1, "backoffS": 1, "attempts": 2}


async def up(world: World, **spec: object) -> None:
    """A Connector that records."""
    await world.connector(rollout=AT_ONCE, **spec)
    await settled(world)


async def settled(world: World) -> None:
    """Wait until everything is as wanted."""

    async def check() -> bool:
        found = await world.get("Connector")
        assert found is not None
        status = found.get("status") or {}
        return (
            status.get("observedGeneration") == found["metadata"]["generation"]
            and await world.is_so("Progressing", "False", "AsWanted")
            and await world.is_so("Ready", "True")
        )

    await world.until(check, "everything as wanted")


async def test_a_connector_comes_up(world: World) -> None:
    """One Deployment, a finalizer, a status that says what there is, and an event."""
    async with world.operated():
        await up(world)
        found = await world.get("Connector")
        assert found is not None
        assert found["metadata"]["finalizers"] == [FINALIZER]
        assert found["status"]["readyReplicas"] == 1
        assert found["status"]["phase"] == "Running"
        assert list(await world.deployments()) == ["north-connector-0-a"]
        assert "Started" in await world.reasons()


async def test_another_configuration_is_taken_over_by_a_twin(world: World) -> None:
    """A changed feed: slot b comes up first, then slot a drains and goes."""
    async with world.operated():
        await up(world)
        changed = feed_text() + "\n# another digest\n"
        await world.put_map("feed-kraken", {"feed.yaml": changed})

        async def taken_over() -> bool:
            return list(await world.deployments()) == ["north-connector-0-b"]

        await world.until(taken_over, "the twin alone")
        assert {"TwinStarted", "Drained", "Removed"} <= await world.reasons()
        await settled(world)


async def test_a_twin_that_is_never_ready_is_taken_back(world: World) -> None:
    """The elder goes on; after the last try it is said that only a change helps."""
    async with world.operated():
        await up(world)
        world.well = lambda pod: "-a-" in pod["metadata"]["name"]
        await world.connector(rollout=IMPATIENT, env={"X": "1"})
        await world.until(lambda: world.is_so("Progressing", "False", "GivenUp"), "given up")
        assert await world.is_so("Ready", "True")
        assert await world.is_so("Degraded", "True", "RolloutFailed")
        assert "TakenBack" in await world.reasons()
        deployments = await world.deployments()
        assert deployments["north-connector-0-a"]["spec"]["replicas"] == 1


async def test_replicas_come_and_go(world: World) -> None:
    """Two shares, then one: what stays has the whole before the other goes."""
    async with world.operated():
        await up(world, replicas=2)
        assert sorted(await world.deployments()) == ["north-connector-0-a", "north-connector-1-a"]
        await world.connector(rollout=AT_ONCE, replicas=1)
        await settled(world)
        assert sorted(await world.deployments()) == ["north-connector-0-b"]


async def test_deletion_drains_first(world: World) -> None:
    """The resource stays until its pods have gone; its spool stays for ever."""
    async with world.operated():
        await up(world, spool={"type": "persistentVolumeClaim"})
        claims = await world.cluster.list("v1", "PersistentVolumeClaim", namespace=world.namespace)
        assert [each["metadata"]["name"] for each in claims] == ["north-connector-0-a-spool"]
        world.drains = False
        await world.cluster.delete("ssmd.io/v1alpha1", "Connector", "north", world.namespace)
        await world.until(lambda: world.is_so("Ready", "False", "Draining"), "said")
        assert (await world.deployments())["north-connector-0-a"]["spec"]["replicas"] == 0
        assert await world.get("Connector") is not None, "its pod has not gone yet"
        world.drains = True

        async def gone() -> bool:
            return await world.get("Connector") is None

        await world.until(gone, "the Connector has gone")
        pods = await world.cluster.list("v1", "Pod", namespace=world.namespace)
        assert [each for each in pods if not each["metadata"].get("deletionTimestamp")] == []
        claims = await world.cluster.list("v1", "PersistentVolumeClaim", namespace=world.namespace)
        assert len(claims) == 1, "what the bus never got may be in there"


async def test_a_paused_connector_is_left_alone(world: World) -> None:
    """Nothing is made, changed or removed while `spec.paused`; then everything is."""
    async with world.operated():
        await up(world)
        await world.connector(rollout=AT_ONCE, paused=True, env={"X": "1"})
        await world.until(lambda: world.is_so("Progressing", "False", "Paused"), "paused")
        assert list(await world.deployments()) == ["north-connector-0-a"]
        await world.connector(rollout=AT_ONCE, env={"X": "1"})
        await settled(world)
        assert list(await world.deployments()) == ["north-connector-0-b"]
