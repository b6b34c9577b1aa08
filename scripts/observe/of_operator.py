"""Alerts about the Kubernetes operator, and what it says of resources."""

from typing import Final

from scripts.observe.alert import Alert, Case, told

_JOB: Final = {"job": "ssmd"}

LEADERLESS = Alert(
    name="SsmdOperatorLeaderless",
    expr="max by (job) (ssmd_operator_leader) == 0",
    hold=5,
    severity="warning",
    summary="No operator of {{ $labels.job }} leads: nothing is changed, repaired or drained.",
    fires=Case(
        why="two operators, and both wait",
        told=(
            told("ssmd_operator_leader", "1x5 0x20"),
            told("ssmd_operator_leader", "0x25", instance="demo-2"),
        ),
        minute=15,
        since=6,
        labels=_JOB,
    ),
    quiet=(
        Case(
            why="the other one takes over",
            told=(
                told("ssmd_operator_leader", "1x5 0x20"),
                told("ssmd_operator_leader", "0x7 1x20", instance="demo-2"),
            ),
            minute=15,
        ),
    ),
)
BLIND = Alert(
    name="SsmdOperatorBlind",
    expr="""\
time() - ssmd_operator_last_watch_event_timestamp > 180
and on (job, instance) ssmd_operator_leader == 1""",
    hold=5,
    severity="warning",
    summary="{{ $labels.instance }} leads, and has seen nothing of the cluster for {{ $value | humanizeDuration }}.",
    fires=Case(
        why="the watch brings nothing any more",
        told=(
            told("ssmd_operator_last_watch_event_timestamp", "0+60x5 300x30"),
            told("ssmd_operator_leader", "1x40"),
        ),
        minute=20,
        since=9,
        labels=_JOB | {"instance": "demo-1"},
        shown="15m 0s",
    ),
    quiet=(
        Case(
            why="one that waits to lead watches nothing",
            told=(
                told("ssmd_operator_last_watch_event_timestamp", "0x40"),
                told("ssmd_operator_leader", "0x40"),
            ),
            minute=30,
        ),
        Case(
            why="a minute without news",
            told=(
                told("ssmd_operator_last_watch_event_timestamp", "0+60x30"),
                told("ssmd_operator_leader", "1x30"),
            ),
            minute=20,
        ),
    ),
)
FAILING = Alert(
    name="SsmdOperatorFailing",
    expr='sum by (job, kind) (increase(ssmd_operator_reconciles_total{result=~"refused|failed"}[15m])) > 3',
    hold=5,
    severity="warning",
    summary="The operator could not make {{ $labels.kind }} resources as they are wanted, again and again.",
    fires=Case(
        why="the API server refuses what is rendered",
        told=(
            told("ssmd_operator_reconciles_total", "0x5 9x30", kind="Connector", result="refused"),
        ),
        minute=15,
        since=6,
        labels=_JOB | {"kind": "Connector"},
    ),
    quiet=(
        Case(
            why="somebody was faster, as happens every day",
            told=(
                told("ssmd_operator_reconciles_total", "0+5x40", kind="Connector", result="again"),
            ),
            minute=30,
        ),
        Case(
            why="once",
            told=(
                told(
                    "ssmd_operator_reconciles_total", "0x5 1x40", kind="Connector", result="failed"
                ),
            ),
            minute=12,
        ),
    ),
)
CONTESTED = Alert(
    name="SsmdOperatorContested",
    expr='sum by (job) (increase(ssmd_operator_changes_total{what="forced"}[30m])) > 20',
    severity="warning",
    summary="Somebody else changes the operator's objects, and it takes them back, {{ $value | humanize }} times in half an hour.",
    fires=Case(
        why="two controllers, one field",
        told=(told("ssmd_operator_changes_total", "0+1x60", what="forced"),),
        minute=45,
        labels=_JOB,
        shown="30",
    ),
    quiet=(
        Case(
            why="a hand that edited something",
            told=(told("ssmd_operator_changes_total", "0x5 2x60", what="forced"),),
            minute=30,
        ),
        Case(
            why="what it writes anyway",
            told=(told("ssmd_operator_changes_total", "0+9x60", what="applied"),),
            minute=45,
        ),
    ),
)
TROUBLED = Alert(
    name="SsmdResourceTroubled",
    expr="max by (job, kind, condition) (ssmd_operator_troubled) > 0",
    hold=10,
    severity="warning",
    summary="{{ $value }} {{ $labels.kind }} resources: {{ $labels.condition }} is not as it should be.",
    fires=Case(
        why="two connectors without a connection",
        told=(told("ssmd_operator_troubled", "0x5 2x30", kind="Connector", condition="Connected"),),
        minute=20,
        since=6,
        labels=_JOB | {"kind": "Connector", "condition": "Connected"},
        shown="2",
    ),
    quiet=(
        Case(
            why="a short one",
            told=(
                told("ssmd_operator_troubled", "0x5 1x3 0x30", kind="Connector", condition="Ready"),
            ),
            minute=20,
        ),
    ),
)
ALERTS: Final = (LEADERLESS, BLIND, FAILING, CONTESTED, TROUBLED)
"""All of them."""
