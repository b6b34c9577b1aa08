"""Asks every service how it is: those of this machine, and those that the configuration names."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from ssmd.feeds.api import WatchedService
from ssmd.model.errors import Unavailable
from ssmd.quality.standing import Told, feed_of, run_files
from ssmd.runtime.scrape import complaints_of, scrape

PATIENCE_S: Final = 1.5
"""Longest wait for a service's answer, in seconds."""
_AT_ONCE: Final = 32
"""Services asked at once."""
_CONNECTOR: Final = "ssmd_connector_"
SERIES: Final = frozenset(
    {
        "ssmd_archiver_messages_total",
        "ssmd_tables_built_total",
        "ssmd_archive_upload_waiting",
        "ssmd_archive_upload_failures_total",
        "ssmd_spool_records",
        "ssmd_spool_declared_lost_total",
        "ssmd_clock_source",
        "ssmd_clock_offset_seconds",
        "ssmd_clock_error_seconds",
        "ssmd_universe_snapshots_total",
        "ssmd_universe_restarts_total",
        "ssmd_universe_following",
        "ssmd_universe_given_up",
        *(
            f"{_CONNECTOR}{name}"
            for name in (
                "discovery_rounds_total",
                "universe_excluded",
                "universe_listed",
                "universe_kept",
                "markets_requested",
                "markets_subscribed",
                "markets_receiving",
                "markets_refused",
                "markets_overflow",
                "websocket_connected",
                "shards_total",
                "suspects",
                "idle_seconds",
                "frames_total",
                "gaps_total",
                "shard_reconnects_total",
                "downtime_seconds_total",
            )
        ),
    }
)
"""What is read of a service's metrics: a tenth of them, at a fraction of the cost."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to ask.

    Attributes:
        name: Of the service.
        url: Base address of its health server.
        feed: What it records, when its run file says so.
        pid: Its process, of a service of this machine; None of another's.
    """

    name: str
    url: str
    feed: str | None = None
    pid: int | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a service said, or why it said nothing.

    Attributes:
        service: Who was asked.
        told: What it said; without samples when it did not answer.
        why: Why it did not; empty when it did.
        gone: Whether its process is surely over.
    """

    service: Service
    told: Told
    why: str = ""
    gone: bool = False


def services(root: Path, named: Iterable[WatchedService], *, but: int) -> list[Service]:
    """Who is to be asked: whoever left a run file, and whoever is named; by name.

    Args:
        root: The archive.
        named: Services on other machines.
        but: A process that is passed over: our own.
    """
    found = {
        each.name: Service(name=each.name, url=each.health, feed=feed_of(each), pid=each.pid)
        for each in run_files(root)
        if each.pid != but
    }
    for one in named:
        found.setdefault(one.name, Service(name=one.name, url=one.url.rstrip("/")))
    return [found[name] for name in sorted(found)]


async def ask(asked: Iterable[Service]) -> list[Seen]:
    """Ask them all, several at once; whoever does not answer in time is told of so."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(service: Service) -> Seen:
        async with places:
            return await _ask(service)

    return list(await asyncio.gather(*map(one, asked)))


async def _ask(service: Service) -> Seen:
    try:
        async with asyncio.timeout(PATIENCE_S):
            samples = await scrape(service.url, SERIES)
            reasons = tuple(await complaints_of(service.url))
    except (Unavailable, TimeoutError, msgspec.MsgspecError, ValueError):
        told = Told(name=service.name, feed=service.feed, samples=None)
        gone = service.pid is not None and not _lives(service.pid)
        return Seen(service=service, told=told, why=_why(service, gone=gone), gone=gone)
    feed = service.feed or _recorded(list(samples.by("feed", f"{_CONNECTOR}shards_total")))
    return Seen(
        service=service,
        told=Told(name=service.name, feed=feed, samples=samples, reasons=reasons),
    )


def _recorded(feeds: list[str]) -> str | None:
    """What a service records whose run file is out of reach: a connector records one feed."""
    return feeds[0] if len(feeds) == 1 else None


def _why(service: Service, *, gone: bool) -> str:
    if gone:
        return f"{service.name} is gone: its process {service.pid} ended without a word."
    return f"{service.name} does not answer at {service.url}."


def _lives(pid: int) -> bool:
    """Whether a process is there and not dead, waiting for its parent to hear of it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return True
    return not state or state[0] not in {b"Z", b"X"}
