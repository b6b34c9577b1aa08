"""The dashboard of the Kubernetes operator."""

from typing import Final

from scripts.observe.board import Board, Panel, Row
from scripts.observe.pictures import one, quantiles, rise, stat

_OF_KIND: Final = '{kind=~"$kind"}'
OPERATOR: Final = Board(
    "ssmd-operator",
    "SSMD: Kubernetes operator",
    (("kind", "ssmd_operator_resources"),),
    (
        Row(
            "Now",
            (
                stat("Operators that lead", "sum(ssmd_operator_leader)"),
                stat("Resources", f"max(sum by (instance) (ssmd_operator_resources{_OF_KIND}))"),
                stat("Waiting to be looked at", "max(ssmd_operator_queue_depth)"),
                stat(
                    "Since the watch brought anything",
                    "time() - max(ssmd_operator_last_watch_event_timestamp)",
                    "s",
                ),
            ),
        ),
        Row(
            "Resources",
            (
                one("How many", f"max by (kind) (ssmd_operator_resources{_OF_KIND})", "{{kind}}"),
                one(
                    "Not as they should be",
                    f"max by (kind, condition) (ssmd_operator_troubled{_OF_KIND}) > 0",
                    "{{kind}} {{condition}}",
                ),
            ),
        ),
        Row(
            "Looks",
            (
                one(
                    "By how they ended",
                    rise("ssmd_operator_reconciles_total", "kind, result", _OF_KIND),
                    "{{kind}} {{result}}",
                ),
                Panel(
                    "Duration",
                    quantiles(
                        "ssmd_operator_reconcile_duration_seconds", "kind", "{{kind}}", _OF_KIND
                    ),
                    "s",
                ),
                one(
                    "What was written",
                    rise("ssmd_operator_changes_total", "what", ""),
                    "{{what}}",
                    text="In a steady state nothing is. `forced`: fields of others, taken back.",
                ),
                one(
                    "Events told", "sum(increase(ssmd_operator_events_total[$__rate_interval]))", ""
                ),
            ),
        ),
    ),
)
