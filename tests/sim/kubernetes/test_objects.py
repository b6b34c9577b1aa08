"""Objects: how they are made, read, replaced; what their metadata says; what is refused."""

from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.samples import Object, config_map, definition, deployment, job, pod, thing


async def test_a_new_object_has_its_metadata(cluster: Client) -> None:
    """Who reads it finds uid, version and time, as the server gave them."""
    made = await cluster.post("configmaps", config_map(x="1"))
    assert made.status == 201
    assert made.meta.keys() >= {"uid", "resourceVersion", "creationTimestamp", "namespace"}
    assert "generation" not in made.meta
    read = await cluster.get("configmaps/a")
    assert (read.status, read.body) == (200, made.body)


async def test_versions_are_one_counter(cluster: Client) -> None:
    """Of two writes, of whatever kind, the later has the greater version."""
    first = await cluster.post("configmaps", config_map())
    second = await cluster.post("apps/v1:deployments", deployment())
    assert int(second.version) > int(first.version)


async def test_a_name_is_made_up_on_request(cluster: Client) -> None:
    """`generateName` is a prefix."""
    body = {"metadata": {"generateName": "made-"}}
    names = {(await cluster.post("configmaps", body)).meta["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("made-") and len(name) == 10 for name in names)


async def test_what_is_there_is_not_made_again(cluster: Client) -> None:
    """409, AlreadyExists: not the Conflict of a stale write."""
    await cluster.post("configmaps", config_map())
    again = await cluster.post("configmaps", config_map())
    assert (again.status, again.reason) == (409, "AlreadyExists")
    assert again.message == 'configmaps "a" already exists'
    assert again.body["details"] == {"name": "a", "kind": "configmaps"}


async def test_what_is_not_there_is_not_found(cluster: Client) -> None:
    """404 as a Status object, for reads and writes alike."""
    answers = [
        await cluster.get("configmaps/b"),
        await cluster.put("configmaps/b", config_map("b")),
        await cluster.patch("configmaps/b", {"data": {}}),
        await cluster.delete("configmaps/b"),
    ]
    assert {(each.status, each.reason) for each in answers} == {(404, "NotFound")}
    assert {each.message for each in answers} == {'configmaps "b" not found'}


async def test_nobody_serves_an_unknown_resource(cluster: Client) -> None:
    """404 too, in other words."""
    answer = await cluster.get("nothings")
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.message == "the server could not find the requested resource"


async def test_a_namespace_must_exist(cluster: Client) -> None:
    """404 names the namespace, not the object."""
    path = "/api/v1/namespaces/not-there/configmaps"
    answer = await cluster.post(path, config_map())
    assert (answer.status, answer.message) == (404, 'namespaces "not-there" not found')


async def test_an_object_is_sent_to_its_own_address(cluster: Client) -> None:
    """400 when name, namespace, kind or version are another's."""
    await cluster.post("configmaps", config_map())
    other = config_map()
    other["metadata"]["namespace"] = "other"
    kind = {**config_map(), "kind": "Secret"}
    answers = [
        await cluster.put("configmaps/a", config_map("b")),
        await cluster.post("configmaps", other),
        await cluster.post("configmaps", kind),
    ]
    assert [each.status for each in answers] == [400, 400, 400]
    assert "does not match the name on the URL (a)" in answers[0].message


async def test_a_stale_write_is_refused(cluster: Client) -> None:
    """409, Conflict: somebody wrote in between; without a version the last write wins."""
    old = (await cluster.post("configmaps", config_map(x="1"))).body
    new = await cluster.put("configmaps/a", {**old, "data": {"x": "2"}})
    assert new.status == 200
    stale = await cluster.put("configmaps/a", {**old, "data": {"x": "3"}})
    assert (stale.status, stale.reason) == (409, "Conflict")
    assert stale.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply'
        " your changes to the latest version and try again"
    )
    stale = await cluster.patch(
        "configmaps/a", {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}}
    )
    assert stale.status == 409
    assert (await cluster.put("configmaps/a", config_map(x="4"))).body["data"] == {"x": "4"}


async def test_a_write_that_changes_nothing_writes_nothing(cluster: Client) -> None:
    """Version and managers stay, whoever says it again."""
    made = await cluster.post("configmaps", config_map(x="1"))
    again = await cluster.put("configmaps/a", config_map(x="1"), fieldManager="other")
    assert again.meta == made.meta
    again = await cluster.patch("configmaps/a", {"data": {"x": "1"}}, fieldManager="third")
    assert again.meta == made.meta


async def test_what_the_server_says_a_write_cannot_change(cluster: Client) -> None:
    """Uid of another object is a conflict; time and generation are the server's."""
    made = await cluster.post("apps/v1:deployments", deployment())
    meta = {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 77}
    changed = await cluster.patch("apps/v1:deployments/d", {"metadata": meta})
    assert changed.meta["creationTimestamp"] == made.meta["creationTimestamp"]
    assert changed.meta["generation"] == 1
    other = await cluster.patch("configmaps/a", {"metadata": {"uid": "x"}})
    assert other.status == 404
    other = await cluster.patch("apps/v1:deployments/d", {"metadata": {"uid": "x"}})
    assert other.status in {409, 422}


async def test_generation_counts_changes_of_the_spec(cluster: Client) -> None:
    """Labels and status do not move it."""
    await cluster.post("apps/v1:deployments", deployment())
    path = "apps/v1:deployments/d"
    assert (await cluster.patch(path, {"metadata": {"labels": {"a": "b"}}})).meta["generation"] == 1
    status = {"status": {"replicas": 1}}
    assert (await cluster.patch(f"{path}/status", status)).meta["generation"] == 1
    assert (await cluster.patch(path, {"spec": {"replicas": 3}})).meta["generation"] == 2
    assert (await cluster.patch(path, {"spec": {"replicas": 3}})).meta["generation"] == 2


async def test_the_status_is_apart(cluster: Client) -> None:
    """The object's address ignores the status, the status' address all else."""
    body = {**deployment(), "status": {"replicas": 9}}
    made = await cluster.post("apps/v1:deployments", body)
    assert made.body["status"] == {}
    path = "apps/v1:deployments/d"
    ignored = await cluster.patch(path, {"status": {"replicas": 9}})
    assert (ignored.body["status"], ignored.version) == ({}, made.version)
    both = {"spec": {"replicas": 7}, "status": {"replicas": 2}}
    told = await cluster.patch(f"{path}/status", both)
    assert told.body["status"]["replicas"] == 2
    assert told.body["spec"]["replicas"] == 1
    whole = await cluster.put(path, {**told.body, "status": {}})
    assert whole.body["status"]["replicas"] == 2


async def test_scale_is_apart(cluster: Client) -> None:
    """Replicas alone can be read and written, and count as a change of the spec."""
    await cluster.post("apps/v1:deployments", deployment())
    scale = await cluster.get("apps/v1:deployments/d/scale")
    assert (scale.body["kind"], scale.body["spec"]) == ("Scale", {"replicas": 1})
    assert scale.body["status"] == {"replicas": 0, "selector": "app=d"}
    scale.body["spec"]["replicas"] = 4
    put = await cluster.put("apps/v1:deployments/d/scale", scale.body)
    assert put.body["spec"] == {"replicas": 4}
    stale = await cluster.put("apps/v1:deployments/d/scale", {**scale.body, "spec": {}})
    assert stale.status == 409
    patched = await cluster.patch("apps/v1:deployments/d/scale", {"spec": {"replicas": 5}})
    assert patched.body["spec"] == {"replicas": 5}
    read = await cluster.get("apps/v1:deployments/d")
    assert (read.body["spec"]["replicas"], read.meta["generation"]) == (5, 3)
    assert (await cluster.get("configmaps/a/scale")).status == 404


async def test_names_are_those_of_the_internet(cluster: Client) -> None:
    """422 says which name is wrong; a service's has no dots."""
    for name in ("A", "a_b", "-a", "a-", "x" * 254):
        answer = await cluster.post("configmaps", config_map(name))
        assert answer.status == 422, name
        assert answer.causes == {("metadata.name", "FieldValueInvalid")}, name
    assert (await cluster.post("configmaps", config_map("a.b"))).status == 201
    none = await cluster.post("configmaps", {"metadata": {}})
    assert none.causes == {("metadata.name", "FieldValueRequired")}
    label = config_map("c")
    label["metadata"]["labels"] = {"a": "not a value"}
    assert (await cluster.post("configmaps", label)).causes == {
        ("metadata.labels", "FieldValueInvalid")
    }


async def test_a_deployment_needs_containers_that_it_selects(cluster: Client) -> None:
    """422 names every field that is wrong."""
    body = deployment()
    body["spec"]["template"]["spec"]["containers"] = []
    body["spec"]["selector"]["matchLabels"] = {"app": "other"}
    answer = await cluster.post("apps/v1:deployments", body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.message.startswith('Deployment.apps "d" is invalid: [')
    assert answer.causes == {
        ("spec.template.spec.containers", "FieldValueRequired"),
        ("spec.template.metadata.labels", "FieldValueInvalid"),
    }


async def test_what_a_pod_must_not_lack(cluster: Client) -> None:
    """Images, volumes that are mounted, names that differ."""
    mounts = [{"name": "nowhere", "mountPath": "/x"}]
    body = deployment(image="", volumeMounts=mounts)
    answer = await cluster.post("apps/v1:deployments", body)
    at = "spec.template.spec.containers[0]"
    assert answer.causes == {
        (f"{at}.image", "FieldValueRequired"),
        (f"{at}.volumeMounts[0].name", "FieldValueNotFound"),
    }
    body = deployment()
    body["spec"]["template"]["spec"]["containers"] *= 2
    answer = await cluster.post("apps/v1:deployments", body)
    assert ("spec.template.spec.containers[1].name", "FieldValueDuplicate") in answer.causes


async def test_what_cannot_change(cluster: Client) -> None:
    """A Deployment's selector, a Job's template, a claim, a pod's command."""
    body = deployment()
    await cluster.post("apps/v1:deployments", body)
    labels = {"matchLabels": {"app": "z"}}
    template = {"metadata": {"labels": {"app": "z"}}}
    answer = await cluster.patch(
        "apps/v1:deployments/d", {"spec": {"selector": labels, "template": template}}
    )
    assert answer.causes == {("spec.selector", "FieldValueInvalid")}
    await cluster.post("batch/v1:jobs", job())
    change = {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}
    answer = await cluster.patch("batch/v1:jobs/j", change)
    assert answer.causes == {("spec.template", "FieldValueInvalid")}
    claim = {
        "metadata": {"name": "c"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    assert (await cluster.post("persistentvolumeclaims", claim)).status == 201
    modes = {"spec": {"accessModes": ["ReadWriteMany"]}}
    answer = await cluster.patch("persistentvolumeclaims/c", modes)
    assert answer.causes == {("spec", "FieldValueForbidden")}


async def test_a_job_says_how_its_pod_restarts(cluster: Client) -> None:
    """`Always`, the default, is not for Jobs."""
    body = job()
    del body["spec"]["template"]["spec"]["restartPolicy"]
    answer = await cluster.post("batch/v1:jobs", body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert ("spec.template.spec.restartPolicy", "FieldValueNotSupported") in answer.causes or (
        "spec.template.spec.restartPolicy",
        "FieldValueRequired",
    ) in answer.causes


async def test_unknown_fields_are_dropped_and_warned_of(cluster: Client) -> None:
    """Unless the client is strict: then 400."""
    body = {**config_map(), "colour": "red"}
    strict = await cluster.post("configmaps", body, fieldValidation="Strict")
    assert strict.status == 400
    assert strict.message.endswith('strict decoding error: unknown field "colour"')
    made = await cluster.post("configmaps", body)
    assert made.status == 201
    assert "colour" not in made.body
    assert made.headers["Warning"] == '299 - "unknown field \\"colour\\""'


async def test_a_value_of_another_type_is_refused(cluster: Client) -> None:
    """400: Go cannot read it."""
    body = deployment()
    body["spec"]["replicas"] = "three"
    answer = await cluster.post("apps/v1:deployments", body)
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert "cannot unmarshal string into Go struct field" in answer.message


async def test_times_of_a_lease_have_microseconds(cluster: Client) -> None:
    """A client that writes whole seconds is refused; so it is found here."""
    body: Object = {"metadata": {"name": "l"}, "spec": {"renewTime": "2026-01-01T00:00:00Z"}}
    path = "coordination.k8s.io/v1:leases"
    assert (await cluster.post(path, body)).status == 400
    body["spec"] = {"renewTime": "2026-01-01T00:00:00.000000Z"}
    assert (await cluster.post(path, body)).status == 201


async def test_trying_it_changes_nothing(cluster: Client) -> None:
    """dryRun=All judges, and keeps nothing."""
    tried = await cluster.post("configmaps", config_map(), dryRun="All")
    assert (tried.status, "resourceVersion" in tried.meta) == (201, False)
    assert (await cluster.get("configmaps/a")).status == 404
    made = await cluster.post("configmaps", config_map(x="1"))
    tried = await cluster.put("configmaps/a", config_map(x="2"), dryRun="All")
    assert tried.body["data"] == {"x": "2"}
    await cluster.delete("configmaps/a", dryRun="All")
    assert (await cluster.get("configmaps/a")).body == made.body
    assert (await cluster.post("apps/v1:deployments", {}, dryRun="All")).status == 422


async def test_methods_that_make_no_sense(cluster: Client) -> None:
    """405 without saying what would have happened; 415 for a body nobody reads."""
    assert (await cluster.put("configmaps", config_map())).status == 405
    assert (await cluster.post("configmaps/a", config_map())).status == 405
    answer = await cluster.ask("POST", "configmaps", config_map(), media="text/plain")
    assert answer.status == 415


async def test_text_of_a_secret_becomes_data(cluster: Client) -> None:
    """`stringData` is for writing only."""
    body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}}
    made = await cluster.post("secrets", body)
    assert made.body["data"] == {"a": "Yg=="}
    assert "stringData" not in made.body
    assert made.body["type"] == "Opaque"


async def test_discovery_names_the_kinds(cluster: Client) -> None:
    """What clients find: groups, versions, short names, subresources."""
    assert "v1" in (await cluster.get("/api")).body["versions"]
    groups = {each["name"] for each in (await cluster.get("/apis")).body["groups"]}
    assert groups >= {"apps", "batch", "policy", "coordination.k8s.io", "apiextensions.k8s.io"}
    told = (await cluster.get("/apis/apps/v1")).body["resources"]
    by_name = {each["name"]: each for each in told}
    assert by_name["deployments"]["shortNames"] == ["deploy"]
    assert {"deployments/status", "deployments/scale"} <= by_name.keys()
    assert "pods/log" in {e["name"] for e in (await cluster.get("/api/v1")).body["resources"]}
    assert (await cluster.get("/apis/nobody.example.com/v1")).status == 404
    assert "gitVersion" in (await cluster.get("/version")).body


async def test_a_table_for_people(cluster: Client) -> None:
    """`kubectl get` asks for one; a kind's definition names its columns."""
    group = "table.ssmd.example.com"
    columns = [
        {"name": "Colour", "type": "string", "jsonPath": ".spec.colour"},
        {
            "name": "Ready",
            "type": "string",
            "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
        },
    ]
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await cluster.post(path, definition(group, additionalPrinterColumns=columns))
    try:
        things = f"/apis/{group}/v1/namespaces/{cluster.namespace}/things"
        await _until_made(cluster, things, thing(group, colour="red"))
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        await cluster.patch(f"{things}/t/status", ready)
        accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
        table = (await cluster.ask("GET", things, headers=accept)).body
        assert table["kind"] == "Table"
        assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Colour", "Ready"]
        assert [row["cells"] for row in table["rows"]] == [["t", "red", "True"]]
    finally:
        await cluster.delete(f"{path}/things.{group}")


async def _until_made(cluster: Client, path: str, body: dict[str, object]) -> None:
    """A real server serves a new kind a moment after its definition."""
    for _ in range(200):
        if (await cluster.post(path, body)).status == 201:
            return
    raise AssertionError(path)


async def test_a_pods_log_is_text(to_fake: Client, fake: object) -> None:
    """FAKE only: what a test's kubelet says the container said."""
    from ssmd.sim.kubernetes import FakeApi  # noqa: PLC0415 - the type of the fixture

    assert isinstance(fake, FakeApi)
    await to_fake.post("pods", pod())
    assert (await to_fake.get("pods/p/log")).status == 400
    fake.set_log("default", "p", "one\ntwo\n")
    assert (await to_fake.get("pods/p/log", tailLines="1")).body == "two\n"
    assert (await to_fake.get("pods/p/log", container="no")).status == 400
    fake.ask_logs(lambda namespace, name, container: f"{namespace}/{name}/{container}")
    await to_fake.post("pods", pod("q"))
    assert (await to_fake.get("pods/q/log")).body == "default/q/main"
