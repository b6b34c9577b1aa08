"""What is worth seeing in the archive: one function per moment, a log line and its metrics."""

from collections.abc import Mapping, Sequence

import structlog

from ssmd.archive.manifest import BusLoss, Manifest
from ssmd.model.timestamp import SECOND_NS, shard_of
from ssmd.runtime import metrics, passage_metrics
from ssmd.runtime.logging import incident

log = structlog.get_logger("ssmd.archive")


def writer_started(
    writer: str, *, connections: int, recovered: int, number: int, sequence: int | None
) -> None:
    """A writer knows where it left off."""
    log.info(
        "archive.writer_started",
        writer=writer,
        connections=connections,
        recovered=recovered,
        number=number,
        sequence=sequence,
    )


def manifest_damaged(name: str, reason: str) -> None:
    """A manifest cannot be read; the segment is read instead."""
    incident("archive.manifest_damaged", name=name, reason=reason)


def segment_recovered(name: str, *, lines: int, cut_bytes: int, damage: str | None) -> None:
    """A segment that a crash left open was cut to what can be read."""
    if damage is None:
        log.warning("archive.segment_recovered", name=name, lines=lines, cut_bytes=cut_bytes)
    else:
        incident(
            "archive.segment_damaged", name=name, lines=lines, cut_bytes=cut_bytes, damage=damage
        )


def segment_sealed(stream: str, manifest: Manifest, *, seconds: float, now: int) -> None:
    """A segment is finished, durable and has its manifest."""
    feed = manifest.feed
    metrics.SEALED.labels(feed, stream).inc()
    metrics.SEAL_SECONDS.labels(feed, stream).observe(seconds)
    metrics.ARCHIVE_WRITTEN.labels(feed, stream).inc(manifest.bytes)
    metrics.ARCHIVED_BYTES.labels(feed, stream).inc(manifest.contents.raw_bytes)
    metrics.LAST_MANIFEST.labels(feed, stream).set(now / SECOND_NS)
    log.info(
        "archive.segment_sealed",
        name=manifest.name,
        lines=manifest.contents.lines,
        bytes=manifest.bytes,
        number=manifest.number,
    )


def committed(
    feed: str, stream: str, types: Mapping[str, int], *, seconds: float, segments: int, now: int
) -> None:
    """Everything appended is durable."""
    for kind, count in types.items():
        metrics.ARCHIVED.labels(feed, stream, kind).inc(count)
    metrics.COMMITS.labels(feed, stream).inc()
    metrics.COMMIT_SECONDS.labels(feed, stream).observe(seconds)
    metrics.OPEN_SEGMENTS.labels(feed, stream).set(segments)
    metrics.LAST_COMMIT.labels(feed, stream).set(now / SECOND_NS)


def archived(feed: str, stream: str, waits: Sequence[int]) -> None:
    """So long ago the envelopes of a commit had been received, ns."""
    histogram = passage_metrics.ARCHIVED_SECONDS.labels(feed, stream)
    metrics.observe_all(histogram, (ns / SECOND_NS for ns in waits))


def invalid(feed: str, stream: str, flaws: Sequence[tuple[str, str]]) -> None:
    """Envelopes were archived that cannot be what they say: their identities, and why."""
    if flaws:
        passage_metrics.INVALID.labels(feed, stream).inc(len(flaws))
        log.error("archive.invalid", feed=feed, stream=stream, number=len(flaws), first=flaws[0])


def conservation(stream: str, differences: Mapping[str, int]) -> None:
    """By feed: frames of connections that are over, received and neither archived nor declared."""
    for feed, difference in differences.items():
        passage_metrics.DIFFERENCE.labels(feed, stream).set(difference)


def duplicates_dropped(feed: str, stream: str, count: int) -> None:
    """Deliveries that were archived already."""
    if count:
        metrics.DUPLICATES.labels(feed, stream).inc(count)


def holes_found(stream: str, connection: str, holes: Sequence[tuple[int, int]]) -> None:
    """A connection ended a while ago, and frames of it are neither here nor declared lost."""
    feed = shard_of(connection).rpartition("-")[0]
    metrics.HOLES.labels(feed, stream).inc(sum(last - first + 1 for first, last in holes))
    incident("archive.holes_found", stream=stream, connection=connection, ordinals=list(holes))


def disk_refused(stream: str, reason: str) -> None:
    """A commit failed; nothing of it was acknowledged."""
    incident("archive.disk_refused", stream=stream, reason=reason)


def bus_lost(loss: BusLoss) -> None:
    """The bus no longer had what we came for; the spool publishes it again."""
    incident(
        "archive.bus_lost",
        stream=loss.stream,
        first=loss.first,
        last=loss.last,
        created=loss.created,
    )


def standby(writer: str, owner: str) -> None:
    """Another process writes here; this one waits for it to end."""
    log.info("archive.standby", writer=writer, owner=owner)


def source_reset(stream: str, reason: str) -> None:
    """What was not committed is dropped and will be delivered again."""
    log.warning("archive.source_reset", stream=stream, reason=reason)


def touch(feed: str, stream: str) -> None:
    """Make every series of a stream exist at zero."""
    metrics.touch_stream(feed, stream)


def delivered(feed: str, stream: str, ts_recv: int | None) -> None:
    """Envelopes came from the bus; the last was received at `ts_recv`, ns."""
    if ts_recv is not None:
        metrics.LAST_MESSAGE.labels(feed, stream).set(ts_recv / SECOND_NS)


def disk_free(feed: str, stream: str, free: int) -> None:
    """How much space is free under the archive, in bytes."""
    metrics.ARCHIVE_DISK_FREE.labels(feed, stream).set(free)


def disk_low(stream: str, free: int) -> None:
    """Free space is below the configured warning, in bytes."""
    log.warning("archive.disk_low", stream=stream, free_bytes=free)


def upkeep_failed(stream: str, reason: str) -> None:
    """A stream could not be checked or purged now; it is tried again."""
    log.warning("archive.upkeep_failed", stream=stream, reason=reason)


def purged(stream: str, sequence: int, count: int) -> None:
    """The bus let go of what is archived and old enough."""
    log.info("archive.purged", stream=stream, sequence=sequence, count=count)


def rewrite_failed(name: str, reason: str) -> None:
    """A quiet feed's segment could not be compressed anew; it is sealed as it is."""
    incident("archive.rewrite_failed", name=name, reason=reason)
