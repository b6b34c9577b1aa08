"""The operator's rights are those it uses: seen on the fake API, with its own account, and none besides."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from ssmd.operator import install
from ssmd.operator import kubeconfig as kubeconfigs
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.install_rights import LEADING, RIGHTS, Right
from ssmd.operator.names import API_VERSION, MANAGED_BY, MANAGER, Kind, selector
from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.operator.crds.made import judge
from tests.operator.install.judged import plain
from tests.operator.reconcile.world import World

ACCOUNT = "system:serviceaccount:lab:ssmd-operator"
Use = tuple[str, str, str]
"""A verb, a group, a kind as it stands in paths with its subresource."""
ILL = ("FeedConfigValid", "False")
LEFT_OVER = (
    ("v1", "ConfigMap", "env-prod"),
    ("batch/v1", "CronJob", "listings-secmastersync"),
    ("policy/v1", "PodDisruptionBudget", "ssmd-operator"),
)
"""Kinds that no change of a spec makes superfluous; but another version may give them other names."""
CHANGES = "listings-secmastersync-changes"
DATABASE = {"DATABASE_URL": "postgresql://database.lab/ssmd"}
KEY = {"name": "KEY", "secret": "mine", "key": "key"}  # pragma: allowlist secret
UNWATCHED = (
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
)
SERVED = {"environment": "prod", "archive": {"archiver": "main"}, "env": DATABASE}
SPOOL = {"type": "persistentVolumeClaim", "onDelete": "delete"}
MONITORS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "podmonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "PodMonitor", "plural": "podmonitors", "singular": "podmonitor"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}
UNSEEN = {
    ("update", "ssmd.io", f"{name}/finalizers")
    for name in ("connectors", "archivers", "secmastersyncs", "qualitychecks", "apis")
}
"""Not asked for over HTTP: OwnerReferencesPermissionEnforcement wants it of who makes objects that hold
up the deletion of their owner."""


def granted(rights: tuple[Right, ...]) -> set[Use]:
    """Every single use that rights allow."""
    return {
        (verb, right.group, resource)
        for right in rights
        for resource in right.resources
        for verb in right.verbs
    }


def used(api: FakeApi) -> set[Use]:
    """Every single use the operator made of its rights; an apply that made something is two."""
    found: set[Use] = set()
    for each in api.journal:
        if each.user != ACCOUNT or not each.plural:
            continue
        resource = f"{each.plural}/{each.subresource}" if each.subresource else each.plural
        found.add(("patch" if each.verb == "apply" else each.verb, each.group, resource))
        if each.verb == "apply" and each.status == 201:
            found.add(("create", each.group, resource))
    return found


def refused(api: FakeApi) -> list[str]:
    """What the operator was refused."""
    return [
        f"{each.verb} {each.plural} {each.namespace}/{each.name}"
        for each in api.journal
        if each.user == ACCOUNT and each.status == 403
    ]


@pytest.fixture(params=[False, True], ids=["one namespace", "all namespaces"])
async def installed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[FakeApi, World, bool]]:
    """A namespace `lab` with what is printed, and a world whose operator has its own account."""
    async with FakeApi(SystemClock(), rbac=True, rule=judge) as api:
        wanted = install.Wanted(namespace="lab", create_namespace=True, cluster_wide=request.param)
        for each in [*plain(install.manifests(wanted)), MONITORS]:
            if each["kind"] != "Deployment":  # the operator is this test
                api.create(each)
        person = api.kubeconfig(
            tmp_path / "person", namespace="lab", token=api.token("person", ("system:masters",))
        )
        own = api.kubeconfig(tmp_path / "own", namespace="lab", user=ACCOUNT)
        target = kubeconfigs.find(str(person), None, "lab")
        async with Cluster(target, manager="person") as cluster:
            world = World(cluster, own)
            await world.configure()
            control = asyncio.create_task(world.control())
            yield api, world, request.param
            control.cancel()
            await asyncio.gather(control, return_exceptions=True)


async def live_through(world: World) -> None:
    """Everything an operator does, once."""
    async with world.operated():
        await _record(world)
        await _archive(world)
        await _schedule(world)
        await _serve(world)
        await world.ask("Connector", "wrong", {"feed": "nowhere", "environment": "prod"})
        await world.until(lambda: world.is_so(*ILL, name="wrong"), "a complaint")
        for kind, name in (
            ("QualityCheck", "daily"),
            ("SecmasterSync", "listings"),
            ("Api", "main"),
        ):
            await world.cluster.delete(API_VERSION, kind, name)
        await _leave(world)
    before = await _events(world)
    async with world.operated(identity="two"):  # tells of `wrong` what was told already
        await world.until(partial(_told_again, world, before), "an event that is told again")


async def _events(world: World) -> dict[str, str]:
    """The version of each event."""
    events = await world.cluster.list("v1", "Event")
    return {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in events}


async def _told_again(world: World, before: dict[str, str]) -> bool:
    now = await _events(world)
    return any(now.get(uid, version) != version for uid, version in before.items())


async def _mended(world: World, name: str, *kinds: tuple[str, str]) -> None:
    """Somebody deletes objects that nobody watches: they are looked up, and made again."""
    for api_version, kind in kinds:
        assert await world.cluster.delete(api_version, kind, name)
    for api_version, kind in kinds:
        await world.until(partial(world.get, kind, name, api_version), f"another {kind}")


async def _leave(world: World) -> None:
    """Both go; the archiver's first drain fails, long ago, and is tried again."""
    world.job = ""
    for kind, name in (("Connector", "north"), ("Archiver", "main")):
        await world.cluster.delete(API_VERSION, kind, name)
    drain = "main-archiver-drain"
    await world.until(lambda: world.get("Job", drain, "batch/v1"), "a drain")
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    before = {
        "type": "FailureTarget",
        "status": "True",
        "lastTransitionTime": "2020-01-01T00:00:00Z",
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": drain}}
    status = {"startTime": "2020-01-01T00:00:00Z", "conditions": [before, failed]}
    first = await world.cluster.merge(job | {"status": status}, subresource="status")
    await world.until(lambda: _another(world, first), "another drain")
    world.job = "Complete"
    for kind, name in (("Connector", "north"), ("Archiver", "main")):
        await world.until(partial(_gone, world, kind, name), f"no {name}")


async def _another(world: World, first: Manifest) -> bool:
    found = await world.get("Job", first["metadata"]["name"], "batch/v1")
    return found is not None and found["metadata"]["uid"] != first["metadata"]["uid"]


async def _gone(world: World, kind: str, name: str) -> bool:
    return await world.get(kind, name) is None


async def _ready(world: World, kind: str, name: str) -> None:
    await world.until(lambda: world.is_so("Ready", "True", kind=kind, name=name), f"{kind} {name}")


async def _record(world: World) -> None:
    """Up, on claims and with monitors; then another revision, without what stood around it."""
    await world.connector(spool=SPOOL, monitoring={"podMonitor": True}, secretEnv=[KEY])
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"key": "x"}}
    await world.put(secret, "mine")
    await _ready(world, "Connector", "north")
    await _mended(world, "north-connector", *UNWATCHED)
    await world.connector(
        spool=SPOOL, rollout={"readyS": 0}, version="2", network={"enabled": False}
    )
    await world.until(lambda: _without(world, "north-connector-0-a"), "taken over")


async def _without(world: World, name: str) -> bool:
    return name not in await world.deployments()


async def _archive(world: World) -> None:
    await world.ask(
        "Archiver",
        "main",
        {"environment": "prod", "sources": [{"feed": "kraken"}], "storage": {"onDelete": "delete"}},
    )
    await _ready(world, "Archiver", "main")


async def _schedule(world: World) -> None:
    """By the clock; with what tells changes, and then without."""
    plan = {"environment": "prod", "feeds": ["kraken"], "schedule": "@daily", "env": DATABASE}
    await world.ask("SecmasterSync", "listings", plan | {"changes": {"enabled": True}})
    await world.ask("QualityCheck", "daily", plan | {"archive": {"archiver": "main"}})
    await _ready(world, "SecmasterSync", "listings")
    await _ready(world, "QualityCheck", "daily")
    for kind in LEFT_OVER:
        await _leave_over(world, *kind)
    await world.ask("SecmasterSync", "listings", plan)
    await world.until(lambda: _without(world, CHANGES), "no changes any more")
    for kind in LEFT_OVER:
        await world.until(partial(_swept, world, *kind), f"no {kind[1]} is left over")


async def _serve(world: World) -> None:
    """Over HTTP; and a Service that an operator before this one called otherwise is swept."""
    await world.ask("Api", "main", SERVED)
    await _ready(world, "Api", "main")
    await _mended(world, "main-api", ("v1", "Service"))
    await _leave_over(world, "v1", "Service", "main-api", of=("Api", "main"))
    await world.ask("Api", "main", SERVED | {"replicas": 2})
    await world.until(
        partial(_swept, world, "v1", "Service", "main-api"), "no Service is left over"
    )


async def _leave_over(
    world: World,
    api_version: str,
    kind: str,
    like: str,
    *,
    of: tuple[Kind, str] = ("SecmasterSync", "listings"),
) -> None:
    """An object of a resource that an operator before this one made, under another name."""
    owner = await world.get(*of)
    found = await world.cluster.get(api_version, kind, like)
    assert owner is not None
    metadata = {
        "name": "formerly",
        "labels": selector(of[1], of[0]) | {MANAGED_BY: MANAGER},
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": of[0],
                "name": of[1],
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ],
    }
    await world.cluster.create(
        {key: found[key] for key in ("apiVersion", "kind", "spec", "data") if key in found}
        | {"metadata": metadata}
    )


async def _swept(world: World, api_version: str, kind: str, like: str) -> bool:
    assert await world.get(kind, like, api_version) is not None
    return await world.get(kind, "formerly", api_version) is None


async def test_nothing_is_refused(installed: tuple[FakeApi, World, bool]) -> None:
    """A Connector's life, in one namespace and in all of them: what is printed is enough."""
    api, world, wide = installed
    async with world.operated(**({"namespaces": ()} if wide else {})):
        await _record(world)
    assert refused(api) == []
    found = used(api)
    assert found <= granted((*RIGHTS, *LEADING))
    leases = [each for each in api.journal if each.user == ACCOUNT and each.plural == "leases"]
    spaces = {each.namespace for each in leases if each.verb == "watch"}
    assert spaces == ({""} if wide else {"lab"})


@pytest.mark.full
@pytest.mark.parametrize("installed", [False], indirect=True)
async def test_the_operator_uses_every_right_it_has_and_needs_no_other(
    installed: tuple[FakeApi, World, bool],
) -> None:
    """One life with everything in it: nothing is refused, nothing is granted in vain."""
    api, world, _ = installed
    await live_through(world)
    assert refused(api) == []
    wanted, found = granted((*RIGHTS, *LEADING)), used(api)
    assert found <= wanted
    vain = sorted(" ".join(use) for use in wanted - found - UNSEEN)
    assert not vain, "; ".join(vain)
