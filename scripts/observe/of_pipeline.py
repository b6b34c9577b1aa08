"""Alerts about the spool and the bus: between the socket and the archive."""

from typing import Final

from scripts.observe.alert import Alert, Case, of_feed, told

SPOOL_FULL = Alert(
    name="SsmdSpoolFull",
    expr="ssmd_spool_full == 1",
    severity="critical",
    summary="{{ $labels.feed }}: frames cannot be spooled, and are lost.",
    fires=Case(
        why="the disk takes no more",
        told=(told("ssmd_spool_full", "0x5 1x10"),),
        minute=8,
        labels=of_feed(),
    ),
    quiet=(Case(why="room again", told=(told("ssmd_spool_full", "0x5 1x2 0x20"),), minute=15),),
)
SPOOL_OLD = Alert(
    name="SsmdSpoolOld",
    expr="ssmd_spool_oldest_age_seconds > 600",
    hold=5,
    severity="warning",
    summary="{{ $labels.feed }}: {{ $value | humanizeDuration }} old records are not archived yet.",
    fires=Case(
        why="nothing is archived, time goes by",
        told=(told("ssmd_spool_oldest_age_seconds", "0+60x40"),),
        minute=20,
        since=11,
        labels=of_feed(),
        shown="20m 0s",
    ),
    quiet=(
        Case(
            why="an archiver was restarted",
            told=(told("ssmd_spool_oldest_age_seconds", "0+60x6 2x30"),),
            minute=25,
        ),
    ),
)
SPOOL_GROWING = Alert(
    name="SsmdSpoolGrowing",
    expr="ssmd_spool_records > 100000 and delta(ssmd_spool_records[15m]) > 0",
    hold=10,
    severity="warning",
    summary="{{ $labels.feed }}: {{ $value }} records wait in the spool, and it grows.",
    fires=Case(
        why="more comes in than goes out",
        told=(told("ssmd_spool_records", "0+10000x60"),),
        minute=40,
        since=11,
        labels=of_feed(),
        shown="400000",
    ),
    quiet=(
        Case(
            why="a backlog that is worked off",
            told=(told("ssmd_spool_records", "900000-10000x60"),),
            minute=40,
        ),
        Case(
            why="a bus that is away while nothing comes",
            told=(told("ssmd_spool_records", "200000x60"),),
            minute=40,
        ),
    ),
)
LOST = Alert(
    name="SsmdFramesLost",
    expr="increase(ssmd_spool_declared_lost_total[15m]) > 0",
    severity="critical",
    summary="{{ $labels.feed }}: received frames are lost ({{ $labels.reason }}).",
    fires=Case(
        why="frames were received and could not be kept",
        told=(told("ssmd_spool_declared_lost_total", "0x5 12x10", reason="spool_full"),),
        minute=8,
        labels=of_feed(reason="spool_full"),
    ),
    quiet=(
        Case(
            why="what was lost an hour ago",
            told=(told("ssmd_spool_declared_lost_total", "0x5 12x80", reason="spool_full"),),
            minute=70,
        ),
    ),
)
BOUND = Alert(
    name="SsmdSpoolBoundReached",
    expr="increase(ssmd_spool_bound_dropped_total[15m]) > 0",
    severity="critical",
    summary="{{ $labels.feed }}: the spool let go of records that are not archived: the bus alone has them.",
    fires=Case(
        why="the spool's bound is reached while nobody archives",
        told=(told("ssmd_spool_bound_dropped_total", "0x5 900x10"),),
        minute=8,
        labels=of_feed(),
    ),
    quiet=(
        Case(
            why="long ago",
            told=(told("ssmd_spool_bound_dropped_total", "900x40"),),
            minute=30,
        ),
    ),
)
_FAILURES = "ssmd_publisher_failures_total"
PUBLISH_FAILING = Alert(
    name="SsmdPublishFailing",
    expr=f"sum by (job, instance, feed, category) (increase({_FAILURES}[5m])) > 0",
    hold=5,
    severity="warning",
    summary="{{ $labels.feed }}: the bus does not take what is published; it is tried again.",
    fires=Case(
        why="timeouts that do not end",
        told=(told(_FAILURES, "0+4x30", reason="timeout"),),
        minute=15,
        since=1,
        labels=of_feed(),
    ),
    quiet=(
        Case(
            why="one restart of the bus",
            told=(told(_FAILURES, "0x5 40x30", reason="disconnected"),),
            minute=9,
        ),
    ),
)
PUBLISH_REFUSED = Alert(
    name="SsmdPublishRefused",
    expr="increase(ssmd_publisher_set_aside_total[15m]) > 0",
    severity="critical",
    summary="{{ $labels.feed }}: the bus refuses a message for good; it is set aside and declared lost.",
    fires=Case(
        why="a message is larger than the bus allows",
        told=(told("ssmd_publisher_set_aside_total", "0x5 1x10"),),
        minute=8,
        labels=of_feed(),
    ),
    quiet=(
        Case(why="long ago", told=(told("ssmd_publisher_set_aside_total", "1x40"),), minute=30),
    ),
)
BUS = Alert(
    name="SsmdBusDisconnected",
    expr="ssmd_publisher_connected == 0",
    hold=2,
    severity="critical",
    summary="{{ $labels.feed }}: no connection to the bus; frames wait in the spool.",
    fires=Case(
        why="the bus is away",
        told=(told("ssmd_publisher_connected", "1x5 0x10"),),
        minute=9,
        since=6,
        labels=of_feed(),
    ),
    quiet=(
        Case(
            why="a start, and a restart of the bus",
            told=(told("ssmd_publisher_connected", "0 1x5 0 1x20"),),
            minute=8,
        ),
    ),
)
ALERTS: Final = (
    SPOOL_FULL,
    SPOOL_OLD,
    SPOOL_GROWING,
    LOST,
    BOUND,
    PUBLISH_FAILING,
    PUBLISH_REFUSED,
    BUS,
)
"""All of them."""
