"""Alerts about what is asked of a venue over REST, and how late it speaks."""

from typing import Final

from scripts.observe.alert import Alert, Case, labels_of, of_feed, told
from scripts.observe.of_connector import PAUSED

_ROUNDS = "ssmd_connector_discovery_rounds_total"
DISCOVERY = Alert(
    name="SsmdDiscoveryFailing",
    expr=f"""\
increase({_ROUNDS}{{result="failed"}}[1h]) > 2
unless ignoring (result) increase({_ROUNDS}{{result="ok"}}[1h]) > 0
{PAUSED.format("1h")}""",
    severity="warning",
    summary="{{ $labels.feed }}: what the venue lists could not be learnt for an hour.",
    fires=Case(
        why="round after round fails",
        told=(told(_ROUNDS, "0+0.1x90", result="failed"), told(_ROUNDS, "5x90", result="ok")),
        minute=70,
        labels=of_feed(result="failed"),
    ),
    quiet=(
        Case(
            why="some fail, one succeeds",
            told=(
                told(_ROUNDS, "0+0.1x90", result="failed"),
                told(_ROUNDS, "5x40 6x50", result="ok"),
            ),
            minute=70,
        ),
        Case(
            why="the venue's pause",
            told=(
                told(_ROUNDS, "0+0.1x90", result="failed"),
                told(_ROUNDS, "5x90", result="ok"),
                told("ssmd_connector_venue_paused", "0x5 1x80"),
            ),
            minute=70,
        ),
    ),
)
_LATE = "ssmd_connector_venue_latency_seconds_bucket"
LATENCY = Alert(
    name="SsmdVenueLatency",
    expr=f"histogram_quantile(0.95, sum by (feed, category, le) (rate({_LATE}[10m]))) > 5",
    hold=15,
    severity="warning",
    summary="{{ $labels.feed }}: one message in twenty reaches us more than 5 s after its time.",
    fires=Case(
        why="everything takes between 5 and 10 s",
        told=(
            told(_LATE, "0x60", le="5.0"),
            told(_LATE, "0+100x60", le="10.0"),
            told(_LATE, "0+100x60", le="+Inf"),
        ),
        minute=40,
        since=1,
        labels=labels_of("feed", "category"),
    ),
    quiet=(
        Case(
            why="one message in a hundred is late",
            told=(
                told(_LATE, "0+99x60", le="0.1"),
                told(_LATE, "0+99x60", le="5.0"),
                told(_LATE, "0+100x60", le="10.0"),
                told(_LATE, "0+100x60", le="+Inf"),
            ),
            minute=40,
        ),
        Case(
            why="no message at all",
            told=(told(_LATE, "7x60", le="5.0"), told(_LATE, "7x60", le="+Inf")),
            minute=40,
        ),
    ),
)
BACKFILL = Alert(
    name="SsmdBackfillGivenUp",
    expr="increase(ssmd_backfill_failures_total[1h]) > 0",
    severity="warning",
    summary="{{ $labels.feed }}: a span of the past was not fetched ({{ $labels.reason }}).",
    fires=Case(
        why="the venue refuses to tell",
        told=(told("ssmd_backfill_failures_total", "0x5 1x30", reason="refused"),),
        minute=10,
        labels=of_feed(reason="refused"),
    ),
    quiet=(
        Case(
            why="spans wait, none is given up",
            told=(
                told("ssmd_backfill_failures_total", "3x80", reason="refused"),
                told("ssmd_backfill_pending", "12x80"),
            ),
            minute=70,
        ),
    ),
)
FOLLOWING = Alert(
    name="SsmdUniverseNotFollowing",
    expr="""\
ssmd_universe_following == 0
and on (job, instance, feed, category)
sum by (job, instance, feed, category) (ssmd_universe_snapshots_total) > 0""",
    hold=10,
    severity="warning",
    summary="{{ $labels.feed }} does not learn what is listed newly: the security master is away.",
    fires=Case(
        why="it followed once, and does not any more",
        told=(
            told("ssmd_universe_following", "1x5 0x30"),
            told("ssmd_universe_snapshots_total", "1x40", source="database"),
        ),
        minute=20,
        since=6,
        labels=of_feed(),
    ),
    quiet=(
        Case(
            why="a feed that follows nothing",
            told=(
                told("ssmd_universe_following", "0x40"),
                told("ssmd_universe_snapshots_total", "0x40", source="database"),
            ),
            minute=30,
        ),
    ),
)
ALERTS: Final = (DISCOVERY, LATENCY, BACKFILL, FOLLOWING)
"""All of them."""
