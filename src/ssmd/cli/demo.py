"""`ssmd demo`: the whole pipeline on this machine, with faults, and the proof at the end."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.archive.ledger.absences import Absence, absences
from ssmd.archive.verify import Report, verify
from ssmd.cli import conservation
from ssmd.cli.conservation import Counts
from ssmd.cli.options import FiniteRange, check_bus, make_directory
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.cli.performance import Performance
from ssmd.cli.progress import Progress
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.quality.finding import Report as Quality
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock
from ssmd.sim.oracle import Conservation

_RATE: Final = 1500.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo showed.

    Attributes:
        conservation: The table.
        directory: Where the archive lies.
        frames_per_second: Frames archived, per second from the first to the last.
        faults: What was injected.
        segments: Sealed segments.
        open_segments: Segments that should be sealed and are not.
        bytes: Their size.
        problems: Everything that is not as it was promised.
        missing: Troubles of instruments in the ledger: outages, gaps, holes, losses.
        example: One of them, as `ssmd why` is asked about it; empty when nothing is missing.
        quality: How good the recording is, as `ssmd dq daily` sees it by the files alone.
    """

    conservation: Counts
    directory: str
    frames_per_second: float
    faults: Sequence[str]
    segments: int
    open_segments: int
    bytes: int
    problems: Sequence[str]
    missing: int
    example: str
    quality: Quality


@click.command(
    epilog=examples(
        ("ssmd demo", "half a minute, then the proof"),
        ("ssmd demo --seconds 10 --dir /tmp/demo", "shorter, and where you say"),
        ("ssmd demo --json | tail -1", "the proof for a program"),
    )
)
@click.option(
    "--seconds",
    type=FiniteRange(3, 3600),
    default=30.0,
    show_default=True,
    help="How long traffic flows.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to record; new or empty. Default: a temporary directory.",
)
@click.option("--rate", type=FiniteRange(1), default=_RATE, show_default=True, help="Frames/s.")
@click.option("--seed", type=int, default=0, show_default=True)
@output_options
@click.pass_context
def demo(
    ctx: click.Context,
    seconds: float,
    directory: Path | None,
    rate: float,
    seed: int,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Record simulated venues on this machine while things break, and prove that nothing is lost.

    Needs no network and no keys: simulator, connector, nats-server and archiver run as processes
    of their own; a connection is lost, the connector and the archiver are killed.
    """
    output = Output(json=as_json, quiet=quiet)
    check_bus(None)
    root = _directory(directory)
    feeds = [feed for name in registry.names() if _is_simulated(feed := registry.load_feed(name))]
    output.note(f"Recording {', '.join(feed.name for feed in feeds)} into {root}.")
    try:
        result = loop.run(_perform(output, root, feeds, seconds=seconds, rate=rate, seed=seed))
    except KeyboardInterrupt:
        output.note(f"Stopped before the proof. Delete what was recorded: rm -r {root}")
        raise
    _show(output, result)
    output.result(result)
    ctx.exit(0 if result.conservation.ok else 1)


def _directory(wanted: Path | None) -> Path:
    """A place that holds nothing yet."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="ssmd-demo-"))
    if any(make_directory(wanted).iterdir()):
        message = f"{wanted} is not empty."
        raise ConfigError(message, remedy="Name a new directory, or delete what is there.")
    return wanted


def _is_simulated(feed: FeedConfig) -> bool:
    return venues.load(feed.venue).simulated is not None


async def _perform(
    output: Output,
    root: Path,
    feeds: Sequence[FeedConfig],
    *,
    seconds: float,
    rate: float,
    seed: int,
) -> Result:
    """Run it, then count every rung."""
    clock = SystemClock()
    machine = MachineConfig(
        dir=str(root),
        environment="demo",
        feeds=tuple(FeedChoice(feed=feed.name) for feed in feeds),
    )
    stage = Stage(machine, feeds, clock=clock, rate=rate, seed=seed)
    performance = Performance(stage, clock, output, seconds)
    names = [feed.name for feed in feeds]
    try:
        await performance.run()
        on_bus = await conservation.published(stage.pipeline.bus, clock, stage.pipeline.streams)
    finally:
        await stage.close()
    with Progress(output, "proving", unit="bytes") as progress:
        report = verify(root, progress.set)
    verdicts = conservation.compared(stage.ledgers, root, names)
    found = conservation.counts(
        verdicts, report, on_bus=on_bus, in_spool=conservation.spooled(root, names)
    )
    missing = [each for name in names for each in absences(store.load(root, name))]
    from ssmd.cli import verdict  # noqa: PLC0415 - what judges loads much, and is needed last

    return Result(
        conservation=found,
        directory=str(root),
        frames_per_second=_rate(report),
        faults=performance.injected,
        segments=report.segments,
        open_segments=len(report.open_segments),
        bytes=report.bytes_proved,
        problems=_problems(report, verdicts),
        missing=len(missing),
        example=_example(missing),
        quality=await verdict.of_recording(root, feeds, clock),
    )


def _example(missing: Sequence[Absence]) -> str:
    """The longest outage of a named instrument, and a moment in the middle of it."""
    over = [
        (each.until - each.since, each.instrument, each.since)
        for each in missing
        if each.instrument is not None and each.until is not None
    ]
    if not over:
        return ""
    lasting, instrument, since = max(over)
    return f"{instrument} {format_rfc3339(since + lasting // 2)}"


def _rate(report: Report) -> float:
    """Frames per second from the first frame archived to the last."""
    first = min((c.first_ts for c in report.connections if c.first_ts is not None), default=0)
    last = max((c.last_ts for c in report.connections if c.last_ts is not None), default=0)
    return round(report.frames * SECOND_NS / (last - first), 1) if last > first else 0.0


def _problems(report: Report, verdicts: Sequence[Conservation]) -> list[str]:
    return [str(problem) for problem in report.problems] + [
        problem for verdict in verdicts for problem in verdict.problems
    ]


def _show(output: Output, result: Result) -> None:
    """The proof for a person, and where to go from here."""
    from ssmd.cli import verdict  # noqa: PLC0415 - as above

    conservation.show(output, result.conservation)
    root = result.directory
    output.lines(
        f"{result.frames_per_second:.0f} frames/s over {len(result.faults)} faults:"
        f" {', '.join(result.faults)}.",
        *(f"PROBLEM: {problem}" for problem in result.problems),
        "OK: every received frame is archived once or declared; every emitted frame is archived"
        " or inside a declared outage."
        if result.conservation.ok
        else "FAILED: the rungs do not agree; the logs lie in "
        f"{layout.run_folder(Path(root)) / 'logs'}.",
        "",
    )
    verdict.show(output, result.quality)
    output.lines(
        "A minute in which a connection was lost is not covered: hence `coverage` and `gaps`.",
        "",
        f"{result.segments} sealed segments, {size(result.bytes)}, under {root}",
        f"Delete all of it: rm -r {root}",
        "",
        "Next:",
        f"  ssmd gaps {root}       what is missing, when and why ({result.missing} entries)",
        *([f"  ssmd why {result.example} {root}"] if result.example else []),
        f"  ssmd verify {root}     prove it again, from the files alone",
        f"  ssmd data ls {root}    what was recorded",
        f"  ssmd api run --dir {root} --no-keys    the same on a page, and over HTTP",
        f"  ssmd dq daily {root} --date today --prometheus none    how good it is, and why",
        "  ssmd up --help         record the real thing",
    )
