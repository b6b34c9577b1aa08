"""What is mounted into a pod, and where. Pure."""

from typing import Final

import msgspec

from ssmd.operator.manifests.facts import Manifest
from ssmd.operator.names import (
    ENVIRONMENT_FOLDER,
    FEED_FOLDER,
    FEEDS_FOLDER,
    SECRETS_FOLDER,
    environment_map,
    feed_map,
)
from ssmd.operator.spec.workload import SecretFile

MODE: Final = 0o440
"""Files that are mounted are for the pod's user and group alone; our own reader insists on it."""


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """Something mounted into a pod.

    Attributes:
        volume: Name of the volume in the pod.
        path: Where it is mounted.
        source: What it is, as Kubernetes writes a volume, without its name.
        read_only: Whether it cannot be written.
    """

    volume: str
    path: str
    source: Manifest
    read_only: bool = False

    @property
    def reference(self) -> str:
        """The ConfigMap or Secret it is, as `configmap/NAME` or `secret/NAME`; empty for others."""
        for kind, key in (("configMap", "name"), ("secret", "secretName")):
            if isinstance(found := self.source.get(kind), dict):
                return f"{kind.lower()}/{found[key]}"
        return ""

    def as_volume(self) -> Manifest:
        """The entry under `volumes` of the pod."""
        return {"name": self.volume, **self.source}

    def as_mount(self) -> Manifest:
        """The entry under `volumeMounts` of a container."""
        entry: Manifest = {"name": self.volume, "mountPath": self.path}
        return entry | {"readOnly": True} if self.read_only else entry


def config(volume: str, path: str, name: str) -> Mount:
    """A ConfigMap as files, as it is."""
    source: Manifest = {"configMap": {"name": name, "defaultMode": MODE}}
    return Mount(volume=volume, path=path, source=source, read_only=True)


def scratch(volume: str, path: str, size: str) -> Mount:
    """Room that lives as long as the pod, and no more of it than `size`."""
    return Mount(volume=volume, path=path, source={"emptyDir": {"sizeLimit": size}})


def claimed(volume: str, path: str, claim: str, *, read_only: bool = False) -> Mount:
    """A claim."""
    source: Manifest = {"persistentVolumeClaim": {"claimName": claim}}
    return Mount(volume=volume, path=path, source=source, read_only=read_only)


def secrets(files: tuple[SecretFile, ...]) -> list[Mount]:
    """Secrets as files. Volumes are numbered: a Secret's name may be none a volume can have."""
    return [
        Mount(
            volume=f"secret-{number}",
            path=each.path or f"{SECRETS_FOLDER}/{each.secret}",
            source={"secret": {"secretName": each.secret, "defaultMode": MODE}},
            read_only=True,
        )
        for number, each in enumerate(files)
    ]


def feed(name: str) -> Mount:
    """The feed of a pod that has one."""
    return config("feed", FEED_FOLDER, feed_map(name))


def feeds(names: tuple[str, ...]) -> list[Mount]:
    """The feeds of a pod that has several, a folder each."""
    return [config(f"feed-{name}", f"{FEEDS_FOLDER}/{name}", feed_map(name)) for name in names]


def environment(name: str) -> Mount:
    """The environment."""
    return config("environment", ENVIRONMENT_FOLDER, environment_map(name))
