"""Uploading for as long as an archive grows, and letting go of what is old."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from ssmd.archive.store.opening import open_store
from ssmd.archive.store.port import Depot
from ssmd.archive.upload import telemetry
from ssmd.archive.upload.retention import LetGo, Letting
from ssmd.archive.upload.uploader import Outcome, Progress, Uploader
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import Clock

Told = Callable[[bool, str], None]
"""Told whether uploading works, and why not: a condition of the service's health."""


class Round(msgspec.Struct, frozen=True):
    """What one round did.

    Attributes:
        outcome: What was uploaded.
        let_go: What was let go here; None when nothing may be.
    """

    outcome: Outcome
    let_go: LetGo | None


class Uploads:
    """Uploads an archive, round by round."""

    def __init__(
        self,
        root: Path,
        settings: UploadSettings,
        clock: Clock,
        *,
        store: Depot | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Open the store; nothing is asked of it yet.

        Args:
            root: The archive.
            settings: Where its files go, and what may be let go here.
            clock: Tells the time.
            store: The store, when it is open already.
            progress: Told the bytes done, and the bytes there are.

        Raises:
            StoreRefused: The address or an option is not understood.
        """
        self._settings = settings
        self._clock = clock
        # The client tries for a moment; longer troubles are seen here, in logs and metrics.
        depot = store or open_store(settings.url, settings.options, retry_s=2.0)
        self._uploader = Uploader(root, depot, settings, clock, progress)
        retention = settings.retention
        self._letting = (
            None if retention is None else Letting(root, depot, retention, self._uploader)
        )

    async def run_once(self) -> Round | None:
        """Upload what is new and let go of what may go; None when another process does.

        Raises:
            ConfigError: There is no archive here, or the store does not let us in.
            Unavailable: The store does not answer; what was proved stays proved.
            OSError: This machine's disk refused.
        """
        with self._uploader.alone() as mine:
            if not mine:
                return None
            outcome = await self._uploader.run_once()
            letting = self._letting
            let_go = None if letting is None else await letting.run_once(self._clock.wall())
        return Round(outcome, let_go)

    async def run(self, told: Told = lambda _well, _reason: None) -> None:
        """Round after round; ends when cancelled.

        Args:
            told: Told after every round.
        """
        while True:
            try:
                await self.run_once()
            except (SsmdError, OSError) as error:
                reason = error.message if isinstance(error, SsmdError) else str(error)
                telemetry.look_failed(reason)
                told(False, reason)
            else:
                told(True, "")
            await self._clock.sleep(self._settings.interval_s)
