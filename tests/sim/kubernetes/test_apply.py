"""Server-side apply: who owns what, what goes, what is a conflict."""

from ssmd.sim.kubernetes.shapes import Value
from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.samples import config_map, deployment

DEPLOYMENTS = "apps/v1:deployments/d"
CONTAINER = 'k:{"name":"main"}'


def inside(answer_fields: Value, *path: str) -> Value:
    """What is at a path of fieldsV1."""
    for step in path:
        answer_fields = answer_fields[step]
    return answer_fields


async def test_what_is_applied_is_owned(cluster: Client) -> None:
    """Every leaf, and no default of the server's."""
    made = await cluster.apply("configmaps/a", config_map(x="1", y="2"), "alice")
    assert made.status == 201
    assert made.managers == {"alice": {"f:data": {"f:x": {}, "f:y": {}}}}
    assert made.meta["managedFields"][0]["operation"] == "Apply"


async def test_applying_again_changes_nothing(cluster: Client) -> None:
    """The version stays: a steady state is free of writes."""
    made = await cluster.apply(DEPLOYMENTS, deployment(), "op")
    again = await cluster.apply(DEPLOYMENTS, deployment(), "op")
    assert (made.status, again.status) == (201, 200)
    assert again.meta == made.meta


async def test_another_value_of_somebody_elses_field_is_a_conflict(cluster: Client) -> None:
    """409 names manager and field, one cause each; an applier is named without a version."""
    await cluster.apply("configmaps/a", config_map(x="1", y="1"), "alice")
    answer = await cluster.apply("configmaps/a", config_map(x="2", y="2"), "bob")
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert answer.message == (
        'Apply failed with 2 conflicts: conflicts with "alice":\n- .data.x\n- .data.y'
    )
    assert answer.body["details"] == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "alice"',
                "field": f".data.{name}",
            }
            for name in "xy"
        ]
    }


async def test_who_wrote_otherwise_is_named_with_his_version(cluster: Client) -> None:
    """As `kubectl edit` would be."""
    await cluster.apply(DEPLOYMENTS, deployment(resources={"limits": {"cpu": "1"}}), "op")
    at = "/spec/template/spec/containers/0"
    await cluster.patch(
        DEPLOYMENTS,
        [{"op": "replace", "path": f"{at}/resources/limits/cpu", "value": "2"}],
        "application/json-patch+json",
        fieldManager="kubectl-edit",
    )
    body = deployment(resources={"limits": {"cpu": "1"}})
    answer = await cluster.apply(DEPLOYMENTS, body, "op")
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-edit" using apps/v1',
            "field": '.spec.template.spec.containers[name="main"].resources.limits.cpu',
        }
    ]


async def test_an_autoscaler_owns_the_replicas(cluster: Client) -> None:
    """Who scaled is named with the subresource; whoever leaves replicas out yields them."""
    body = deployment()
    body["spec"]["replicas"] = 1
    await cluster.apply(DEPLOYMENTS, body, "op")
    await cluster.patch(f"{DEPLOYMENTS}/scale", {"spec": {"replicas": 3}}, fieldManager="hpa")
    answer = await cluster.apply(DEPLOYMENTS, body, "op")
    message = 'conflict with "hpa" with subresource "scale" using apps/v1'
    assert [cause["message"] for cause in answer.body["details"]["causes"]] == [message]
    del body["spec"]["replicas"]
    yielded = await cluster.apply(DEPLOYMENTS, body, "op")
    assert yielded.status == 200
    assert yielded.body["spec"]["replicas"] == 3
    assert yielded.managers["hpa/scale"] == {"f:spec": {"f:replicas": {}}}


async def test_force_takes_the_field(cluster: Client) -> None:
    """And the other owns it no more."""
    await cluster.apply("configmaps/a", config_map(x="1", y="1"), "alice")
    forced = await cluster.apply("configmaps/a", config_map(x="2"), "bob", force="true")
    assert forced.body["data"] == {"x": "2", "y": "1"}
    assert forced.managers == {
        "alice": {"f:data": {"f:y": {}}},
        "bob": {"f:data": {"f:x": {}}},
    }


async def test_equal_values_are_owned_together(cluster: Client) -> None:
    """No conflict; and what one of them drops stays, as the other's."""
    await cluster.apply("configmaps/a", config_map(x="1", y="1"), "alice")
    both = await cluster.apply("configmaps/a", config_map(x="1"), "bob")
    assert both.status == 200
    assert both.managers["bob"] == {"f:data": {"f:x": {}}}
    left = await cluster.apply("configmaps/a", config_map(), "alice")
    assert left.body["data"] == {"x": "1"}
    assert left.managers == {"alice": {"f:data": {}}, "bob": {"f:data": {"f:x": {}}}}


async def test_what_is_applied_no_more_goes(cluster: Client) -> None:
    """If nobody else owns it; what others wrote stays."""
    await cluster.apply("configmaps/a", config_map(x="1", y="1"), "alice")
    await cluster.patch("configmaps/a", {"data": {"z": "1"}}, fieldManager="hand")
    left = await cluster.apply("configmaps/a", config_map(x="1"), "alice")
    assert left.body["data"] == {"x": "1", "z": "1"}


async def test_items_of_lists_have_their_owners(cluster: Client) -> None:
    """A variable that is applied no more goes; a side-car of somebody else's stays."""
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    made = await cluster.apply(DEPLOYMENTS, deployment(env=env), "op")
    path = ("f:spec", "f:template", "f:spec", "f:containers", CONTAINER)
    owned = inside(made.managers["op"], *path)
    assert owned.keys() == {".", "f:env", "f:image", "f:name"}
    assert inside(owned, "f:env", 'k:{"name":"A"}') == {".": {}, "f:name": {}, "f:value": {}}
    other = deployment()
    other["spec"]["template"]["spec"]["containers"] = [{"name": "side", "image": "s:1"}]
    assert (await cluster.apply(DEPLOYMENTS, other, "injector")).status == 200
    left = await cluster.apply(DEPLOYMENTS, deployment(env=env[:1]), "op")
    containers = left.body["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["main", "side"]
    assert containers[0]["env"] == env[:1]
    gone = await cluster.apply(DEPLOYMENTS, deployment(env=env[:1]), "injector")
    names = [c["name"] for c in gone.body["spec"]["template"]["spec"]["containers"]]
    assert names == ["main"]


async def test_an_item_goes_with_who_listed_it(cluster: Client) -> None:
    """Even if somebody else wrote a field of it meanwhile: that alone does not keep the item."""
    env = [{"name": "A", "value": "1"}]
    await cluster.apply(DEPLOYMENTS, deployment(env=env), "op")
    at = "/spec/template/spec/containers/0/env/0/value"
    change = [{"op": "replace", "path": at, "value": "2"}]
    await cluster.patch(DEPLOYMENTS, change, "application/json-patch+json", fieldManager="hand")
    left = await cluster.apply(DEPLOYMENTS, deployment(), "op")
    assert left.status == 200
    assert "env" not in left.body["spec"]["template"]["spec"]["containers"][0]
    assert "hand" not in left.managers


async def test_an_empty_map_that_is_applied_is_in_the_way(cluster: Client) -> None:
    """It is not kept but owned, so whoever puts something into it makes what another owns."""
    await cluster.apply("configmaps/a", config_map(), "alice")
    other = await cluster.apply("configmaps/a", config_map(x="1"), "bob")
    assert other.causes == {(".data", "FieldManagerConflict")}


async def test_ports_are_told_apart_with_their_default(cluster: Client) -> None:
    """The key of a port is its number and its protocol, TCP when it is not said."""
    made = await cluster.apply(DEPLOYMENTS, deployment(ports=[{"containerPort": 80}]), "op")
    path = ("f:spec", "f:template", "f:spec", "f:containers", CONTAINER, "f:ports")
    ports = inside(made.managers["op"], *path)
    assert ports == {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}


async def test_a_strategy_is_changed_by_applying(cluster: Client) -> None:
    """Defaults of the strategy of before, that nobody owns, go with it."""
    rolling = deployment()
    rolling["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    await cluster.apply(DEPLOYMENTS, rolling, "op")
    body = deployment()
    body["spec"]["strategy"] = {"type": "Recreate"}
    changed = await cluster.apply(DEPLOYMENTS, body, "op")
    assert changed.status == 200, changed.body
    assert changed.body["spec"]["strategy"] == {"type": "Recreate"}


async def test_the_status_is_applied_apart(cluster: Client) -> None:
    """By another manager entry, of the subresource."""
    await cluster.apply(DEPLOYMENTS, deployment(), "op")
    body = {**deployment(), "status": {"readyReplicas": 1, "replicas": 1}}
    told = await cluster.apply(f"{DEPLOYMENTS}/status", body, "op")
    assert told.body["status"]["readyReplicas"] == 1
    owned = inside(told.managers["op/status"], "f:status")
    assert owned == {"f:readyReplicas": {}, "f:replicas": {}}
    assert "f:status" not in told.managers["op"]


async def test_unknown_fields_are_refused_when_applied(cluster: Client) -> None:
    """A typed patch has no room for them: 500, as a real server says."""
    body = {**config_map(), "colour": "red"}
    answer = await cluster.apply("configmaps/a", body, "me")
    assert answer.status == 500
    assert ".colour: field not declared in schema" in answer.message
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    answer = await cluster.apply(DEPLOYMENTS, deployment(env=env), "me")
    assert answer.status == 500
    assert 'duplicate entries for key [name="A"]' in answer.message


async def test_an_ordinary_write_owns_what_it_changed(cluster: Client) -> None:
    """By the name it gives, or the client's; nobody else owns that any more."""
    await cluster.apply("configmaps/a", config_map(x="1", y="1"), "alice")
    read = (await cluster.get("configmaps/a")).body
    read["data"]["x"] = "2"
    put = await cluster.put("configmaps/a", read, fieldManager="hand")
    assert put.managers == {"alice": {"f:data": {"f:y": {}}}, "hand": {"f:data": {"f:x": {}}}}
    patched = await cluster.patch("configmaps/a", {"data": {"z": "1"}})
    assert patched.managers["tester"] == {"f:data": {"f:z": {}}}


async def test_applying_for_another_version_is_stale(cluster: Client) -> None:
    """A resourceVersion in what is applied is a condition."""
    made = await cluster.apply("configmaps/a", config_map(x="1"), "me")
    await cluster.patch("configmaps/a", {"data": {"y": "1"}})
    body = config_map(x="2")
    body["metadata"]["resourceVersion"] = made.version
    stale = await cluster.apply("configmaps/a", body, "me")
    assert (stale.status, stale.reason) == (409, "Conflict")


async def test_managers_are_forgotten_on_request(cluster: Client) -> None:
    """An empty list of managedFields clears it, as upgrades of clients do."""
    await cluster.apply("configmaps/a", config_map(x="1"), "me")
    cleared = await cluster.patch("configmaps/a", {"metadata": {"managedFields": [{}]}})
    assert cleared.status == 200
    assert cleared.managers == {}
