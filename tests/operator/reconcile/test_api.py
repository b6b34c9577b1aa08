"""An Api: it comes, changes without ever ceasing to answer, and goes with all it made."""

from typing import Any

import pytest

from ssmd.feeds.api import ApiConfig
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.names import API_VERSION
from ssmd.runtime import settings
from tests.operator.reconcile.world import ENVIRONMENT, World

NAME = "desk-api"
OF = {"kind": "Api", "name": "desk"}
CLAIMED: dict[str, Any] = {
    "environment": "prod",
    "archive": {"claim": "archive"},
    "env": {"DATABASE_URL": "postgresql://database.lab/ssmd"},
}
READ: dict[str, Any] = CLAIMED | {"archive": {"archiver": "vault"}}
ARCHIVER: dict[str, Any] = {"environment": "prod", "sources": [{"feed": "kraken"}]}
MADE = (
    ("v1", "ConfigMap", "desk-api-config"),
    ("v1", "Service", NAME),
    ("apps/v1", "Deployment", NAME),
    ("networking.k8s.io/v1", "NetworkPolicy", NAME),
)


async def ask(world: World, **more: object) -> None:
    """Ask for an Api, or change what it asks for."""
    await world.ask("Api", "desk", CLAIMED | more)


async def up(world: World, **more: object) -> None:
    """An Api that answers, as it was asked for last."""
    await ask(world, **more)
    await settled(world)


async def settled(world: World) -> None:
    """Wait until everything is as wanted."""

    async def check() -> bool:
        found = await world.get("Api", "desk")
        assert found is not None
        status = found.get("status") or {}
        return (
            status.get("observedGeneration") == found["metadata"]["generation"]
            and await world.is_so("Progressing", "False", "AsWanted", **OF)
            and await world.is_so("Ready", "True", **OF)
        )

    await world.until(check, "everything as wanted")


async def pods(world: World) -> list[Manifest]:
    """Its pods."""
    return await world.cluster.list(
        "v1", "Pod", namespace=world.namespace, labels={"app.kubernetes.io/component": "api"}
    )


def told(pod: Manifest) -> str:
    """The digest of what a pod was told."""
    return str(pod["metadata"]["annotations"]["ssmd.io/config"])


async def test_an_api_comes_up(world: World) -> None:
    """Deployment, Service, file and policy; a status that says where it is reached; no finalizer."""
    async with world.operated():
        await up(world, replicas=2)
        for api_version, kind, name in MADE:
            assert await world.get(kind, name, api_version) is not None, kind
        found = await world.get("Api", "desk")
        assert found is not None
        status = found["status"]
        assert (status["phase"], status["replicas"], status["readyReplicas"]) == ("Running", 2, 2)
        assert status["url"] == f"http://{NAME}.{world.namespace}.svc:8000"
        assert status["claim"] == "archive"
        assert "finalizers" not in found["metadata"]
        assert status["selector"].startswith("app.kubernetes.io/instance=desk,")


async def test_it_waits_for_its_archiver_and_takes_its_claim(world: World) -> None:
    """No pod before there is an archive to mount; then that of the Archiver, beside it."""
    async with world.operated():
        await world.ask("Api", "desk", READ)
        await world.until(lambda: world.is_so("Ready", "False", "ArchiverMissing", **OF), "said")
        assert await world.deployments() == {}
        await world.ask("Archiver", "vault", ARCHIVER)
        await settled(world)
        template = (await world.deployments())[NAME]["spec"]["template"]["spec"]
        claims = [each.get("persistentVolumeClaim") for each in template["volumes"]]
        assert {"claimName": "vault-archiver-data"} in claims
        assert "topologySpreadConstraints" not in template


async def test_a_claim_of_one_pod_is_not_shared(world: World) -> None:
    """Two pods at a claim for one: the second would wait for ever, so it is not made."""
    async with world.operated():
        storage = {"storage": {"accessMode": "ReadWriteOncePod"}}
        await world.ask("Archiver", "vault", ARCHIVER | storage)
        await world.ask("Api", "desk", READ)
        await world.until(lambda: world.is_so("Ready", "False", "ClaimOfOnePod", **OF), "said")
        assert "vault" in (await world.condition("Ready", **OF))[2]
        assert NAME not in await world.deployments()


async def test_another_bound_reaches_the_pods_and_the_old_ones_answer_until_then(
    world: World,
) -> None:
    """What does not become ready replaces nothing; once it does, nothing old is left."""
    async with world.operated():
        await up(world)
        (old,) = await pods(world)
        world.well = lambda pod: told(pod) == told(old)
        await ask(world, limits={"threads": 9})

        async def both() -> bool:
            return len({told(each) for each in await pods(world)}) == 2

        await world.until(both, "a new one beside the old one")
        await world.until(lambda: world.is_so("Progressing", "True", "TakingOver", **OF), "told")
        assert await world.is_so("Ready", "True", **OF)
        assert old["metadata"]["uid"] in {each["metadata"]["uid"] for each in await pods(world)}
        world.well = bool
        await settled(world)
        (new,) = await pods(world)
        assert told(new) != told(old)
        file = await world.get("ConfigMap", "desk-api-config", "v1")
        assert file is not None
        assert "threads: 9" in file["data"]["api.yaml"]


async def test_more_and_fewer(world: World) -> None:
    """Scaled as `kubectl scale` does it: a budget for several, none for one."""
    budget = ("PodDisruptionBudget", NAME, "policy/v1")
    async with world.operated():
        await up(world)
        assert await world.get(*budget) is None
        metadata = {"name": "desk", "namespace": world.namespace}
        scale = {"apiVersion": API_VERSION, "kind": "Api", "metadata": metadata}
        await world.cluster.merge(scale | {"spec": {"replicas": 3}}, subresource="scale")
        await settled(world)
        assert len(await pods(world)) == 3
        assert await world.get(*budget) is not None
        await up(world, replicas=1)

        async def alone() -> bool:
            return len(await pods(world)) == 1 and await world.get(*budget) is None

        await world.until(alone, "one, without a budget")


async def test_what_somebody_broke_is_mended(world: World) -> None:
    """A Service that was deleted, and one that was led elsewhere; the file as it is to be."""
    async with world.operated(resync_s=0.3, recheck_s=0.2):
        await up(world)
        assert await world.cluster.delete("v1", "Service", NAME, world.namespace)
        await world.until(lambda: world.get("Service", NAME, "v1"), "the Service is back")
        other = Cluster.connect(str(world.kubeconfig), None, world.namespace, manager="somebody")
        metadata = {"name": NAME, "namespace": world.namespace}
        astray = {"spec": {"selector": {"app.kubernetes.io/component": "archiver"}}}
        broken = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, **astray}
        async with other:
            await other.apply(broken, force=True)
            await other.merge(
                {"apiVersion": "v1", "kind": "ConfigMap", "data": {"api.yaml": "port: 1"}}
                | {"metadata": metadata | {"name": "desk-api-config"}}
            )

        async def mended() -> bool:
            service = await world.get("Service", NAME, "v1")
            file = await world.get("ConfigMap", "desk-api-config", "v1")
            assert service is not None
            assert file is not None
            led = service["spec"]["selector"]["app.kubernetes.io/component"] == "api"
            return led and "port: 8000" in file["data"]["api.yaml"]

        await world.until(mended, "both as they were")


async def test_an_autoscaler_is_let_be(world: World) -> None:
    """Whoever takes over how many there are keeps that; the status says how many there are."""
    async with world.operated():
        await up(world)
        other = Cluster.connect(str(world.kubeconfig), None, world.namespace, manager="autoscaler")
        metadata = {"name": NAME, "namespace": world.namespace}
        more = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 2}}
        async with other:
            await other.apply({**more, "metadata": metadata}, force=True)

        async def two() -> bool:
            found = await world.get("Api", "desk")
            assert found is not None
            return bool(found["status"]["readyReplicas"] == 2)

        await world.until(two, "two")
        await ask(world, podLabels={"looked": "again"})
        await settled(world)
        assert len(await pods(world)) == 2
        assert "Yielded" in await world.reasons()


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        ({"env": {}}, "NoDatabase", "DATABASE_URL"),
        ({"limits": {"thread": 1}}, "InvalidSpec", 'mean "threads"'),
        ({"environment": "test"}, "EnvironmentMissing", "env-test"),
        ({"secretFiles": [{"secret": "ca"}]}, "SecretMissing", "ca"),  # pragma: allowlist secret
    ],
)
async def test_a_fault_is_said_and_what_answers_goes_on(
    world: World, spec: dict[str, object], reason: str, words: str
) -> None:
    """A change that cannot be made changes nothing that runs: which one, and what to do."""
    async with world.operated():
        await up(world)
        before = (await world.deployments())[NAME]["spec"]
        await ask(world, **spec)
        await world.until(lambda: world.is_so("Ready", "False", reason, **OF), "said")
        message = (await world.condition("Ready", **OF))[2]
        assert words in message
        assert "last good configuration" in message
        assert (await world.deployments())[NAME]["spec"] == before
        found = await world.get("Api", "desk")
        assert found is not None
        assert found["status"]["phase"] == "Degraded"


async def test_it_follows_its_environment(world: World) -> None:
    """Another bus in env.yaml: the pods are told of it, without anybody touching the Api."""
    async with world.operated():
        await up(world)
        changed = ENVIRONMENT.replace("nats.lab", "other.lab")
        await world.put_map("env-prod", {"env.yaml": changed})

        async def moved() -> bool:
            file = await world.get("ConfigMap", "desk-api-config", "v1")
            return file is not None and "nats://other.lab:4222" in file["data"]["api.yaml"]

        await world.until(moved, "told of another bus")
        await settled(world)


async def shown(world: World) -> dict[str, str]:
    """The services that its pods are told of, by name."""
    file = await world.get("ConfigMap", "desk-api-config", "v1")
    text = "" if file is None else file["data"]["api.yaml"]
    read = settings.parse(text, ApiConfig, where="api.yaml")
    return {each.name: each.url for each in read.services}


async def test_it_shows_what_records_and_archives_beside_it(world: World) -> None:
    """Connectors and Archivers of its namespace and environment, as they come, are scaled and go."""
    await world.put_map("env-test", {"env.yaml": ENVIRONMENT.replace("prod", "test")})
    async with world.operated(resync_s=600.0):
        await up(world)
        assert await shown(world) == {}
        await world.ask("Archiver", "vault", ARCHIVER)
        await world.ask("Archiver", "other", ARCHIVER | {"environment": "test"})
        await world.connector(rollout={"readyS": 0}, replicas=2, port=9090)
        at = f"{world.namespace}.svc"
        vault = {
            "vault-archiver": f"http://vault-archiver.{at}:8080",
            "vault-archiver-tables": f"http://vault-archiver.{at}:8081",
        }
        connectors = {
            f"north-connector-{number}": f"http://north-connector-{number}.{at}:9090"
            for number in range(2)
        }

        async def both() -> bool:
            return await shown(world) == vault | connectors

        await world.until(both, "all of them")
        await world.connector(rollout={"readyS": 0}, replicas=1, port=9090)

        async def fewer() -> bool:
            return "north-connector-1" not in await shown(world)

        await world.until(fewer, "one less")
        assert await world.get("Service", "other-archiver", "v1") is not None
        await ask(world, watch=False, services=[{"name": "mine", "url": "http://mine:1"}])

        async def mine() -> bool:
            return await shown(world) == {"mine": "http://mine:1"}

        await world.until(mine, "those that are named alone")


async def test_paused_it_is_left_as_it_is(world: World) -> None:
    """What is asked for besides waits until it is not paused any more."""
    async with world.operated():
        await up(world)
        await ask(world, paused=True, replicas=2)
        await world.until(lambda: world.is_so("Ready", "True", "Paused", **OF), "paused")
        assert (await world.deployments())[NAME]["spec"]["replicas"] == 1
        await up(world, replicas=2)


async def test_it_goes_with_everything_it_made(world: World) -> None:
    """Nothing holds it up: it keeps nothing; the archive's claim is not its own."""
    async with world.operated():
        await world.ask("Archiver", "vault", ARCHIVER)
        await world.ask("Api", "desk", READ)
        await settled(world)
        await world.cluster.delete(API_VERSION, "Api", "desk", world.namespace)

        async def gone() -> bool:
            left = [await world.get(kind, name, of) for of, kind, name in MADE]
            return not any(left) and not await pods(world)

        await world.until(gone, "all gone")
        assert await world.get("PersistentVolumeClaim", "vault-archiver-data", "v1") is not None
