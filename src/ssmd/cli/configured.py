"""What is configured to be recorded here, wherever that is written: for `ssmd doctor` and `ssmd top`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import layout
from ssmd.archive.claim import owner_of
from ssmd.bus.settings import BusSettings
from ssmd.cli.init import DEFAULT_FILE
from ssmd.cli.options import DEFAULT_DIRECTORY, bus_settings, known_feed
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig, Secmaster, Transport
from ssmd.feeds.environments import load_environment
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings
from ssmd.runtime.service import RunFile, read_run_file

_ENVIRONMENT: Final = "environment"
_UPLOAD: Final = "upload"
_CONNECTOR: Final = "connector-"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured.

    Attributes:
        source: Where that is written, for people.
        root: The archive.
        environment: Its bus, its credentials, its bounds.
        feeds: What is recorded.
        faults: Why a feed that is named cannot be used.
        upload: Where sealed files go besides; None when nowhere.
        keeps: Whether a security master is kept.
        named: Whether somebody named the feeds; else they are all that are shipped, and `ssmd up`
            leaves out what it is not let in to.
        told: Whether it is what an `ssmd up` was told here, whose embedded bus may be gone.
    """

    source: str
    root: Path
    environment: EnvironmentConfig
    feeds: tuple[FeedConfig, ...]
    faults: tuple[ConfigError, ...] = ()
    upload: UploadSettings | None = None
    keeps: bool = True
    named: bool = True
    told: bool = False

    @property
    def run_dir(self) -> Path:
        """Where run files, spools and the embedded servers lie."""
        return layout.run_folder(self.root)

    def run_files(self) -> list[RunFile]:
        """What services say that run here, or that ended without a word."""
        found = (read_run_file(path) for path in sorted(self.run_dir.glob("*.json")))
        return [told for told in found if told is not None]

    def is_running(self) -> bool:
        """Whether a service runs here, as far as its process tells."""
        return any(lives(told.pid) for told in self.run_files())

    def bus(self) -> BusSettings | None:
        """Where the bus is; None when it is the embedded one and nobody runs it.

        Raises:
            ConfigError: What names it cannot work.
        """
        keys = self.environment.secrets("transport")
        if self.environment.transport.url is not None and not self.told:
            return bus_settings(self.environment.transport.url, keys)
        if "NATS_URL" in os.environ:
            return bus_settings(None, keys)
        owner = owner_of(self.run_dir)
        if owner is not None:
            return bus_settings(owner.bus, keys)
        if self.environment.transport.url is not None and self.is_running():
            return bus_settings(self.environment.transport.url, keys)
        return None


def lives(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def load_plan(directory: Path | None, config: Path | None, feeds: Sequence[str]) -> Plan:
    """Find out what is configured.

    A named file wins; then ./ssmd.yaml, unless another archive is named; then what `ssmd up` was
    told in the archive; then every shipped feed.

    Args:
        directory: The archive; None takes that of the file, else ./data.
        config: The ssmd.yaml that was named.
        feeds: Look at these feeds alone: names, or paths of feed.yaml; all when empty.

    Raises:
        ConfigError: A file cannot be read, or a feed is unknown that was asked for.
    """
    if config is None and DEFAULT_FILE.exists():
        machine = settings.load(DEFAULT_FILE, MachineConfig)
        if directory is None or directory.resolve() == Path(machine.dir).resolve():
            return _of_machine(machine, str(DEFAULT_FILE), directory, feeds)
    if config is not None:
        machine = settings.load(config, MachineConfig)
        return _of_machine(machine, str(config), directory, feeds)
    root = directory or Path(DEFAULT_DIRECTORY)
    folder = layout.run_folder(root) / "config"
    if (folder / f"{_ENVIRONMENT}.yaml").is_file():
        return _told(root, folder, feeds)
    chosen, faults = _feeds(registry.names(), feeds)
    return Plan(
        source="no ssmd.yaml here: every shipped feed" if not feeds else "no ssmd.yaml here",
        root=root,
        environment=EnvironmentConfig(name="local", transport=Transport()),
        feeds=chosen,
        faults=faults,
        named=bool(feeds),
    )


def _of_machine(
    machine: MachineConfig, source: str, directory: Path | None, names: Sequence[str]
) -> Plan:
    root = directory or Path(machine.dir)
    feeds, faults = _feeds([choice.feed for choice in machine.feeds], names)
    symbols = {choice.feed: choice.symbols for choice in machine.feeds}
    return Plan(
        source=source,
        root=root,
        environment=machine.environment_config(),
        feeds=tuple(
            feed if (own := symbols.get(feed.name)) is None else feed.with_symbols(own)
            for feed in feeds
        ),
        faults=faults,
        upload=machine.upload,
        keeps=machine.secmaster.enabled,
    )


def _told(root: Path, folder: Path, names: Sequence[str]) -> Plan:
    """What `ssmd up` was told here."""
    environment = load_environment(folder / f"{_ENVIRONMENT}.yaml")
    files = [str(path) for path in sorted(folder.glob(f"{_CONNECTOR}*.yaml"))]
    feeds, faults = _feeds(files, names, folder)
    upload = folder / f"{_UPLOAD}.yaml"
    return Plan(
        source=f"what `ssmd up` was told in {root}",
        root=root,
        environment=environment,
        feeds=feeds,
        faults=faults,
        upload=settings.load(upload, UploadSettings) if upload.is_file() else None,
        keeps=(layout.run_folder(root) / "postgres").is_dir()
        or environment.secmaster != Secmaster(),
        told=True,
    )


def _feeds(
    names: Sequence[str], asked: Sequence[str], folder: Path | None = None
) -> tuple[tuple[FeedConfig, ...], tuple[ConfigError, ...]]:
    """The feeds of these names, those asked for alone; and why one is not among them.

    Raises:
        ConfigError: One that was asked for is not acceptable.
    """
    feeds: list[FeedConfig] = []
    faults: list[ConfigError] = []
    for name in dict.fromkeys(asked or names):
        told = None if folder is None else folder / f"{_CONNECTOR}{name}.yaml"
        try:
            feeds.append(known_feed(name if told is None or not told.is_file() else told))
        except ConfigError as error:
            if asked:
                raise
            faults.append(error)
    return tuple(feeds), tuple(faults)
