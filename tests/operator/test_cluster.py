"""The door to an API server: which one is meant, what is asked of it, what its refusals mean (FAKE API)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.model.errors import Unavailable
from ssmd.operator import kubeconfig
from ssmd.operator.cluster import ALL_NAMESPACES, Cluster, Manifest
from ssmd.operator.errors import Absent, Claim, Conflict, Expired, NoCluster, Refused
from ssmd.operator.watching import connection
from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """The FAKE API."""
    async with FakeApi(SystemClock()) as found:
        yield found


@pytest.fixture
async def cluster(api: FakeApi, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A client of it."""
    path = api.kubeconfig(tmp_path / "kubeconfig", namespace="default")
    async with Cluster.connect(str(path)) as found:
        yield found


def config_map(name: str = "one", **data: str) -> Manifest:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_objects_are_plain_and_know_their_kind(cluster: Cluster) -> None:
    """Made, read, listed, changed and deleted; a second deletion says that there was nothing."""
    await cluster.apply(config_map(a="1"))
    found = await cluster.get("v1", "ConfigMap", "one")
    assert (found["kind"], found["data"]) == ("ConfigMap", {"a": "1"})
    await cluster.merge(config_map(b="2"))
    listed, version = await cluster.listing("v1", "ConfigMap", namespace=ALL_NAMESPACES)
    assert [each["data"] for each in listed if each["metadata"]["name"] == "one"] == [
        {"a": "1", "b": "2"}
    ]
    assert listed[0]["kind"] == "ConfigMap"
    assert int(version) > 0
    assert await cluster.delete("v1", "ConfigMap", "one")
    assert not await cluster.delete("v1", "ConfigMap", "one")
    assert await cluster.find("v1", "ConfigMap", "one") is None
    with pytest.raises(Absent, match="ConfigMap one"):
        await cluster.get("v1", "ConfigMap", "one")


async def test_conflicts_name_fields_and_owners(cluster: Cluster, tmp_path: Path) -> None:
    """Who owns what; by force it is ours; a stale version is a conflict without claims."""
    made = await cluster.apply(config_map(a="1"))
    async with Cluster.connect(str(tmp_path / "kubeconfig"), manager="other") as other:
        with pytest.raises(Conflict) as refused:
            await other.apply(config_map(a="2"))
        assert refused.value.claims == (Claim(".data.a", "ssmd-operator"),)
        assert (await other.apply(config_map(a="2"), force=True))["data"] == {"a": "2"}
    with pytest.raises(Conflict) as refused:
        await cluster.replace(made)
    assert refused.value.claims == ()


async def test_nothing_is_kept_of_a_dry_run(cluster: Cluster) -> None:
    """It is checked, and answered, and not there."""
    assert (await cluster.apply(config_map(a="1"), dry_run=True))["data"] == {"a": "1"}
    assert await cluster.find("v1", "ConfigMap", "one") is None


async def test_refusals_say_what_to_do(api: FakeApi, cluster: Cluster) -> None:
    """A kind that is not installed, an object that is wrong, a server that is busy, or away."""
    with pytest.raises(Absent, match="knows no such kind"):
        await cluster.list("ssmd.io/v1alpha1", "Connector")
    with pytest.raises(Refused):
        await cluster.apply(config_map("Not_A_Name"))
    for code in (429, 500, 503, 0):
        api.fail_next(code)
        with pytest.raises(Unavailable) as busy:
            await cluster.get("v1", "ConfigMap", "one")
        assert busy.value.retryable
    await api.stop()
    with pytest.raises(Unavailable, match="kubeconfig"):
        await cluster.get("v1", "ConfigMap", "one")


async def test_changes_are_watched(api: FakeApi, cluster: Cluster) -> None:
    """From a listing on; what is too old is said."""
    _, since = await cluster.listing("v1", "ConfigMap")
    await cluster.apply(config_map(a="1"))
    async for event, found in cluster.watch("v1", "ConfigMap", since=since):
        assert (event, found["data"]) == ("ADDED", {"a": "1"})
        break
    api.expire_history()
    with pytest.raises(Expired):
        async for _ in cluster.watch("v1", "ConfigMap", since=since):
            pass


async def test_logs_are_read(api: FakeApi, cluster: Cluster) -> None:
    """Line by line; of a pod that is not there it is said so, followed or not."""
    api.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n"},
        }
    )
    api.set_log("default", "p", "one\ntwo\n")
    assert [line async for line in cluster.logs("p")] == ["one", "two"]
    with pytest.raises(Absent):
        async for _ in cluster.logs("other", follow=True):
            pass


def test_which_cluster_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named, the variable, the pod's own: in this order; else what was looked at."""
    user = {"name": "u", "user": {"token": "t"}}
    place = {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "lab"}}
    server = {"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}
    values = {"clusters": [server], "contexts": [place], "users": [user], "current-context": "c"}
    path = tmp_path / "config"
    path.write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "token").write_text("inside", encoding="utf-8")
    (tmp_path / "namespace").write_text("own", encoding="utf-8")
    inside = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "2"}
    for key, value in inside.items():
        monkeypatch.setenv(key, value)
    named = kubeconfig.find(str(path), environ=inside, service_account=tmp_path)
    assert (named.namespace, named.config.cluster.server) == ("lab", "https://127.0.0.1:1")
    assert "context c" in named.where
    by_variable = kubeconfig.find(
        environ={**inside, "KUBECONFIG": str(path)}, service_account=tmp_path
    )
    assert by_variable.namespace == "lab"
    own = kubeconfig.find(environ=inside, service_account=tmp_path)
    assert (own.where, own.namespace) == ("in-cluster", "own")
    assert connection(own.config).token == "inside"
    assert connection(named.config).token == "t"
    for file, context in (("/nowhere", None), (str(path), "other")):
        with pytest.raises(NoCluster) as refused:
            kubeconfig.find(file, context, environ={})
        assert refused.value.exit_code == 2
        assert "/nowhere" in str(refused.value) or "there are: c" in str(refused.value)
