"""The compactor: tables of what is sealed, small ones merged, and all to where it is kept for good."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ssmd.archive import files, layout
from ssmd.archive.errors import StillAtWork
from ssmd.archive.lock import COMPACTOR, alone
from ssmd.archive.tables.compactor import Compactor
from ssmd.archive.tables.merge import merge
from ssmd.archive.upload.service import Uploads
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import ConfigError
from ssmd.runtime import service
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop, Tasks

_WAIT_S = 1.0
_MERGE_S = 3600.0
"""Pause between two looks for small files to merge, in seconds."""


async def run(
    root: Path,
    *,
    upload: UploadSettings | None = None,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    clock: Clock | None = None,
) -> int:
    """Make tables, merge small ones, and upload, until SIGTERM; the slot at hand is finished first.

    Args:
        root: The archive; it need not be there yet.
        upload: Where sealed files go; None leaves them here.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server; port 0 takes a free one.
        clock: The time; the machine's own when None.

    Returns:
        The exit code.

    Raises:
        SsmdError: What ended the service; it carries the exit code.
    """
    times: Clock = SystemClock() if clock is None else clock
    health = Health()
    uploads = None if upload is None else Uploads(root, upload, times)

    async def main(stop: Stop) -> None:
        health.set("tables", ok=True)
        if uploads is not None:
            health.set("upload", ok=True)
        compactor = Compactor(root, times)

        async def compact() -> None:
            await _until_there(root, times, stop)
            await compactor.serve(stop)

        async def send() -> None:
            if uploads is None:
                return
            await _until_there(root, times, stop)
            await uploads.run(lambda well, reason: health.set("upload", ok=well, reason=reason))

        async def tidy() -> None:
            await _until_there(root, times, stop)
            while True:
                await asyncio.to_thread(merge, root, times)
                await times.sleep(_MERGE_S)

        with _admitted(root):
            async with Tasks(stop, times) as tasks:
                tasks.start("tables", compact, may_end=True)
                tasks.start("merge", tidy)
                if uploads is not None:
                    tasks.start("upload", send)
                await stop.wait()
                while "tables" in tasks.names:  # the slot at hand
                    await times.sleep(_WAIT_S / 10)

    return await service.run(
        "compactor",
        main,
        health=health,
        run_dir=run_dir,
        listen=listen,
        details={"dir": str(root), "upload": "" if upload is None else upload.url},
        clock=times,
    )


@contextmanager
def _admitted(root: Path) -> Iterator[None]:
    """Work beside other compactors, and beside no drain.

    Raises:
        StillAtWork: The archive is being drained.
    """
    with alone(layout.lock(root, COMPACTOR), shared=True) as admitted:
        if not admitted:
            raise StillAtWork(root, "A drain")
        yield


async def _until_there(root: Path, clock: Clock, stop: Stop) -> None:
    """Wait until somebody archives something here."""
    while not stop.requested.is_set():
        try:
            await asyncio.to_thread(files.check, root)
        except ConfigError:
            await clock.sleep(_WAIT_S)
        else:
            return
