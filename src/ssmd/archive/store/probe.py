"""Whether a store can be listed and written, found out without leaving anything there."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive.store.port import Depot
from ssmd.model.errors import SsmdError

NAME: Final = "ssmd-doctor.probe"
"""The one name that is ever written for a look; should a store refuse to delete it, it stays one."""
_CONTENT: Final = b"Written by `ssmd doctor` to see whether it may write. Delete it.\n"


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """A store as it stands.

    Attributes:
        folders: How many folders lie at its top.
        kept: Whether what was written for the look could not be taken away again.
    """

    folders: int
    kept: bool = False


def probe(store: Depot) -> Probed:
    """List the top of a store, write a small file, read it back, and take it away.

    Raises:
        NotProved: What the store gives back are other bytes.
        Unavailable: It does not answer.
        ConfigError: It refuses us, or its address.
        OSError: It is a folder that is not there, or the disk refuses.
    """
    root: Path | None = store.root
    if root is not None and not root.is_dir():
        # To write would make the folder, and leave it.
        raise FileNotFoundError(f"There is no folder {root}.")
    folders = len(store.folders(""))
    store.put(NAME, _CONTENT, sha256=hashlib.sha256(_CONTENT).hexdigest())
    try:
        store.delete(NAME)
    except SsmdError:  # it lets us write and not delete, which an archive can live with
        return Probed(folders=folders, kept=True)
    return Probed(folders=folders, kept=store.stat(NAME) is not None)
