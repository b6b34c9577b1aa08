"""A power cut: what the disk would hold if only fsync ever wrote.

Watches the process's own `os.fsync` and `os.fdatasync`. A file keeps the bytes it had at its last
sync; a name exists as of the last sync of its folder.
"""

import os
import shutil
from pathlib import Path

import pytest


class Power:
    """Remembers what was made durable under one folder."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._content: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, tuple[int, bool]]] = {}
        sync, sync_data = os.fsync, os.fdatasync

        def fsync(handle: int) -> None:
            sync(handle)
            self._synced(handle)

        def fdatasync(handle: int) -> None:
            sync_data(handle)
            self._synced(handle)

        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "fdatasync", fdatasync)

    def _synced(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if self.root not in (path, *path.parents) and path != self.root.parent:
            return
        if path.is_dir():
            self._names[path] = {
                entry.name: (entry.inode(), entry.is_dir()) for entry in os.scandir(path)
            }
        else:
            self._content[os.fstat(handle).st_ino] = path.read_bytes()

    def cut(self, target: Path) -> Path:
        """What would be found after a power cut now, as a copy."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        if self.root.name in self._names.get(self.root.parent, {}):
            self._restore(self.root, target)
        return target

    def _restore(self, folder: Path, target: Path) -> None:
        for name, (inode, is_folder) in self._names.get(folder, {}).items():
            if is_folder:
                (target / name).mkdir()
                self._restore(folder / name, target / name)
            else:
                (target / name).write_bytes(self._content.get(inode, b""))
