"""Options by which commands are told of an environment."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ssmd.feeds import environments
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.environments import load_chosen, load_environment, parse_environment
from ssmd.feeds.folder import config_folder

_Command = TypeVar("_Command", bound=Callable[..., Any])


class EnvironmentType(click.ParamType[EnvironmentConfig]):
    """An environment: the name of a configured one, or a file."""

    name = "env"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> EnvironmentConfig:
        """Load it; a wrong file is refused with the place of the fault."""
        return value if isinstance(value, EnvironmentConfig) else load_environment(str(value))


def environment_option(command: _Command) -> _Command:
    """The environment of a service: `--env`, else the one that `ssmd env use` chose."""
    return click.option(
        "--env",
        "environment",
        type=EnvironmentType(),
        default=load_chosen,
        help="An environment's name, or its env.yaml: bus, credentials, bounds."
        "  [default: the one that `ssmd env use` chose]",
    )(command)


def environment_argument(command: _Command) -> _Command:
    """The environment to look at: an argument, else the one that `ssmd env use` chose."""
    return click.argument(
        "environment", metavar="[ENV|FILE]", type=EnvironmentType(), default=load_chosen
    )(command)


def named_environment(name: str) -> EnvironmentConfig:
    """The configured environment of a name; one of which only the name is known, when there is none.

    Raises:
        ConfigError: It is no name, or its file is not acceptable.
    """
    if name in environments.names():
        return load_environment(name)
    return parse_environment(json.dumps({"name": name}), where="--environment", name=name)


def chosen_name() -> str:
    """The name of the chosen environment; `local` when none is."""
    return config_folder().chosen() or "local"


def environment_name_option(flag: str, meaning: str) -> Callable[[_Command], _Command]:
    """The name of an environment: what is given, else the chosen one, else `local`.

    Args:
        flag: The option's name.
        meaning: What the name is for.
    """
    return click.option(
        flag,
        "environment",
        default=chosen_name,
        help=f"{meaning}  [default: the one that `ssmd env use` chose, else local]",
    )
