"""Metrics of what leaves for an object store; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime.meters import LEDGER as PER_FEED
from ssmd.runtime.meters import counter, gauge, histogram

FILES: Final = counter(
    "ssmd_archive_upload_files_total", "Files the store was proved to hold.", PER_FEED
)
BYTES: Final = counter("ssmd_archive_upload_bytes_total", "Their bytes.", PER_FEED)
SECONDS: Final = histogram(
    "ssmd_archive_upload_duration_seconds",
    "From the first attempt to upload a file to its proof.",
    PER_FEED,
)
FAILURES: Final = counter(
    "ssmd_archive_upload_failures_total",
    "Attempts that failed, files not fit to be uploaded, and objects that vanished.",
    PER_FEED,
    more="reason",
    values=("away", "damaged", "lost"),
)
WAITING: Final = gauge(
    "ssmd_archive_upload_waiting", "Finished files that are not in the store yet.", PER_FEED
)
LAG: Final = gauge(
    "ssmd_archive_upload_lag_seconds",
    "Age of the oldest slot with such a file; 0 when there is none.",
    PER_FEED,
)
LAST: Final = gauge(
    "ssmd_archive_upload_last_complete_timestamp",
    "When everything was last found to be in the store, Unix seconds.",
    PER_FEED,
)
LET_GO_FILES: Final = counter(
    "ssmd_archive_let_go_files_total",
    "Files removed here because the store is proved to hold them.",
    PER_FEED,
)
LET_GO_BYTES: Final = counter("ssmd_archive_let_go_bytes_total", "Their bytes.", PER_FEED)
