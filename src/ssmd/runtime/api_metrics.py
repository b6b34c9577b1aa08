"""Metrics of the HTTP API; `metrics` says what holds for all of them."""

from collections.abc import Iterable
from typing import Final

from ssmd.runtime import meters
from ssmd.runtime.meters import counter, gauge, histogram

PER_ROUTE: Final = ("route",)
"""Labels of what there is one of per route: the path's template, `none` when there is no such path."""
CUTS: Final = ("head", "body", "time", "idle", "connections")
"""Why a connection or an answer is ended by the API."""
FORGETTABLE: Final = ("limiter", "usage", "audit", "metric")
"""What may fail without harm to an answer."""

REQUESTS: Final = counter(
    "ssmd_api_requests_total",
    "Requests that were answered, by the class of their status.",
    PER_ROUTE,
    more="result",
    values=("2xx", "3xx", "4xx", "5xx"),
)
SECONDS: Final = histogram(
    "ssmd_api_request_duration_seconds",
    "From a request's headers to the end of its answer; live streams included.",
    PER_ROUTE,
)
BYTES: Final = counter("ssmd_api_response_bytes_total", "Bytes of answers' bodies.", PER_ROUTE)
WORKING: Final = gauge(
    "ssmd_api_working", "Questions that are being answered by reading files.", ()
)
BUSY: Final = counter(
    "ssmd_api_busy_total", "Questions refused because too many were being answered.", ()
)
CUT: Final = counter(
    "ssmd_api_cut_total",
    "Connections and answers that the API ended, by reason.",
    (),
    more="reason",
    values=CUTS,
)
FORGOTTEN: Final = counter(
    "ssmd_api_forgotten_total",
    "Limits, counts and audits of reading that failed, while the answer went out.",
    (),
    more="kind",
    values=FORGETTABLE,
)


for _reason in CUTS:
    CUT.labels(_reason)
for _kind in FORGETTABLE:
    FORGOTTEN.labels(_kind)


def touch(routes: Iterable[str]) -> None:
    """Make every series of the routes there are exist at zero."""
    for route in routes:
        meters.touch_labels(PER_ROUTE, (route,))
