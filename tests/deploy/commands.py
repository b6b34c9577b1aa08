"""What a deployment would type, parsed by our own command line. For tests."""

from collections.abc import Sequence

import click

from ssmd.cli.root import root


def parse(words: Sequence[str]) -> click.Context:
    """The command that these words name, with its options; nothing is run.

    Raises:
        ClickException: A command or an option is not ours, or a value is not acceptable.
        SsmdError: A feed is not.
    """
    name: str | None = root.name
    command: click.Command | None = root
    context: click.Context | None = None
    rest = list(words)
    while command is not None:
        context = command.make_context(name, rest, parent=context)
        if not isinstance(command, click.Group):
            return context
        name, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
    message = f"{rest} is no command."
    raise click.UsageError(message)
