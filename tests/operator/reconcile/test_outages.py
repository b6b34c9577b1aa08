"""API servers that restart, forget and refuse; watches that end; leaders that go."""

import asyncio

from ssmd.sim.kubernetes import FakeApi
from tests.operator.reconcile.test_connector import AT_ONCE, settled, up
from tests.operator.reconcile.world import World


async def lease_holder(world: World) -> str:
    """Who leads."""
    found = await world.get("Lease", "ssmd-operator", "coordination.k8s.io/v1")
    return str(((found or {}).get("spec") or {}).get("holderIdentity") or "")


async def test_it_survives_an_api_server_that_restarts(fake: FakeApi, faked: World) -> None:
    """Away, back, forgetful, with watches cut (FAKE API): one process goes on, and sees again."""
    async with faked.operated(recheck_s=1e9) as operator:
        await up(faked)
        await fake.stop()
        await asyncio.sleep(0.5)  # some of everybody's requests fail meanwhile
        await fake.start()
        name = "north-connector-0-a"
        gone = await faked.cluster.delete("apps/v1", "Deployment", name, "lab")
        assert gone, "nobody watches yet"
        fake.expire_history()
        fake.drop_watches()
        await faked.until(lambda: faked.get("Deployment", name, "apps/v1"), "what went in the gap")
        await faked.connector(rollout=AT_ONCE, env={"X": "1"})
        await settled(faked)
        assert list(await faked.deployments()) == ["north-connector-0-b"]
        assert operator.health.alive


async def test_it_tries_again_what_was_refused_for_now(fake: FakeApi, faked: World) -> None:
    """500 and 429, and answers that are lost after the work was done (FAKE API)."""
    async with faked.operated():
        fake.fail_next(500, 2, verb="write", kind="Deployment")
        fake.fail_next(429, 2, verb="write", kind="PodDisruptionBudget", retry_after_s=1)
        fake.fail_next(0, 1, verb="write", kind="NetworkPolicy", done=True)
        await up(faked)
        assert list(await faked.deployments()) == ["north-connector-0-a"]


async def test_one_of_two_leads_and_the_other_takes_over(world: World) -> None:
    """The follower does nothing; when the leader ends it leads at once."""
    async with world.operated(identity="two", workers=1):
        await world.until(lambda: _leads(world, "two"), "two leads")
        first = world.operated(identity="three")
        follower = await first.__aenter__()
        await up(world)
        assert follower.queue.idle
        assert follower.index.keys() == []
        assert await lease_holder(world) == "two"
    await world.until(lambda: _leads(world, "three"), "three leads")
    await world.connector(rollout=AT_ONCE, env={"X": "1"})
    await settled(world)
    await first.__aexit__(None, None, None)
    assert await lease_holder(world) == ""


async def _leads(world: World, who: str) -> bool:
    return await lease_holder(world) == who
