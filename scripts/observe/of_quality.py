"""Alerts about verdicts: what `ssmd dq daily --metrics-file` told of the last judged day."""

from typing import Final

from scripts.observe.alert import Alert, Case, labels_of, told

_TARGET = labels_of("job", "instance")
_JUDGED = "ssmd_dq_last_judged_timestamp"
_EVER = f"and on (job, instance) {_JUDGED} > 0"
"""A process that shows these series and judged nothing has no verdict."""

RED = Alert(
    name="SsmdQualityRed",
    expr=f"ssmd_dq_grade == 0 {_EVER}",
    severity="critical",
    summary="The last judged day is RED.",
    fires=Case(
        why="a day with a hard issue",
        told=(told("ssmd_dq_grade", "2x5 0x40"), told(_JUDGED, "60x40")),
        minute=20,
        labels=_TARGET,
    ),
    quiet=(
        Case(
            why="YELLOW here; and a process that never judged",
            told=(
                told("ssmd_dq_grade", "1x20"),
                told(_JUDGED, "60x20"),
                told("ssmd_dq_grade", "0x20", instance="demo-2"),
                told(_JUDGED, "0x20", instance="demo-2"),
            ),
            minute=15,
        ),
    ),
)
LOW = Alert(
    name="SsmdQualityLow",
    expr="ssmd_dq_score < 85",
    severity="warning",
    summary="{{ $labels.feed }} has {{ $value }} of 100 for the last judged day.",
    fires=Case(
        why="a feed that lost much",
        told=(told("ssmd_dq_score", "97x5 71x40"),),
        minute=20,
        labels=labels_of("job", "instance", "feed"),
        shown="71",
    ),
    quiet=(
        Case(
            why="good enough for GREEN",
            told=(told("ssmd_dq_score", "85x20"),),
            minute=15,
        ),
    ),
)
NOT_JUDGED = Alert(
    name="SsmdQualityNotJudged",
    expr=f"time() - {_JUDGED} > 129600 and {_JUDGED} > 0",
    severity="warning",
    summary="No day was judged for {{ $value | humanizeDuration }}.",
    fires=Case(
        why="the job that judges does not run any more",
        told=(told(_JUDGED, "3600x2400"),),
        minute=2340,
        labels=_TARGET,
        shown="1d 14h 0m 0s",
    ),
    quiet=(
        Case(
            why="judged yesterday, in time",
            told=(told(_JUDGED, "3600x1440 86400x960"),),
            minute=2300,
        ),
        Case(
            why="a process that never judges",
            told=(told(_JUDGED, "0x2400"),),
            minute=2300,
        ),
    ),
)
ALERTS: Final = (RED, LOW, NOT_JUDGED)
"""All of them."""
