"""FAKE only: what tests do to it, and what it writes down."""

import aiohttp
import pytest

from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi, Object
from ssmd.sim.manual_clock import ManualClock
from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.samples import config_map, deployment


async def test_the_next_requests_can_fail(fake: FakeApi, to_fake: Client) -> None:
    """So many, of a verb, a kind, a name; after some that do not."""
    fake.fail_next(500, count=2)
    codes = [(await to_fake.get("configmaps")).status for _ in range(3)]
    assert codes == [500, 500, 200]
    fake.fail_next(429, verb="write", kind="ConfigMap", name="b", retry_after_s=7)
    assert (await to_fake.get("configmaps/b")).status == 404
    assert (await to_fake.post("configmaps", config_map("a"))).status == 201
    refused = await to_fake.post("configmaps", config_map("b"))
    assert (refused.status, refused.headers["Retry-After"]) == (429, "7")
    fake.fail_next(503, after=1)
    assert [(await to_fake.get("configmaps")).status for _ in range(3)] == [200, 503, 200]
    fake.fail_next(500, count=99)
    fake.recover()
    assert (await to_fake.get("/version")).status == 200


async def test_an_answer_can_be_lost(fake: FakeApi, to_fake: Client) -> None:
    """The write is done; the client learns of an error, or of nothing at all."""
    fake.fail_next(500, verb="create", done=True)
    assert (await to_fake.post("configmaps", config_map("a"))).status == 500
    fake.fail_next(0, verb="create", done=True)
    with pytest.raises(aiohttp.ClientError):
        await to_fake.post("configmaps", config_map("b"))
    names = [each["metadata"]["name"] for each in fake.objects("ConfigMap", "default")]
    assert names == ["a", "b"]
    fake.fail_next(0, verb="create")
    with pytest.raises(aiohttp.ClientError):
        await to_fake.post("configmaps", config_map("c"))
    assert fake.get("ConfigMap", "c", "default") is None


async def test_answers_can_be_late() -> None:
    """By the clock that the fake API was given."""
    clock = ManualClock()
    async with FakeApi(clock) as api, Client(api.config()) as client:
        api.slow(5.0)
        asking = __import__("asyncio").ensure_future(client.get("configmaps"))
        while not clock.sleepers:
            await SystemClock().sleep(0.001)
        assert not asking.done()
        await clock.advance(5.0)
        assert (await asking).status == 200


async def test_every_request_is_in_the_journal(fake: FakeApi, to_fake: Client) -> None:
    """With who asked, what for, how it ended, and whether anything changed."""
    await to_fake.apply("configmaps/a", config_map(x="1"), "me")
    await to_fake.apply("configmaps/a", config_map(x="1"), "me")
    await to_fake.apply("configmaps/a", config_map(x="2"), "you")
    await to_fake.get("configmaps/a")
    await to_fake.get("/apis")
    told = [(e.verb, e.plural, e.name, e.manager, e.status, e.changed) for e in fake.journal]
    assert told == [
        ("apply", "configmaps", "a", "me", 201, True),
        ("apply", "configmaps", "a", "me", 200, False),
        ("apply", "configmaps", "a", "you", 409, False),
        ("get", "configmaps", "a", "", 200, False),
        ("discover", "", "", "", 200, False),
    ]
    assert {e.user for e in fake.journal} == {"fake-admin"}
    assert [len(fake.writes(changed=c)) for c in (None, True, False)] == [3, 1, 2]


async def test_an_autopilot_raises_what_is_asked_for(fake: FakeApi, to_fake: Client) -> None:
    """A webhook changes what is written; applying the same again is no write, and no fight."""

    def raised(value: Object) -> None:
        for container in value["spec"]["template"]["spec"]["containers"]:
            container["resources"] = {"requests": {"cpu": "500m"}}

    end = fake.mutate("Deployment", raised)
    body = deployment(resources={"requests": {"cpu": "100m"}})
    made = await to_fake.apply("apps/v1:deployments/d", body, "op")
    (container,) = made.body["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "500m"}}
    again = await to_fake.apply("apps/v1:deployments/d", body, "op")
    assert again.version == made.version
    end()
    lower = await to_fake.apply("apps/v1:deployments/d", body, "op")
    (container,) = lower.body["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "100m"}}


async def test_a_test_may_look_behind(fake: FakeApi) -> None:
    """Objects by kind or plural, and made past HTTP."""
    fake.create({**config_map("a"), "metadata": {"name": "a", "namespace": "kube-system"}})
    assert [e["metadata"]["name"] for e in fake.objects("configmaps")] == ["a"]
    assert fake.get("ConfigMap", "a", "kube-system") is not None
    assert fake.get("Namespace", "default") is not None
    assert fake.objects("events.k8s.io/Event") == []
    assert fake.journal == []
    with pytest.raises(KeyError):
        fake.objects("Nothing")
