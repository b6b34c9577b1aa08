"""`ssmd init`: a commented ssmd.yaml to start from."""

from pathlib import Path
from typing import Final

import click

from ssmd.cli.options import known_feed
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import machine, registry
from ssmd.feeds.account import variables_of
from ssmd.model.errors import ConfigError

DEFAULT_FILE: Final = Path("ssmd.yaml")


@click.command(
    epilog=examples(
        ("ssmd init", "writes ./ssmd.yaml"),
        (f"ssmd init --feed {registry.names()[0]} --dir /data", "with what you name"),
    )
)
@click.option("--feed", "feeds", multiple=True, help="What to record; may be repeated.")
@click.option("--dir", "directory", default="./data", show_default=True, help="The archive root.")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_FILE,
    show_default=True,
    help="What to write.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@output_options
def init(
    feeds: tuple[str, ...],
    directory: str,
    file: Path,
    *,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a commented ssmd.yaml."""
    output = Output(json=as_json, quiet=quiet)
    accounts = {
        name: tuple(variables_of(registry.venue(known_feed(name))))
        for name in feeds or registry.names()
    }
    # Unless somebody asks for it by name, a closed venue is only mentioned: the file runs at once.
    closed = () if feeds else tuple(name for name, fields in accounts.items() if fields)
    names = tuple(name for name in accounts if name not in closed)
    if file.exists() and not force:
        message = f"{file} exists already."
        raise ConfigError(
            message, remedy="Use --force to overwrite it, or --file to write another."
        )
    text = machine.example(
        names,
        directory,
        closed=closed,
        accounts={name: fields for name, fields in accounts.items() if fields},
    )
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}."
        raise ConfigError(
            message, remedy="Choose a file in a directory that exists and you may write."
        ) from error
    output.lines(f"Wrote {file}. Read it, then: ssmd up" + _config_hint(file))
    output.result({"file": str(file), "feeds": names})


def _config_hint(file: Path) -> str:
    return "" if file == DEFAULT_FILE else f" --config {file}"
