"""Progress of long work: a bar with rate and time left on a terminal, plain lines otherwise."""

from types import TracebackType
from typing import Final, Self

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichProgress

from ssmd.cli.output import Output, size
from ssmd.runtime.clock import SystemClock

_LINE_S: Final = 5.0


class Progress:
    """How far a piece of work is."""

    def __init__(self, output: Output, title: str, *, unit: str = "frames") -> None:
        self._output = output
        self._title = title
        self._bytes = unit == "bytes"
        self._unit = unit
        self._clock = SystemClock()
        self._started = self._clock.mono()
        self._said = self._started
        self._bar: RichProgress | None = None
        if output.is_terminal:
            amount: list[ProgressColumn] = (
                [DownloadColumn(), TransferSpeedColumn()] if self._bytes else [MofNCompleteColumn()]
            )
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                *amount,
                TimeRemainingColumn(),
                console=output.progress_console,
                transient=True,
            )
            self._task = self._bar.add_task(title, total=None)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def set(self, done: int, total: int) -> None:
        """Say how much is done, and how much there is in all."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)
            return
        now = self._clock.mono()
        if now - self._said < _LINE_S:
            return
        self._said = now
        rate = done / (now - self._started)
        left = (total - done) / rate if rate else 0.0
        amount = size(done) if self._bytes else f"{done} {self._unit}"
        share = 100 * done / total if total else 100.0
        self._output.note(f"{self._title}: {amount}, {share:.0f} %, {left:.0f} s left")

    def grow(self, done: int, aside: str) -> None:
        """Say how much is done of what nobody knows the end of.

        Args:
            done: How much.
            aside: What else there is to say, in a few words.
        """
        now = self._clock.mono()
        rate = done / max(now - self._started, 1e-9)
        words = f"{done} {self._unit}, {aside}, {rate:.0f} {self._unit}/s"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=f"{self._title}: {words}")
            return
        if now - self._said >= _LINE_S:
            self._said = now
            self._output.note(f"{self._title}: {words}")
