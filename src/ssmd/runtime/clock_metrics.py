"""Metrics of how right this machine's clock is; every service shows them."""

from typing import Final

from ssmd.runtime.meters import gauge

SOURCES: Final = ("kernel", "venue", "unknown")
"""Who says how right the clock is: `model.records.ClockState`."""

OFFSET: Final = gauge(
    "ssmd_clock_offset_seconds",
    "The right time less ours, as far as it is known; 0 while the source is `unknown`.",
    (),
)
ERROR: Final = gauge(
    "ssmd_clock_error_seconds",
    "By how much the offset may be wrong; 0 while the source is `unknown`.",
    (),
)
SOURCE: Final = gauge(
    "ssmd_clock_source",
    "1 for who says what the offset is.",
    (),
    more="source",
    values=SOURCES,
)
for _source in SOURCES:
    SOURCE.labels(_source)
