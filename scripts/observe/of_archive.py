"""Alerts about consuming, committing, proving, and the disk."""

from typing import Final

from scripts.observe.alert import DEMO, Alert, Case, labels_of, of_feed, stream, told

OF_LEDGER: Final = labels_of("job", "instance", "feed")
"""Labels of an alert about a feed's ledger or tables."""
_GIB = 1 << 30

NOBODY = Alert(
    name="SsmdNobodyArchives",
    expr="max by (feed, stream) (ssmd_consumer_active) == 0",
    hold=3,
    severity="critical",
    summary="Nobody archives {{ $labels.stream }}.",
    fires=Case(
        why="an archiver runs, and consumes nothing",
        told=(told("ssmd_consumer_active", "1x5 0x20"),),
        minute=10,
        since=6,
        labels=labels_of("feed", "stream"),
    ),
    quiet=(
        Case(
            why="a standby beside the one that archives",
            told=(
                told("ssmd_consumer_active", "0 1x30"),
                told("ssmd_consumer_active", "0x30", instance="demo-2"),
            ),
            minute=20,
        ),
    ),
)
LAG = Alert(
    name="SsmdConsumerLag",
    expr="max by (feed, stream) (ssmd_consumer_lag_messages) > 50000",
    hold=10,
    severity="warning",
    summary="{{ $labels.stream }}: the archiver is {{ $value }} messages behind.",
    fires=Case(
        why="a backlog that stays",
        told=(told("ssmd_consumer_lag_messages", "0x5 90000x30"),),
        minute=20,
        since=6,
        labels=labels_of("feed", "stream"),
        shown="90000",
    ),
    quiet=(
        Case(
            why="a backlog that is gone in five minutes",
            told=(told("ssmd_consumer_lag_messages", "0x5 90000x5 0x30"),),
            minute=20,
        ),
    ),
)
_COMMITS = "ssmd_archiver_commits_total"
_STORED = "ssmd_publisher_acks_total"
STALLED = Alert(
    name="SsmdArchiverStalled",
    expr=f"""\
max by (feed, stream) (increase({_COMMITS}[5m])) == 0
and on (feed) (
  sum by (feed) (increase({_STORED}{{result="stored"}}[5m])) > 0
  or sum by (feed) (increase(ssmd_cdc_events_published_total[5m])) > 0
)""",
    hold=3,
    severity="critical",
    summary="{{ $labels.stream }}: messages arrive, and nothing is committed.",
    fires=Case(
        why="the bus takes messages, the archive none",
        told=(told(_COMMITS, "0+60x10 600x30"), told(_STORED, "0+500x40", result="stored")),
        minute=25,
        since=16,
        labels=labels_of("feed", "stream"),
    ),
    quiet=(
        Case(
            why="nothing comes, so there is nothing to commit",
            told=(
                told(_COMMITS, "600x40"),
                told(_STORED, "7x40", result="stored"),
                told("ssmd_cdc_events_published_total", "7x40", table="instrument"),
            ),
            minute=25,
        ),
        Case(
            why="a start",
            told=(
                told(_COMMITS, "0x2 0+60x30"),
                told(_STORED, "0+500x33", result="stored"),
            ),
            minute=5,
        ),
    ),
)
HOLES = Alert(
    name="SsmdHoles",
    expr="increase(ssmd_archiver_gaps_total[15m]) > 0",
    severity="critical",
    summary="{{ $labels.stream }}: ordinals are missing in the archive.",
    fires=Case(
        why="two ordinals did not come within the grace period",
        told=(told("ssmd_archiver_gaps_total", "0x5 2x10"),),
        minute=8,
        labels=stream(),
    ),
    quiet=(Case(why="long ago", told=(told("ssmd_archiver_gaps_total", "2x40"),), minute=30),),
)
CONSERVATION = Alert(
    name="SsmdConservationBroken",
    expr="ssmd_archiver_conservation_difference != 0",
    hold=2,
    severity="critical",
    summary="{{ $labels.stream }}: received, archived and declared lost differ by {{ $value }}.",
    fires=Case(
        why="three frames are neither here nor there",
        told=(told("ssmd_archiver_conservation_difference", "0x5 3x10"),),
        minute=10,
        since=6,
        labels=stream(),
        shown="3",
    ),
    quiet=(
        Case(
            why="it balances",
            told=(told("ssmd_archiver_conservation_difference", "0x20"),),
            minute=15,
        ),
    ),
)


def moved(name: str, metric: str, summary: str, over: str = "15m", **more: str) -> Alert:
    """An alert on a counter that should stand still; its labels are those of an archiver."""
    labels = OF_LEDGER | more if "stream" not in more else stream()
    given = {key: value for key, value in more.items() if key != "stream"}
    return Alert(
        name=name,
        expr=f"increase({metric}[{over}]) > 0",
        severity="warning",
        summary=summary,
        fires=Case(
            why="it counts one",
            told=(told(metric, "0x5 1x10", **given),),
            minute=8,
            labels=labels,
        ),
        quiet=(Case(why="long ago", told=(told(metric, "1x90", **given),), minute=80),),
    )


FOREIGN = moved(
    "SsmdForeignMessages",
    "ssmd_archiver_parse_failures_total",
    "{{ $labels.stream }}: messages on the bus are not envelopes of ours.",
    stream=DEMO["stream"],
)
INVALID = moved(
    "SsmdInvalidEnvelopes",
    "ssmd_archiver_validation_failures_total",
    "{{ $labels.stream }}: envelopes cannot be what they say; they are kept.",
    stream=DEMO["stream"],
)
LEDGER = moved(
    "SsmdLedgerFailing",
    "ssmd_ledger_failures_total",
    "{{ $labels.feed }}: the ledger could not be written ({{ $labels.what }}).",
    "1h",
    what="update",
)

_FREE = ("ssmd_archiver_disk_free_bytes", "ssmd_spool_disk_free_bytes")
DISK_FILLING = Alert(
    name="SsmdDiskFilling",
    expr="\nor\n".join(
        f"predict_linear({each}[3h], 86400) < 0 and {each} offset 2h" for each in _FREE
    ),
    hold=30,
    severity="warning",
    summary="{{ $labels.feed }}: at this pace the disk at {{ $labels.instance }} is full within a day.",
    fires=Case(
        why="100 GiB, and 10 GiB an hour less",
        told=(told(_FREE[0], f"{100 * _GIB}-{_GIB // 6}x300"),),
        minute=240,
        since=120,
        labels=stream(),
    ),
    quiet=(
        Case(
            why="plenty",
            told=(told(_FREE[0], f"{900 * _GIB}-{_GIB // 60}x300"),),
            minute=240,
        ),
        Case(
            why="a start: the first minutes prove nothing",
            told=(told(_FREE[0], f"0 {100 * _GIB}-{_GIB}x60"),),
            minute=50,
        ),
    ),
)
DISK_LOW = Alert(
    name="SsmdDiskLow",
    expr=" or ".join(f"{each} < {5 * _GIB}" for each in _FREE),
    hold=5,
    severity="critical",
    summary="{{ $labels.feed }}: {{ $value | humanize1024 }}B are free at {{ $labels.instance }}.",
    fires=Case(
        why="2 GiB left under the archive",
        told=(told(_FREE[0], f"{9 * _GIB}x5 {2 * _GIB}x20"),),
        minute=15,
        since=6,
        labels=stream(),
        shown="2Gi",
    ),
    quiet=(
        Case(
            why="a start: 0 until the first look",
            told=(told(_FREE[0], f"0x2 {9 * _GIB}x20"), told(_FREE[1], f"0x2 {9 * _GIB}x20")),
            minute=15,
        ),
    ),
)


SPOOL_DISK_LOW = Case(
    why="4 GiB left under the spool",
    told=(told(_FREE[1], f"{9 * _GIB}x5 {4 * _GIB}x20"), told(_FREE[0], f"{9 * _GIB}x30")),
    minute=15,
    labels=of_feed(),
    shown="4Gi",
)
"""The other disk that can be low; it has a test of its own."""
SPOOL_DISK_FILLING = Case(
    why="the spool's disk: 100 GiB, and 10 GiB an hour less",
    told=(told(_FREE[1], f"{100 * _GIB}-{_GIB // 6}x300"),),
    minute=240,
    labels=of_feed(),
)
"""The other disk that can fill; it has a test of its own."""
ALERTS: Final = (
    NOBODY,
    LAG,
    STALLED,
    HOLES,
    CONSERVATION,
    FOREIGN,
    INVALID,
    LEDGER,
    DISK_FILLING,
    DISK_LOW,
)
"""All of them."""
