"""FAKE only: who may do what. Nobody may do anything until a rule says so."""

from collections.abc import AsyncIterator

import pytest

from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.samples import Object, config_map, deployment

USER = "system:serviceaccount:default:op"
RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture
async def guarded() -> AsyncIterator[FakeApi]:
    """A fake API that asks the rules."""
    async with FakeApi(SystemClock(), rbac=True) as api:
        yield api


@pytest.fixture
async def op(guarded: FakeApi) -> AsyncIterator[Client]:
    """A service account."""
    async with Client(guarded.config(user=USER)) as client:
        yield client


def allow(
    api: FakeApi, rule: Object, *, cluster: bool = False, subject: Object | None = None
) -> None:
    """Give the service account a rule."""
    kind = "ClusterRole" if cluster else "Role"
    subject = subject or {"kind": "ServiceAccount", "name": "op", "namespace": "default"}
    rule = {"apiGroups": [""], "resources": ["configmaps"], **rule}
    api.create({"apiVersion": RBAC, "kind": kind, "metadata": {"name": "r"}, "rules": [rule]})
    reference = {"kind": kind, "name": "r", "apiGroup": RBAC.partition("/")[0]}
    api.create(
        {
            "apiVersion": RBAC,
            "kind": f"{kind}Binding",
            "metadata": {"name": "b"},
            "roleRef": reference,
            "subjects": [subject],
        }
    )


async def test_nobody_may_do_anything(op: Client) -> None:
    """403 says who, what and where; discovery is for everybody who is known."""
    answer = await op.get("configmaps")
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert answer.message == (
        f'configmaps is forbidden: User "{USER}" cannot list resource "configmaps" in API group ""'
        ' in the namespace "default"'
    )
    answer = await op.get("/apis/apps/v1/deployments", watch="true")
    assert answer.message == (
        f'deployments.apps is forbidden: User "{USER}" cannot watch resource "deployments" in API'
        ' group "apps" at the cluster scope'
    )
    assert (await op.get("/apis")).status == 200
    assert (await op.get("/metrics")).status == 403


async def test_a_role_is_for_its_namespace(guarded: FakeApi, op: Client) -> None:
    """For its verbs, and nothing else."""
    allow(guarded, {"verbs": ["get", "create"]})
    assert (await op.post("configmaps", config_map())).status == 201
    assert (await op.get("configmaps/a")).status == 200
    assert (await op.get("configmaps")).status == 403
    assert (await op.delete("configmaps/a")).status == 403
    assert (await op.get("secrets/a")).status == 403
    assert (await op.get("/api/v1/namespaces/kube-system/configmaps/a")).status == 403


async def test_a_cluster_role_is_for_all(guarded: FakeApi, op: Client) -> None:
    """Stars are all; a group of users may be meant."""
    group = {"kind": "Group", "name": "system:serviceaccounts:default"}
    allow(guarded, {"verbs": ["*"], "resources": ["*"]}, cluster=True, subject=group)
    assert (await op.get("/api/v1/configmaps")).status == 200
    assert (await op.get("apps/v1:deployments")).status == 403


async def test_a_rule_may_name_its_objects(guarded: FakeApi, op: Client) -> None:
    """Then a list is not allowed by it, unless it selects that one name."""
    allow(guarded, {"verbs": ["get", "list"], "resourceNames": ["a"]})
    assert (await op.get("configmaps/a")).status == 404
    assert (await op.get("configmaps/b")).status == 403
    assert (await op.get("configmaps")).status == 403
    assert (await op.get("configmaps", fieldSelector="metadata.name=a")).status == 200
    assert (await op.get("configmaps", fieldSelector="metadata.name=b")).status == 403


async def test_what_is_below_is_allowed_apart(guarded: FakeApi, op: Client) -> None:
    """Who may write the status may not write the object; applying needs create, when it creates."""
    rule = {"apiGroups": ["apps"], "resources": ["deployments/status"], "verbs": ["patch"]}
    allow(guarded, rule)
    guarded.create(deployment())
    path = "apps/v1:deployments/d"
    told = await op.patch(f"{path}/status", {"status": {"replicas": 1}})
    assert told.status == 200
    refused = await op.patch(path, {"spec": {"replicas": 1}})
    assert 'cannot patch resource "deployments"' in refused.message


async def test_an_apply_that_creates_needs_both(guarded: FakeApi, op: Client) -> None:
    """`patch` for what is there, `create` for what is not."""
    allow(guarded, {"verbs": ["patch"]})
    answer = await op.apply("configmaps/a", config_map(), "op")
    assert (answer.status, 'cannot create resource "configmaps"' in answer.message) == (403, True)
    guarded.create(config_map())
    assert (await op.apply("configmaps/a", config_map(), "op")).status == 200


async def test_who_is_unknown(guarded: FakeApi) -> None:
    """A wrong token is 401; none is anonymous, and may not even look around."""
    config = guarded.config(token="wrong")
    async with Client(config) as stranger:
        assert (await stranger.get("configmaps")).status == 401
    config["users"] = [{"name": "fake", "user": {}}]
    async with Client(config) as anonymous:
        assert (await anonymous.get("configmaps")).status == 403
        assert (await anonymous.get("/apis")).status == 403


async def test_an_administrator_may_do_all(guarded: FakeApi) -> None:
    """The kubeconfig that is given without a name is his."""
    async with Client(guarded.config()) as admin:
        assert (await admin.post("configmaps", config_map())).status == 201
