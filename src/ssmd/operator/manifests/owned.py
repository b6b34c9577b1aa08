"""What every object has that belongs to a resource: its name, its labels, whose it is. Pure."""

from collections.abc import Mapping

from ssmd.operator.manifests.facts import Manifest, Owner
from ssmd.operator.names import API_VERSION, labels


def reference(owner: Owner) -> Manifest:
    """What ties an object to its resource: it goes when the resource has gone."""
    return {
        "apiVersion": API_VERSION,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def metadata(
    owner: Owner, name: str, more: Mapping[str, str] | None = None, *, keep: bool = False
) -> Manifest:
    """Metadata of an object.

    Args:
        owner: The resource.
        name: The object's name.
        more: Further labels of our group.
        keep: Whether it outlives the resource: then nothing ties it to one.
    """
    found: Manifest = {
        "name": name,
        "namespace": owner.namespace,
        "labels": labels(owner.name, owner.kind, **(more or {})),
    }
    return found if keep else found | {"ownerReferences": [reference(owner)]}


def claim(
    owner: Owner,
    name: str,
    more: Mapping[str, str] | None = None,
    *,
    size: str,
    mode: str,
    storage_class: str | None,
    keep: bool,
) -> Manifest:
    """A claim of storage.

    Args:
        owner: The resource.
        name: The claim's name.
        more: Further labels of our group.
        size: How much.
        mode: How it may be mounted.
        storage_class: Of which class; None takes the cluster's default.
        keep: Whether it outlives the resource.
    """
    spec: Manifest = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(owner, name, more, keep=keep),
        "spec": spec,
    }


def config_map(owner: Owner, name: str, data: dict[str, str]) -> Manifest:
    """Configuration of our own making, out of typed models."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(owner, name),
        "data": data,
    }
