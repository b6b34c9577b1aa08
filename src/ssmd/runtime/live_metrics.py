"""Metrics of live streams; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime.meters import LEDGER, counter, gauge

ENDS: Final = ("gone", "slow", "key", "ending", "failed")
"""Why a live stream ends: its reader left, took nothing, lost its key; the API ends; something broke."""

READERS: Final = gauge("ssmd_live_readers", "Live streams that are open.", LEDGER)
DELIVERED: Final = counter("ssmd_live_delivered_total", "Messages put in line for readers.", LEDGER)
SKIPPED: Final = counter(
    "ssmd_live_skipped_total", "Messages that found no room in the line of a slow reader.", LEDGER
)
ENDED: Final = counter(
    "ssmd_live_ended_total",
    "Live streams that ended, by reason.",
    LEDGER,
    more="reason",
    values=ENDS,
)
RESETS: Final = counter(
    "ssmd_live_resets_total", "Times the bus did not hold what came next, or was made anew.", LEDGER
)
