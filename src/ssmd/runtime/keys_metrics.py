"""Metrics of the HTTP API's keys; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime.meters import counter, gauge

ENTRIES: Final = (
    "admitted",
    "no_key",
    "bad_key",
    "ended",
    "scope",
    "limited",
    "guessing",
    "away",
)
"""What becomes of whoever asks to be let in."""

ADMISSIONS: Final = counter(
    "ssmd_api_admissions_total",
    "Requests that asked to be let in, by what became of them.",
    (),
    more="result",
    values=ENTRIES,
)
AUDIT_WAITING: Final = gauge(
    "ssmd_api_audit_waiting", "Accesses to data that are not in the audit yet.", ()
)
AUDIT_LOST: Final = counter(
    "ssmd_api_audit_lost_total",
    "Accesses to data that never came into the audit: the database was away for too long, or refused them.",
    (),
)


for _result in ENTRIES:
    ADMISSIONS.labels(_result)
