"""`ssmd env use`: which environment commands take when none is named."""

import click

from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import environments
from ssmd.feeds.folder import config_folder


@click.command(
    epilog=examples(
        ("ssmd env use prod", "from now on, wherever no other is named"),
        ("ssmd env use --none", "from now on one has to be named"),
    )
)
@click.argument("name", required=False)
@click.option("--none", "nothing", is_flag=True, help="Choose none.")
@output_options
def use(name: str | None, *, nothing: bool, as_json: bool, quiet: bool) -> None:
    """Choose the environment that commands take when they are told of no other."""
    output = Output(json=as_json, quiet=quiet)
    if (name is None) != nothing:
        raise click.UsageError("Name one environment, or say --none.")
    folder = config_folder()
    if name is None:
        folder.choose(None)
        output.lines("No environment is chosen any more.")
    else:
        name = environments.load_named(name).name
        folder.choose(name)
        output.lines(f"The environment {name!r} is used wherever no other is named.")
    output.result({"chosen": name})
