"""`ssmd env add`: an environment, in a file to change."""

import click
import msgspec

from ssmd.cli.env_options import EnvironmentType
from ssmd.cli.feed_draft import draft
from ssmd.cli.feed_writing import added, own_name
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.environments import parse_environment
from ssmd.feeds.folder import config_folder
from ssmd.model.errors import ConfigError


@click.command(
    epilog=examples(
        ("ssmd env add prod --url nats://bus:4222 --storage /data", "a bus, and an archive"),
        ("ssmd env add staging --from prod", "a copy by that name, to change"),
    )
)
@click.argument("name", callback=own_name)
@click.option("--from", "origin", type=EnvironmentType(), help="An environment, or its env.yaml.")
@click.option("--url", metavar="URL", help="Address of the bus; NATS_URL's when nothing is said.")
@click.option("--storage", metavar="DIR", help="The archive's root.")
@click.option("--force", is_flag=True, help="Overwrite an environment of yours with the name.")
@output_options
def add(
    name: str,
    *,
    origin: EnvironmentConfig | None,
    url: str | None,
    storage: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write an environment into your configuration folder; every --env knows it by its name then.

    The folder is SSMD_CONFIG, or ~/.config/ssmd. Nothing is chosen by this: see `ssmd env use`.
    """
    output = Output(json=as_json, quiet=quiet)
    environment = _made(origin or EnvironmentConfig(name=name), name, url, storage)
    opening = (
        f"Where feeds are recorded. What is left out keeps its default: `ssmd env show {name}"
        " --defaults` shows all. No credential belongs here, only where it is: `source` under"
        " `keys`, as env:VARIABLE or file:/path."
    )
    text = draft(environment, opening=opening, schema="../schemas/env.schema.json")
    parse_environment(text, where=f"the environment {name!r}", name=name)
    path = added(config_folder().environments / f"{name}.yaml", text, kind="env", force=force)
    output.lines(f"Wrote {path}. Change it, then: ssmd env validate {name}")
    output.result({"environment": name, "file": str(path)})


def _made(
    origin: EnvironmentConfig, name: str, url: str | None, storage: str | None
) -> EnvironmentConfig:
    transport, place = origin.transport, origin.storage
    if url is not None:
        try:
            transport = msgspec.structs.replace(transport, url=url)
        except ValueError as error:
            raise ConfigError(f"--url: {error}.", remedy="Give nats://HOST:PORT.") from error
    if storage is not None:
        place = msgspec.structs.replace(place, path=storage)
    return msgspec.structs.replace(origin, name=name, transport=transport, storage=place)
