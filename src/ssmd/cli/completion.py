"""`ssmd completion`: the script that completes commands in a shell."""

import click
from click.shell_completion import get_completion_class

from ssmd.cli.output import examples


@click.command(
    epilog=examples(
        ('eval "$(ssmd completion bash)"', "in ~/.bashrc"),
        ("ssmd completion fish > ~/.config/fish/completions/ssmd.fish", "for fish"),
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL."""
    maker = get_completion_class(shell)
    assert maker is not None  # noqa: S101 - the choice above lists click's own shells
    click.echo(maker(ctx.find_root().command, {}, "ssmd", "_SSMD_COMPLETE").source())
