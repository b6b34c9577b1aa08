"""Metrics of the security master; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime import meters
from ssmd.runtime.meters import counter, gauge, histogram

PER_VENUE: Final = ("venue",)
"""Labels of what there is one of per venue."""
WRITES: Final = ("inserted", "changed", "unchanged", "closed", "reopened", "quarantined")
"""What a round does to instruments."""
KINDS: Final = ("unreadable", "unknown_status", "duplicate", "orphan", "absurd", "doubtful")
"""Why an entry of a listing is set aside, or remarked upon: `model.listing.RejectKind`."""
OUTCOMES: Final = ("applied", "unchanged", "refused", "unknown_instrument")
"""What becomes of an event of the bus."""

ROUNDS: Final = counter(
    "ssmd_secmaster_rounds_total",
    "Rounds of synchronisation.",
    PER_VENUE,
    more="result",
    values=("done", "failed"),
)
SECONDS: Final = histogram(
    "ssmd_secmaster_round_duration_seconds", "Duration of a good round.", PER_VENUE
)
LAST_ROUND: Final = gauge(
    "ssmd_secmaster_last_round_timestamp", "When the last good round ended.", PER_VENUE
)
SYNC_AGE: Final = gauge(
    "ssmd_secmaster_sync_age_seconds",
    "Time since the last good round ended; since the start before the first.",
    PER_VENUE,
)
PAGES: Final = counter("ssmd_secmaster_pages_total", "Pages of listings.", PER_VENUE)
INSTRUMENTS: Final = counter(
    "ssmd_secmaster_instruments_total",
    "What good rounds did to instruments.",
    PER_VENUE,
    more="result",
    values=WRITES,
)
SET_ASIDE: Final = counter(
    "ssmd_secmaster_set_aside_total",
    "Entries of listings that were set aside, or are strange, by kind.",
    PER_VENUE,
    more="kind",
    values=KINDS,
)
REFUSED: Final = counter(
    "ssmd_secmaster_refused_transitions_total",
    "Transitions that the status machine does not allow, by who said so.",
    PER_VENUE,
    more="source",
    values=("rest", "ws", "clock"),
)
WITHOUT_FEE: Final = gauge(
    "ssmd_secmaster_series_without_fee", "Series of which no fee holds now.", PER_VENUE
)
SWEPT: Final = counter(
    "ssmd_secmaster_clocked_transitions_total",
    "Instruments whose status changed because their time had come.",
    PER_VENUE,
)
SWEEP_LAG: Final = gauge(
    "ssmd_secmaster_sweep_lag_seconds",
    "How late the last sweep found the latest of what it changed; 0 when there was nothing.",
    PER_VENUE,
)
EVENTS: Final = counter(
    "ssmd_secmaster_lifecycle_events_total",
    "Events of the bus about instruments, by what became of them.",
    PER_VENUE,
    more="outcome",
    values=OUTCOMES,
)
LIFECYCLE_LAG: Final = gauge(
    "ssmd_secmaster_lifecycle_lag_seconds",
    "From the receipt of the last event of the bus to its transaction.",
    PER_VENUE,
)
LIFECYCLE_RESTARTS: Final = counter(
    "ssmd_secmaster_lifecycle_restarts_total",
    "Times a stream was read from its beginning because the position in it was gone.",
    PER_VENUE,
)
LOOKUPS: Final = counter(
    "ssmd_secmaster_lookups_total", "Instruments looked up because of an event.", PER_VENUE
)
PRUNED: Final = counter(
    "ssmd_secmaster_pruned_rows_total",
    "Rows let go by the retention policy.",
    PER_VENUE,
    more="table",
    values=("funding", "activity_version"),
)


def touch(venue: str) -> None:
    """Make every series of a venue exist at zero."""
    meters.touch_labels(PER_VENUE, (venue,))
