"""An API server takes the definitions, keeps their rules, and fills in their defaults.

It is our fake API; and, where KUBECONFIG names one on this machine, a real Kubernetes besides: that one
also judges whether the schemas are structural and what the rules may cost.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ssmd.operator import install
from ssmd.operator.cluster import Cluster
from ssmd.operator.crds.definitions import definitions
from ssmd.operator.errors import Refused
from ssmd.operator.names import API_VERSION, Kind
from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.operator.crds.made import SMALLEST, Spec, judge, taken
from tests.operator.crds.test_rules import CHANGES, SIDES

SERVERS = ["fake API", *(["Kubernetes"] if os.environ.get("KUBECONFIG") else [])]


@pytest.fixture(params=SERVERS)
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """An API server with our definitions, and a namespace that is thrown away."""
    if request.param == "fake API":
        async with FakeApi(SystemClock(), rule=judge) as api:
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}})
            path = api.kubeconfig(tmp_path / "kubeconfig", namespace="lab")
            async with Cluster.connect(str(path)) as found:
                await _define(found)
                yield found
        return
    async with Cluster.connect(os.environ["KUBECONFIG"]) as found:
        assert urlsplit(found.server).hostname in {"127.0.0.1", "localhost"}, "a cluster of yours?"
        await _define(found)
        name = f"crds-{os.getpid()}-{tmp_path.name[-20:].strip('-_')}".lower().replace("_", "-")
        await found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        found.namespace = name
        yield found
        await found.delete("v1", "Namespace", name)


async def _define(cluster: Cluster) -> None:
    for each in definitions():
        await cluster.apply(each, force=True)


def resource(kind: Kind, name: str, spec: Spec) -> dict[str, Any]:
    """A resource of a kind."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


async def test_the_least_is_stored_with_its_defaults(cluster: Cluster) -> None:
    """What comes back is what our own model of the server made of it: nulls gone, defaults there."""
    for kind, spec in SMALLEST.items():
        found = await cluster.create(resource(kind, "least", spec | {"image": None, "port": None}))
        assert found["spec"] == taken(kind, spec)
        assert found["metadata"]["generation"] == 1


async def test_changes_are_judged_as_the_rules_say(cluster: Cluster) -> None:
    """Each change, on a resource of its own."""
    for number, (kind, name, before, change, fine) in enumerate(CHANGES):
        made = await cluster.create(resource(kind, f"r{number}", SMALLEST[kind] | before))
        wanted = made | {"spec": SMALLEST[kind] | before | change}
        try:
            await cluster.replace(wanted)
        except Refused:
            assert not fine, name
        else:
            assert fine, name


async def test_contradictions_are_refused_with_their_reason(cluster: Cluster) -> None:
    """The sentence that a person sees is the rule's own."""
    for kind, more, words in SIDES:
        with pytest.raises(Refused) as refused:
            await cluster.create(resource(kind, "side", SMALLEST[kind] | more))
        assert words in str(refused.value)


async def test_a_connector_is_scaled_by_its_subresource(cluster: Cluster) -> None:
    """What `kubectl scale` does."""
    await cluster.create(resource("Connector", "north", SMALLEST["Connector"]))
    status = {"replicas": 1, "selector": "a=b", "phase": "Running"}
    await cluster.merge(
        resource("Connector", "north", {}) | {"status": status}, subresource="status"
    )
    await cluster.merge(resource("Connector", "north", {"replicas": 3}), subresource="scale")
    found = await cluster.get(API_VERSION, "Connector", "north")
    assert found["spec"]["replicas"] == 3
    assert found["status"] == status
    assert found["metadata"]["generation"] == 2


async def test_everything_that_installs_the_operator_is_taken(cluster: Cluster) -> None:
    """As a dry run, so that nothing stays; in the order it is printed."""
    for wide in (False, True):
        wanted = install.Wanted(namespace=cluster.namespace, cluster_wide=wide)
        for each in install.manifests(wanted):
            await cluster.apply(each, force=True, dry_run=True)
