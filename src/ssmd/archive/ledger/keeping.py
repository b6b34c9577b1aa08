"""The archiver's hand on the ledger: stored anew after every seal, off the path of the data."""

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

from ssmd.archive.ledger import store, telemetry
from ssmd.runtime.clock import Clock


class Keeping:
    """Brings the ledgers of an archiver's feeds up to what is sealed."""

    def __init__(self, root: Path, feeds: Iterable[str], clock: Clock) -> None:
        """Begin with nothing to do.

        Args:
            root: The archive.
            feeds: The feeds it will be told of.
            clock: Tells the time.
        """
        self._root = root
        self._clock = clock
        self._due: set[str] = set()
        self._wake = asyncio.Event()
        self._turn = threading.Lock()
        for feed in feeds:
            telemetry.touch(feed)

    def due(self, feed: str) -> None:
        """Something of a feed was sealed."""
        self._due.add(feed)
        self._wake.set()

    async def run(self) -> None:
        """Store what is due, whenever something is; ends when cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.finish()

    async def finish(self) -> None:
        """Store what is due now."""
        while self._due:
            await asyncio.to_thread(self._store, self._due.pop())

    def _store(self, feed: str) -> None:
        with self._turn:  # a thread outlives the task that was cancelled while waiting for it
            bring(self._root, feed, self._clock)


def bring(root: Path, feed: str, clock: Clock) -> None:
    """Store a feed's ledger up to what is sealed; whatever prevents it, readers fold themselves."""
    begun = clock.mono()
    try:
        updated = store.update(root, feed)
    except Exception as error:  # noqa: BLE001 - it can be made again at any time, from raw alone
        telemetry.update_failed(feed, f"{type(error).__name__}: {error}")
        return
    if updated is not None:
        telemetry.updated(
            feed,
            days=len(updated.dates),
            entries=updated.entries,
            seconds=clock.mono() - begun,
            now=clock.wall(),
        )
