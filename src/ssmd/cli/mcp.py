"""`ssmd mcp`: what was recorded, for agents, over the Model Context Protocol."""

import os
from pathlib import Path
from typing import Final

import click

from ssmd.api.agents import serving
from ssmd.cli.options import directory_option
from ssmd.cli.output import examples
from ssmd.model.errors import ConfigError
from ssmd.runtime import logging, loop
from ssmd.runtime.clock import SystemClock

KEY: Final = "SSMD_API_KEY"
"""The variable of the key: on a command line everybody of a machine could read it."""


@click.command(
    epilog=examples(
        ("ssmd mcp --dir ./data", "an archive of this machine; agents start it themselves"),
        ("ssmd mcp --url http://127.0.0.1:8000", f"an API elsewhere, with the key in {KEY}"),
    )
)
@directory_option
@click.option("--url", help="An API to ask, instead of the files under --dir.")
@click.pass_context
def mcp(ctx: click.Context, directory: Path, url: str | None) -> None:
    """Answer an agent's questions on standard input and output, until it ends."""
    logging.configure(quiet=True)  # standard output is the agent's
    if url is not None:
        loop.run(serving.of_url(url, os.environ.get(KEY)))
    elif directory.is_dir():
        loop.run(serving.of_archive(directory, SystemClock()))
    else:
        raise ConfigError(
            f"There is no archive at {directory}.", remedy="Give --dir, SSMD_ARCHIVE, or --url."
        )
    ctx.exit(0)
