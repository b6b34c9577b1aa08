"""`ssmd env list`: every environment that has a name here."""

from pathlib import Path

import click
import msgspec

from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import environments
from ssmd.feeds.folder import config_folder
from ssmd.model.errors import ConfigError


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An environment, as it is listed.

    Attributes:
        name: Its name.
        file: Its file.
        chosen: Whether it is the one that `ssmd env use` chose.
        url: Its bus; empty when that is `NATS_URL`'s.
        feed: The feed that it is for; empty for any.
        storage: Where its archive is; empty when commands say.
        keys: Names of its credentials.
        error: What is wrong with its file; empty when nothing is.
    """

    name: str
    file: str
    chosen: bool = False
    url: str = ""
    feed: str = ""
    storage: str = ""
    keys: tuple[str, ...] = ()
    error: str = ""


@click.command(
    "list",
    epilog=examples(
        ("ssmd env list", "every environment that --env knows by its name"),
        ("ssmd env list --json | tail -1", "for a program"),
    ),
)
@output_options
def list_environments(*, as_json: bool, quiet: bool) -> None:
    """List the environments of your configuration folder; `*` stands at the chosen one."""
    output = Output(json=as_json, quiet=quiet)
    chosen = config_folder().chosen()
    found = [
        _listed(name, path, chosen=name == chosen) for name, path in environments.names().items()
    ]
    if not found:
        output.lines(
            f"There is none in {config_folder().environments}. Make one: ssmd env add NAME"
        )
    else:
        output.table(
            f"Environments in {config_folder().environments}",
            ("", "environment", "bus", "feed", "storage", "keys"),
            (
                (
                    "*" if each.chosen else "",
                    each.name,
                    each.url or "NATS_URL",
                    each.feed or "any",
                    each.storage or "-",
                    ", ".join(each.keys) or "-",
                )
                for each in found
            ),
        )
        output.lines(*(each.error for each in found if each.error))
    output.result({"chosen": chosen, "environments": found})


def _listed(name: str, path: Path, *, chosen: bool) -> Listed:
    bare = Listed(name=name, file=str(path), chosen=chosen)
    try:
        found = environments.load_environment(name)
    except ConfigError as error:
        return msgspec.structs.replace(bare, error=str(error))
    return msgspec.structs.replace(
        bare,
        url=found.transport.url or "",
        feed=found.feed or "",
        storage=found.storage.path or "",
        keys=tuple(found.keys),
    )
