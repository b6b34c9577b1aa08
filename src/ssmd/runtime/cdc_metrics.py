"""Metrics of change capture; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime.meters import LEDGER as PER_FEED
from ssmd.runtime.meters import counter, gauge, histogram

OPERATIONS: Final = (
    "insert",
    "update",
    "delete",
    "truncate",
    "snapshot",
    "begin",
    "end",
    "idle",
)
"""What a frame tells of: the last token of its subject."""
TABLES: Final = (
    *("series", "event", "instrument", "alias", "fee", "activity", "link"),
    *("series_version", "event_version", "instrument_version", "alias_version"),
    *("fee_version", "activity_version", "link_version"),
    *("_snapshot", "_position", "other"),
)
"""What a frame tells of: a table, its history, our own place; `other` is a table we do not know."""
REASONS: Final = (
    "first",
    "stream_lost",
    "slot_missing",
    "slot_lost",
    "other_system",
    "other_generation",
    "interrupted",
    "went_back",
    "hole",
)
"""Why a snapshot was begun."""

FRAMES: Final = counter(
    "ssmd_cdc_frames_total",
    "Frames of the security master's changes given to the bus.",
    PER_FEED,
    more="op",
    values=OPERATIONS,
)
EVENTS: Final = counter(
    "ssmd_cdc_events_published_total",
    "Frames that the bus confirmed, by the table they tell of.",
    PER_FEED,
    more="table",
    values=TABLES,
)
UNCONFIRMED: Final = counter(
    "ssmd_cdc_publish_errors_total",
    "Frames given to the bus and not confirmed when the publisher had to begin again.",
    PER_FEED,
    more="table",
    values=TABLES,
)
LAST_PUBLISH: Final = gauge(
    "ssmd_cdc_last_publish_timestamp",
    "When the bus last confirmed a frame, Unix seconds.",
    PER_FEED,
)
TRANSACTIONS: Final = counter(
    "ssmd_cdc_transactions_total", "Committed transactions published whole.", PER_FEED
)
SKIPPED: Final = counter(
    "ssmd_cdc_events_skipped_total",
    "Changes told again by the database that the stream held.",
    PER_FEED,
)
SNAPSHOTS: Final = counter(
    "ssmd_cdc_snapshots_total",
    "Snapshots begun: a new generation each.",
    PER_FEED,
    more="reason",
    values=REASONS,
)
LIVES: Final = counter(
    "ssmd_cdc_restarts_total", "Times the publisher began again after it lost something.", PER_FEED
)
ACTIVE: Final = gauge(
    "ssmd_cdc_active", "1 while this process publishes; 0 while it waits or stands by.", PER_FEED
)
GENERATION: Final = gauge("ssmd_cdc_generation", "The generation it publishes.", PER_FEED)
OUTSTANDING: Final = gauge("ssmd_cdc_outstanding", "Messages the bus has not confirmed.", PER_FEED)
DELAY: Final = histogram(
    "ssmd_cdc_delay_seconds", "From a transaction's commit until the bus has all of it.", PER_FEED
)
LAG_BYTES: Final = gauge(
    "ssmd_cdc_slot_behind_bytes", "Log the database keeps for the slot.", PER_FEED
)
LAG_SECONDS: Final = gauge(
    "ssmd_cdc_lag_seconds",
    "How long ago everything committed was last known to be on the bus; 0 when it is.",
    PER_FEED,
)
SAFE_BYTES: Final = gauge(
    "ssmd_cdc_slot_safe_bytes",
    "Log the database may still write before the slot is lost; -1 when there is no limit.",
    PER_FEED,
)
