"""What a person or a program sees: results on stdout, everything else on stderr."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

_Command = TypeVar("_Command", bound=Callable[..., Any])

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000


class Output:
    """Where a command says what it found.

    Attributes:
        json: Whether the last stdout line is to be the result, for programs.
        quiet: Whether only the result and failures are wanted.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self.progress_console = Console(stderr=True, highlight=False)

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches the progress."""
        return self.progress_console.is_terminal and not self.quiet

    def lines(self, *lines: str) -> None:
        """Text for a person; silent with `--json`."""
        if not self.json:
            for line in lines:
                click.echo(line)

    def note(self, line: str) -> None:
        """Progress or advice, on stderr, above a live view; silent with `--quiet`."""
        if not self.quiet:
            self.progress_console.print(line, markup=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table for a person; the first column is left-aligned, the others right."""
        if self.json:
            return
        table = Table(title=title, title_justify="left", header_style="bold")
        for index, column in enumerate(columns):
            table.add_column(column, justify="right" if index else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(table)

    def result(self, value: object) -> None:
        """The result for a program: one line, the last on stdout."""
        if self.json:
            click.echo(msgspec.json.encode(value).decode())


def output_options(command: _Command) -> _Command:
    """Add `--json` and `--quiet` to a command that prints a result."""
    command = click.option("--quiet", "-q", is_flag=True, help="Say nothing but the result.")(
        command
    )
    return click.option(
        "--json", "as_json", is_flag=True, help="End with the result as one line of JSON."
    )(command)


def examples(*pairs: tuple[str, str]) -> str:
    """The epilog of a command's help: what to type, and what it does."""
    width = max(len(command) for command, _ in pairs)
    lines = "\n".join(f"  {command.ljust(width)}  {meaning}" for command, meaning in pairs)
    return f"\b\nExamples:\n{lines}"


def size(count: float) -> str:
    """A number of bytes as a person reads it."""
    for unit in _UNITS[:-1]:
        if count < _THOUSAND:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _THOUSAND
    return f"{count:.1f} {_UNITS[-1]}"
