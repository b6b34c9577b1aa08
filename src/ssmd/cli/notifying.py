"""`--notify-on-failure`: a long command that fails tells somebody who is not watching."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from ssmd.model.errors import SsmdError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SAID_ITSELF: Final = "It said why where it ran."
_INTERRUPTED: Final = 130
"""What ends with Ctrl-C exits with: whoever pressed it knows."""


def notify_on_failure(command: _Command) -> _Command:
    """Add `--notify-on-failure` and `--notify-policy` to a command; directly below `@click.command`.

    What is told: the command's words, the exit code, the error, the host. The exit code stays what
    it is. Whom to tell is looked up before anything is done: a wrong address costs no hour's work.
    """

    @functools.wraps(command)
    def told(
        *arguments: Any,  # noqa: ANN401 - the command's own
        notify_on_failure: bool,
        notify_policy: Path | None,
        **options: Any,  # noqa: ANN401 - the command's own
    ) -> Any:  # noqa: ANN401 - the command's own
        if not notify_on_failure:
            return command(*arguments, **options)
        from ssmd.cli import telling  # noqa: PLC0415 - who tells nobody need not load what tells

        whom = telling.whom_to_tell(notify_policy)
        path = click.get_current_context().command_path
        try:
            result = command(*arguments, **options)
        except Exception as error:
            code = _code(error)
            if code not in {0, _INTERRUPTED}:
                telling.tell_of_failure(path, code, _said(error), whom)
            raise
        if isinstance(result, int) and result not in {0, _INTERRUPTED}:
            telling.tell_of_failure(path, result, _SAID_ITSELF, whom)
        return result

    for option in (
        click.option(
            "--notify-policy",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A quality.yaml whose `notify` says whom; besides SSMD_NOTIFY.",
        ),
        click.option(
            "--notify-on-failure",
            is_flag=True,
            help="Tell somebody when this fails: see docs/how-to/notifications.md.",
        ),
    ):
        told = option(told)
    return told  # type: ignore[return-value] # it takes what the command takes, and two more


def _code(error: Exception) -> int:
    """What the command line will exit with."""
    match error:
        case click.exceptions.Exit() | click.ClickException() | SsmdError():
            return error.exit_code
        case click.Abort():
            return _INTERRUPTED
    return 1


def _said(error: Exception) -> str:
    match error:
        case click.exceptions.Exit():
            return _SAID_ITSELF
        case click.ClickException():
            return error.format_message()
        case SsmdError() | OSError() | msgspec.MsgspecError():
            return str(error)
    return f"{type(error).__name__}: {error}"
