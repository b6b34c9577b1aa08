"""`ssmd up`: the whole pipeline on this machine, against the real venues."""

import asyncio
import os
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.archive import layout
from ssmd.archive.claim import Claim, Owner
from ssmd.cli import conservation
from ssmd.cli.init import DEFAULT_FILE
from ssmd.cli.master import is_kept
from ssmd.cli.options import DEFAULT_DIRECTORY, check_bus, known_feed, make_directory
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.cli.pipeline import API, ARCHIVER, COMPACTOR, Pipeline, recorders_of
from ssmd.cli.watch import Reading, Watch, read
from ssmd.feeds import registry
from ssmd.feeds.account import account_secrets
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.runtime import loop, settings
from ssmd.runtime.clock import Clock, SystemClock, today

_LOOK_S: Final = 0.5
_MEASURE_S: Final = (1.0, 60.0)
"""When the volume of a day is estimated: at once, and again when more is known; in seconds."""
_DAY_S: Final = 86_400
_RATIO: Final = 7.0
"""Raw bytes per stored byte, until the archive's own figure is known: measured on captures."""
_CATCH_UP_S: Final = 60.0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run amounted to.

    Attributes:
        directory: The archive.
        frames: Frames received by this run, from the spools' own files.
        archived: Envelopes archived since the archiver last started.
        behind: Messages left on the bus, to be archived by the next run.
        resume: What to type to go on.
    """

    directory: str
    frames: int
    archived: int
    behind: int
    resume: str


def _named(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Each symbol once; one that names nothing is refused."""
    if not all(value.strip() for value in values):
        message = "A symbol is empty."
        raise click.BadParameter(message, ctx, param)
    return tuple(dict.fromkeys(values))


@click.command(
    epilog=examples(
        ("ssmd up", "what ./ssmd.yaml says, or else every shipped feed"),
        (f"ssmd up --feed {registry.names()[0]} --dir /data", "one feed, into your directory"),
        ("ssmd up --config ssmd.yaml", "see `ssmd init`"),
    )
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The ssmd.yaml; default ./ssmd.yaml when it exists and no --feed is given.",
)
@click.option("--feed", "feeds", multiple=True, help="A feed's name, or its feed.yaml; repeatable.")
@click.option(
    "--symbol",
    "symbols",
    multiple=True,
    callback=_named,
    help="Instead of the feed's own; repeatable.",
)
@click.option(
    "--dir",
    "directory",
    envvar="SSMD_ARCHIVE",
    type=click.Path(file_okay=False),
    help="The archive root; wins over the file's.  [default: data]",
)
@output_options
def up(
    config: Path | None,
    feeds: tuple[str, ...],
    symbols: tuple[str, ...],
    directory: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Record until Ctrl-C: sockets, bus and archive on this machine."""
    output = Output(json=as_json, quiet=quiet)
    machine = _machine(config, feeds, symbols, directory)
    check_bus(machine.nats_url)
    loaded = [_feed(choice) for choice in machine.feeds]
    asked = bool(feeds) or config is not None or DEFAULT_FILE.exists()
    loaded = _admitted(output, machine, loaded, asked=asked)
    with Claim(make_directory(layout.run_folder(Path(machine.dir)))) as claim:
        summary = loop.run(
            _record(output, machine, loaded, claim, _resume(config, feeds, symbols, machine))
        )
    output.lines(
        f"Stopped. {summary.frames} frames received; {summary.archived} envelopes archived since"
        f" the archiver last started, sealed under {summary.directory}"
        + (f"; {summary.behind} still on the bus, archived next time." if summary.behind else "."),
        f"Resume:  {summary.resume}",
        f"Prove:   ssmd verify {summary.directory}",
        f"Read:    ssmd data ls {summary.directory}",
    )
    output.result(summary)


def _machine(
    config: Path | None, feeds: Sequence[str], symbols: tuple[str, ...], directory: str | None
) -> MachineConfig:
    """What this machine is to do, from the file and what the options change."""
    if config is None and not feeds and DEFAULT_FILE.exists():
        config = DEFAULT_FILE
    if config is not None:
        machine = settings.load(config, MachineConfig)
    else:
        names = dict.fromkeys(feeds or registry.names())
        machine = MachineConfig(
            dir=DEFAULT_DIRECTORY, feeds=tuple(FeedChoice(feed=name) for name in names)
        )
    if feeds:
        chosen = tuple(FeedChoice(feed=name) for name in dict.fromkeys(feeds))
        machine = msgspec.structs.replace(machine, feeds=chosen)
    if symbols:
        if len(machine.feeds) != 1:
            message = "--symbol needs exactly one --feed."
            raise ConfigError(message, remedy="Write the symbols of each feed into ssmd.yaml.")
        choice = msgspec.structs.replace(machine.feeds[0], symbols=symbols)
        machine = msgspec.structs.replace(machine, feeds=(choice,))
    return machine if directory is None else msgspec.structs.replace(machine, dir=directory)


def _feed(choice: FeedChoice) -> FeedConfig:
    feed = known_feed(choice.feed)
    return feed if choice.symbols is None else feed.with_symbols(choice.symbols)


def _admitted(
    output: Output, machine: MachineConfig, feeds: Sequence[FeedConfig], *, asked: bool
) -> list[FeedConfig]:
    """The feeds whose venues will let us in; the others are told of, or refused if asked for.

    Raises:
        ConfigError: Somebody asked for a feed and its account is not there, or no feed is left.
    """
    admitted = []
    environment = machine.environment_config()
    for feed in feeds:
        try:
            account_secrets(feed, environment)
        except ConfigError as error:
            if asked:
                raise
            output.note(f"Not recording {feed.name}. {error}")
            continue
        admitted.append(feed)
    if not admitted:
        raise ConfigError("There is no feed to record.", remedy="Name one with --feed.")
    return admitted


def _resume(
    config: Path | None, feeds: Sequence[str], symbols: Sequence[str], machine: MachineConfig
) -> str:
    """What to type to go on where this run stops."""
    words = ["ssmd", "up"]
    if config is not None:
        words += ["--config", str(config)]
    for option, values in (("--feed", feeds), ("--symbol", symbols)):
        words += [word for value in values for word in (option, value)]
    return shlex.join([*words, "--dir", machine.dir])


async def _record(
    output: Output, machine: MachineConfig, feeds: Sequence[FeedConfig], claim: Claim, resume: str
) -> Summary:
    """Start, watch, and drain when asked."""
    clock = SystemClock()
    pipeline = Pipeline(
        machine,
        feeds,
        clock=clock,
        compacts=machine.tables,
        keeps=is_kept(machine, feeds),
        serves=machine.api.enabled,
    )
    stop = asyncio.Event()
    names = [name for feed in feeds for name in recorders_of(feed)]
    before = conservation.spooled(Path(machine.dir), names)
    try:
        await pipeline.start()  # a Ctrl-C before it is up interrupts; the spool keeps
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        claim.tell(Owner(os.getpid(), pipeline.bus.url, pipeline.prefixes))
        _announce(output, pipeline, feeds, clock)
        await _watch(output, pipeline, clock, stop)
        output.note("Stopping: closing connections, publishing and archiving what is under way...")
        summary = await _drain(output, pipeline, clock, machine.dir, resume)
        frames = conservation.spooled(Path(machine.dir), names) - before
        return msgspec.structs.replace(summary, frames=frames)
    finally:
        await pipeline.close()


def _announce(
    output: Output, pipeline: Pipeline, feeds: Sequence[FeedConfig], clock: Clock
) -> None:
    """What is recorded, where, and where to look."""
    day = today(clock)
    for feed in feeds:
        parts = f"by {' and '.join(feed.categories)}, " if feed.categories else ""
        output.lines(
            f"Recording {feed.name}: {parts}{feed.universe.extent},"
            f" {', '.join(feed.universe.channels)}, from {feed.endpoint(day)}"
        )
    if pipeline.trouble:
        output.note(f"No security master is kept. {pipeline.trouble}")
    output.lines(
        f"Archive:  {pipeline.machine.dir}",
        f"Bus:      {pipeline.bus.url}",
        *(
            [f"Listings: of {', '.join(pipeline.master.venues)}; see `ssmd secmaster --help`"]
            if pipeline.master is not None
            else []
        ),
        *(f"Metrics:  {url}/metrics  ({name})" for name, url in pipeline.addresses.items()),
        f"Logs:     {pipeline.run_dir / 'logs'}",
        *([f"Page:     {pipeline.page}"] if pipeline.page else []),
    )


async def _watch(output: Output, pipeline: Pipeline, clock: Clock, stop: asyncio.Event) -> None:
    """Show what happens until asked to stop; restart what dies."""
    guard = asyncio.create_task(
        pipeline.supervise(lambda name, code: output.note(f"{name} ended with {code}; restarting."))
    )
    first: Reading | None = None
    pending = list(_MEASURE_S)
    try:
        with Watch(output, lambda: "recording", line_s=60.0) as watch:
            while True:
                reading = await read(pipeline.addresses, clock)
                watch.show(reading)
                first = first or reading
                if pending and reading.mono - first.mono >= pending[0]:
                    pending.pop(0)
                    output.lines(_estimate(first, reading))
                if guard.done():
                    guard.result()
                if stop.is_set():
                    return
                with_timeout = asyncio.wait_for(stop.wait(), _LOOK_S)
                try:
                    await with_timeout
                except TimeoutError:
                    continue
    finally:
        guard.cancel()
        await asyncio.gather(guard, return_exceptions=True)


def _estimate(first: Reading, reading: Reading) -> str:
    """How much disk a day will take, from what came between two looks."""
    came = reading.received_bytes - first.received_bytes
    if came <= 0:
        return "Volume:   nothing received yet, so no estimate; see `ssmd data ls` later."
    seconds = reading.mono - first.mono
    per_day = came / seconds * _DAY_S / _RATIO
    return f"Volume:   about {size(per_day)} a day on disk, from {seconds:.0f} s."


async def _drain(
    output: Output, pipeline: Pipeline, clock: Clock, directory: str, resume: str
) -> Summary:
    """Close connections, archive what is under way, seal."""
    if pipeline.machine.api.enabled:
        await _end(output, pipeline, API)
    await pipeline.stop(pipeline.connectors)
    for name in () if pipeline.master is None else pipeline.master.names:
        await _end(output, pipeline, name)
    deadline = clock.mono() + _CATCH_UP_S
    try:
        while (behind := await pipeline.behind()) and clock.mono() < deadline:
            await clock.sleep(0.1)
    except Unavailable as error:
        output.note(f"{error.message} What it did not take waits in the spool.")
        behind = 0
    archived = (await read(pipeline.addresses, clock)).archived
    await pipeline.stop([ARCHIVER])
    if pipeline.machine.tables:
        await pipeline.stop([COMPACTOR])
    return Summary(directory=directory, frames=0, archived=archived, behind=behind, resume=resume)


async def _end(output: Output, pipeline: Pipeline, name: str) -> None:
    """End a service on which no recording hangs: how it ended is told, and is no failure."""
    try:
        await pipeline.stop([name])
    except Unavailable as error:  # what the security master did not tell yet the next run tells
        output.note(str(error))
