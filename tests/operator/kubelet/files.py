"""What a pod mounts, as folders of this machine."""

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.operator.kubelet.api import Api, Object

_NOBODY = 65534


class NotThere(Exception):
    """Something a pod refers to is not there (yet)."""


class Mounts:
    """The folders of a container, by the path where it sees them."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = dict(sorted(folders.items(), key=lambda each: -len(each[0])))

    def here(self, path: str) -> Path:
        """Where a path of the container is on this machine."""
        return Path(self.translate(path))

    def translate(self, text: str) -> str:
        """A text with the container's paths replaced by this machine's."""
        if not self.folders:
            return text
        names = "|".join(re.escape(path) for path in self.folders)
        pattern = rf"(?<![\w./-])({names})(?=[/\s'\",:\]}}]|$)"
        return re.sub(pattern, lambda found: str(self.folders[found.group(1)]), text)


class Volumes:
    """Makes a pod's volumes: below the pod's own folder, or the node's for claims."""

    def __init__(self, api: Api, node: Path) -> None:
        self._api = api
        self._node = node

    def claim(self, name: str) -> Path:
        """The folder of a claim; it is nobody's but the claim's."""
        return self._node / "claims" / name

    async def make(self, pod: Object, folder: Path) -> dict[str, Path]:
        """Every volume's folder, by its name. Files are written by `fill`, which knows the mounts.

        Raises:
            NotThere: A claim is not.
        """
        found = {}
        for volume in pod["spec"].get("volumes", []):
            if "persistentVolumeClaim" in volume:
                found[volume["name"]] = await self._bound(volume["persistentVolumeClaim"])
            else:
                found[volume["name"]] = folder / "volumes" / volume["name"]
            found[volume["name"]].mkdir(parents=True, exist_ok=True)
        return found

    async def fill(self, pod: Object, folders: dict[str, Path], mounts: Mounts) -> None:
        """Write the files of ConfigMaps and Secrets, each whole or not at all.

        Raises:
            NotThere: One is not.
        """
        for volume in pod["spec"].get("volumes", []):
            for kind, key in (("configMap", "name"), ("secret", "secretName")):
                if (source := volume.get(kind)) is not None:
                    files = await self.read(f"{kind.lower()}s", source[key], source)
                    mode = source.get("defaultMode", 0o644)
                    _write(folders[volume["name"]], files, mode, mounts)

    async def read(self, kind: str, name: str, source: Mapping[str, Any]) -> dict[str, bytes]:
        """What a ConfigMap or a Secret holds.

        Raises:
            NotThere: It is not, and must be.
        """
        found = await self._api.get(kind, name)
        if found is None:
            if source.get("optional"):
                return {}
            raise NotThere(f'{kind[:-1]} "{name}" not found')
        if kind == "secrets":
            return {k: base64.b64decode(v) for k, v in found.get("data", {}).items()}
        return {k: v.encode() for k, v in found.get("data", {}).items()}

    async def _bound(self, source: Object) -> Path:
        name = source["claimName"]
        found = await self._api.get("persistentvolumeclaims", name)
        if found is None:
            raise NotThere(f'persistentvolumeclaim "{name}" not found')
        if found.get("status", {}).get("phase") != "Bound":
            modes = found["spec"]["accessModes"]
            await self._api.status(
                "persistentvolumeclaims",
                name,
                {
                    "phase": "Bound",
                    "accessModes": modes,
                    "capacity": found["spec"]["resources"]["requests"],
                },
            )
        return self.claim(name)


def _write(folder: Path, files: Mapping[str, bytes], mode: int, mounts: Mounts) -> None:
    for name, body in files.items():
        draft = folder / f".{name}.draft"
        draft.unlink(missing_ok=True)
        draft.write_bytes(_translated(body, mounts))
        draft.chmod(mode)
        try:
            os.chown(draft, _NOBODY, os.getgid())  # as in a pod: not ours, but for our group
        except PermissionError:
            draft.chmod(mode & 0o700)
        draft.replace(folder / name)


def _translated(body: bytes, mounts: Mounts) -> bytes:
    try:
        return mounts.translate(body.decode()).encode()
    except UnicodeDecodeError:
        return body
