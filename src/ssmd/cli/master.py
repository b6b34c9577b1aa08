"""The security master of a pipeline: its database, who fills it, and who tells its changes."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ssmd import venues
from ssmd.feeds.archiver import Source
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.model import subject
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import Clock
from ssmd.secmaster.address import VARIABLE, parse
from ssmd.secmaster.changes.settings import FEED
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.settings import CDC, SECMASTER

POSTGRES: Final = "postgres"


def is_kept(machine: MachineConfig, feeds: Sequence[FeedConfig]) -> bool:
    """Whether this machine keeps a security master.

    Raises:
        ConfigError: It does not, and a feed follows one; or a venue is not one that can be asked.
    """
    following = [feed.name for feed in feeds if feed.universe.secmaster is not None]
    if following and not machine.secmaster.enabled:
        raise ConfigError(
            f"The feed {following[0]!r} follows the security master, which is switched off.",
            remedy="Set `secmaster: {enabled: true}` in ssmd.yaml, or leave the section out.",
        )
    unknown = [name for name in machine.secmaster.venues or () if name not in venues.names()]
    if unknown:
        raise ConfigError(
            f"`secmaster.venues`: there is no venue {unknown[0]!r}.",
            remedy=f"There are: {', '.join(venues.names())}.",
        )
    return machine.secmaster.enabled


class Master:
    """The database, embedded unless one is named, and two services that need it.

    Args:
        machine: What this machine is to do.
        feeds: What is recorded: their venues are kept, at the addresses that they name.
        run_dir: Where run files, logs and the embedded database lie.
        clock: What time it is.
        death_signal: What the kernel sends the services when we die; the database ends at once.

    Attributes:
        server: The database that runs here; None when it runs elsewhere.
        venues: Which venues are kept.
    """

    def __init__(
        self,
        machine: MachineConfig,
        feeds: Sequence[FeedConfig],
        *,
        run_dir: Path,
        clock: Clock,
        death_signal: signal.Signals,
    ) -> None:
        self._machine = machine
        self._run_dir = run_dir
        self.server: EmbeddedPostgres | None = None
        self._url = machine.secmaster.database_url or os.environ.get(VARIABLE)
        if self._url is None:
            number = signal.SIGINT if death_signal == signal.SIGTERM else death_signal
            self.server = EmbeddedPostgres(run_dir / POSTGRES, clock, death_signal=number)
        else:
            parse(
                self._url,
                "`secmaster.database_url`" if self._url != os.environ.get(VARIABLE) else VARIABLE,
            )
        wanted = machine.secmaster.venues
        named = dict.fromkeys(feed.venue for feed in feeds) if wanted is None else wanted
        self.venues = tuple(named)
        self._feeds = [f"connector-{feed.name}" for feed in feeds if feed.venue in self.venues]

    @property
    def names(self) -> tuple[str, ...]:
        """Its services, in the order of their start; they end in the same order."""
        return (SECMASTER, CDC)

    @property
    def stream(self) -> str:
        """The stream of its changes."""
        return subject.stream(self._machine.environment, FEED)

    @property
    def source(self) -> Source:
        """What the archiver is told of it."""
        return Source(stream=self.stream, feed=FEED)

    async def start(self) -> None:
        """Start the database, unless it is elsewhere.

        Raises:
            SsmdError: It cannot be started.
        """
        if self.server is not None:
            self._url = (await self.server.start()).url

    async def mend(self) -> None:
        """Start the database again.

        Raises:
            SsmdError: It cannot be started.
        """
        if self.server is not None:
            await self.server.restart()

    async def stop(self) -> None:
        """End the database, when it is ours."""
        if self.server is not None:
            await self.server.stop()

    @property
    def environ(self) -> Mapping[str, str]:
        """What every service is told of the database: never on a command line, for all to read."""
        return {**os.environ, VARIABLE: self._url or ""}

    def argv(self, name: str, bus: str, common: Sequence[str]) -> list[str]:
        """The words that start a service.

        Args:
            name: One of `names`.
            bus: Address of the bus.
            common: What every service is told.
        """
        own = ["--nats-url", bus, *common]
        if name == CDC:
            return ["cdc", "run", "--env-name", self._machine.environment, *own]
        words = ["secmaster", "run", *self.venues, "--env-name", self._machine.environment]
        for feed in self._feeds:
            words += ["--feed", str(self._run_dir / "config" / f"{feed}.yaml")]
        return [*words, "--every", f"{self._machine.secmaster.interval_s:g}s", *own]
