"""What the running pipeline is doing, read from its services' own metrics."""

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Self

import msgspec
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table

from ssmd.cli.output import Output, size
from ssmd.model.errors import Unavailable
from ssmd.runtime.clock import Clock
from ssmd.runtime.scrape import Samples, complaints_of, scrape

_LINE_S: Final = 2.0
_DIGITS: Final = re.compile(r"\d+")
"""What changes from look to look in a complaint that stays the same."""
_WINDOW_S: Final = 3.0
"""Rates are over this long: services refresh their figures about once a second."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the pipeline; totals since each service last started.

    Attributes:
        mono: When, monotonic seconds.
        frames: Frames received.
        received_bytes: Their size.
        archived: Envelopes committed to the archive.
        lag: Records in the spool that are not archived yet.
        shards: Shards with an open socket.
        planned: Shards planned.
        gaps: Gaps the sessions found.
        lost: Frames declared lost.
        away: Services that did not answer.
        complaints: What the services say they are not ready for, a sentence each.
    """

    mono: float
    frames: int = 0
    received_bytes: int = 0
    archived: int = 0
    lag: int = 0
    shards: int = 0
    planned: int = 0
    gaps: int = 0
    lost: int = 0
    away: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


async def read(addresses: Mapping[str, str], clock: Clock) -> Reading:
    """Look at every service once; one that does not answer is named, not an error."""
    found: list[Samples] = []
    away: list[str] = []
    complaints: list[str] = []
    for name, address in list(addresses.items()):  # a restart changes them meanwhile
        try:
            found.append(await scrape(address))
            complaints += [f"{name}: {reason}" for reason in await complaints_of(address)]
        except Unavailable:
            away.append(name)

    def total(name: str) -> int:
        return int(sum(samples.total(name) for samples in found))

    return Reading(
        mono=clock.mono(),
        frames=total("ssmd_connector_frames_total"),
        received_bytes=total("ssmd_connector_bytes_total"),
        archived=total("ssmd_archiver_messages_total"),
        lag=total("ssmd_spool_records"),
        shards=total("ssmd_connector_websocket_connected"),
        planned=total("ssmd_connector_shards_total"),
        gaps=total("ssmd_connector_gaps_total"),
        lost=total("ssmd_spool_declared_lost_total"),
        away=tuple(away),
        complaints=tuple(complaints),
    )


class Watch:
    """A live view on a terminal, a line every two seconds elsewhere."""

    def __init__(
        self, output: Output, title: Callable[[], str], *, line_s: float = _LINE_S
    ) -> None:
        self._output = output
        self._title = title
        self._line_s = line_s
        self._complaints: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._recent: deque[Reading] = deque()
        self._said: float | None = None
        self._live = (
            Live(console=output.progress_console, refresh_per_second=4, transient=True)
            if output.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, reading: Reading) -> None:
        """Show the newest look."""
        rate = self._rate(reading)
        # What holds for one look only is the ordinary course of a start or a reconnect.
        subjects = {_DIGITS.sub("#", complaint): complaint for complaint in reading.complaints}
        for subject, complaint in subjects.items():
            if subject in self._complaints and subject not in self._told:
                self._output.note(complaint)
                self._told.add(subject)
        self._told &= subjects.keys()
        self._complaints = frozenset(subjects)
        if self._live is not None:
            self._live.update(_table(self._title(), reading, rate))
        elif self._said is None or reading.mono - self._said >= self._line_s:
            self._said = reading.mono
            self._output.note(
                f"{self._title()}: {reading.frames} frames, {rate:.0f}/s, lag {reading.lag},"
                f" shards {reading.shards}/{reading.planned}, gaps {reading.gaps},"
                f" lost {reading.lost}{_away(reading)}"
            )

    def _rate(self, now: Reading) -> float:
        """Frames per second lately; a restarted service counts from 0 again."""
        if self._recent and now.frames < self._recent[-1].frames:
            self._recent.clear()
        self._recent.append(now)
        while now.mono - self._recent[0].mono > _WINDOW_S:
            self._recent.popleft()
        spent = now.mono - self._recent[0].mono
        return (now.frames - self._recent[0].frames) / spent if spent else 0.0


def _away(reading: Reading) -> str:
    return f", down: {', '.join(reading.away)}" if reading.away else ""


def _table(title: str, reading: Reading, rate: float) -> RenderableType:
    table = Table(title=title, title_justify="left", show_header=False)
    for label, value in (
        ("frames received", f"{reading.frames} ({rate:.0f}/s, {size(reading.received_bytes)})"),
        ("archived", f"{reading.archived} envelopes"),
        ("lag", f"{reading.lag} records spooled and not archived yet"),
        ("shards", f"{reading.shards} of {reading.planned} connected"),
        ("gaps / lost", f"{reading.gaps} / {reading.lost}"),
        ("down", ", ".join(reading.away) or "-"),
    ):
        table.add_row(label, value)
    return table
