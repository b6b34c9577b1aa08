"""Metrics of what watches the services for the status page; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime.meters import counter, gauge

WHAT: Final = ("services", "ledger", "scores")
"""What is looked at: the services themselves, the ledger, the verdicts on quality."""

AGE: Final = gauge(
    "ssmd_lookout_age_seconds",
    "Time since the last look that succeeded; 0 before the first.",
    (),
    more="what",
    values=WHAT,
)
SECONDS: Final = gauge(
    "ssmd_lookout_duration_seconds", "Duration of the last look.", (), more="what", values=WHAT
)
FAILURES: Final = counter(
    "ssmd_lookout_failures_total", "Looks that failed.", (), more="what", values=WHAT
)
WATCHERS: Final = gauge("ssmd_lookout_watchers", "Pages that are told of every change.", ())

for _what in WHAT:
    AGE.labels(_what)
    SECONDS.labels(_what)
    FAILURES.labels(_what)
