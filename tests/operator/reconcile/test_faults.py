"""What is missing or wrong is said, with what to do; no pod comes of it, and none ends of it."""

import pytest

from tests.operator.reconcile.test_connector import AT_ONCE, up
from tests.operator.reconcile.world import ENVIRONMENT, World, feed_text


async def test_no_pod_without_a_feed(world: World) -> None:
    """A feed that is not there: said, and no Deployment; once it is there, all goes on by itself."""
    await world.cluster.delete("v1", "ConfigMap", "feed-kraken", world.namespace)
    async with world.operated():
        await world.connector(rollout=AT_ONCE)
        await world.until(lambda: world.is_so("FeedConfigValid", "False", "FeedMissing"), "said")
        status, reason, message = await world.condition("Ready")
        assert (status, reason) == ("False", "FeedMissing")
        assert "feed-kraken" in message
        assert await world.deployments() == {}
        assert "FeedMissing" in await world.reasons()
        await world.configure()
        await world.until(lambda: world.is_so("Ready", "True"), "it came up")


async def test_a_typo_never_stops_what_records(world: World) -> None:
    """An invalid feed, env or spec: the pod with the last good configuration stays, and that is said."""
    async with world.operated():
        await up(world)
        before = await world.deployments()
        await world.put_map("feed-kraken", {"feed.yaml": feed_text().replace("venue:", "venu:")})
        await world.until(lambda: world.is_so("Ready", "False", "FeedInvalid"), "feed")
        assert "last good configuration" in (await world.condition("Ready"))[2]
        assert await world.is_so("Degraded", "True", "LastGoodConfiguration")
        await world.put_map("feed-kraken", {"feed.yaml": feed_text()})
        await world.put_map("env-prod", {"env.yaml": ENVIRONMENT.replace("type", "transport_type")})
        await world.until(lambda: world.is_so("Ready", "True"), "mended")
        await world.put_map(
            "env-prod", {"env.yaml": "name: prod\ntransport: {transport_type: nats}\n"}
        )
        await world.until(lambda: world.is_so("Ready", "False", "EnvironmentInvalid"), "env")
        assert 'Did you mean "type"?' in (await world.condition("FeedConfigValid"))[2]
        await world.put_map("env-prod", {"env.yaml": "name: prod\n"})
        await world.until(lambda: world.is_so("StreamReady", "False", "NoBus"), "no bus")
        after = await world.deployments()
        assert list(after) == list(before)
        name = "north-connector-0-a"
        assert after[name]["spec"] == before[name]["spec"]


@pytest.mark.parametrize(
    ("spec", "reason", "named"),
    [
        (
            {
                "secretEnv": [
                    {"name": "K", "secret": "door", "key": "k"}  # pragma: allowlist secret
                ]
            },
            "SecretMissing",
            "door",
        ),
        ({"categories": ["crypto"]}, "NotDivided", "crypto"),
        ({"envFrom": [{"configMapRef": {"name": "more"}}]}, "ConfigMapMissing", "more"),
    ],
)
async def test_every_fault_has_its_reason(
    world: World, spec: dict[str, object], reason: str, named: str
) -> None:
    """Secrets, categories, further ConfigMaps: which one, and that nothing is rendered."""
    async with world.operated():
        await world.connector(**spec)

        async def said() -> bool:
            return (await world.condition("Ready"))[1] == reason

        await world.until(said, reason)
        assert named in (await world.condition("Ready"))[2]
        assert await world.deployments() == {}


async def test_a_key_of_a_secret_is_looked_for(world: World) -> None:
    """A Secret without the key: which key, and for which variable."""
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"other": "x"}}
    await world.put(secret, "door")
    async with world.operated():
        entry = {"name": "KEY", "secret": "door", "key": "k"}  # pragma: allowlist secret
        await world.connector(secretEnv=[entry])
        await world.until(lambda: world.is_so("Ready", "False", "SecretKeyMissing"), "said")
        assert "KEY" in (await world.condition("Ready"))[2]
