"""`ssmd connector run`: one connector process."""

from pathlib import Path

import click

from ssmd.cli.options import DEFAULT_DIRECTORY, FeedType, bus_settings, root_option, service_options
from ssmd.cli.output import examples
from ssmd.cli.pipeline import spool_folder
from ssmd.connector import service
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.runtime import logging, loop, settings


@click.group()
def connector() -> None:
    """Sockets around sessions: what the venue says, onto the bus."""


@connector.command(
    epilog=examples(
        ("ssmd connector run --feed feed.yaml --env env.yaml", "until SIGTERM"),
        ("NATS_URL=nats://10.0.0.5 ssmd connector run --feed feed.yaml --env env.yaml", ""),
    )
)
@click.option("--feed", type=FeedType(), required=True, help="A feed's name, or its feed.yaml.")
@click.option(
    "--env",
    "environment_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The env.yaml: bus, credentials, bounds.",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates that may sign the venue's, instead of the system's.",
)
@root_option
@service_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    *,
    feed: FeedConfig,
    environment_file: Path,
    directory: Path | None,
    ca_file: Path | None,
    run_dir: Path | None,
    listen: tuple[str, int],
) -> None:
    """Record one feed until SIGTERM; drains what it holds before it ends."""
    logging.configure()
    environment = settings.load(environment_file, EnvironmentConfig)
    root = directory or Path(environment.storage.path or DEFAULT_DIRECTORY)
    ctx.exit(
        loop.run(
            service.run(
                feed,
                environment,
                directory=spool_folder(root, feed.name),
                bus=bus_settings(environment.transport.url, environment.secrets("transport")),
                run_dir=run_dir,
                listen=listen,
                ca_file=None if ca_file is None else str(ca_file),
                name=f"connector-{feed.name}",
            )
        )
    )
