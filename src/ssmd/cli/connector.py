"""`ssmd connector run`: one connector process."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from ssmd import venues
from ssmd.bus.settings import BusSettings
from ssmd.cli.database import embedded_folder
from ssmd.cli.env_options import environment_option
from ssmd.cli.options import (
    DEFAULT_DIRECTORY,
    FeedType,
    bus_settings,
    root_option,
    service_options,
)
from ssmd.cli.output import examples
from ssmd.cli.pipeline import spool_folder
from ssmd.connector import service
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.share import WHOLE, Share
from ssmd.feeds.share import parse as parse_share
from ssmd.model.errors import ConfigError
from ssmd.model.universe import UniverseSource
from ssmd.runtime import logging, loop
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.health import Health
from ssmd.secmaster.address import Address, named, parse
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.universe import SecmasterUniverse
from ssmd.secmaster.universe_telemetry import Telemetry


class ShareType(click.ParamType[Share]):
    """A share of a feed, `INDEX/COUNT`."""

    name = "share"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Share:
        """Read it; what is none is refused."""
        return value if isinstance(value, Share) else parse_share(str(value))


@click.command(
    epilog=examples(
        ("ssmd connector run --feed feed.yaml --env env.yaml", "until SIGTERM"),
        ("ssmd connector run --feed feed.yaml --env env.yaml --category NAME", "one division"),
        ("ssmd connector run --feed feed.yaml --env env.yaml --share 0/3", "a third of it"),
        (f"ssmd connector run --feed {registry.names()[0]} --env prod", "both by name"),
        ("NATS_URL=nats://10.0.0.5 ssmd connector run --feed feed.yaml --env env.yaml", ""),
    )
)
@click.option("--feed", type=FeedType(), required=True, help="A feed's name, or its feed.yaml.")
@environment_option
@click.option(
    "--category",
    help="The division to record; required of a feed with `categories`, and only of it.",
)
@click.option(
    "--share",
    type=ShareType(),
    default=WHOLE,
    metavar="I/N",
    help="Which of N connectors of the feed this is, counted from 0: it records its instruments.",
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
    environment: EnvironmentConfig,
    category: str | None,
    share: Share,
    directory: Path | None,
    ca_file: Path | None,
    run_dir: Path | None,
    listen: tuple[str, int],
) -> None:
    """Record one feed, or one division or share of it, until SIGTERM; drains before it ends.

    What the bus does not take within ten seconds of the end (three if it is away) stays in the
    spool, for the next start with the same --dir; the log says how much, and the exit code is 0.
    """
    logging.configure()
    registry.streams_of(feed, environment)  # refuses one stream for several divisions
    recorder = feed.name
    if category is not None:
        feed = feed.divided(category)
        recorder += f".{category}"
    feed.require_whole()
    recorder += f"@{share.index}" if share.index else ""
    root = directory or Path(environment.storage.path or DEFAULT_DIRECTORY)
    bus = bus_settings(environment.transport.url, environment.secrets("transport"))
    ctx.exit(
        loop.run(
            service.run(
                feed,
                environment,
                directory=spool_folder(root, recorder),
                bus=bus,
                run_dir=run_dir,
                listen=listen,
                ca_file=None if ca_file is None else str(ca_file),
                name=f"connector-{recorder}",
                universe=universe_of(feed, environment, root, bus),
                share=share,
            )
        )
    )


def universe_of(
    feed: FeedConfig, environment: EnvironmentConfig, root: Path, bus: BusSettings
) -> Callable[[Health], UniverseSource] | None:
    """Makes the universe of a feed that follows the security master; None for any other.

    Args:
        feed: The feed.
        environment: Where it is recorded.
        root: The archive's root; an embedded database lies below it.
        bus: Where the changes come from.

    Raises:
        ConfigError: There is no database to begin from.
    """
    master = feed.universe.secmaster
    if master is None:
        return None
    address = database_of(feed, environment, root, os.environ)

    def make(health: Health) -> UniverseSource:
        return SecmasterUniverse(
            venues.load(feed.venue),
            feed.universe.channels,
            master,
            address=address,
            bus=bus,
            stream=environment.changes_stream(),
            clock=SystemClock(),
            health=health,
            telemetry=Telemetry(feed.name, feed.category),
        )

    return make


def database_of(
    feed: FeedConfig, environment: EnvironmentConfig, root: Path, environ: Mapping[str, str]
) -> Address:
    """Where a universe begins: what env.yaml says, else `DATABASE_URL`, else the embedded one.

    Raises:
        ConfigError: None of them is there, or it is no address.
    """
    if environment.secmaster.database_url is not None:
        return parse(environment.secmaster.database_url, "`secmaster.database_url` of env.yaml")
    if told := named(None, environ):
        return told
    server = EmbeddedPostgres(embedded_folder(root), SystemClock())
    if server.exists:
        return server.address
    raise ConfigError(
        f"The feed {feed.name!r} follows the security master, and no database is named.",
        remedy="Set DATABASE_URL or `secmaster.database_url` of env.yaml; or name the --dir of an"
        " `ssmd up`, or of an `ssmd secmaster sync`, that keeps one.",
    )
