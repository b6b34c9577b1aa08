"""Deletion: finalizers, grace, owners and what they leave, namespaces."""

from collections.abc import Awaitable, Callable

from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.conftest import until
from tests.sim.kubernetes.samples import Object, config_map, owner, pod


def finalized(name: str = "a") -> Object:
    """A ConfigMap that somebody wants to tidy up after."""
    body = config_map(name)
    body["metadata"]["finalizers"] = ["ssmd.io/test"]
    return body


def owned(name: str, *owners: Object) -> Object:
    """A ConfigMap with owners."""
    body = config_map(name)
    body["metadata"]["ownerReferences"] = list(owners)
    return body


def gone(cluster: Client, path: str) -> Callable[[], Awaitable[bool]]:
    """Whether an object is not there any more."""

    async def check() -> bool:
        return (await cluster.get(path)).status == 404

    return check


async def test_what_is_deleted_is_gone(cluster: Client) -> None:
    """The answer is a Status that names it."""
    made = await cluster.post("configmaps", config_map())
    answer = await cluster.delete("configmaps/a")
    assert (answer.status, answer.body["status"]) == (200, "Success")
    details = {"name": "a", "kind": "configmaps", "uid": made.meta["uid"]}
    assert answer.body["details"] == details
    assert (await cluster.get("configmaps/a")).status == 404


async def test_a_finalizer_keeps_it(cluster: Client) -> None:
    """Marked, until the last finalizer is taken away; then no write, but an end."""
    await cluster.post("configmaps", finalized())
    marked = await cluster.delete("configmaps/a")
    assert marked.body["kind"] == "ConfigMap"
    assert marked.meta["deletionTimestamp"]
    assert marked.meta["deletionGracePeriodSeconds"] == 0
    again = await cluster.delete("configmaps/a")
    assert again.version == marked.version
    added = {"metadata": {"finalizers": ["ssmd.io/test", "ssmd.io/more"]}}
    refused = await cluster.patch("configmaps/a", added)
    assert refused.causes == {("metadata.finalizers", "FieldValueForbidden")}
    freed = await cluster.patch("configmaps/a", {"metadata": {"finalizers": None}})
    assert (freed.status, freed.version) == (200, marked.version)
    assert (await cluster.get("configmaps/a")).status == 404
    events = await cluster.events("configmaps", 1, resourceVersion=marked.version)
    assert [each["type"] for each in events] == ["DELETED"]


async def test_a_deletion_may_name_whom_it_means(cluster: Client) -> None:
    """Preconditions: another uid or version is a conflict."""
    made = await cluster.post("configmaps", config_map())
    for wrong in ({"uid": "x"}, {"resourceVersion": "1"}):
        answer = await cluster.delete("configmaps/a", {"preconditions": wrong})
        assert (answer.status, answer.reason) == (409, "Conflict")
    right = {"preconditions": {"uid": made.meta["uid"], "resourceVersion": made.version}}
    assert (await cluster.delete("configmaps/a", right)).status == 200
    await cluster.post("configmaps", config_map())
    answer = await cluster.delete("configmaps/a", {"propagationPolicy": "Whatever"})
    assert answer.status == 422


async def test_many_are_deleted_at_once(cluster: Client) -> None:
    """Those that a selector selects."""
    for name in "abc":
        body = config_map(name)
        body["metadata"]["labels"] = {"t": "no" if name == "b" else "yes"}
        await cluster.post("configmaps", body)
    assert (await cluster.delete("configmaps", labelSelector="t=yes")).status == 200
    left = await cluster.get("configmaps", labelSelector="t")
    assert [each["metadata"]["name"] for each in left.body["items"]] == ["b"]


async def test_dependents_go_with_their_owner(cluster: Client) -> None:
    """In the background, at any depth; who has another owner stays, without the first."""
    first = (await cluster.post("configmaps", config_map("first"))).body
    other = (await cluster.post("configmaps", config_map("other"))).body
    child = (await cluster.post("configmaps", owned("child", owner(first)))).body
    await cluster.post("configmaps", owned("grandchild", owner(child)))
    await cluster.post("configmaps", owned("shared", owner(first), owner(other)))
    await cluster.delete("configmaps/first", {"propagationPolicy": "Background"})
    await until(gone(cluster, "configmaps/child"))
    await until(gone(cluster, "configmaps/grandchild"))

    async def left() -> bool:
        references = (await cluster.get("configmaps/shared")).meta["ownerReferences"]
        return [each["name"] for each in references] == ["other"]

    await until(left)


async def test_who_never_had_an_owner_is_collected(cluster: Client) -> None:
    """An owner that is not there, by uid, is none."""
    first = (await cluster.post("configmaps", config_map("first"))).body
    ghost = {**owner(first), "uid": "00000000-0000-0000-0000-000000000000"}
    await cluster.post("configmaps", owned("orphan", ghost))
    await until(gone(cluster, "configmaps/orphan"))
    assert (await cluster.get("configmaps/first")).status == 200


async def test_an_owner_elsewhere_is_none(cluster: Client) -> None:
    """An owner is in the dependent's namespace, or in none."""
    name = f"{cluster.namespace}-elsewhere"
    await cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}/configmaps"
    other = (await cluster.post(path, config_map("other"))).body
    await cluster.post("configmaps", owned("child", owner(other)))
    await until(gone(cluster, "configmaps/child"))
    assert (await cluster.get(f"{path}/other")).status == 200
    await cluster.delete(f"/api/v1/namespaces/{name}")


async def test_dependents_are_left_on_request(cluster: Client) -> None:
    """Orphan: they stay, without their owner."""
    first = (await cluster.post("configmaps", config_map("first"))).body
    await cluster.post("configmaps", owned("child", owner(first)))
    await cluster.delete("configmaps/first", {"propagationPolicy": "Orphan"})
    await until(gone(cluster, "configmaps/first"))
    child = await cluster.get("configmaps/child")
    assert "ownerReferences" not in child.meta


async def test_dependents_go_first_on_request(cluster: Client) -> None:
    """Foreground: the owner waits for those that block it, here for one with a finalizer."""
    first = (await cluster.post("configmaps", config_map("first"))).body
    child = finalized("child")
    child["metadata"]["ownerReferences"] = [owner(first, block=True)]
    await cluster.post("configmaps", child)
    answer = await cluster.delete("configmaps/first", {"propagationPolicy": "Foreground"})
    assert answer.meta["finalizers"] == ["foregroundDeletion"]

    async def marked() -> bool:
        return "deletionTimestamp" in (await cluster.get("configmaps/child")).meta

    await until(marked)
    assert (await cluster.get("configmaps/first")).status == 200
    await cluster.patch("configmaps/child", {"metadata": {"finalizers": None}})
    await until(gone(cluster, "configmaps/first"))
    assert (await cluster.get("configmaps/child")).status == 404


async def test_a_pod_on_a_node_has_its_grace(to_fake: Client) -> None:
    """FAKE only (a real server wants nodes): marked, until its kubelet says it has ended."""
    await to_fake.post("pods", pod(nodeName="n", terminationGracePeriodSeconds=9))
    marked = await to_fake.delete("pods/p")
    assert marked.meta["deletionGracePeriodSeconds"] == 9
    assert marked.meta["deletionTimestamp"] > marked.meta["creationTimestamp"]
    longer = await to_fake.delete("pods/p", {"gracePeriodSeconds": 60})
    assert longer.meta["deletionGracePeriodSeconds"] == 9
    shorter = await to_fake.delete("pods/p", gracePeriodSeconds="3")
    assert shorter.meta["deletionGracePeriodSeconds"] == 3
    await to_fake.patch("pods/p/status", {"status": {"phase": "Running"}})
    assert (await to_fake.get("pods/p")).status == 200
    await to_fake.delete("pods/p", {"gracePeriodSeconds": 0})
    assert (await to_fake.get("pods/p")).status == 404


async def test_a_pod_on_no_node_goes_at_once(cluster: Client) -> None:
    """Nobody runs it; the answer is the pod."""
    await cluster.post("pods", pod())
    answer = await cluster.delete("pods/p")
    assert (answer.status, answer.body["kind"]) == (200, "Pod")
    assert (await cluster.get("pods/p")).status == 404


async def test_a_namespace_takes_all_with_it(cluster: Client) -> None:
    """It is Terminating while something is left, and takes nothing new."""
    name = f"{cluster.namespace}-other"
    body = {"metadata": {"name": name}}
    made = await cluster.post("/api/v1/namespaces", body)
    assert made.body["status"] == {"phase": "Active"}
    assert made.meta["labels"] == {"kubernetes.io/metadata.name": name}
    path = f"/api/v1/namespaces/{name}/configmaps"
    await cluster.post(path, config_map("a"))
    await cluster.post(path, finalized("b"))
    await cluster.delete(f"/api/v1/namespaces/{name}")
    await until(gone(cluster, f"{path}/a"))
    now = await cluster.get(f"/api/v1/namespaces/{name}")
    assert now.body["status"]["phase"] == "Terminating"
    late = await cluster.post(path, config_map("late"))
    assert (late.status, late.reason) == (403, "Forbidden")
    assert late.causes == {("metadata.namespace", "NamespaceTerminating")}
    await cluster.patch(f"{path}/b", {"metadata": {"finalizers": None}})
    await until(gone(cluster, f"/api/v1/namespaces/{name}"))
