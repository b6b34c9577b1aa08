"""From an address to an archive that can be asked: what `ssmd.open` does."""

from collections.abc import Mapping
from pathlib import Path

from ssmd.access.archive import Archive
from ssmd.archive.store.opening import as_store, open_store
from ssmd.runtime.clock import Clock, SystemClock


def open_archive(
    url: str | Path,
    options: Mapping[str, str] | None = None,
    *,
    warn: bool = True,
    clock: Clock | None = None,
) -> Archive:
    """Open an archive to read it.

    It may be written meanwhile: what is asked later is answered with what is there by then.

    Args:
        url: A folder, or where an object store keeps one: `s3://bucket/prefix`, `gs://`, `az://`,
            `file://`. Credentials come from the environment.
        options: Of an object store, by the names of Polars' `storage_options`.
        warn: Whether reading warns (`ssmd.access.Incomplete`) of losses in the time read.
        clock: What `-1h` is relative to; the machine's if left out.

    Raises:
        ConfigError: There is no archive, or the address is not understood.
    """
    store = open_store(url, options)
    folder = store.root
    return Archive(
        store if folder is None else as_store(folder),
        store if folder is None else folder,
        clock=clock or SystemClock(),
        warn=warn,
    )
