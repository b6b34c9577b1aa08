"""Every metric of the house, in one file; rooms touch them only from their `telemetry.py`.

Labels are bounded: `feed`, `category` (empty when the feed is not categorised), `shard` (its
number), `stream`, and words from small fixed sets. Never a symbol, an address or a message.
`touch` and its siblings make every combination exist at zero, because a series that appears with
its first increment hides that increment from every rate.
"""

from collections.abc import Iterable
from typing import Final, get_args

from prometheus_client import Counter, Gauge

from ssmd.model.filters import NAMES
from ssmd.model.records import LossReason
from ssmd.runtime import meters, words
from ssmd.runtime.meters import FEED, FINE, LEDGER, SHARD, STREAM, counter, gauge, histogram

REGISTRY: Final = meters.REGISTRY
touch: Final = meters.touch
touch_stream: Final = meters.touch_stream
touch_ledger: Final = meters.touch_ledger
observe_all: Final = meters.observe_all

END_REASONS: Final = words.END_REASONS
LOSS_REASONS: Final[tuple[str, ...]] = get_args(LossReason)
"""Why a received frame could not be kept: `model.records.LossReason`."""
FILTERS: Final = NAMES
"""Filters of a universe: `model.filters.NAMES`."""
REST_RESULTS: Final = ("2xx", "3xx", "4xx", "429", "5xx", "none")
"""How REST requests end: the class of the status; `none` when no whole answer came."""
RUNGS: Final = ("received", "spooled", "published", "archived")
"""Rungs of durability a connector can see: in a file, durable, on the bus, at rest."""


def touch_types(feed: str, category: str | None, shard: int | str, types: Iterable[str]) -> None:
    """Make the message counter of every type the venue can give exist at zero."""
    for message_type in types:
        MESSAGES.labels(feed, category or "", str(shard), message_type)


# --- the connector: sockets and sessions

MESSAGES: Final = counter(
    "ssmd_connector_messages_total",
    "Envelopes made of received frames, by message type.",
    SHARD,
    more="message_type",
)
FRAMES: Final = counter(
    "ssmd_connector_frames_total", "Frames given an ordinal at the socket.", SHARD
)
BYTES: Final = counter("ssmd_connector_bytes_total", "Payload bytes received.", SHARD)
LAST_ACTIVITY: Final = gauge(
    "ssmd_connector_last_activity_timestamp", "When the last frame came, Unix seconds.", SHARD
)
IDLE: Final = gauge("ssmd_connector_idle_seconds", "Time since the last frame.", SHARD)
CONNECTED: Final = gauge(
    "ssmd_connector_websocket_connected", "1 while the shard's socket is open.", SHARD
)
SHARDS: Final = gauge("ssmd_connector_shards_total", "Shards of the feed's plan.", FEED)
SUBSCRIBED: Final = gauge(
    "ssmd_connector_markets_subscribed", "Subscriptions the venue acknowledged.", SHARD
)
RECEIVING: Final = gauge(
    "ssmd_connector_markets_receiving",
    "Acknowledged subscriptions whose symbol sent data on this connection.",
    SHARD,
)
REFUSED: Final = gauge("ssmd_connector_markets_refused", "Subscriptions the venue refused.", SHARD)
UNSUBSCRIBED: Final = counter(
    "ssmd_connector_markets_unsubscribed_total", "Subscriptions the venue ended.", SHARD
)
REQUESTED: Final = gauge(
    "ssmd_connector_markets_requested", "Subscriptions wanted of the feed.", FEED
)
OVERFLOW: Final = gauge(
    "ssmd_connector_markets_overflow", "Wanted subscriptions that found no connection.", FEED
)
RECONCILED: Final = counter(
    "ssmd_connector_markets_asked_again_total",
    "Subscriptions neither acknowledged nor refused in time, and asked for again.",
    SHARD,
)
CAPACITY: Final = gauge("ssmd_connector_shard_capacity", "Subscriptions one shard may hold.", FEED)
PARSE_ERRORS: Final = counter(
    "ssmd_connector_parse_errors_total", "Frames kept unread, their meaning unknown.", SHARD
)
VENUE_GAPS: Final = counter(
    "ssmd_connector_gaps_total",
    "Gaps in the venue's own counters or checksums.",
    SHARD,
    more="kind",
    values=("sequence", "checksum", "sequence_reset"),
)
SUSPECTS: Final = gauge(
    "ssmd_connector_suspects", "Instruments silent beyond their own and their peers' rhythm.", FEED
)
JUDGED: Final = counter(
    "ssmd_connector_judged_total",
    "Silent instruments a witness was asked about, by verdict.",
    FEED,
    more="verdict",
    values=("quiet", "frozen", "unknown"),
)
PAUSED: Final = gauge(
    "ssmd_connector_venue_paused", "1 during a pause of the venue's calendar.", FEED
)
RECONNECTS: Final = counter(
    "ssmd_connector_shard_reconnects_total",
    "Connections that ended, and attempts that failed, by reason; another follows while it runs.",
    SHARD,
    more="reason",
    values=END_REASONS,
)
DOWNTIME: Final = counter(
    "ssmd_connector_downtime_seconds_total", "Time the shard had no open socket.", SHARD
)
PONG_AGE: Final = gauge(
    "ssmd_connector_pong_age_seconds", "Time since the last answer to a keepalive.", SHARD
)
VENUE_LATENCY: Final = histogram(
    "ssmd_connector_venue_latency_seconds",
    "From the venue's time of a message to its receipt here; both clocks' errors included.",
    FEED,
)
FRAME_SECONDS: Final = histogram(
    "ssmd_connector_ws_process_duration_seconds",
    "From the socket to the written spool, per turn of the loop.",
    FEED,
    FINE,
)

# --- the universe, and what is asked over REST

DISCOVERY_ROUNDS: Final = counter(
    "ssmd_connector_discovery_rounds_total",
    "Times the venue was asked what it lists.",
    FEED,
    more="result",
    values=("ok", "failed"),
)
DISCOVERY_AGE: Final = gauge(
    "ssmd_connector_discovery_age_seconds",
    "Time since the last round that succeeded, or since the start before the first.",
    FEED,
)
DISCOVERY_SECONDS: Final = histogram(
    "ssmd_connector_discovery_duration_seconds", "Duration of one round that succeeded.", FEED
)
UNIVERSE_LISTED: Final = gauge(
    "ssmd_connector_universe_listed", "Instruments the venue listed in the last good round.", FEED
)
UNIVERSE_KEPT: Final = gauge(
    "ssmd_connector_universe_kept",
    "Instruments that passed all filters in the last good round.",
    FEED,
)
UNIVERSE_EXCLUDED: Final = gauge(
    "ssmd_connector_universe_excluded",
    "Instruments excluded in the last good round, by the first filter they did not pass.",
    FEED,
    more="reason",
    values=FILTERS,
)
UNIVERSE_REJECTS: Final = gauge(
    "ssmd_connector_universe_unreadable",
    "Entries of the listing that could not be read in the last good round.",
    FEED,
)
REST_REQUESTS: Final = counter(
    "ssmd_connector_rest_requests_total",
    "REST requests, attempts counted one by one, by the class of their status.",
    FEED,
    more="result",
    values=REST_RESULTS,
)
REST_SECONDS: Final = histogram(
    "ssmd_connector_rest_duration_seconds", "From a REST request to its end.", FEED
)
REST_BYTES: Final = counter(
    "ssmd_connector_rest_bytes_total", "Bytes of REST answers' bodies.", FEED
)

# --- what is asked of the past

BACKFILL_PENDING: Final = gauge(
    "ssmd_backfill_pending", "Spans of instruments that wait to be asked for.", FEED
)
BACKFILL_PAGES: Final = counter(
    "ssmd_backfill_pages_total", "Pages of history that settled a span.", FEED
)
BACKFILL_FACTS: Final = counter("ssmd_backfill_facts_total", "Facts in these pages.", FEED)
BACKFILL_GIVEN_UP: Final = counter(
    "ssmd_backfill_failures_total",
    "Spans given up, and left to `ssmd backfill`.",
    FEED,
    more="reason",
    values=words.BACKFILL_FAILURES,
)

# --- the spool

SPOOL_BYTES: Final = gauge("ssmd_spool_bytes", "Size of the spool on disk.", FEED)
SPOOL_FILES: Final = gauge("ssmd_spool_files", "Files of the spool on disk.", FEED)
SPOOL_UNARCHIVED: Final = gauge(
    "ssmd_spool_records", "Records in the spool that are not archived yet.", FEED
)
SPOOL_UNPUBLISHED: Final = gauge(
    "ssmd_spool_unpublished", "Records in the spool that the bus has not acknowledged.", FEED
)
SPOOL_AGE: Final = gauge(
    "ssmd_spool_oldest_age_seconds", "Age of the oldest record that is not archived.", FEED
)
SPOOL_POSITION: Final = gauge(
    "ssmd_spool_position",
    "Everything up to this spool position reached a rung of durability; -1: nothing did.",
    FEED,
    more="rung",
    values=RUNGS,
)
SPOOL_SYNC_SECONDS: Final = histogram(
    "ssmd_spool_fsync_duration_seconds", "Duration of one group fsync.", FEED
)
DECLARED_LOST: Final = counter(
    "ssmd_spool_declared_lost_total",
    "Frames received and declared lost.",
    FEED,
    more="reason",
    values=LOSS_REASONS,
)
BOUND_DROPPED: Final = counter(
    "ssmd_spool_bound_dropped_total",
    "Records acknowledged by the bus but not archived that went because the spool was full.",
    FEED,
)
SPOOL_FULL: Final = gauge("ssmd_spool_full", "1 while frames cannot be spooled.", FEED)
DISK_FREE: Final = gauge("ssmd_spool_disk_free_bytes", "Free space under the spool.", FEED)
RECOVERED: Final = counter(
    "ssmd_spool_recovered_total", "Records re-published after a crash.", FEED
)
TORN_TAILS: Final = counter(
    "ssmd_spool_torn_tails_total", "Spool files whose torn tail was cut at start.", FEED
)

# --- the publisher

PUBLISHED: Final = counter("ssmd_publisher_published_total", "Messages sent to the bus.", FEED)
ACKNOWLEDGED: Final = counter(
    "ssmd_publisher_acks_total",
    "Messages the bus acknowledged, the first time or as duplicates.",
    FEED,
    more="result",
    values=("stored", "duplicate"),
)
PUBLISH_FAILURES: Final = counter(
    "ssmd_publisher_failures_total",
    "Publishes that were not acknowledged and are tried again.",
    FEED,
    more="reason",
    values=("timeout", "disconnected", "stream_full", "no_stream", "refused"),
)
SET_ASIDE: Final = counter(
    "ssmd_publisher_set_aside_total", "Publishes the bus refused for good.", FEED
)
PUBLISH_SECONDS: Final = histogram(
    "ssmd_connector_nats_publish_duration_seconds",
    "From handing a message to the bus to its acknowledgement; one in 32 is timed.",
    FEED,
    FINE,
)
OUTSTANDING: Final = gauge(
    "ssmd_publisher_outstanding", "Messages sent and not acknowledged yet.", FEED
)
WINDOW: Final = gauge("ssmd_publisher_window", "Most messages allowed outstanding.", FEED)
BUS_CONNECTED: Final = gauge("ssmd_publisher_connected", "1 while connected to the bus.", FEED)
BUS_RECONNECTS: Final = counter(
    "ssmd_publisher_reconnects_total", "Times the connection to the bus was made again.", FEED
)

# --- the consumer and the archiver

CONSUMER_LAG: Final = gauge(
    "ssmd_consumer_lag_messages", "Messages in the stream beyond what was delivered.", STREAM
)
CONSUMER_ACTIVE: Final = gauge(
    "ssmd_consumer_active", "1 while this process is the one that consumes; 0 on standby.", STREAM
)
REDELIVERED: Final = counter(
    "ssmd_consumer_redelivered_total", "Messages delivered more than once.", STREAM
)
CONSUMER_REBUILDS: Final = counter(
    "ssmd_consumer_rebuilds_total",
    "Times the consumer was opened anew.",
    STREAM,
    more="reason",
    values=("pin_lost", "heartbeats", "errors", "stream_changed", "disconnected"),
)
ACK_FAILURES: Final = counter(
    "ssmd_consumer_ack_failures_total", "Acknowledgements that were not confirmed.", STREAM
)
ARCHIVED: Final = counter(
    "ssmd_archiver_messages_total",
    "Envelopes committed to the archive, by message type.",
    STREAM,
    more="message_type",
)
ARCHIVED_BYTES: Final = counter(
    "ssmd_archiver_bytes_total", "Bytes of archive lines before compression.", STREAM
)
ARCHIVE_WRITTEN: Final = counter(
    "ssmd_archiver_written_bytes_total", "Compressed bytes written.", STREAM
)
COMMITS: Final = counter("ssmd_archiver_commits_total", "Commits made durable.", STREAM)
COMMIT_SECONDS: Final = histogram(
    "ssmd_archiver_commit_duration_seconds", "Duration of one commit, fsync included.", STREAM
)
SEALED: Final = counter("ssmd_archiver_files_rotated_total", "Segments sealed.", STREAM)
SEAL_SECONDS: Final = histogram(
    "ssmd_archiver_seal_duration_seconds", "Duration of sealing one segment.", STREAM
)
OPEN_SEGMENTS: Final = gauge("ssmd_archiver_active_streams", "Segments open.", STREAM)
DUPLICATES: Final = counter(
    "ssmd_archiver_duplicates_dropped_total", "Messages that were archived already.", STREAM
)
FOREIGN: Final = counter(
    "ssmd_archiver_parse_failures_total", "Messages that are not envelopes of ours.", STREAM
)
HOLES: Final = counter(
    "ssmd_archiver_gaps_total", "Ordinals missing after the grace period.", STREAM
)
LAST_MESSAGE: Final = gauge(
    "ssmd_archiver_last_message_timestamp", "Receipt of the last envelope, Unix seconds.", STREAM
)
LAST_COMMIT: Final = gauge(
    "ssmd_archiver_last_commit_timestamp", "When the last commit was made, Unix seconds.", STREAM
)
LAST_MANIFEST: Final = gauge(
    "ssmd_archiver_last_manifest_timestamp", "When a manifest was last written.", STREAM
)
ARCHIVE_DISK_FREE: Final = gauge(
    "ssmd_archiver_disk_free_bytes", "Free space under the archive.", STREAM
)

# --- the ledger

LEDGER_UPDATED: Final = gauge(
    "ssmd_ledger_last_update_timestamp", "When the ledger was last stored, Unix seconds.", LEDGER
)
LEDGER_SECONDS: Final = histogram(
    "ssmd_ledger_update_duration_seconds", "Duration of one update of the ledger.", LEDGER
)
LEDGER_ENTRIES: Final = gauge(
    "ssmd_ledger_entries",
    "Entries of the newest stored day, by table.",
    LEDGER,
    more="table",
    values=("intent", "coverage", "gaps", "holes", "outages", "losses", "repairs", "activity"),
)
LEDGER_FAILURES: Final = counter(
    "ssmd_ledger_failures_total",
    "Files of the ledger that could not be written; they are made again from raw.",
    LEDGER,
    more="what",
    values=("facts", "update"),
)
LEDGER_FACTS_AGAIN: Final = counter(
    "ssmd_ledger_facts_made_again_total", "Sealed segments read again for their facts.", LEDGER
)

# --- tables

TABLES_BUILT: Final = counter("ssmd_tables_built_total", "Slots whose tables were made.", LEDGER)
TABLES_ROWS: Final = counter(
    "ssmd_tables_rows_total",
    "Rows written, those of them that repeat another, and what gave no row.",
    LEDGER,
    more="kind",
    values=("written", "repeat", "reject"),
)
TABLES_FAILURES: Final = counter("ssmd_tables_failures_total", "Slots that failed.", LEDGER)
TABLES_SECONDS: Final = histogram("ssmd_tables_build_duration_seconds", "Of one slot.", LEDGER)
TABLES_LAG: Final = gauge("ssmd_tables_lag_seconds", "Age of the oldest slot to be made.", LEDGER)

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
