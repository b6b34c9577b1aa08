"""Alerts that every service can cause."""

from typing import Final

from scripts.observe.alert import Alert, Case, labels_of, told

from ssmd.secmaster.changes.settings import FEED

_TARGET = labels_of("job", "instance")
JOBS: Final = 'job=~"ssmd.*"'
"""The jobs of the sample configurations."""

DOWN = Alert(
    name="SsmdTargetDown",
    expr=f"up{{{JOBS}}} == 0",
    hold=2,
    severity="critical",
    summary="{{ $labels.instance }} does not answer.",
    fires=Case(
        why="a service is gone",
        told=(told("up", "1x5 0x10"),),
        minute=9,
        since=6,
        labels=_TARGET,
    ),
    quiet=(
        Case(
            why="a restart, and a target of somebody else",
            told=(told("up", "1x5 0 1x20"), told("up", "0x30", job="theirs")),
            minute=8,
        ),
    ),
)
NOT_READY = Alert(
    name="SsmdServiceNotReady",
    expr=f"""\
ssmd_ready == 0
unless on (job, instance) max_over_time(ssmd_connector_venue_paused[10m]) == 1
unless on (job, instance) ssmd_consumer_active == 0
unless on (job, instance) ssmd_cdc_active{{feed="{FEED}"}} == 0""",
    hold=10,
    severity="warning",
    summary="{{ $labels.instance }} has not been ready for ten minutes; its /ready says why.",
    fires=Case(
        why="a condition does not hold any more",
        told=(told("ssmd_ready", "1x5 0x30"), told("ssmd_connector_venue_paused", "0x40")),
        minute=20,
        since=6,
        labels=_TARGET,
    ),
    quiet=(
        Case(
            why="the venue's pause",
            told=(
                told("ssmd_ready", "1x5 0x120 1x10"),
                told("ssmd_connector_venue_paused", "0x5 1x120 0x10"),
            ),
            minute=100,
        ),
        Case(
            why="standbys",
            told=(
                told("ssmd_ready", "0x40"),
                told("ssmd_consumer_active", "0x40"),
                told("ssmd_ready", "0x40", instance="demo-2"),
                told("ssmd_cdc_active", "0x40", instance="demo-2", feed=FEED),
            ),
            minute=30,
        ),
    ),
)


def _newborn(metric: str, labels: str) -> str:
    """A counter that moved, or that is there for the first time: it has no zero to start from."""
    total = f"sum by (job, instance, {labels}) ({metric}"
    return f"""\
sum by (job, instance, {labels}) (increase({metric}[15m])) > 0
or {total}) > 0 unless {total} offset 15m)"""


TASKS = Alert(
    name="SsmdTaskDied",
    expr=_newborn("ssmd_task_deaths_total", "task"),
    severity="warning",
    summary="{{ $labels.instance }}: the task {{ $labels.task }} died, and was started again.",
    fires=Case(
        why="for the first time: the series is born with it",
        told=(told("ssmd_task_deaths_total", "_x5 1x10", task="shard"),),
        minute=8,
        labels=_TARGET | {"task": "shard"},
    ),
    quiet=(
        Case(
            why="long ago",
            told=(told("ssmd_task_deaths_total", "_x5 1x40", task="shard"),),
            minute=40,
        ),
    ),
)
INCIDENTS = Alert(
    name="SsmdIncident",
    expr=_newborn("ssmd_incidents_total", "event"),
    severity="warning",
    summary="{{ $labels.instance }} logged the incident {{ $labels.event }}.",
    fires=Case(
        why="a second one",
        told=(told("ssmd_incidents_total", "1x30 2x10", event="connector.loop_blocked"),),
        minute=35,
        labels=_TARGET | {"event": "connector.loop_blocked"},
    ),
    quiet=(
        Case(
            why="long ago",
            told=(told("ssmd_incidents_total", "_x5 1x40", event="connector.loop_blocked"),),
            minute=40,
        ),
    ),
)
LOG_LINES = Alert(
    name="SsmdLogLinesDropped",
    expr="increase(ssmd_log_lines_dropped_total[15m]) > 0",
    severity="warning",
    summary="{{ $labels.instance }} says so much that lines of its log are held back.",
    fires=Case(
        why="beyond its budget",
        told=(told("ssmd_log_lines_dropped_total", "0x5 900x10"),),
        minute=8,
        labels=_TARGET,
    ),
    quiet=(
        Case(why="long ago", told=(told("ssmd_log_lines_dropped_total", "900x40"),), minute=30),
    ),
)
RESTARTS = Alert(
    name="SsmdServiceRestarting",
    expr=f"changes(process_start_time_seconds{{{JOBS}}}[30m]) > 3",
    severity="warning",
    summary="{{ $labels.instance }} was started {{ $value }} times in half an hour.",
    fires=Case(
        why="every five minutes another process",
        told=(told("process_start_time_seconds", "1x5 2x5 3x5 4x5 5x5 6x5"),),
        minute=33,
        labels=_TARGET,
        shown="5",
    ),
    quiet=(
        Case(
            why="one restart",
            told=(told("process_start_time_seconds", "1x5 2x40"),),
            minute=30,
        ),
    ),
)
CLOCK = Alert(
    name="SsmdClockOffset",
    expr="abs(ssmd_clock_offset_seconds) - ssmd_clock_error_seconds > 0.25",
    hold=10,
    severity="warning",
    summary="The clock at {{ $labels.instance }} is wrong by {{ $value | humanizeDuration }} or more.",
    fires=Case(
        why="two seconds ahead",
        told=(
            told("ssmd_clock_offset_seconds", "0x5 -2x20"),
            told("ssmd_clock_error_seconds", "0.5x25"),
        ),
        minute=20,
        since=6,
        labels=_TARGET,
        shown="1.5s",
    ),
    quiet=(
        Case(
            why="a few ms, and one look that was worse",
            told=(
                told("ssmd_clock_offset_seconds", "0.004x5 3 0.004x20"),
                told("ssmd_clock_error_seconds", "0.01x30"),
            ),
            minute=12,
        ),
        Case(
            why="a venue's time, told in whole seconds, is no better than that",
            told=(
                told("ssmd_clock_offset_seconds", "0.7x30"),
                told("ssmd_clock_error_seconds", "0.52x30"),
            ),
            minute=20,
        ),
    ),
)
ALERTS: Final = (DOWN, NOT_READY, TASKS, INCIDENTS, LOG_LINES, RESTARTS, CLOCK)
"""All of them."""
