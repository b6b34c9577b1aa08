"""`ssmd env show`: an environment as YAML."""

import click
import msgspec
import yaml

from ssmd.cli.env_options import environment_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds.differences import full
from ssmd.feeds.environment import EnvironmentConfig


@click.command(
    epilog=examples(
        ("ssmd env show", "the chosen one"),
        ("ssmd env show prod --defaults", "with everything it does not say"),
    )
)
@environment_argument
@click.option("--defaults", is_flag=True, help="Write out what it leaves to its defaults, too.")
@output_options
def show(environment: EnvironmentConfig, *, defaults: bool, as_json: bool, quiet: bool) -> None:
    """Show an environment, by its name or from a file; of credentials only where they are."""
    output = Output(json=as_json, quiet=quiet)
    plain = full(environment) if defaults else msgspec.to_builtins(environment, str_keys=True)
    output.lines(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip())
    output.result(plain)
