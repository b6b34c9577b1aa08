"""`ssmd archiver run`: one archiver process."""

from pathlib import Path

import click

from ssmd.archive import service
from ssmd.cli.options import root_option, service_options
from ssmd.cli.output import examples
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.runtime import logging, loop, settings


@click.command(
    epilog=examples(
        ("ssmd archiver run --config archiver.yaml", "until SIGTERM"),
        ("ssmd archiver run --config archiver.yaml --dir /data", "into another archive"),
    )
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The archiver.yaml: streams, storage, rotation.",
)
@root_option
@service_options
@click.pass_context
def run(
    ctx: click.Context,
    config: Path,
    directory: Path | None,
    run_dir: Path | None,
    listen: tuple[str, int],
) -> None:
    """Archive streams until SIGTERM; seals what is open before it ends."""
    logging.configure()
    wanted = settings.load(config, ArchiverConfig)
    ctx.exit(loop.run(service.run(wanted, directory=directory, run_dir=run_dir, listen=listen)))
