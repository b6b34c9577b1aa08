"""`ssmd replay`: a recorded range, served as the venue's own WebSocket."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from ssmd.cli.moments import MomentType, lasting
from ssmd.cli.options import FiniteRange, directory_option
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.feeds import registry
from ssmd.model.errors import ConfigError
from ssmd.runtime import loop
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.tasks import Stop
from ssmd.sim.replay import survey
from ssmd.sim.replay.control import Control
from ssmd.sim.replay.pace import Pace, Speed
from ssmd.sim.replay.replay import Audience, Outcome, Replay
from ssmd.sim.replay.station import Station

_FEED, _OTHER = registry.names()[:2]
_FROM, _TO = "2026-11-23T12:00", "2026-11-23T13:00"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class SpeedType(click.ParamType[Speed]):
    """How fast: a number, `max` or `step`."""

    name = "speed"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Speed:
        """Read it; anything else is refused."""
        if value == "max" or value == "step":  # noqa: PLR1714 - mypy narrows this way
            return value
        try:
            return FiniteRange(min=0, min_open=True).convert(float(str(value)), param, ctx)
        except ValueError:
            self.fail(f"{value!r} is no speed. Write 1, another number, `max` or `step`.")


@click.command(
    epilog=examples(
        (f"ssmd replay --feed {_FEED} --port 9100", "all of it, as it was, to whoever subscribes"),
        (
            f"ssmd replay --feed {_FEED} --from {_FROM} --to {_TO} --speed 10",
            "an hour in six minutes",
        ),
        (f"ssmd replay --feed {_FEED} --feed {_OTHER} --speed max", "two, merged by receipt"),
        (f"ssmd replay --feed {_FEED} --speed step", "one message for every line on stdin"),
    )
)
@click.option(
    "--feed", "feeds", multiple=True, required=True, help="May be repeated: one port each."
)
@click.option("--from", "since", type=MomentType(), help="From when on. Default: the beginning.")
@click.option("--to", "until", type=MomentType(), help="Before when. Default: what is there now.")
@click.option(
    "--speed",
    type=SpeedType(),
    default="1",
    show_default=True,
    metavar="N|max|step",
    help="Recorded seconds per second; as fast as clients read; or one message at a time.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Of the first feed; the next has the next. 0 takes free ones.",
)
@click.option(
    "--control",
    "control_port",
    type=click.IntRange(0, 65535),
    help="Listen for `POST /step?count=N` and `GET /` there; 0 takes a free one.",
)
@click.option(
    "--clients",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Begin when so many are subscribed.",
)
@click.option(
    "--settle",
    "settle_s",
    type=FiniteRange(0),
    default=1.0,
    show_default=True,
    help="And have asked for nothing more for so many seconds.",
)
@directory_option
@output_options
def replay(
    feeds: Sequence[str],
    since: int | None,
    until: int | None,
    speed: Speed,
    host: str,
    port: int,
    control_port: int | None,
    clients: int,
    settle_s: float,
    directory: Path,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Serve what was recorded as the venue's own WebSocket: same bytes, same order, same spacing.

    It begins when a client has subscribed, and ends with the recording or with Ctrl-C. A client
    is sent what it subscribed to; a book begins with its recorded snapshot, from before the range
    if need be. REST is not served, and no account is asked for.
    """
    if since is not None and until is not None and since >= until:
        message = "The range is empty: --from is not before --to."
        raise ConfigError(message, remedy="Give an earlier --from or a later --to.")
    if len(set(feeds)) < len(feeds):
        raise ConfigError("A feed is named twice.", remedy="Name each once.")
    output = Output(json=as_json, quiet=quiet)
    clock = SystemClock()
    with Progress(output, "looking through the range", unit="slots") as looking:
        known = [survey.survey(directory, feed, since, until, looking.set) for feed in feeds]
    stations = [Station(directory, each, clock) for each in known]
    ports = [port + number if port else 0 for number in range(len(stations))]
    audience = Audience(clients=clients, settle_s=settle_s)
    outcome = loop.run(_serve(output, stations, ports, host, control_port, speed, audience, clock))
    _show(output, outcome)
    output.result(outcome)


async def _serve(
    output: Output,
    stations: Sequence[Station],
    ports: Sequence[int],
    host: str,
    control_port: int | None,
    speed: Speed,
    audience: Audience,
    clock: Clock,
) -> Outcome:
    pace, stop = Pace(speed, clock), Stop()
    with Progress(output, "replaying", unit="messages") as progress, _until_signalled(stop):
        replay_ = Replay(stations, pace, clock, audience=audience, progress=progress.set)
        control = Control(replay_, pace)
        try:
            for station, port in zip(stations, ports, strict=True):
                await station.start(host, port)
                output.note(f"{station.feed}: {station.url} ({station.known.frames} messages)")
            if control_port is not None:
                output.note(f"control: {await control.start(host, control_port)}")
            output.note("Waiting for a client to subscribe; Ctrl-C ends.")
            with _stepped(pace):
                return await replay_.run(stop)
        finally:
            await control.stop()
            for station in stations:
                await station.stop()


@contextlib.contextmanager
def _until_signalled(stop: Stop) -> Iterator[None]:
    """Let the first signal ask for an end; a second one ends at once."""
    running = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        for each in _SIGNALS:
            running.remove_signal_handler(each)
        stop.request(number.name)

    for number in _SIGNALS:
        running.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            running.remove_signal_handler(number)


@contextlib.contextmanager
def _stepped(pace: Pace) -> Iterator[None]:
    """Let every line of standard input be a step, as long as there are any."""
    if pace.speed != "step" or sys.stdin is None or sys.stdin.closed:
        yield
        return
    running, source = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        text = os.read(source, 4096)
        if not text:
            running.remove_reader(source)
        else:
            pace.step(text.count(b"\n"))

    try:
        running.add_reader(source, read)
    except OSError:  # a plain file cannot be waited for: all its lines are there
        pace.step(sum(1 for _ in sys.stdin))
        yield
        return
    try:
        yield
    finally:
        running.remove_reader(source)


def _show(output: Output, outcome: Outcome) -> None:
    for told in outcome.feeds:
        output.lines(
            f"{told.feed}: {told.served} of {told.frames} messages of {told.connections}"
            f" connections in {lasting(outcome.took_s)}."
        )
        for visit in told.clients:
            counts = visit.counts
            extra = [
                f"{count} {what}"
                for count, what in (
                    (counts.lead, "older ones to build books from"),
                    (counts.withheld, "left out, told by another connection"),
                    (counts.without_snapshot, "books without a recorded snapshot"),
                )
                if count
            ]
            more = f" ({', '.join(extra)})" if extra else ""
            output.lines(f"  {visit.peer}: {counts.sent} messages{more}")
        output.lines(
            *(
                f"  {count} {what}"
                for count, what in (
                    (told.incomplete, "frames of which a piece is missing"),
                    (told.unread, "pieces nobody understood, left out"),
                    (told.untimed, "frames without a time of receipt, left out"),
                )
                if count
            )
        )
