"""Metrics of a universe out of the security master; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime.meters import FEED as PER_FEED
from ssmd.runtime.meters import counter, gauge, histogram

WANTED: Final = gauge(
    "ssmd_universe_wanted", "Instruments that pass the filters and are wanted.", PER_FEED
)
GIVEN_UP: Final = gauge(
    "ssmd_universe_given_up",
    "Instruments that pass the filters and are not wanted: `max_instruments` is reached.",
    PER_FEED,
)
WAITING: Final = gauge(
    "ssmd_universe_waiting",
    "Instruments that pass when their time comes, or when they are traded enough.",
    PER_FEED,
)
CHANGES: Final = counter(
    "ssmd_universe_changes_total",
    "Changes of the security master: taken, known already (of the snapshot, or told again), or"
    " unreadable.",
    PER_FEED,
    more="outcome",
    values=("applied", "known", "unreadable"),
)
SNAPSHOTS: Final = counter(
    "ssmd_universe_snapshots_total",
    "Times that everything was read anew: from the database, or from the stream.",
    PER_FEED,
    more="source",
    values=("database", "stream"),
)
RESTARTS: Final = counter(
    "ssmd_universe_restarts_total",
    "Times that following the changes was begun again, and why.",
    PER_FEED,
    more="reason",
    values=("bus", "database", "stream_lost", "older_snapshot", "unreadable"),
)
DELAY: Final = histogram(
    "ssmd_universe_delay_seconds", "From a change's commit to when it was taken.", PER_FEED
)
FOLLOWING: Final = gauge(
    "ssmd_universe_following", "1 while the changes of the security master are followed.", PER_FEED
)
LOOKUP_FAILURES: Final = counter(
    "ssmd_connector_cdc_lookup_failures_total",
    "Times the security master's database did not answer; it is asked again until it does.",
    PER_FEED,
)
DROPPED: Final = counter(
    "ssmd_connector_cdc_markets_dropped_total",
    "Instruments that pass the filters and were given up: `max_instruments` was reached.",
    PER_FEED,
)
