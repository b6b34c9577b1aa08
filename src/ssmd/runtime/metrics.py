"""Every metric of the house, in one file; rooms touch them only from their `telemetry.py`.

Labels are bounded: `feed`, `category` (empty when the feed is not categorised), `shard` (its
number), `stream`, and words from small fixed sets. Never a symbol, an address or a message.
`touch` and its siblings make every combination exist at zero, because a series that appears with
its first increment hides that increment from every rate.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
"""What `/metrics` shows."""
ProcessCollector(registry=REGISTRY)

END_REASONS: Final = (
    "silence",
    "pong",
    "venue_asked",
    "all_refused",
    "discontinuity",
    "watchdog",
    "send_timeout",
    "oversize",
    "protocol",
    "closed",
    "lost",
    "connect_failed",
    "planned",
    "unwanted",
    "shutdown",
    "task_died",
    "session_failed",
)
"""Why a connection ends."""
LOSS_REASONS: Final = (
    "spool_full",
    "spool_bound",
    "spool_damaged",
    "oversize",
    "publish_refused",
    "bus_loss",
    "protocol",
)
"""Why a received frame could not be kept: `model.records.LossReason`."""
RUNGS: Final = ("received", "written", "spooled", "published", "archived")
"""Rungs of durability a connector can see."""

_SHARD = ("feed", "category", "shard")
_FEED = ("feed", "category")
_STREAM = ("feed", "stream")
_FINE = (1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
_COARSE = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

M = TypeVar("M", Counter, Gauge, Histogram)
_by_labels: dict[tuple[str, ...], list[tuple[Counter | Gauge | Histogram, tuple[str, ...]]]] = {}


def _counter(
    name: str, text: str, labels: tuple[str, ...], *, more: str = "", values: Iterable[str] = ()
) -> Counter:
    names = (*labels, more) if more else labels
    return _known(Counter(name, text, names, registry=REGISTRY), labels, more, values)


def _gauge(
    name: str, text: str, labels: tuple[str, ...], *, more: str = "", values: Iterable[str] = ()
) -> Gauge:
    names = (*labels, more) if more else labels
    return _known(Gauge(name, text, names, registry=REGISTRY), labels, more, values)


def _histogram(
    name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...] = _COARSE
) -> Histogram:
    return _known(Histogram(name, text, labels, buckets=buckets, registry=REGISTRY), labels, "", ())


def _known(metric: M, labels: tuple[str, ...], more: str, values: Iterable[str]) -> M:
    words = tuple(values)
    if labels and bool(more) == bool(words):
        _by_labels.setdefault(labels, []).append((metric, words))
    return metric


def touch(feed: str, category: str | None, shard: int | str) -> None:
    """Make every series of a shard, and of its feed, exist at zero."""
    _touch(_SHARD, (feed, category or "", str(shard)))
    _touch(_FEED, (feed, category or ""))


def touch_types(feed: str, category: str | None, shard: int | str, types: Iterable[str]) -> None:
    """Make the message counter of every type the venue can give exist at zero."""
    for message_type in types:
        MESSAGES.labels(feed, category or "", str(shard), message_type)


def touch_stream(feed: str, stream: str) -> None:
    """Make every series of an archived stream exist at zero."""
    _touch(_STREAM, (feed, stream))


def _touch(labels: tuple[str, ...], values: tuple[str, ...]) -> None:
    for metric, words in _by_labels.get(labels, ()):
        for word in words:
            metric.labels(*values, word)
        if not words:
            metric.labels(*values)


def observe_all(histogram: Histogram, values: Iterable[float]) -> None:
    """Observe many values at once, below zero as zero: an eighth of the cost of one by one.

    Args:
        histogram: One with its labels, if it has any.
        values: In seconds.
    """
    clamped = [max(0.0, value) for value in values]
    bounds = histogram._upper_bounds  # noqa: SLF001 - the library has no call for this
    for at, number in Tally(bisect_left(bounds, value) for value in clamped).items():
        histogram._buckets[at].inc(number)  # noqa: SLF001 - see above
    histogram._sum.inc(sum(clamped))  # noqa: SLF001 - see above


# --- the connector: sockets and sessions

MESSAGES: Final = _counter(
    "ssmd_connector_messages_total",
    "Envelopes made of received frames, by message type.",
    _SHARD,
    more="message_type",
)
FRAMES: Final = _counter(
    "ssmd_connector_frames_total", "Frames given an ordinal at the socket.", _SHARD
)
BYTES: Final = _counter("ssmd_connector_bytes_total", "Payload bytes received.", _SHARD)
LAST_ACTIVITY: Final = _gauge(
    "ssmd_connector_last_activity_timestamp", "When the last frame came, Unix seconds.", _SHARD
)
IDLE: Final = _gauge("ssmd_connector_idle_seconds", "Time since the last frame.", _SHARD)
CONNECTED: Final = _gauge(
    "ssmd_connector_websocket_connected", "1 while the shard's socket is open.", _SHARD
)
SHARDS: Final = _gauge("ssmd_connector_shards_total", "Shards of the feed's plan.", _FEED)
SUBSCRIBED: Final = _gauge(
    "ssmd_connector_markets_subscribed", "Subscriptions the venue acknowledged.", _SHARD
)
RECEIVING: Final = _gauge(
    "ssmd_connector_markets_receiving", "Symbols that sent data on this connection.", _SHARD
)
REFUSED: Final = _gauge(
    "ssmd_connector_markets_refused", "Subscriptions the venue refused.", _SHARD
)
UNSUBSCRIBED: Final = _counter(
    "ssmd_connector_markets_unsubscribed_total", "Subscriptions the venue ended.", _SHARD
)
REQUESTED: Final = _gauge(
    "ssmd_connector_markets_requested", "Subscriptions wanted of the feed.", _FEED
)
OVERFLOW: Final = _gauge(
    "ssmd_connector_markets_overflow", "Wanted subscriptions that found no connection.", _FEED
)
CAPACITY: Final = _gauge(
    "ssmd_connector_shard_capacity", "Subscriptions one shard may hold.", _FEED
)
PARSE_ERRORS: Final = _counter(
    "ssmd_connector_parse_errors_total", "Frames kept unread, their meaning unknown.", _SHARD
)
VENUE_GAPS: Final = _counter(
    "ssmd_connector_gaps_total",
    "Gaps in the venue's own counters or checksums.",
    _SHARD,
    more="kind",
    values=("sequence", "checksum"),
)
RECONNECTS: Final = _counter(
    "ssmd_connector_connections_ended_total",
    "Connections that ended.",
    _SHARD,
    more="reason",
    values=END_REASONS,
)
DOWNTIME: Final = _counter(
    "ssmd_connector_downtime_seconds_total", "Time the shard had no open socket.", _SHARD
)
PONG_AGE: Final = _gauge(
    "ssmd_connector_pong_age_seconds", "Time since the last answer to a keepalive.", _SHARD
)
VENUE_LATENCY: Final = _histogram(
    "ssmd_connector_venue_latency_seconds",
    "From the venue's time of a message to its receipt here; both clocks' errors included.",
    _FEED,
)
FRAME_SECONDS: Final = _histogram(
    "ssmd_connector_ws_process_duration_seconds",
    "From the socket to the written spool, per turn of the loop.",
    _FEED,
    _FINE,
)

# --- the spool

SPOOL_BYTES: Final = _gauge("ssmd_spool_bytes", "Size of the spool on disk.", _FEED)
SPOOL_FILES: Final = _gauge("ssmd_spool_files", "Files of the spool on disk.", _FEED)
SPOOL_UNARCHIVED: Final = _gauge(
    "ssmd_spool_records", "Records in the spool that are not archived yet.", _FEED
)
SPOOL_UNPUBLISHED: Final = _gauge(
    "ssmd_spool_unpublished", "Records in the spool that the bus has not acknowledged.", _FEED
)
SPOOL_AGE: Final = _gauge(
    "ssmd_spool_oldest_age_seconds", "Age of the oldest record that is not archived.", _FEED
)
SPOOL_POSITION: Final = _gauge(
    "ssmd_spool_position",
    "Greatest spool position that reached a rung of durability.",
    _FEED,
    more="rung",
    values=RUNGS,
)
SPOOL_SYNC_SECONDS: Final = _histogram(
    "ssmd_spool_fsync_duration_seconds", "Duration of one group fsync.", _FEED
)
DECLARED_LOST: Final = _counter(
    "ssmd_spool_declared_lost_total",
    "Frames received and declared lost.",
    _FEED,
    more="reason",
    values=LOSS_REASONS,
)
BOUND_DROPPED: Final = _counter(
    "ssmd_spool_bound_dropped_total",
    "Records acknowledged by the bus but not archived that went because the spool was full.",
    _FEED,
)
SPOOL_FULL: Final = _gauge("ssmd_spool_full", "1 while frames cannot be spooled.", _FEED)
DISK_FREE: Final = _gauge("ssmd_spool_disk_free_bytes", "Free space under the spool.", _FEED)
RECOVERED: Final = _counter(
    "ssmd_spool_recovered_total", "Records re-published after a crash.", _FEED
)
TORN_TAILS: Final = _counter(
    "ssmd_spool_torn_tails_total", "Spool files whose torn tail was cut at start.", _FEED
)

# --- the publisher

PUBLISHED: Final = _counter("ssmd_publisher_published_total", "Messages sent to the bus.", _FEED)
ACKNOWLEDGED: Final = _counter(
    "ssmd_publisher_acks_total",
    "Messages the bus acknowledged, the first time or as duplicates.",
    _FEED,
    more="result",
    values=("stored", "duplicate"),
)
PUBLISH_FAILURES: Final = _counter(
    "ssmd_publisher_failures_total",
    "Publishes that were not acknowledged and are tried again.",
    _FEED,
    more="reason",
    values=("timeout", "disconnected", "stream_full", "no_stream", "refused"),
)
SET_ASIDE: Final = _counter(
    "ssmd_publisher_set_aside_total", "Publishes the bus refused for good.", _FEED
)
PUBLISH_SECONDS: Final = _histogram(
    "ssmd_connector_nats_publish_duration_seconds",
    "From handing a message to the bus to its acknowledgement.",
    _FEED,
    _FINE,
)
OUTSTANDING: Final = _gauge(
    "ssmd_publisher_outstanding", "Messages sent and not acknowledged yet.", _FEED
)
WINDOW: Final = _gauge("ssmd_publisher_window", "Most messages allowed outstanding.", _FEED)
BUS_CONNECTED: Final = _gauge("ssmd_publisher_connected", "1 while connected to the bus.", _FEED)
BUS_RECONNECTS: Final = _counter(
    "ssmd_publisher_reconnects_total", "Times the connection to the bus was made again.", _FEED
)

# --- the consumer and the archiver

CONSUMER_LAG: Final = _gauge(
    "ssmd_consumer_lag_messages", "Messages in the stream beyond what was delivered.", _STREAM
)
CONSUMER_ACTIVE: Final = _gauge(
    "ssmd_consumer_active", "1 while this process is the one that consumes; 0 on standby.", _STREAM
)
REDELIVERED: Final = _counter(
    "ssmd_consumer_redelivered_total", "Messages delivered more than once.", _STREAM
)
CONSUMER_REBUILDS: Final = _counter(
    "ssmd_consumer_rebuilds_total",
    "Times the consumer was opened anew.",
    _STREAM,
    more="reason",
    values=("pin_lost", "heartbeats", "errors", "stream_changed", "disconnected"),
)
ACK_FAILURES: Final = _counter(
    "ssmd_consumer_ack_failures_total", "Acknowledgements that were not confirmed.", _STREAM
)
ARCHIVED: Final = _counter(
    "ssmd_archiver_messages_total",
    "Envelopes committed to the archive, by message type.",
    _STREAM,
    more="message_type",
)
ARCHIVED_BYTES: Final = _counter(
    "ssmd_archiver_bytes_total", "Bytes of archive lines before compression.", _STREAM
)
ARCHIVE_WRITTEN: Final = _counter(
    "ssmd_archiver_written_bytes_total", "Compressed bytes written.", _STREAM
)
COMMITS: Final = _counter("ssmd_archiver_commits_total", "Commits made durable.", _STREAM)
COMMIT_SECONDS: Final = _histogram(
    "ssmd_archiver_commit_duration_seconds", "Duration of one commit, fsync included.", _STREAM
)
SEALED: Final = _counter("ssmd_archiver_files_rotated_total", "Segments sealed.", _STREAM)
SEAL_SECONDS: Final = _histogram(
    "ssmd_archiver_seal_duration_seconds", "Duration of sealing one segment.", _STREAM
)
OPEN_SEGMENTS: Final = _gauge("ssmd_archiver_active_streams", "Segments open.", _STREAM)
DUPLICATES: Final = _counter(
    "ssmd_archiver_duplicates_dropped_total", "Messages that were archived already.", _STREAM
)
FOREIGN: Final = _counter(
    "ssmd_archiver_parse_failures_total", "Messages that are not envelopes of ours.", _STREAM
)
HOLES: Final = _counter(
    "ssmd_archiver_gaps_total", "Ordinals missing after the grace period.", _STREAM
)
LAST_MESSAGE: Final = _gauge(
    "ssmd_archiver_last_message_timestamp", "Receipt of the last envelope, Unix seconds.", _STREAM
)
LAST_COMMIT: Final = _gauge(
    "ssmd_archiver_last_commit_timestamp", "When the last commit was made, Unix seconds.", _STREAM
)
LAST_MANIFEST: Final = _gauge(
    "ssmd_archiver_last_manifest_timestamp", "When a manifest was last written.", _STREAM
)
ARCHIVE_DISK_FREE: Final = _gauge(
    "ssmd_archiver_disk_free_bytes", "Free space under the archive.", _STREAM
)

# --- every service

READY: Final = Gauge("ssmd_ready", "1 while the service is ready.", registry=REGISTRY)
BUILD: Final = Gauge("ssmd_build_info", "1, with the version.", ("version",), registry=REGISTRY)
TASK_DEATHS: Final = Counter(
    "ssmd_task_deaths_total", "Supervised tasks that died.", ("task",), registry=REGISTRY
)
TASK_RESTARTS: Final = Counter(
    "ssmd_task_restarts_total", "Supervised tasks started again.", ("task",), registry=REGISTRY
)
INCIDENTS: Final = Counter(
    "ssmd_incidents_total", "Incidents logged, by event.", ("event",), registry=REGISTRY
)
LOG_LINES_DROPPED: Final = Counter(
    "ssmd_log_lines_dropped_total", "Log lines held back by the budget.", registry=REGISTRY
)
