"""Options and arguments that several commands share."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from ssmd.archive import layout
from ssmd.bus.settings import BusSettings, from_env
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.folder import own_feeds
from ssmd.feeds.registry import load_feed
from ssmd.feeds.values import check_bus_url
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean

_Command = TypeVar("_Command", bound=Callable[..., Any])

DEFAULT_DIRECTORY = "data"
_LAST_PORT = 65535
_CREDENTIALS = (
    "user",
    "password",
    "token",
    "nkey_seed",
    "nkey_seed_file",
    "creds_file",
    "ca_file",
    "cert_file",
    "key_file",
)


def archive_argument(command: _Command) -> _Command:
    """The archive to read: an argument, else `SSMD_ARCHIVE`, else ./data; it must exist."""
    return click.argument(
        "directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        envvar="SSMD_ARCHIVE",
        default=DEFAULT_DIRECTORY,
    )(command)


def archive_url_argument(command: _Command) -> _Command:
    """The archive to read, here or in an object store: an argument, else `SSMD_ARCHIVE`."""
    return click.argument("directory", envvar="SSMD_ARCHIVE", default=DEFAULT_DIRECTORY)(command)


def directory_option(command: _Command) -> _Command:
    """The archive to write: `--dir`, else `SSMD_ARCHIVE`, else ./data."""
    return click.option(
        "--dir",
        "directory",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="SSMD_ARCHIVE",
        default=DEFAULT_DIRECTORY,
        show_default=True,
        help="The archive root (or set SSMD_ARCHIVE).",
    )(command)


def bus_settings(url: str | None, keys: Mapping[str, str] | None = None) -> BusSettings:
    """The bus of a configuration file, let in as the `NATS_*` variables and its keys say.

    Args:
        url: Its address; None keeps that of `NATS_URL`.
        keys: The values of the file's keys of type `transport`, by field.

    Raises:
        ConfigError: A key's field is none that opens a bus.
    """
    settings = from_env()
    if url is not None:
        settings = msgspec.structs.replace(settings, url=url)
    for field in keys or {}:
        if field not in _CREDENTIALS:
            message = f"A key of type `transport` has the field {field!r}.{did_you_mean(field, _CREDENTIALS)}"
            raise ConfigError(message, remedy=f"Use {', '.join(_CREDENTIALS)}.")
    return msgspec.structs.replace(settings, **(keys or {}))


def check_bus(url: str | None) -> None:
    """Refuse a bus whose address cannot be handed to services in their files.

    Args:
        url: Its address in a configuration file; None takes that of `NATS_URL`.

    Raises:
        ConfigError: It holds credentials, or is no address; a password is not repeated.
    """
    settings = bus_settings(url)
    if any(server.user is not None for server in settings.servers):
        message = f"The address of the bus, {settings.address}, holds credentials."
        raise ConfigError(
            message, remedy="Set NATS_USER and NATS_PASSWORD, or NATS_TOKEN, and leave them out."
        )
    try:
        check_bus_url(settings.url)
    except ValueError as error:
        message = f"The bus cannot be used: {error}."
        raise ConfigError(
            message, remedy="Correct NATS_URL, for example nats://host:4222."
        ) from error


def make_directory(directory: Path) -> Path:
    """Make a directory that is to be written, unless it is there.

    Raises:
        ConfigError: It cannot be made, or not be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"The directory {directory} cannot be made: {error.strerror}."
        raise ConfigError(message, remedy="Choose a directory you may write.") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        message = f"The directory {directory} cannot be written."
        raise ConfigError(message, remedy="Choose a directory you may write.")
    return directory


def root_option(command: _Command) -> _Command:
    """The archive root of a service: `--dir`, else `SSMD_ARCHIVE`, else what its file says."""
    return click.option(
        "--dir",
        "directory",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="SSMD_ARCHIVE",
        help="The archive root, with the spools in .run; wins over the file's `storage.path`.",
    )(command)


def recorded_feed(directory: Path, name_or_path: str) -> FeedConfig:
    """A feed of an archive: from a file, else as `ssmd up` was told here, else as it is known.

    Args:
        directory: The archive.
        name_or_path: The feed's name, or the path of its feed.yaml.

    Raises:
        ConfigError: Nobody knows it, or its file is not acceptable.
    """
    told = layout.run_folder(directory) / "config" / f"connector-{name_or_path}.yaml"
    return known_feed(told if told.is_file() else name_or_path)


def known_feed(name_or_path: str | Path) -> FeedConfig:
    """A feed by its name, one's own before those shipped, or from a file.

    Raises:
        ConfigError: Nobody knows it, or its file is not acceptable.
    """
    return load_feed(name_or_path, own_feeds())


class FeedType(click.ParamType[FeedConfig]):
    """A feed: the name of a configured or shipped one, or a file."""

    name = "feed"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> FeedConfig:
        """Load the feed; a wrong file is refused with the place of the fault."""
        return value if isinstance(value, FeedConfig) else known_feed(str(value))


class FiniteRange(click.FloatRange):
    """A number between bounds; `nan` and `inf`, which no bound keeps out, are none."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it, mostly from text; what cannot be counted with is refused."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class AddressType(click.ParamType[tuple[str, int]]):
    """`host:port`; port 0 takes a free one."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Split it; anything else is refused."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdigit() or int(port) > _LAST_PORT:
            self.fail(f"{value!r} is not host:port, as in 127.0.0.1:8080.", param, ctx)
        return host.strip("[]"), int(port)


def service_options(command: _Command) -> _Command:
    """Add what every service understands: where it listens, where it tells others about itself."""
    command = click.option(
        "--run-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where to write a file with pid and addresses while running.",
    )(command)
    return click.option(
        "--listen",
        type=AddressType(),
        default="127.0.0.1:0",
        envvar="SSMD_LISTEN",
        show_default=True,
        help="Address of /health, /ready and /metrics; port 0 takes a free one.",
    )(command)
