"""Words that metrics are labelled with: small fixed sets."""

from typing import Final

END_REASONS: Final = (
    "silence",
    "pong",
    "venue_asked",
    "all_refused",
    "discontinuity",
    "buffer_overflow",
    "unconfirmed",
    "records_lost",
    "watchdog",
    "send_timeout",
    "oversize",
    "protocol",
    "closed",
    "lost",
    "connect_failed",
    "planned",
    "planned_failed",
    "unwanted",
    "shutdown",
    "task_died",
    "session_failed",
    "host_suspended",
)
"""Why a connection ends."""
BACKFILL_FAILURES: Final = (
    "all_symbols",
    "too_long",
    "queue_full",
    "too_many_requests",
    "refused",
    "unanswered",
    "unreadable",
)
"""Why a connector gives up asking for a span of the past."""
