"""`ssmd secmaster run`: the service that keeps the security master up."""

from pathlib import Path

import click

from ssmd.cli.database import database_option, embedded_folder
from ssmd.cli.durations import DurationType
from ssmd.cli.env_options import environment_name_option
from ssmd.cli.keeping import kept
from ssmd.cli.options import (
    FeedType,
    bus_settings,
    directory_option,
    service_options,
)
from ssmd.cli.output import examples
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.registry import names
from ssmd.runtime import logging, loop
from ssmd.secmaster import service
from ssmd.secmaster.settings import KeeperSettings


@click.command(
    epilog=examples(
        ("ssmd secmaster run --dir ./data", "every venue, until SIGTERM"),
        (f"ssmd secmaster run --feed {names()[0]} --nats-url nats://bus:4222", "and its events"),
    )
)
@click.argument("venues", nargs=-1, metavar="[VENUE...]")
@click.option(
    "--feed",
    "feeds",
    type=FeedType(),
    multiple=True,
    help="A feed whose venue is asked where it says, and whose stream tells events; repeatable.",
)
@click.option(
    "--every",
    type=DurationType(),
    default="1h",
    show_default=True,
    metavar="TIME",
    help="From one round to the next: 30s, 5m, 1h, 1d.",
)
@environment_name_option("--env-name", "The environment: first word of the streams' names.")
@click.option("--nats-url", metavar="URL", help="The bus, instead of NATS_URL.")
@database_option
@directory_option
@service_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    *,
    venues: tuple[str, ...],
    feeds: tuple[FeedConfig, ...],
    every: float,
    environment: str,
    nats_url: str | None,
    url: str | None,
    directory: Path,
    run_dir: Path | None,
    listen: tuple[str, int],
) -> None:
    """Keep venues up until SIGTERM: rounds, the clock, and what the bus tells of instruments."""
    logging.configure()
    ctx.exit(
        loop.run(
            service.run(
                kept(venues, feeds, environment),
                database=url,
                directory=embedded_folder(directory),
                bus=bus_settings(nats_url) if feeds else None,
                settings=KeeperSettings(interval_s=every),
                run_dir=run_dir,
                listen=listen,
            )
        )
    )
