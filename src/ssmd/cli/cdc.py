"""`ssmd cdc run`: the security master's changes, onto the bus."""

import os
from pathlib import Path

import click

from ssmd.cli.database import database_option, embedded_folder
from ssmd.cli.env_options import environment_name_option
from ssmd.cli.options import (
    DEFAULT_DIRECTORY,
    bus_settings,
    root_option,
    service_options,
)
from ssmd.cli.output import examples
from ssmd.runtime import logging, loop
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import named
from ssmd.secmaster.changes import service
from ssmd.secmaster.changes.settings import PREFIX, SLOT, ChangesSettings
from ssmd.secmaster.database import open_database


@click.group()
def cdc() -> None:
    """Change capture: every committed change of the security master, once and in order."""


@cdc.command(
    epilog=examples(
        ("ssmd cdc run --dir ./data", "the embedded database of ./data, until SIGTERM"),
        ("ssmd cdc run --database postgresql://ssmd@db/ssmd --env-name prod", ""),
    )
)
@database_option
@environment_name_option("--env-name", "The environment: first word of the stream's name.")
@click.option(
    "--prefix",
    default=PREFIX,
    show_default=True,
    help="First tokens of the subjects; two environments on one bus need different ones.",
)
@click.option(
    "--slot",
    default=SLOT,
    show_default=True,
    help="The replication slot; two databases of one server need different ones.",
)
@click.option("--nats-url", metavar="URL", help="The bus, instead of NATS_URL.")
@click.option(
    "--replicas", type=click.IntRange(1, 5), default=1, show_default=True, help="Copies of it."
)
@root_option
@service_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    *,
    url: str | None,
    environment: str,
    prefix: str,
    slot: str,
    nats_url: str | None,
    replicas: int,
    directory: Path | None,
    run_dir: Path | None,
    listen: tuple[str, int],
) -> None:
    """Publish changes until SIGTERM; database and bus may come and go meanwhile."""
    logging.configure()
    wanted = ChangesSettings(environment=environment, prefix=prefix, slot=slot, replicas=replicas)
    bus = bus_settings(nats_url)
    folder = embedded_folder(directory or Path(DEFAULT_DIRECTORY))

    async def publish() -> int:
        address = named(url, os.environ)
        if address is not None:  # it need not answer yet
            return await service.run(address, bus, wanted, run_dir=run_dir, listen=listen)
        async with open_database(None, folder, SystemClock()) as found:
            return await service.run(found.address, bus, wanted, run_dir=run_dir, listen=listen)

    ctx.exit(loop.run(publish()))
