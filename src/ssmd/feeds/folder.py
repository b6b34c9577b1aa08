"""A person's own feeds and environments: files by name in one folder, and which environment is chosen."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ssmd.feeds.values import Name, Section
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings

VARIABLE: Final = "SSMD_CONFIG"
"""The environment variable that names the folder."""
_CHOSEN: Final = "chosen.yaml"


class Chosen(Section, frozen=True, kw_only=True):
    """What commands take when nothing is named.

    Attributes:
        environment: The environment's name.
    """

    environment: Name


class ConfigFolder(msgspec.Struct, frozen=True):
    """`SSMD_CONFIG`, or `ssmd` below `XDG_CONFIG_HOME` or ~/.config; it need not exist.

    Attributes:
        root: Where it is.
    """

    root: Path

    @property
    def feeds(self) -> Path:
        """Where `NAME.yaml` is a feed."""
        return self.root / "feeds"

    @property
    def environments(self) -> Path:
        """Where `NAME.yaml` is an environment."""
        return self.root / "envs"

    @property
    def schemas(self) -> Path:
        """Where editors find what may stand in those files."""
        return self.root / "schemas"

    def chosen(self) -> str | None:
        """The name of the chosen environment; None when none is.

        Raises:
            ConfigError: The file that says so is not readable.
        """
        path = self.root / _CHOSEN
        return settings.load(path, Chosen).environment if path.is_file() else None

    def choose(self, name: str | None) -> None:
        """Choose an environment that is there; None chooses none.

        Raises:
            ConfigError: The folder cannot be written.
        """
        path = self.root / _CHOSEN
        if name is None:
            _guarded(path, lambda: path.unlink(missing_ok=True))
        else:
            write(path, f"environment: '{name}'\n")


def config_folder(environ: Mapping[str, str] | None = None) -> ConfigFolder:
    """Where a person's own configuration is.

    Args:
        environ: The environment variables; this process's own when None.
    """
    variables = os.environ if environ is None else environ
    if told := variables.get(VARIABLE, "").strip():
        return ConfigFolder(Path(told).expanduser())
    if base := variables.get("XDG_CONFIG_HOME", "").strip():
        return ConfigFolder(Path(base) / "ssmd")
    home = variables.get("HOME", "").strip()
    # Without a home there is no such folder: nothing is found in it, and writing says so.
    return ConfigFolder(Path(home or os.devnull) / ".config" / "ssmd")


def own_feeds() -> tuple[Path, ...]:
    """Where a person's own feeds are: what `registry` searches before those shipped."""
    return (config_folder().feeds,)


def write(path: Path, text: str) -> None:
    """Put a file in its place, whole or not at all.

    Raises:
        ConfigError: It cannot be written.
    """

    def put() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with draft.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    _guarded(path, put)


def _guarded(path: Path, work: Callable[[], None]) -> None:
    try:
        work()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.",
            remedy=f"Set {VARIABLE} to a folder that you may write.",
        ) from error
