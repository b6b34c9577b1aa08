"""The command `ssmd` itself: its subcommands, and what every failure looks like."""

import sys
from collections.abc import Mapping
from typing import Final

import click
import msgspec

from ssmd import __version__
from ssmd.cli.lazy import LazyGroup
from ssmd.cli.output import Output, examples
from ssmd.model.errors import SsmdError
from ssmd.runtime import logging

_COMMANDS: Final[Mapping[str, str]] = {
    "demo": "ssmd.cli.demo:demo",
    "init": "ssmd.cli.init:init",
    "up": "ssmd.cli.up:up",
    "status": "ssmd.cli.status:status",
    "top": "ssmd.cli.top:top",
    "doctor": "ssmd.cli.doctor:doctor",
    "tail": "ssmd.cli.tail:tail",
    "verify": "ssmd.cli.verify:verify",
    "gaps": "ssmd.cli.gaps:gaps",
    "why": "ssmd.cli.why:why",
    "dq": "ssmd.cli.dq:dq",
    "drift": "ssmd.cli.drift:drift",
    "backfill": "ssmd.cli.backfill:backfill",
    "data": "ssmd.cli.data:data",
    "secmaster": "ssmd.cli.secmaster:secmaster",
    "keys": "ssmd.cli.keys:keys",
    "replay": "ssmd.cli.replay:replay",
    "redecode": "ssmd.cli.redecode:command",
    "restore": "ssmd.cli.restore:command",
    "import": "ssmd.cli.importing:import_capture",
    "feed": "ssmd.cli.feed:feed",
    "env": "ssmd.cli.env:env",
    "connector": "ssmd.cli.services:connector",
    "archiver": "ssmd.cli.services:archiver",
    "cdc": "ssmd.cli.cdc:cdc",
    "api": "ssmd.cli.api:api",
    "mcp": "ssmd.cli.mcp:mcp",
    "scale": "ssmd.cli.scale:scale",
    "compactor": "ssmd.cli.compactor:compactor",
    "operator": "ssmd.cli.operator:operator",
    "sim": "ssmd.cli.sim:sim",
    "completion": "ssmd.cli.completion:completion",
}


@click.group(
    cls=LazyGroup,
    places=_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        ("ssmd demo", "see it work on simulated venues, faults included"),
        ("ssmd init", "write a commented ssmd.yaml"),
        ("ssmd verify ./data", "prove that nothing is missing"),
    ),
)
@click.version_option(__version__, prog_name="ssmd")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Record what exchanges say, prove that nothing was lost, and serve it back."""
    if ctx.invoked_subcommand is None:
        Output().lines(
            f"ssmd {__version__}: records what exchanges say, and proves that nothing was lost.",
            "",
            "  ssmd demo          30 seconds on simulated venues, with faults and the proof",
            "  ssmd up            record the real thing into ./data until Ctrl-C",
            "  ssmd verify        prove an archive from its files alone",
            "",
            "Everything else: ssmd --help",
        )


def main() -> None:
    """Run the command line; every refusal is one sentence with its remedy."""
    logging.configure(quiet=True)
    try:
        code = root.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = 130
    except SsmdError as error:
        click.echo(f"Error: {error}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        # The reader of a pipe went away (`ssmd data ls | head`): nobody is left to tell.
        sys.stderr.close()
        code = 1
    except (OSError, msgspec.MsgspecError) as error:
        click.echo(f"Error: {error}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
