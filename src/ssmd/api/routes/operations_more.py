"""Whether it records: told as it changes; what lies in the archive, and what is on the bus."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi.responses import StreamingResponse
from pydantic import Field

from ssmd.api.callers import Caller, ForQuality
from ssmd.api.context import Context, Reached
from ssmd.api.lookout import folding, sizes, telemetry
from ssmd.api.lookout.shown import Overview, overview
from ssmd.api.lookout.watching import Lookout, lookout
from ssmd.api.problems import NotThere, Refused
from ssmd.api.routing import router as routed
from ssmd.api.wire import Time, Wire
from ssmd.archive import layout
from ssmd.bus.listed import listed
from ssmd.model.errors import SsmdError

router = routed("operations")
_MOST: Final = 200
_LONGEST_S: Final = 5.0
_CONNECT_S: Final = 3.0


class Watchers:
    """How many pages are told of every change."""

    def __init__(self, _context: Context) -> None:
        self.count = 0


class UploadState(Wire):
    """What of a feed is in far stores."""

    files: int = Field(description="Files that are proved to be there.")
    waiting: int | None = Field(description="Files that are not there yet; null unknown.")
    failed: int | None = Field(description="Attempts that failed; null unknown.")


class FeedArchive(Wire):
    """What lies there of a feed."""

    feed: str = Field(description="Its name.")
    days: int = Field(description="Days of which something was recorded.")
    raw_bytes: int = Field(description="Size of the segments.")
    table_bytes: int = Field(description="Size of the typed tables.")
    ledger_bytes: int = Field(description="Size of the ledger.")
    segments: int = Field(description="Sealed segments.")
    open: int = Field(description="Segments that are being written.")
    manifests: int = Field(description="Proofs.")
    files: int = Field(description="All files of it.")
    uploaded: UploadState | None = Field(description="In far stores; null without any.")
    first: Time | None = Field(description="When the first segment began.")
    last: Time | None = Field(description="When the last one began.")


class ArchiveState(Wire):
    """What lies in the archive."""

    bytes: int = Field(description="Size of it all.")
    files: int = Field(description="How many files.")
    feeds: list[FeedArchive] = Field(description="By feed.")


class ConsumerState(Wire):
    """Who reads a stream."""

    name: str = Field(description="Its name.")
    acknowledged: int = Field(description="Up to which sequence it has everything.")
    lag: int = Field(description="Messages it has not acknowledged.")


class StreamState(Wire):
    """A stream of the bus."""

    name: str = Field(description="Its name.")
    feed: str | None = Field(description="Whose; null when its subjects do not tell.")
    messages: int = Field(description="How many it holds.")
    bytes: int = Field(description="Their size.")
    first: int = Field(description="Sequence of the first.")
    last: int = Field(description="Sequence of the last it ever held.")
    last_at: Time | None = Field(description="When that came.")
    consumers: list[ConsumerState] = Field(description="Who reads it.")


class StreamStates(Wire):
    """What is on the bus."""

    streams: list[StreamState] | None = Field(description="By name; null when nobody can say.")
    reason: str | None = Field(description="Why nobody can say; else null.")


@router.get("/v1/operations/watch", summary="Told as it changes", response_class=StreamingResponse)
async def watch(context: Reached, caller: ForQuality) -> StreamingResponse:
    """Server-sent events: `status` with the overview at every change, `closed` at the end."""
    found = lookout(context)
    await found.ready()
    watchers = context.the(Watchers, Watchers)
    if watchers.count >= _MOST:
        raise Refused(
            503, "busy", "Too many pages watch.", "Come back in a moment.", {"Retry-After": "5"}
        )
    return StreamingResponse(
        _events(context, found, caller, watchers),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


@router.get("/v1/operations/archive", summary="What lies in the archive")
async def archive(context: Reached, caller: ForQuality) -> ArchiveState:
    """Sizes and counts by feed, from the files' names; what is in far stores, as it was proved."""
    if not (context.root / layout.RAW).is_dir():
        raise NotThere("Nothing was recorded here yet.", remedy="Record something: `ssmd up`.")
    found = lookout(context)
    await found.ready()
    held = await found.apart.ask(folding.Held(root=str(context.root)), list[sizes.FeedHeld])
    shown = [
        _archive(found, each) for each in held if caller.feeds is None or each.feed in caller.feeds
    ]
    return ArchiveState(
        bytes=sum(each.raw_bytes + each.table_bytes + each.ledger_bytes for each in shown),
        files=sum(each.files for each in shown),
        feeds=shown,
    )


@router.get("/v1/operations/streams", summary="What is on the bus")
async def streams(context: Reached, caller: ForQuality) -> StreamStates:
    """Every stream and who reads it; a bus that is away is told as the reason."""
    if context.bus is None:
        return StreamStates(streams=None, reason="No bus is configured.")
    try:
        found = await listed(context.bus, context.clock, timeout_s=_CONNECT_S)
    except SsmdError as error:
        return StreamStates(streams=None, reason=error.message)
    shown = [
        StreamState(
            name=each.name,
            feed=_feed(each.subjects, context.environment),
            messages=each.state.messages,
            bytes=each.state.bytes,
            first=each.state.first,
            last=each.state.last,
            last_at=each.state.last_ts,
            consumers=[
                ConsumerState(name=one.name, acknowledged=one.acknowledged, lag=one.lag)
                for one in each.consumers
            ],
        )
        for each in found
    ]
    seen = [each for each in shown if caller.feeds is None or each.feed in caller.feeds]
    return StreamStates(streams=seen, reason=None)


async def _events(
    context: Context, found: Lookout, caller: Caller, watchers: Watchers
) -> AsyncIterator[bytes]:
    watchers.count += 1
    telemetry.watchers(watchers.count)
    version = -1
    try:
        while not context.ending.is_set() and await context.doorkeeper.still(caller):
            version = found.version
            shown: Overview = overview(found, caller, context.clock.wall())
            yield b"event: status\ndata: " + shown.model_dump_json().encode() + b"\n\n"
            await _next(context, found, version)
        reason = b"ending" if context.ending.is_set() else b"key"
        yield b'event: closed\ndata: {"reason":"' + reason + b'"}\n\n'
    finally:
        watchers.count -= 1
        telemetry.watchers(watchers.count)


async def _next(context: Context, found: Lookout, version: int) -> None:
    """Wait for the next look, the end, or long enough."""
    waits = [
        asyncio.create_task(found.changed(version)),
        asyncio.create_task(context.ending.wait()),
    ]
    try:
        await asyncio.wait(waits, timeout=_LONGEST_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


def _archive(found: Lookout, held: sizes.FeedHeld) -> FeedArchive:
    told = [
        each.samples
        for each in found.memory.services()
        if each.samples is not None and each.samples.has("ssmd_archive_upload_waiting")
    ]

    def total(name: str) -> int | None:
        return int(sum(each.total(name, feed=held.feed) for each in told)) if told else None

    return FeedArchive(
        feed=held.feed,
        days=held.days,
        raw_bytes=held.raw_bytes,
        table_bytes=held.table_bytes,
        ledger_bytes=held.ledger_bytes,
        segments=held.segments,
        open=held.open,
        manifests=held.manifests,
        files=held.files,
        uploaded=None
        if held.uploaded is None
        else UploadState(
            files=held.uploaded.files,
            waiting=total("ssmd_archive_upload_waiting"),
            failed=total("ssmd_archive_upload_failures_total"),
        ),
        first=held.first,
        last=held.last,
    )


def _feed(subjects: tuple[str, ...], environment: str) -> str | None:
    """Whose stream it is, by its subjects `{environment}.{feed}...`."""
    found = {
        words[1]
        for each in subjects
        if len(words := each.split(".")) > 1 and words[0] == environment and words[1] not in "*>"
    }
    return found.pop() if len(found) == 1 else None
