"""The command `ssmd` itself: its subcommands, and what every failure looks like."""

import importlib
import sys
from collections.abc import Mapping
from typing import Final

import click
import msgspec

from ssmd import __version__
from ssmd.cli.output import Output, examples
from ssmd.model.errors import SsmdError
from ssmd.runtime import logging
from ssmd.runtime.unknown import did_you_mean

_COMMANDS: Final[Mapping[str, str]] = {
    "demo": "ssmd.cli.demo:demo",
    "init": "ssmd.cli.init:init",
    "up": "ssmd.cli.up:up",
    "status": "ssmd.cli.status:status",
    "tail": "ssmd.cli.tail:tail",
    "verify": "ssmd.cli.verify:verify",
    "gaps": "ssmd.cli.gaps:gaps",
    "why": "ssmd.cli.why:why",
    "backfill": "ssmd.cli.backfill:backfill",
    "data": "ssmd.cli.data:data",
    "replay": "ssmd.cli.replay:replay",
    "redecode": "ssmd.cli.redecode:command",
    "restore": "ssmd.cli.restore:command",
    "import": "ssmd.cli.importing:import_capture",
    "feed": "ssmd.cli.feed:feed",
    "connector": "ssmd.cli.connector:connector",
    "archiver": "ssmd.cli.archiver:archiver",
    "compactor": "ssmd.cli.compactor:compactor",
    "sim": "ssmd.cli.sim:sim",
    "completion": "ssmd.cli.completion:completion",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for: the door opens fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order a new user meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; a misspelt one is answered with the nearest."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = did_you_mean(args[0], _COMMANDS)
            ctx.fail(f"No such command {args[0]!r}.{near} See `ssmd --help`.")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
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
