"""`ssmd api run`: what was recorded, over HTTP, with a status page."""

import os
from pathlib import Path

import click
import msgspec

from ssmd.api import service
from ssmd.api.keys.keeper import Keys
from ssmd.cli.database import database_option
from ssmd.cli.options import bus_settings, directory_option, service_options
from ssmd.cli.output import examples
from ssmd.feeds.api import ApiConfig
from ssmd.runtime import logging, loop, settings
from ssmd.runtime.clock import Clock

_LAST_PORT = 65_535


@click.group()
def api() -> None:
    """Over HTTP: data, how complete and how good it is, listings, live streams, a status page."""


@api.command(
    epilog=examples(
        ("ssmd api run --dir ./data --port 8000 --no-keys", "for yourself, on this machine"),
        ("ssmd api run --dir ./data --port 8000", "for others: with keys, see `ssmd keys`"),
        (
            "ssmd api run --dir ./data --config api.yaml",
            "bounds, origins, proxies: see the reference",
        ),
    )
)
@directory_option
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An api.yaml; options win over it.",
)
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, _LAST_PORT),
    help="The port to listen on; 0 takes a free one.  [default: 8000]",
)
@click.option(
    "--no-keys",
    is_flag=True,
    help="Ask for no keys: one user, on this machine alone (loopback).",
)
@click.option("--nats-url", help="The bus, for what is live.  [default: NATS_URL]")
@click.option("--env-name", help="The environment whose streams are live.  [default: local]")
@database_option
@service_options
@click.pass_context
def run(
    ctx: click.Context,
    directory: Path,
    config: Path | None,
    host: str | None,
    port: int | None,
    nats_url: str | None,
    env_name: str | None,
    url: str | None,
    run_dir: Path | None,
    listen: tuple[str, int],
    *,
    no_keys: bool,
) -> None:
    """Serve DIRECTORY over HTTP until SIGTERM."""
    logging.configure()
    told = {
        "host": host,
        "port": port,
        "environment": env_name,
        "nats_url": nats_url,
        "database_url": url,
    }
    given = {name: value for name, value in told.items() if value is not None}
    wanted = ApiConfig() if config is None else settings.load(config, ApiConfig)
    wanted = msgspec.structs.replace(wanted, **given)
    bus = None
    if wanted.nats_url is not None or os.environ.get("NATS_URL"):
        bus = bus_settings(wanted.nats_url)
    ctx.exit(
        loop.run(
            service.run(
                directory,
                wanted,
                None if no_keys else _keys,
                bus=bus,
                run_dir=run_dir,
                listen=listen,
                ready=lambda address: click.echo(f"Listening: {address}", err=True),
            )
        )
    )


def _keys(_root: Path, config: ApiConfig, clock: Clock) -> Keys:
    return Keys(config, clock)
