"""Metrics of the operator; `metrics` says what holds for all of them."""

from typing import Final

from ssmd.runtime.meters import counter, gauge, histogram, touch_labels

KIND: Final = ("kind",)
RESULTS: Final = ("done", "again", "refused", "failed")
"""It came to rest; somebody was faster, or away; the API server will not; a fault of our own."""
CHANGES: Final = ("applied", "forced", "yielded", "deleted")

RECONCILES: Final = counter(
    "ssmd_operator_reconciles_total",
    "Looks at a resource, by how they ended.",
    KIND,
    more="result",
    values=RESULTS,
)
DURATION: Final = histogram(
    "ssmd_operator_reconcile_duration_seconds", "Duration of one look at a resource.", KIND
)
RESOURCES: Final = gauge("ssmd_operator_resources", "Resources there are.", KIND)
TROUBLED: Final = gauge(
    "ssmd_operator_troubled",
    "Resources of which a condition is not as it should be.",
    (*KIND, "condition"),
)
DEPTH: Final = gauge("ssmd_operator_queue_depth", "Resources waiting to be looked at.", ())
CHANGED: Final = counter(
    "ssmd_operator_changes_total",
    "Objects that were written: applied; fields of others taken back, or left to them; deleted.",
    (),
    more="what",
    values=CHANGES,
)
EVENTS: Final = counter("ssmd_operator_events_total", "Events told to people.", ())
LEADER: Final = gauge("ssmd_operator_leader", "1 while this operator leads.", ())
LAST_WATCHED: Final = gauge(
    "ssmd_operator_last_watch_event_timestamp", "When the watch last brought anything.", ()
)

for _what in CHANGES:
    CHANGED.labels(_what)


def touch(kind: str) -> None:
    """Make every series of a kind exist at zero."""
    touch_labels(KIND, (kind,))
