"""Finds environments: files of one's own by name, or by path."""

from pathlib import Path

from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.folder import ConfigFolder, config_folder
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings
from ssmd.runtime.unknown import did_you_mean

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def names(folder: ConfigFolder | None = None) -> dict[str, Path]:
    """The file of every environment that has a name, sorted by name.

    Args:
        folder: Where they are; None takes the person's own.
    """
    place = (folder or config_folder()).environments
    return {path.stem: path for path in sorted(place.glob("*.yaml"))}


def load_environment(
    name_or_path: str | Path, folder: ConfigFolder | None = None
) -> EnvironmentConfig:
    """Load an environment by its name, or from a file.

    Args:
        name_or_path: A name, or the path of a file.
        folder: Where names are looked up; None takes the person's own.

    Raises:
        ConfigError: There is no such environment, or it is not acceptable.
    """
    text, path = str(name_or_path), path_of(name_or_path, folder)
    found = settings.load(path, EnvironmentConfig)
    return _checked(found, str(path), text if text in names(folder) else found.name)


def parse_environment(text: str | bytes, where: str, name: str | None = None) -> EnvironmentConfig:
    """Read an environment that is not in a file of ours.

    Args:
        text: An env.yaml.
        where: What messages call it.
        name: Under which name it is found; None takes the one it has.

    Raises:
        ConfigError: It is not acceptable.
    """
    found = settings.parse(text, EnvironmentConfig, where=where)
    return _checked(found, where, found.name if name is None else name)


def _checked(found: EnvironmentConfig, where: str, name: str) -> EnvironmentConfig:
    if found.name != name:
        raise ConfigError(
            f"{where}: `name` is {found.name!r}, but it is found as {name!r}.",
            remedy="Give the file and the environment one name.",
        )
    return found


def path_of(name_or_path: str | Path, folder: ConfigFolder | None = None) -> Path:
    """The file of an environment.

    Args:
        name_or_path: A name, or the path of a file.
        folder: Where names are looked up; None takes the person's own.

    Raises:
        ConfigError: It is neither the name of one nor like the path of a file.
    """
    text = str(name_or_path)
    known = names(folder)
    if text in known:
        return known[text]
    path = Path(text)
    if path.suffix not in _SUFFIXES and path.name == text and not path.is_file():
        raise _unknown(text, known, "give an env.yaml, or make one: ssmd env add NAME")
    return path


def load_named(name: str, folder: ConfigFolder | None = None) -> EnvironmentConfig:
    """Load an environment that has a name; a file is none.

    Raises:
        ConfigError: There is no such environment, or it is not acceptable.
    """
    known = names(folder)
    if name not in known:
        raise _unknown(name, known, "make one of that name: ssmd env add")
    return load_environment(name, folder)


def load_chosen(folder: ConfigFolder | None = None) -> EnvironmentConfig:
    """The environment that `ssmd env use` chose.

    Raises:
        ConfigError: None is chosen, or it is not there any more.
    """
    place = folder or config_folder()
    name = place.chosen()
    if name is None:
        raise ConfigError(
            "No environment is named, and none is chosen.",
            remedy="Give --env NAME or --env FILE; or choose one: ssmd env use NAME.",
        )
    if name not in names(place):
        raise ConfigError(
            f"The chosen environment {name!r} is not there any more.",
            remedy="Choose another (ssmd env use NAME), or none (ssmd env use --none).",
        )
    return load_environment(name, place)


def _unknown(name: str, known: dict[str, Path], otherwise: str) -> ConfigError:
    remedy = f"{otherwise[0].upper()}{otherwise[1:]}."
    if known:
        remedy = f"Use one of: {', '.join(known)}; or {otherwise}."
    message = f"There is no environment {name!r}.{did_you_mean(name, known)}"
    return ConfigError(message, remedy=remedy)
