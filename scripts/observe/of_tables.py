"""Alerts about tables, and what leaves for an object store."""

from typing import Final

from scripts.observe.alert import Alert, Case, told
from scripts.observe.of_archive import OF_LEDGER, moved


def _behind(name: str, metric: str, summary: str) -> Alert:
    """An alert on work that is two hours behind."""
    return Alert(
        name=name,
        expr=f"{metric} > 7200",
        hold=15,
        severity="warning",
        summary=summary,
        fires=Case(
            why="three hours, and nothing moves",
            told=(told(metric, "10800x40"),),
            minute=30,
            since=0,
            labels=OF_LEDGER,
            shown="3h 0m 0s",
        ),
        quiet=(
            Case(
                why="a morning's work that is done in ten minutes",
                told=(told(metric, "10800x10 900x40"),),
                minute=30,
            ),
        ),
    )


TABLES = moved(
    "SsmdTablesFailing",
    "ssmd_tables_failures_total",
    "{{ $labels.feed }}: tables of a slot could not be made.",
    "1h",
)
TABLES_LAG = _behind(
    "SsmdTablesLag",
    "ssmd_tables_lag_seconds",
    "{{ $labels.feed }}: tables are {{ $value | humanizeDuration }} behind.",
)
UPLOAD_LAG = _behind(
    "SsmdUploadLag",
    "ssmd_archive_upload_lag_seconds",
    "{{ $labels.feed }}: sealed files wait since {{ $value | humanizeDuration }} for the object store.",
)
_UPLOADS = "ssmd_archive_upload_failures_total"
UPLOAD_FAILING = Alert(
    name="SsmdUploadFailing",
    expr=f'increase({_UPLOADS}{{reason="away"}}[30m]) > 5',
    severity="warning",
    summary="{{ $labels.feed }}: the object store does not answer.",
    fires=Case(
        why="every attempt of half an hour fails",
        told=(told(_UPLOADS, "0+1x40", reason="away"),),
        minute=35,
        labels=OF_LEDGER | {"reason": "away"},
    ),
    quiet=(
        Case(
            why="two attempts in an hour",
            told=(told(_UPLOADS, "0x10 2x40", reason="away"),),
            minute=35,
        ),
    ),
)
UPLOAD_DAMAGED = Alert(
    name="SsmdUploadDamaged",
    expr=f'increase({_UPLOADS}{{reason=~"damaged|lost"}}[1h]) > 0',
    severity="critical",
    summary="{{ $labels.feed }}: a file is not fit to be uploaded, or an object vanished ({{ $labels.reason }}).",
    fires=Case(
        why="an object that was proved is gone",
        told=(told(_UPLOADS, "0x5 1x10", reason="lost"),),
        minute=8,
        labels=OF_LEDGER | {"reason": "lost"},
    ),
    quiet=(
        Case(
            why="a store that is away for a moment",
            told=(
                told(_UPLOADS, "0+1x4 4x10", reason="away"),
                told(_UPLOADS, "0x15", reason="lost"),
            ),
            minute=10,
        ),
    ),
)
ALERTS: Final = (TABLES, TABLES_LAG, UPLOAD_LAG, UPLOAD_FAILING, UPLOAD_DAMAGED)
"""All of them."""
