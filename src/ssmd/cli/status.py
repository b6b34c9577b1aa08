"""`ssmd status`: is it recording? In one screen, from the services' own metrics."""

import asyncio
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.archive import layout
from ssmd.cli.master import CDC, SECMASTER
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.errors import Unavailable
from ssmd.runtime import loop
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.scrape import Samples, complaints_of, scrape
from ssmd.runtime.service import RunFile, read_run_file

_LATE_S: Final = 0.1
"""A clock that is surely further off than this is told of, in seconds."""
_CONNECTOR: Final = "ssmd_connector_"
_UNIVERSE: Final = "ssmd_universe_"


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the recording of one feed stands.

    Attributes:
        feed: Its name.
        service: The connector that records it.
        shards: Shards with an open socket.
        planned: Shards planned.
        requested: Subscriptions wanted.
        acknowledged: Subscriptions the venue confirmed on living connections.
        receiving: Of these, how many belong to a symbol that sent data on its connection.
        refused: Subscriptions the venue refused.
        overflow: Wanted subscriptions that no connection may carry.
        waiting: Wanted subscriptions the venue has not answered yet.
        listed: Instruments the venue listed in the last round of discovery; None when the feed
            names its symbols itself.
        kept: How many of them passed all filters.
        excluded: How many each filter kept out.
        follows: Whether it follows the security master; None when its universe is another.
        given_up: Instruments that pass the filters and find no room in `max_instruments`.
        suspects: Instruments silent beyond their rhythm.
        idle_s: Longest time without a frame of any shard, in seconds.
        frames: Frames since the connector last started.
        lag: Records in the spool that are not archived yet.
        gaps: Gaps the sessions found.
        lost: Frames declared lost.
        reconnects: Connections that ended, and attempts that failed.
        down_s: Time its shards had no open socket, those that are over, in seconds.
        clock_offset_s: The right time less ours, in seconds; None while nobody says.
        clock_error_s: By how much that may be wrong, in seconds; None likewise.
        reasons: Why it is not ready, or will not be before long.
    """

    feed: str
    service: str
    shards: int
    planned: int
    requested: int
    acknowledged: int
    receiving: int
    refused: int
    overflow: int
    waiting: int
    listed: int | None
    kept: int | None
    excluded: Mapping[str, int]
    follows: bool | None
    given_up: int
    suspects: int
    idle_s: float
    frames: int
    lag: int
    gaps: int
    lost: int
    reconnects: int
    down_s: float
    clock_offset_s: float | None
    clock_error_s: float | None
    reasons: tuple[str, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a directory's recording stands.

    Attributes:
        directory: The archive.
        ok: Whether everything runs, and says it is ready.
        feeds: What is recorded.
        archiver: Why the archiver is not ready, if it is not.
        compactor: Why the compactor is not ready, if it is not.
        master: Why what keeps the security master is not ready, by service; empty when it is.
        down: Services that should answer and do not.
    """

    directory: str
    ok: bool
    feeds: tuple[FeedStatus, ...]
    archiver: tuple[str, ...]
    compactor: tuple[str, ...]
    master: Mapping[str, tuple[str, ...]]
    down: tuple[str, ...]


@click.command(
    epilog=examples(
        ("ssmd status ./data", "is it recording, and everything that was asked for?"),
        ("ssmd status ./data --json | tail -1", "the same for a program"),
    )
)
@archive_argument
@output_options
@click.pass_context
def status(ctx: click.Context, directory: Path, *, as_json: bool, quiet: bool) -> None:
    """Show whether DIRECTORY is being recorded, and how: exit 0 when all is well, else 1."""
    output = Output(json=as_json, quiet=quiet)
    found = loop.run(look(directory, SystemClock()))
    _show(output, found)
    output.result(found)
    ctx.exit(0 if found.ok else 1)


async def look(directory: Path, clock: Clock) -> Status:
    """Ask every service that left a run file there."""
    run_files = [
        told
        for path in sorted(layout.run_folder(directory).glob("*.json"))
        if (told := read_run_file(path)) is not None
    ]
    feeds: list[FeedStatus] = []
    archiver: list[str] = []
    compactor: list[str] = []
    master: dict[str, tuple[str, ...]] = {}
    down: list[str] = []
    for told, answer in zip(run_files, await asyncio.gather(*map(_ask, run_files)), strict=True):
        if answer is None:
            down.append(told.name)
            continue
        samples, reasons = answer
        if told.name in (SECMASTER, CDC):
            master[told.name] = tuple(reasons)
        elif isinstance(feed := told.details.get("feed"), str):
            feeds.append(_feed(feed, told.name, samples, reasons))
        elif samples.has("ssmd_archiver_messages_total"):
            archiver += reasons
        elif samples.has("ssmd_tables_built_total"):
            compactor += reasons
    is_recorded = any(each.requested for each in feeds)
    trouble = down or archiver or compactor or any(each.reasons for each in feeds)
    trouble = trouble or any(master.values())
    ok = is_recorded and not trouble
    return Status(
        directory=str(directory),
        ok=ok,
        feeds=tuple(feeds),
        archiver=tuple(archiver),
        compactor=tuple(compactor),
        master=master,
        down=tuple(down),
    )


async def _ask(told: RunFile) -> tuple[Samples, list[str]] | None:
    try:
        return await scrape(told.health), await complaints_of(told.health)
    except (Unavailable, msgspec.MsgspecError, ValueError):  # a stranger may have its port by now
        return None


def _feed(feed: str, service: str, samples: Samples, reasons: list[str]) -> FeedStatus:
    def count(name: str) -> int:
        return int(samples.total(name, feed=feed))

    discovers = samples.total(f"{_CONNECTOR}discovery_rounds_total", feed=feed) > 0
    excluded = samples.by("reason", f"{_CONNECTOR}universe_excluded", feed=feed)
    follows = any(
        samples.total(f"{_UNIVERSE}{name}", feed=feed) > 0
        for name in ("snapshots_total", "restarts_total")
    )
    requested = count(f"{_CONNECTOR}markets_requested")
    acknowledged = count(f"{_CONNECTOR}markets_subscribed")
    refused = count(f"{_CONNECTOR}markets_refused")
    overflow = count(f"{_CONNECTOR}markets_overflow")
    return FeedStatus(
        feed=feed,
        service=service,
        shards=count(f"{_CONNECTOR}websocket_connected"),
        planned=count(f"{_CONNECTOR}shards_total"),
        requested=requested,
        acknowledged=acknowledged,
        receiving=count(f"{_CONNECTOR}markets_receiving"),
        refused=refused,
        overflow=overflow,
        waiting=max(0, requested - acknowledged - refused - overflow),
        listed=count(f"{_CONNECTOR}universe_listed") if discovers else None,
        kept=count(f"{_CONNECTOR}universe_kept") if discovers else None,
        excluded={name: int(number) for name, number in excluded.items() if number},
        follows=count(f"{_UNIVERSE}following") > 0 if follows else None,
        given_up=count(f"{_UNIVERSE}given_up"),
        suspects=count(f"{_CONNECTOR}suspects"),
        idle_s=max(samples.by("shard", f"{_CONNECTOR}idle_seconds", feed=feed).values(), default=0),
        frames=count(f"{_CONNECTOR}frames_total"),
        lag=count("ssmd_spool_records"),
        gaps=count(f"{_CONNECTOR}gaps_total"),
        lost=count("ssmd_spool_declared_lost_total"),
        reconnects=count(f"{_CONNECTOR}shard_reconnects_total"),
        down_s=round(samples.total(f"{_CONNECTOR}downtime_seconds_total", feed=feed), 3),
        clock_offset_s=_clock(samples, "ssmd_clock_offset_seconds"),
        clock_error_s=_clock(samples, "ssmd_clock_error_seconds"),
        reasons=tuple(reasons),
    )


def _clock(samples: Samples, name: str) -> float | None:
    """What this service has of the machine's clock, in seconds; None while nobody says."""
    if samples.total("ssmd_clock_source", source="unknown") or not samples.has("ssmd_clock_source"):
        return None
    return samples.total(name)


def _show(output: Output, found: Status) -> None:
    """The screen: narrow enough for 80 columns, with four feeds no longer than 24 lines."""
    start = f"Start it with: ssmd up --dir {shlex.quote(found.directory)}"
    if not found.feeds and not found.down:
        output.lines(f"Nothing is being recorded in {found.directory}. {start}")
        return
    if found.feeds:
        _show_feeds(output, found)
    for each in found.feeds:
        output.lines(*(f"{each.feed}: {sentence}" for sentence in _sentences(each)))
    output.lines(*(f"archiver: {reason}" for reason in found.archiver))
    output.lines(*(f"compactor: {reason}" for reason in found.compactor))
    output.lines(*(f"{name}: {reason}" for name in found.master for reason in found.master[name]))
    output.lines(*(f"DOWN: {name} does not answer.{_log(found, name)}" for name in found.down))
    if not found.feeds:
        output.lines(f"Nothing is being recorded in {found.directory} any more. {start}")
    output.lines("OK" if found.ok else "NOT OK")


def _log(found: Status, name: str) -> str:
    """Where a service of `ssmd up` wrote why it ended."""
    path = layout.run_folder(Path(found.directory)) / "logs" / f"{name}.log"
    return f" Its log: {path}" if path.exists() else ""


def _show_feeds(output: Output, found: Status) -> None:
    """Two tables, a line a feed."""
    output.table(
        f"{found.directory}: subscriptions",
        ("feed", "wanted", "acked", "receiving", "refused", "overflow", "suspects"),
        (
            (
                each.feed,
                str(each.requested),
                str(each.acknowledged),
                str(each.receiving),
                str(each.refused),
                str(each.overflow),
                str(each.suspects),
            )
            for each in found.feeds
        ),
    )
    output.table(
        "traffic since each connector started",
        ("feed", "shards", "idle s", "frames", "to archive", "gaps", "lost", "ended"),
        (
            (
                each.feed,
                f"{each.shards}/{each.planned}",
                f"{each.idle_s:.1f}",
                str(each.frames),
                str(each.lag),
                str(each.gaps),
                str(each.lost),
                str(each.reconnects),
            )
            for each in found.feeds
        ),
    )


def _sentences(feed: FeedStatus) -> Iterator[str]:
    """What the figures of a feed do not say by themselves."""
    if feed.listed is not None:
        kept_out = ", ".join(f"{name} {number}" for name, number in sorted(feed.excluded.items()))
        yield (
            f"{feed.kept} of {feed.listed} listed instruments pass the filters"
            + (f"; kept out by {kept_out}." if kept_out else ".")
        )
    if feed.follows is not None:
        state = "follows" if feed.follows else "has lost, and looks for,"
        yield f"it {state} the security master's changes."
    if abs(feed.clock_offset_s or 0.0) - (feed.clock_error_s or 0.0) > _LATE_S:
        yield f"this machine's clock is {feed.clock_offset_s:+.3f} s from the right time."
    if feed.given_up:
        yield f"{feed.given_up} instruments pass the filters and find no room: `max_instruments`."
    if not feed.requested:
        yield "nothing is wanted at present: it waits for the universe to fill."
    if feed.waiting:
        yield f"{feed.waiting} of {feed.requested} subscriptions wait for the venue's answer."
    yield from feed.reasons
