"""Patches of all four kinds."""

import pytest

from tests.sim.kubernetes.client import APPLY, JSON_PATCH, MERGE, STRATEGIC, Client
from tests.sim.kubernetes.samples import config_map, deployment


async def test_a_merge_patch(cluster: Client) -> None:
    """Null removes, maps merge."""
    await cluster.post("configmaps", config_map(x="1", y="2"))
    patch = {"data": {"x": None, "z": "3"}, "metadata": {"labels": {"a": "b"}}}
    patched = await cluster.patch("configmaps/a", patch, MERGE)
    assert patched.body["data"] == {"y": "2", "z": "3"}
    assert patched.meta["labels"] == {"a": "b"}


async def test_a_json_patch(cluster: Client) -> None:
    """Operations in turn; a test that is not true refuses all of them with 422."""
    made = await cluster.post("configmaps", config_map(x="1"))
    operations = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": made.version},
        {"op": "add", "path": "/metadata/labels", "value": {"a~b": "c"}},
        {"op": "replace", "path": "/data/x", "value": "2"},
        {"op": "copy", "from": "/data/x", "path": "/data/y"},
        {"op": "move", "from": "/data/y", "path": "/data/z"},
        {"op": "add", "path": "/metadata/finalizers", "value": ["a.io/b"]},
        {"op": "add", "path": "/metadata/finalizers/-", "value": "a.io/c"},
        {"op": "add", "path": "/metadata/finalizers/0", "value": "a.io/a"},
        {"op": "remove", "path": "/metadata/labels/a~0b"},
    ]
    patched = await cluster.patch("configmaps/a", operations, JSON_PATCH)
    assert patched.status == 200, patched.body
    assert patched.body["data"] == {"x": "2", "z": "2"}
    assert patched.meta["finalizers"] == ["a.io/a", "a.io/b", "a.io/c"]
    assert not patched.meta.get("labels")
    again = await cluster.patch("configmaps/a", operations, JSON_PATCH)
    assert (again.status, again.reason) == (422, "Invalid")
    for wrong in (
        {"op": "remove", "path": "/data/no"},
        {"op": "replace", "path": "/no/where", "value": 1},
    ):
        assert (await cluster.patch("configmaps/a", [wrong], JSON_PATCH)).status == 422
    added = [{"op": "replace", "path": "/data/new", "value": "1"}]
    assert (await cluster.patch("configmaps/a", added, JSON_PATCH)).body["data"]["new"] == "1"
    await cluster.patch("configmaps/a", {"metadata": {"finalizers": None}})


async def test_a_strategic_patch_merges_lists_by_key(cluster: Client) -> None:
    """Containers by name, ports by number, variables by name; `$patch: delete` removes."""
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    await cluster.post("apps/v1:deployments", deployment(env=env))
    container = {
        "name": "main",
        "env": [{"name": "A", "value": "9"}, {"name": "B", "$patch": "delete"}],
        "ports": [{"containerPort": 80}],
    }
    containers = [container, {"name": "other", "image": "y:1"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    patched = await cluster.patch("apps/v1:deployments/d", patch, STRATEGIC)
    assert patched.status == 200, patched.body
    found = {c["name"]: c for c in patched.body["spec"]["template"]["spec"]["containers"]}
    assert found.keys() == {"main", "other"}
    assert found["main"]["env"] == [{"name": "A", "value": "9"}]
    assert found["main"]["image"] == "x:1"
    assert found["main"]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


async def test_a_strategic_patch_keeps_what_it_is_told_to_retain(cluster: Client) -> None:
    """`$retainKeys` changes a Deployment's strategy from one kind to another."""
    await cluster.post("apps/v1:deployments", deployment())
    strategy = {"$retainKeys": ["type"], "type": "Recreate"}
    patched = await cluster.patch(
        "apps/v1:deployments/d", {"spec": {"strategy": strategy}}, STRATEGIC
    )
    assert patched.status == 200, patched.body
    assert patched.body["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("media", ["application/json", "application/unheard-of+json"])
async def test_a_patch_of_no_kind_is_refused(cluster: Client, media: str) -> None:
    """415."""
    await cluster.post("configmaps", config_map())
    assert (await cluster.patch("configmaps/a", {"data": {}}, media)).status == 415


async def test_a_patch_may_not_force(cluster: Client) -> None:
    """`force` is for applying alone; applying needs a manager, a kind, and no managedFields."""
    await cluster.post("configmaps", config_map())
    forced = await cluster.patch("configmaps/a", {"data": {}}, MERGE, force="true")
    assert forced.causes == {("force", "FieldValueForbidden")}
    nobody = await cluster.patch("configmaps/a", config_map(), APPLY)
    assert nobody.causes == {("fieldManager", "FieldValueRequired")}
    kindless = await cluster.apply("configmaps/a", {"metadata": {"name": "a"}}, "me")
    assert kindless.status == 400
    owned = config_map()
    owned["metadata"]["managedFields"] = [{"manager": "x"}]
    assert (await cluster.apply("configmaps/a", owned, "me")).status == 400
