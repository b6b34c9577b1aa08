"""What `ssmd connector|archiver deploy` gives to a cluster: resources, and the configuration they read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.names import (
    API_VERSION,
    ENVIRONMENT_KEY,
    FEED_KEY,
    KINDS,
    Kind,
    environment_map,
    feed_map,
)
from ssmd.operator.spec.parse import parse

_DEPLOYED: Final = frozenset({"Connector", "Archiver"})
"""What has a `deploy` of its own."""

Done = Literal["made", "changed", "unchanged", "kept"]


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """An object for the cluster.

    Attributes:
        manifest: The object.
        only_if_absent: Leave the one that is there.
    """

    manifest: Manifest
    only_if_absent: bool = False

    @property
    def text(self) -> str:
        """How a person calls it."""
        return f"{self.manifest['kind']} {self.manifest['metadata']['name']}"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one object.

    Attributes:
        kind: Its kind.
        name: Its name.
        done: What was done with it; `kept` is one that was there and was not to be touched.
    """

    kind: str
    name: str
    done: Done


def resource(kind: Kind, name: str, spec: Mapping[str, Any]) -> Manifest:
    """A resource of ours, checked as the operator will check it.

    Raises:
        ConfigError: Its spec is not acceptable: the path, and the nearest valid key.
    """
    parse(kind, spec, where=f"{kind} {name}")
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }


def read(documents: Sequence[object], origin: str, kind: Kind) -> list[Put]:
    """The resources of a file, checked.

    Args:
        documents: What the file holds.
        origin: What messages call the file.
        kind: Besides ConfigMaps, only this kind is expected.

    Raises:
        ConfigError: It holds something else, or a spec is not acceptable.
    """
    found = []
    for number, each in enumerate(documents, 1):
        where = f"{origin}, document {number}"
        if not isinstance(each, dict) or not _is_named(each):
            raise ConfigError(
                f"{where}: that is no object of Kubernetes.",
                remedy="Write apiVersion, kind, metadata.name and spec.",
            )
        if each["kind"] == "ConfigMap":
            found.append(Put(manifest=each))
            continue
        if each["kind"] != kind or each["apiVersion"] != API_VERSION:
            ours = f"{API_VERSION} {kind}"
            raise ConfigError(
                f"{where}: {each['apiVersion']} {each['kind']} is no {ours}.",
                remedy=f"Give a file of {ours} and ConfigMaps; other kinds: `kubectl apply`"
                if each["kind"] not in _DEPLOYED
                else f"Use `ssmd {each['kind'].lower()} deploy`, or `kubectl apply`.",
            )
        parse(kind, each.get("spec") or {}, where=f"{where}, {kind} {each['metadata']['name']}")
        found.append(Put(manifest=each))
    return found


def _is_named(document: dict[str, Any]) -> bool:
    metadata = document.get("metadata")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
    return named and isinstance(document.get("kind"), str) and "apiVersion" in document


def feed(name: str, text: str, *, only_if_absent: bool) -> Put:
    """The ConfigMap of a feed, with its file as it is."""
    return Put(manifest=_config_map(feed_map(name), FEED_KEY, text), only_if_absent=only_if_absent)


def environment(name: str, text: str, *, only_if_absent: bool) -> Put:
    """The ConfigMap of an environment, with its file as it is."""
    return Put(
        manifest=_config_map(environment_map(name), ENVIRONMENT_KEY, text),
        only_if_absent=only_if_absent,
    )


def _config_map(name: str, key: str, text: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {key: text},
    }


async def put(
    cluster: Cluster, objects: Sequence[Put], *, force: bool = False, dry_run: bool = False
) -> list[Result]:
    """Give objects to a cluster, in this order.

    Args:
        cluster: The cluster.
        objects: The objects.
        force: Take fields that somebody else owns.
        dry_run: Have the API server check them, and keep nothing.

    Raises:
        Conflict: Somebody else owns fields of them.
        Refused: The API server will not have one.
    """
    results = []
    for each in objects:
        manifest = each.manifest
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        namespace = manifest["metadata"].get("namespace")
        before = await cluster.find(manifest["apiVersion"], kind, name, namespace)
        done: Done = "kept"
        if before is None or not each.only_if_absent:
            after = await cluster.apply(manifest, force=force, dry_run=dry_run)
            done = "made" if before is None else _change(before, after)
        results.append(Result(kind=kind, name=name, done=done))
    return results


def _change(before: Manifest, after: Manifest) -> Done:
    same = all(before.get(part) == after.get(part) for part in ("spec", "data"))
    return "unchanged" if same else "changed"


async def missing(cluster: Cluster, objects: Sequence[Put]) -> list[str]:
    """The ConfigMaps that these resources read and that are not there, sorted."""
    wanted = {each for put in objects for each in _reads(put.manifest)}
    found = [
        name
        for namespace, name in wanted
        if await cluster.find("v1", "ConfigMap", name, namespace) is None
    ]
    return sorted(found)


def _reads(manifest: Manifest) -> list[tuple[str | None, str]]:
    """Namespace and name of every ConfigMap that a resource reads."""
    if manifest["kind"] not in KINDS:
        return []
    spec = manifest["spec"]
    feeds = [spec.get("feed"), *(source["feed"] for source in spec.get("sources", ()))]
    names = [environment_map(spec["environment"]), *(feed_map(feed) for feed in feeds if feed)]
    return [(manifest["metadata"].get("namespace"), name) for name in names]
