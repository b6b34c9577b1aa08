"""An Archiver goes only when what it holds is proved to be safe."""

from typing import Any

from tests.operator.reconcile.world import World

SPEC: dict[str, Any] = {"environment": "prod", "sources": [{"feed": "kraken"}]}
OURS = ("ssmd.io/v1alpha1", "Archiver", "vault")


async def up(world: World) -> None:
    """An Archiver that archives."""
    await world.ask("Archiver", "vault", SPEC)
    await world.until(lambda: world.is_so("Ready", "True", kind="Archiver", name="vault"), "Ready")


async def gone(world: World) -> bool:
    """Whether the Archiver has gone."""
    return await world.get("Archiver", "vault") is None


async def test_it_drains_in_order_and_its_data_stay(world: World) -> None:
    """Deployment to nothing, pod gone, Job, release: never another order; the claim stays."""
    async with world.operated():
        world.job = ""
        await up(world)
        await world.cluster.delete(*OURS, world.namespace)

        async def draining() -> bool:
            return await world.get("Job", "vault-archiver-drain", "batch/v1") is not None

        await world.until(draining, "a Job")
        deployment = (await world.deployments())["vault-archiver"]
        assert deployment["spec"]["replicas"] == 0
        pods = await world.cluster.list(
            "v1", "Pod", namespace=world.namespace, labels={"ssmd.io/role": "archive"}
        )
        assert pods == [], "two at one archive"
        assert not await gone(world), "the Job has not ended yet"
        world.job = "Complete"
        await world.until(lambda: gone(world), "released")
        claim = await world.get("PersistentVolumeClaim", "vault-archiver-data", "v1")
        assert claim is not None
        assert {"Draining", "DrainStarted", "Drained"} <= await world.reasons()


async def test_a_failed_drain_keeps_it_until_somebody_says_so(world: World) -> None:
    """The Job fails: said, kept, and let go by an annotation alone."""
    async with world.operated():
        world.job = "Failed"
        await up(world)
        await world.cluster.delete(*OURS, world.namespace)
        await world.until(
            lambda: world.is_so("Degraded", "True", "DrainFailed", kind="Archiver", name="vault"),
            "said",
        )
        assert "skip-drain" in (await world.condition("Ready", "Archiver", "vault"))[2]
        assert not await gone(world)
        note = {"annotations": {"ssmd.io/skip-drain": "true"}}
        metadata = {"name": "vault", "namespace": world.namespace, **note}
        await world.cluster.merge({"apiVersion": OURS[0], "kind": OURS[1], "metadata": metadata})
        await world.until(lambda: gone(world), "let go")
        assert "DrainSkipped" in await world.reasons()


async def test_one_that_never_ran_goes_at_once(world: World) -> None:
    """No claim, nothing to prove."""
    await world.cluster.delete("v1", "ConfigMap", "env-prod", world.namespace)
    async with world.operated():
        await world.ask("Archiver", "vault", SPEC)
        await world.until(
            lambda: world.is_so(
                "Ready", "False", "EnvironmentMissing", kind="Archiver", name="vault"
            ),
            "said",
        )
        await world.cluster.delete(*OURS, world.namespace)
        await world.until(lambda: gone(world), "gone")
