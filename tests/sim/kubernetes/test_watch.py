"""Lists and watches: selectors, pages, resuming, bookmarks, and what a client is told too late."""

import asyncio

import pytest

from ssmd.sim.kubernetes import FakeApi
from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.conftest import until
from tests.sim.kubernetes.samples import Object, config_map, pod


def labelled(name: str, **labels: str) -> Object:
    """A ConfigMap with labels."""
    body = config_map(name)
    body["metadata"]["labels"] = labels
    return body


def told(events: list[Object]) -> list[tuple[str, str]]:
    """What happened to which object."""
    return [(each["type"], each["object"]["metadata"].get("name", "")) for each in events]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("t=a", "xz"),
        ("t==a,u", "z"),
        ("t!=a", "y"),
        ("t in (a, b)", "xyz"),
        ("t in (a,b),u notin (1)", "xy"),
        ("t notin (a)", "y"),
        ("u", "z"),
        ("!u", "xy"),
        ("", "xyz"),
    ],
)
async def test_label_selectors(cluster: Client, selector: str, names: str) -> None:
    """Equality, sets, presence; all of them must be true."""
    await cluster.post("configmaps", labelled("x", t="a"))
    await cluster.post("configmaps", labelled("y", t="b"))
    await cluster.post("configmaps", labelled("z", t="a", u="1"))
    found = await cluster.get("configmaps", labelSelector=selector)
    listed = "".join(each["metadata"]["name"] for each in found.body["items"])
    assert listed.replace("kube-root-ca.crt", "") == names


async def test_selectors_that_cannot_be_read(cluster: Client) -> None:
    """400."""
    assert (await cluster.get("configmaps", labelSelector="a in")).status == 400
    assert (await cluster.get("configmaps", fieldSelector="data.x=1")).status == 400


async def test_field_selectors(cluster: Client) -> None:
    """A name; of pods also the phase and the node."""
    for name in "ab":
        await cluster.post("configmaps", config_map(name))
        await cluster.post("pods", pod(name))
    found = await cluster.get("configmaps", fieldSelector="metadata.name=b")
    assert [each["metadata"]["name"] for each in found.body["items"]] == ["b"]
    await cluster.patch("pods/a/status", {"status": {"phase": "Running"}})
    for selector, names in (
        ("status.phase=Running", ["a"]),
        ("status.phase!=Running,metadata.name!=c", ["b"]),
        ("spec.nodeName=", ["a", "b"]),
        ("spec.nodeName=n", []),
    ):
        found = await cluster.get("pods", fieldSelector=selector)
        assert [each["metadata"]["name"] for each in found.body["items"]] == names, selector


async def test_a_list_in_pages_is_of_one_moment(cluster: Client) -> None:
    """What is made after the first page is on none of them; the version is the first page's."""
    for name in "abcde":
        await cluster.post("configmaps", labelled(name, mine="yes"))
    query = {"labelSelector": "mine", "limit": "2"}
    page = await cluster.get("configmaps", **query)
    assert page.body["metadata"]["continue"]
    await cluster.post("configmaps", labelled("f", mine="yes"))
    found, version = [*page.body["items"]], page.version
    while token := page.body["metadata"].get("continue"):
        page = await cluster.get("configmaps", **query, **{"continue": token})
        assert page.version == version
        found += page.body["items"]
    assert [each["metadata"]["name"] for each in found] == list("abcde")
    assert not found[0].keys() & {"kind", "apiVersion"}
    assert (await cluster.get("configmaps", limit="2", **{"continue": "no"})).status == 400


async def test_a_list_of_the_future_is_not_to_be_had(cluster: Client) -> None:
    """504, with when to ask again."""
    answer = await cluster.get("configmaps", resourceVersion="99999999")
    assert (answer.status, answer.reason) == (504, "Timeout")
    assert answer.headers["Retry-After"] == "1"


async def test_a_watch_tells_changes(cluster: Client) -> None:
    """From the version of a list; an object that is gone has the version of its end."""
    listed = await cluster.get("configmaps")
    await cluster.post("configmaps", config_map(x="1"))
    changed = await cluster.patch("configmaps/a", {"data": {"x": "2"}})
    await cluster.delete("configmaps/a")
    events = await cluster.events("configmaps", 3, resourceVersion=listed.version)
    assert told(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    last = events[-1]["object"]
    assert last["data"] == {"x": "2"}
    assert int(last["metadata"]["resourceVersion"]) > int(changed.version)
    assert last["kind"] == "ConfigMap"


async def test_a_watch_begins_with_what_is_there(cluster: Client) -> None:
    """Without a version; of one name with a field selector."""
    for name in "ab":
        await cluster.post("configmaps", labelled(name, mine="yes"))
    events = await cluster.events("configmaps", 2, labelSelector="mine")
    assert sorted(told(events)) == [("ADDED", "a"), ("ADDED", "b")]
    events = await cluster.events("configmaps", 1, fieldSelector="metadata.name=b")
    assert told(events) == [("ADDED", "b")]


async def test_a_watch_may_end_its_beginning_with_a_bookmark(cluster: Client) -> None:
    """`sendInitialEvents`: what is there, then a bookmark that says so."""
    await cluster.post("configmaps", labelled("a", mine="yes"))
    query = {
        "labelSelector": "mine",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    events = await cluster.events("configmaps", 2, **query)
    assert [each["type"] for each in events] == ["ADDED", "BOOKMARK"]
    meta = events[1]["object"]["metadata"]
    assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_who_leaves_a_selector_is_gone(cluster: Client) -> None:
    """For a watch of that selector: DELETED as he was, with the version of the change."""
    await cluster.post("configmaps", labelled("a", t="1"))
    listed = await cluster.get("configmaps")
    left = await cluster.patch("configmaps/a", {"metadata": {"labels": {"t": "2"}}})
    await cluster.patch("configmaps/a", {"metadata": {"labels": {"t": "1"}}})
    query = {"labelSelector": "t=1", "resourceVersion": listed.version}
    events = await cluster.events("configmaps", 2, **query)
    assert told(events) == [("DELETED", "a"), ("ADDED", "a")]
    gone = events[0]["object"]["metadata"]
    assert (gone["labels"], gone["resourceVersion"]) == ({"t": "1"}, left.version)


async def test_a_watch_ends_when_its_time_is_up(cluster: Client) -> None:
    """With nothing but perhaps a bookmark."""
    version = (await cluster.get("configmaps")).version
    query = {"resourceVersion": version, "timeoutSeconds": "1", "labelSelector": "nobody"}
    types = {each["type"] async for each in cluster.watch("configmaps", **query)}
    assert types <= {"BOOKMARK"}


async def test_a_watch_goes_on_where_it_was_cut(cluster: Client) -> None:
    """The version of the last event is where the next watch begins."""
    version = (await cluster.get("configmaps")).version
    seen: list[tuple[str, str]] = []
    for name in "abc":
        await cluster.post("configmaps", labelled(name, mine="yes"))
        query = {"resourceVersion": version, "labelSelector": "mine"}
        (event,) = await cluster.events("configmaps", 1, **query)
        version = event["object"]["metadata"]["resourceVersion"]
        seen += told([event])
    assert seen == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


async def test_a_watch_of_all_namespaces(cluster: Client) -> None:
    """One watch for a whole cluster."""
    version = (await cluster.get("/api/v1/configmaps", limit="1")).version
    await cluster.post("configmaps", labelled("a", whole="yes"))
    query = {"resourceVersion": version, "labelSelector": "whole"}
    (event,) = await cluster.events("/api/v1/configmaps", 1, **query)
    assert event["object"]["metadata"]["namespace"] == cluster.namespace


async def test_too_old_a_version_is_gone(fake: FakeApi, to_fake: Client) -> None:
    """FAKE only: 410 in the stream, or as HTTP status; a list's next page too."""
    made = await to_fake.post("configmaps", config_map("a"))
    await to_fake.post("configmaps", config_map("b"))
    page = await to_fake.get("configmaps", limit="1")
    fake.expire_history()
    (event,) = [e async for e in to_fake.watch("configmaps", resourceVersion=made.version)]
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    token = page.body["metadata"]["continue"]
    assert (await to_fake.get("configmaps", limit="1", **{"continue": token})).status == 410
    fake.expire_history(as_http=True)
    query = {"watch": "true", "resourceVersion": made.version}
    assert (await to_fake.get("configmaps", **query)).status == 410
    now = (await to_fake.get("configmaps")).version
    fake.create({**config_map("c"), "apiVersion": "v1"})
    assert told(await to_fake.events("configmaps", 1, resourceVersion=now)) == [("ADDED", "c")]


async def test_the_history_is_bounded(to_fake: Client) -> None:
    """FAKE only: the oldest change is forgotten first."""
    from ssmd.runtime.clock import SystemClock  # noqa: PLC0415 - an API of its own

    async with FakeApi(SystemClock(), history=3) as api, Client(api.config()) as client:
        version = (await client.get("configmaps")).version
        for name in "abcd":
            await client.post("configmaps", config_map(name))
        (event,) = [e async for e in client.watch("configmaps", resourceVersion=version)]
        assert event["object"]["code"] == 410
        version = str(int(version) + 1)
        events = await client.events("configmaps", 3, resourceVersion=version)
        assert [name for _, name in told(events)] == ["b", "c", "d"]


async def test_a_quiet_watch_is_told_how_far_it_is(fake: FakeApi, to_fake: Client) -> None:
    """FAKE only: bookmarks as often as a test wants them, to those who asked."""
    fake.bookmark_every(0.01)
    version = (await to_fake.get("configmaps")).version
    await to_fake.post("secrets", {"metadata": {"name": "s"}})
    query = {"resourceVersion": version, "allowWatchBookmarks": "true"}
    (event,) = await to_fake.events("configmaps", 1, **query)
    assert event["type"] == "BOOKMARK"
    assert event["object"]["metadata"]["resourceVersion"] == str(fake.version)


async def test_watches_can_be_cut(fake: FakeApi, to_fake: Client) -> None:
    """FAKE only: without a word, as a proxy in between does it."""

    async def read() -> str:
        try:
            async for _ in to_fake.watch("configmaps"):
                pass
        except (OSError, Exception) as error:  # noqa: BLE001 - aiohttp has several words for it
            return type(error).__name__
        return "ended"

    watching = asyncio.ensure_future(read())

    async def open_now() -> bool:
        return fake.watches == 1

    await until(open_now)
    assert fake.drop_watches() == 1
    assert await watching != "ended"


async def test_a_restart_keeps_what_is_kept(fake: FakeApi, to_fake: Client) -> None:
    """FAKE only: same port, same objects, same versions: a watch goes on."""
    made = await to_fake.post("configmaps", config_map("a"))
    url = fake.url
    await fake.stop()
    with pytest.raises(OSError, match="Cannot connect"):
        await to_fake.get("configmaps")
    await fake.start()
    assert fake.url == url
    assert (await to_fake.get("configmaps/a")).body == made.body
    await to_fake.post("configmaps", config_map("b"))
    events = await to_fake.events("configmaps", 1, resourceVersion=made.version)
    assert told(events) == [("ADDED", "b")]
    await fake.restart()
    assert (await to_fake.get("configmaps/b")).status == 200


async def test_a_log_can_be_followed(fake: FakeApi, to_fake: Client) -> None:
    """FAKE only: what is said later comes later; it ends when the pod has."""
    await to_fake.post("pods", pod())
    fake.set_log("default", "p", "one\n")
    following = asyncio.ensure_future(to_fake.get("pods/p/log", follow="true"))

    async def open_now() -> bool:
        return fake.watches == 1

    await until(open_now)
    fake.set_log("default", "p", "one\ntwo\n")
    await to_fake.patch("pods/p/status", {"status": {"phase": "Succeeded"}})
    assert (await following).body == "one\ntwo\n"
