"""The two libraries that ssmd speaks to Kubernetes with, on whichever API the tests are about."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import kopf
import msgspec
import pytest
import yaml
from kopf._core.engines.peering import Identity
from lightkube import AsyncClient, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod
from lightkube.types import PatchType

from ssmd.sim.kubernetes import FakeApi
from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.conftest import until
from tests.sim.kubernetes.samples import config_map, definition, deployment, pod, thing
from tests.sim.kubernetes.test_definitions import DEFINITIONS, served


@pytest.fixture
async def lightkube(cluster: Client) -> AsyncIterator[AsyncClient]:
    """lightkube, in the test's namespace."""
    config = KubeConfig.from_dict(cluster.kubeconfig)
    client = AsyncClient(config, namespace=cluster.namespace, field_manager="lightkube")
    yield client
    await client.close()


def _deployment(**container: str) -> Deployment:
    return msgspec.convert(deployment(**container), Deployment)


async def test_lightkube_makes_reads_changes_and_deletes(lightkube: AsyncClient) -> None:
    """A round trip through every verb."""
    made = await lightkube.create(ConfigMap(metadata=ObjectMeta(name="a"), data={"x": "1"}))
    assert made.metadata is not None
    assert made.metadata.resourceVersion
    read = await lightkube.get(ConfigMap, "a")
    read.data = {"x": "2"}
    put = await lightkube.replace(read)
    assert put.data == {"x": "2"}
    with pytest.raises(ApiError) as stale:
        await lightkube.replace(made)
    assert (stale.value.status.code, stale.value.status.reason) == (409, "Conflict")
    patched = await lightkube.patch(
        ConfigMap, "a", {"data": {"y": "3"}}, patch_type=PatchType.MERGE
    )
    assert patched.data == {"x": "2", "y": "3"}
    await lightkube.delete(ConfigMap, "a")
    with pytest.raises(ApiError) as gone:
        await lightkube.get(ConfigMap, "a")
    assert gone.value.status.code == 404


async def test_lightkube_lists_in_pages_and_watches(lightkube: AsyncClient) -> None:
    """It follows the pages by itself, and the watch goes on from the list's version."""
    for name in "abc":
        meta = ObjectMeta(name=name, labels={"mine": "yes"})
        await lightkube.create(ConfigMap(metadata=meta))
    listing = lightkube.list(ConfigMap, labels={"mine": "yes"}, chunk_size=2)
    names = [each.metadata.name async for each in listing if each.metadata]
    assert names == ["a", "b", "c"]
    await lightkube.delete(ConfigMap, "b")
    version = listing.resourceVersion
    watching = lightkube.watch(ConfigMap, labels={"mine": "yes"}, resource_version=version)
    async for kind, each in watching:
        assert each.metadata is not None
        assert (kind, each.metadata.name) == ("DELETED", "b")
        break


async def test_lightkube_applies(lightkube: AsyncClient) -> None:
    """Server-side, with conflicts; and scales."""
    body = _deployment()
    first = await lightkube.apply(body)
    again = await lightkube.apply(body)
    assert first.metadata is not None
    assert again.metadata is not None
    assert first.metadata.resourceVersion == again.metadata.resourceVersion
    other = _deployment(image="y:2")
    with pytest.raises(ApiError) as conflict:
        await lightkube.apply(other, field_manager="other")
    assert conflict.value.status.code == 409
    forced = await lightkube.apply(other, field_manager="other", force=True)
    assert forced.spec is not None
    assert forced.spec.template.spec is not None
    assert forced.spec.template.spec.containers[0].image == "y:2"
    patch = {"spec": {"replicas": 3}}
    await lightkube.patch(Deployment.Scale, "d", patch, patch_type=PatchType.MERGE)
    read = await lightkube.get(Deployment, "d")
    assert read.spec is not None
    assert read.spec.replicas == 3


async def test_lightkube_reads_logs(fake: FakeApi, tmp_path: Path) -> None:
    """FAKE only: as text, line by line."""
    config = KubeConfig.from_file(fake.kubeconfig(tmp_path / "config"))
    client = AsyncClient(config)
    await client.create(msgspec.convert(pod(), Pod))
    fake.set_log("default", "p", "one\ntwo\n")
    assert [line async for line in client.log("p")] == ["one\n", "two\n"]
    await client.close()


async def test_lightkube_is_told_that_a_version_is_gone(fake: FakeApi) -> None:
    """FAKE only: 410 from the stream; a cut watch is an error of the connection."""
    client = AsyncClient(KubeConfig.from_dict(fake.config()))
    fake.create(config_map("a"))
    fake.expire_history()
    with pytest.raises(ApiError) as gone:
        async for _ in client.watch(ConfigMap, resource_version="2"):
            pass
    assert gone.value.status.code == 410
    watching = asyncio.ensure_future(_drain(client))

    async def open_now() -> bool:
        return fake.watches == 1

    await until(open_now)
    fake.drop_watches()
    with pytest.raises(httpx2.HTTPError):
        await watching
    await client.close()


async def _drain(client: AsyncClient) -> None:
    async for _ in client.watch(ConfigMap):
        pass


@pytest.fixture
def kubeconfig(cluster: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cluster's address where kopf looks for it."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(cluster.kubeconfig), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


async def test_kopf_runs_an_operator(cluster: Client, kubeconfig: Path) -> None:
    """It finds our kind, handles creation, change and deletion, and leaves its finalizer and marks."""
    group = f"kopf-{cluster.namespace}.example.com"
    await served(cluster, definition(group))
    path = f"{group}/v1:things/t"
    registry = kopf.OperatorRegistry()
    told: list[tuple[str, object]] = []

    @kopf.on.login(registry=registry)
    async def login(**options: object) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(**options)  # type: ignore[arg-type]

    @kopf.on.create(group, "v1", "things", id="created", registry=registry)
    async def created(spec: kopf.Spec, **_: object) -> dict[str, object]:
        told.append(("created", spec.get("x")))
        return {"seen": spec.get("x")}

    @kopf.on.update(group, "v1", "things", registry=registry)
    async def updated(spec: kopf.Spec, **_: object) -> None:
        told.append(("updated", spec.get("x")))

    @kopf.on.delete(group, "v1", "things", registry=registry)
    async def deleted(**_: object) -> None:
        told.append(("deleted", None))

    async def heard(*what: tuple[str, object]) -> None:
        async def check() -> bool:
            return told == list(what)

        await until(check)

    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    running = asyncio.ensure_future(
        kopf.operator(
            registry=registry,
            settings=settings,
            namespaces=[cluster.namespace],
            standalone=True,
            identity=Identity("tester"),  # kopf would ask the network what this machine is called
        )
    )
    try:
        await cluster.post(f"{group}/v1:things", thing(group, x=1))
        await heard(("created", 1))

        async def marked() -> bool:
            read = await cluster.get(path)
            return bool(read.body.get("status", {}).get("created") == {"seen": 1})

        await until(marked)
        assert (await cluster.get(path)).meta["finalizers"]
        await cluster.patch(path, {"spec": {"x": 2}})
        await heard(("created", 1), ("updated", 2))
        await cluster.delete(path)
        await heard(("created", 1), ("updated", 2), ("deleted", None))

        async def gone() -> bool:
            return (await cluster.get(path)).status == 404

        await until(gone)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await cluster.delete(f"{DEFINITIONS}/things.{group}")
