"""`--verdict-file`: how a job ended, in a few bytes, for whoever only sees its pod end.

Kubernetes keeps the first 4,096 bytes of a container's `/dev/termination-log` in the pod's status.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from ssmd.model.errors import SsmdError
from ssmd.quality.finding import Report
from ssmd.runtime.secrets import masked

_Command = TypeVar("_Command", bound=Callable[..., Any])
Graded = Callable[[int], str]
"""Gives the grade of a score."""

MOST_BYTES: Final = 4096
"""What Kubernetes keeps."""
_MOST_WORDS: Final = 400
"""So many characters of a sentence are kept; as JSON each may take six bytes."""
_MOST_OF_ISSUE: Final = 150
_ISSUES: Final = 3
_KEY: Final = "ssmd.verdict_file"


def verdict_file_option(command: _Command) -> _Command:
    """Add `--verdict-file` to a command, which says `leave(...)`; its failure is written by itself.

    It stands below `@notify_on_failure`. That it cannot be written is said, and changes no exit code.
    """

    @functools.wraps(command)
    def kept(
        *arguments: Any,  # noqa: ANN401 - the command's own
        verdict_file: Path | None,
        **options: Any,  # noqa: ANN401 - the command's own
    ) -> Any:  # noqa: ANN401 - the command's own
        click.get_current_context().meta[_KEY] = verdict_file
        try:
            return command(*arguments, **options)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            leave({"error": _sentence(error)})
            raise

    return click.option(
        "--verdict-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help=f"Write how it ended as JSON, at most {MOST_BYTES} bytes: /dev/termination-log.",
    )(kept)  # type: ignore[return-value] # it takes what the command takes, and one more


def leave(verdict: Mapping[str, object], *, droppable: str = "") -> None:
    """Write a verdict where `--verdict-file` says, if it says so.

    Args:
        verdict: What is to be known.
        droppable: The key of an object whose last entries go when there is too much of it; how many
            went is told as `{droppable}_left_out`.
    """
    path: Path | None = click.get_current_context().meta.get(_KEY)
    if path is None:
        return
    try:
        path.write_bytes(encode(verdict, droppable))  # a pod's is mounted: it is never replaced
    except OSError as error:
        click.echo(f"The verdict is not in {path}: {error.strerror}.", err=True)


def encode(verdict: Mapping[str, object], droppable: str = "") -> bytes:
    """A verdict in few enough bytes; arguments as `leave`."""
    shown = dict(verdict)
    entries = list(msgspec.convert(shown.get(droppable) or {}, dict[str, Any]).items())
    kept = len(entries)
    while True:
        content = msgspec.json.encode(shown)
        if len(content) <= MOST_BYTES or not kept:
            return content
        kept -= max(1, kept // 8)
        shown |= {droppable: dict(entries[:kept]), f"{droppable}_left_out": len(entries) - kept}


def of_report(report: Report, graded: Graded) -> dict[str, object]:
    """The verdict over a day, the worst feeds first.

    Args:
        report: The whole of it.
        graded: Gives the grade of a feed's score.
    """
    worst = sorted(
        report.feeds.items(),
        key=lambda item: (item[1].score is None, item[1].score or 0, item[0]),
    )
    return {
        "date": report.date,
        "running": report.running,
        "composite": report.composite,
        "grade": report.grade,
        "prometheus_degraded": report.prometheus_degraded,
        "issues": [issue[:_MOST_OF_ISSUE] for issue in report.issues[:_ISSUES]],
        "issues_in_all": len(report.issues),
        "feeds": {
            name: {
                "score": each.score,
                "grade": None if each.score is None else graded(each.score),
            }
            for name, each in worst
        },
    }


def _sentence(error: Exception) -> str:
    """What went wrong, without what nobody may see."""
    match error:
        case click.ClickException():
            said = error.format_message()
        case SsmdError():
            said = str(error)
        case _:
            said = f"{type(error).__name__}: {error}"
    return masked(said)[:_MOST_WORDS]
