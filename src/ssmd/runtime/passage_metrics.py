"""Metrics of the way from receipt to rest: how long it takes, and whether all of it arrives."""

from typing import Final

from ssmd.runtime.meters import FEED, STREAM, counter, gauge, histogram

ACKED_SECONDS: Final = histogram(
    "ssmd_connector_acked_latency_seconds",
    "From the receipt of an envelope to its acknowledgement by the bus.",
    FEED,
)
ARCHIVED_SECONDS: Final = histogram(
    "ssmd_archiver_archived_latency_seconds",
    "From the receipt of an envelope until it is durable in the archive; two machines' clocks.",
    STREAM,
)
INVALID: Final = counter(
    "ssmd_archiver_validation_failures_total",
    "Envelopes archived that cannot be what they say: numbers, parts, feed or time contradict.",
    STREAM,
)
DIFFERENCE: Final = gauge(
    "ssmd_archiver_conservation_difference",
    "Frames received less archived less declared lost, of connections closed for a while; 0 is right.",
    STREAM,
)
