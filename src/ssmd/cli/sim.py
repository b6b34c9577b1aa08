"""`ssmd sim run`: a simulated venue."""

from pathlib import Path
from typing import Any

import click

from ssmd import venues
from ssmd.cli.options import FiniteRange, service_options
from ssmd.cli.output import examples
from ssmd.cli.storm import storm
from ssmd.feeds import registry
from ssmd.runtime import logging, loop
from ssmd.sim import service
from ssmd.sim.faults import NAMES


@click.group()
def sim() -> None:
    """Simulated venues: real sockets and REST, a ledger of all that is said, faults on demand."""


@sim.command(
    epilog=examples(
        (f"ssmd sim run --venue {venues.names()[0]} --port 9100", "a market of its own"),
        (f"ssmd sim run --venue {venues.names()[0]} --play capture.jsonl.gz --speed 10", "a tape"),
        (f"ssmd sim run --venue {venues.names()[0]} --fault close:at=5", "goodbye after 5 s"),
    )
)
@click.option("--venue", type=click.Choice(venues.names()), required=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option("--rest-port", type=click.IntRange(0, 65535), default=0, help="The same, for REST.")
@click.option(
    "--ledger",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("sim-ledger"),
    show_default=True,
    help="Where every frame and answer is written down before it is sent.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--rate", type=FiniteRange(0), default=100.0, show_default=True, help="Frames/s.")
@click.option(
    "--symbol",
    "symbols",
    multiple=True,
    help="List only these; may be repeated. Default: those of the shipped feed.",
)
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME=FILE",
    help="A field of the account that is let in; the file holds its value. May be repeated.",
)
@click.option(
    "--play",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A capture to play instead of the generator.",
)
@click.option(
    "--rest",
    multiple=True,
    metavar="PATH=FILE",
    help="Answer REST requests for PATH with a recorded body (.gz is unpacked), byte for byte."
    " Repeat it for the pages of a path, in order.",
)
@click.option("--speed", type=FiniteRange(min=0, min_open=True), default=1.0, show_default=True)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:key=value,...]",
    help=f"May be repeated. NAME is one of {', '.join(NAMES)}.",
)
@click.option(
    "--books",
    "books_s",
    type=FiniteRange(min=0.01),
    help="Write the state of every book into the ledger, this many seconds apart.",
)
@click.option(
    "--tls-cert",
    "certificate",
    help="With its key: speak wss:// and https://.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--tls-key", "key", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@service_options
@click.pass_context
def run(ctx: click.Context, /, venue: str, **options: Any) -> None:  # noqa: ANN401 - click hands over what it parsed
    """Speak the venue's side until SIGTERM, writing down every frame before it is sent.

    Where it listens, for WebSocket (`url`) and REST (`rest`, one folder a service), is told in
    the log and the run file.
    """
    logging.configure()
    options["symbols"] = options["symbols"] or usual(venue)
    ctx.exit(loop.run(service.run(venue, name=f"sim-{venue}", **options)))


sim.add_command(storm)


def usual(venue: str) -> tuple[str, ...]:
    """What the venue's shipped feed names, so that it finds it listed; else the venue's own."""
    return registry.load_feed(venue).universe.symbols if venue in registry.names() else ()
