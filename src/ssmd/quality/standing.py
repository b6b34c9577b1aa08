"""How a directory's recording stands, from the services' own metrics."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import layout
from ssmd.model.errors import Unavailable
from ssmd.runtime.scrape import Samples, complaints_of, scrape
from ssmd.runtime.service import RunFile, read_run_file
from ssmd.secmaster.settings import CDC, SECMASTER

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


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a service says of itself.

    Attributes:
        name: The service.
        feed: What it records; None when it is no connector.
        samples: Its metrics; None when it does not answer.
        reasons: Why it is not ready, or will not be before long.
    """

    name: str
    feed: str | None
    samples: Samples | None
    reasons: tuple[str, ...] = ()


async def look(directory: Path) -> Status:
    """Ask every service that left a run file there."""
    return status_of(directory, await asyncio.gather(*map(_ask, run_files(directory))))


def run_files(directory: Path) -> list[RunFile]:
    """What the services of this machine left there, by name."""
    return [
        told
        for path in sorted(layout.run_folder(directory).glob("*.json"))
        if (told := read_run_file(path)) is not None
    ]


def status_of(directory: Path, services: Iterable[Told]) -> Status:
    """How a directory's recording stands, by what its services say."""
    feeds: list[FeedStatus] = []
    archiver: list[str] = []
    compactor: list[str] = []
    master: dict[str, tuple[str, ...]] = {}
    down: list[str] = []
    for told in services:
        if told.samples is None:
            down.append(told.name)
        elif told.name in (SECMASTER, CDC):
            master[told.name] = told.reasons
        elif told.feed is not None:
            feeds.append(feed_status(told.feed, told.name, told.samples, told.reasons))
        elif told.samples.has("ssmd_archiver_messages_total"):
            archiver += told.reasons
        elif told.samples.has("ssmd_tables_built_total"):
            compactor += told.reasons
    is_recorded = any(each.requested for each in feeds)
    trouble = down or archiver or compactor or any(each.reasons for each in feeds)
    trouble = trouble or any(master.values())
    return Status(
        directory=str(directory),
        ok=is_recorded and not trouble,
        feeds=tuple(feeds),
        archiver=tuple(archiver),
        compactor=tuple(compactor),
        master=master,
        down=tuple(down),
    )


def feed_of(told: RunFile) -> str | None:
    """The feed that a service records; None when it is no connector."""
    feed = told.details.get("feed")
    return feed if isinstance(feed, str) else None


async def _ask(told: RunFile) -> Told:
    feed = feed_of(told)
    try:
        samples = await scrape(told.health)
        reasons = tuple(await complaints_of(told.health))
    except (Unavailable, msgspec.MsgspecError, ValueError):  # a stranger may have its port by now
        return Told(name=told.name, feed=feed, samples=None)
    return Told(name=told.name, feed=feed, samples=samples, reasons=reasons)


def feed_status(feed: str, service: str, samples: Samples, reasons: Iterable[str]) -> FeedStatus:
    """How the recording of a feed stands, by its connector's metrics."""

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
