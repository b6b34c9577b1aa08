"""Alerts about what is known to be listed, and how its changes reach the bus."""

from typing import Final

from scripts.observe.alert import Alert, Case, labels_of, told

from ssmd.secmaster.changes.settings import FEED

_VENUE = labels_of("job", "instance", "venue")
_CHANGES = labels_of("job", "instance", feed=FEED)
_OURS = f'{{feed="{FEED}"}}'
"""The feed of the changes: other services may show these series at zero for feeds of theirs."""
_GIB = 1 << 30

_ROUNDS = "ssmd_secmaster_rounds_total"
ROUNDS = Alert(
    name="SsmdSecmasterRoundsFailing",
    expr=f"""\
increase({_ROUNDS}{{result="failed"}}[2h]) > 2
unless ignoring (result) increase({_ROUNDS}{{result="done"}}[2h]) > 0""",
    severity="warning",
    summary="The listing of {{ $labels.venue }} could not be taken for two hours.",
    fires=Case(
        why="attempt after attempt fails",
        told=(told(_ROUNDS, "0+0.1x180", result="failed"), told(_ROUNDS, "4x180", result="done")),
        minute=150,
        labels=_VENUE | {"result": "failed"},
    ),
    quiet=(
        Case(
            why="some fail, then one is good",
            told=(
                told(_ROUNDS, "0+0.1x180", result="failed"),
                told(_ROUNDS, "4x100 5x80", result="done"),
            ),
            minute=150,
        ),
    ),
)
STALE = Alert(
    name="SsmdSecmasterStale",
    expr="min by (venue) (ssmd_secmaster_sync_age_seconds) > 14400",
    severity="warning",
    summary="The listing of {{ $labels.venue }} is {{ $value | humanizeDuration }} old.",
    fires=Case(
        why="no good round for five hours",
        told=(told("ssmd_secmaster_sync_age_seconds", "0+60x310"),),
        minute=300,
        labels=labels_of("venue"),
        shown="5h 0m 0s",
    ),
    quiet=(
        Case(
            why="a round an hour",
            told=(told("ssmd_secmaster_sync_age_seconds", "0+60x60 0+60x60"),),
            minute=110,
        ),
    ),
)
_ASIDE = 'ssmd_secmaster_set_aside_total{kind=~"unreadable|unknown_status|absurd|doubtful"}'
DOUBTFUL = Alert(
    name="SsmdSecmasterDoubtful",
    expr=f"""\
sum by (venue, kind) (increase({_ASIDE}[2h])) > 0
unless sum by (venue, kind) (increase({_ASIDE}[2h] offset 2h)) > 0""",
    severity="warning",
    summary="The listing of {{ $labels.venue }} has entries it had not before ({{ $labels.kind }}).",
    fires=Case(
        why="the venue lists what cannot be",
        told=(told("ssmd_secmaster_set_aside_total", "0x300 4x60", kind="absurd"),),
        minute=330,
        labels=labels_of("venue", kind="absurd"),
    ),
    quiet=(
        Case(
            why="the same doubtful entries, round after round",
            told=(told("ssmd_secmaster_set_aside_total", "0+0.1x400", kind="doubtful"),),
            minute=390,
        ),
    ),
)
_KEPT_APART = 'ssmd_secmaster_instruments_total{result="quarantined"}'
QUARANTINED = Alert(
    name="SsmdSecmasterQuarantined",
    expr=f"""\
increase({_KEPT_APART}[2h]) > 0
unless increase({_KEPT_APART}[2h] offset 2h) > 0""",
    severity="warning",
    summary="Instruments of {{ $labels.venue }} are in quarantine that were not before.",
    fires=Case(
        why="an instrument of a listing cannot be taken",
        told=(told("ssmd_secmaster_instruments_total", "0x300 2x60", result="quarantined"),),
        minute=330,
        labels=_VENUE | {"result": "quarantined"},
    ),
    quiet=(
        Case(
            why="a round that changes much, and quarantines nothing",
            told=(
                told("ssmd_secmaster_instruments_total", "0x60 900x60", result="changed"),
                told("ssmd_secmaster_instruments_total", "0x120", result="quarantined"),
            ),
            minute=90,
        ),
        Case(
            why="the same one, round after round",
            told=(told("ssmd_secmaster_instruments_total", "0+0.1x400", result="quarantined"),),
            minute=390,
        ),
    ),
)
_ACTIVE = f"ssmd_cdc_active{_OURS}"
CDC_INACTIVE = Alert(
    name="SsmdCdcInactive",
    expr=f"max by (feed) ({_ACTIVE}) == 0",
    hold=5,
    severity="critical",
    summary="Nobody publishes the changes of the security master.",
    fires=Case(
        why="every publisher waits",
        told=(told("ssmd_cdc_active", "1x5 0x20", feed=FEED),),
        minute=15,
        since=6,
        labels={"feed": FEED},
    ),
    quiet=(
        Case(
            why="a standby, and another service that shows the series for a feed of its own",
            told=(
                told("ssmd_cdc_active", "0 1x30", feed=FEED),
                told("ssmd_cdc_active", "0x30", feed=FEED, instance="demo-2"),
                told("ssmd_cdc_active", "0x30"),
            ),
            minute=25,
        ),
    ),
)
CDC_LAG = Alert(
    name="SsmdCdcLag",
    expr=f"ssmd_cdc_lag_seconds{_OURS} > 120 and ssmd_cdc_active{_OURS} == 1",
    hold=5,
    severity="warning",
    summary="Changes of the security master reach the bus {{ $value | humanizeDuration }} late.",
    fires=Case(
        why="the bus takes nothing",
        told=(
            told("ssmd_cdc_lag_seconds", "0x5 0+60x20", feed=FEED),
            told("ssmd_cdc_active", "1x30", feed=FEED),
        ),
        minute=16,
        since=10,
        labels=_CHANGES,
        shown="10m 0s",
    ),
    quiet=(
        Case(
            why="a standby, whose figures are not of now",
            told=(
                told("ssmd_cdc_lag_seconds", "900x30", feed=FEED),
                told("ssmd_cdc_active", "0x30", feed=FEED),
                told("ssmd_cdc_active", "1x30", feed=FEED, instance="demo-2"),
            ),
            minute=20,
        ),
    ),
)
CDC_BEHIND = Alert(
    name="SsmdCdcSlotBehind",
    expr=f"""\
ssmd_cdc_slot_behind_bytes{_OURS} > {_GIB}
or ssmd_cdc_slot_safe_bytes{_OURS} >= 0 < {_GIB // 4} and {_ACTIVE} == 1""",
    hold=5,
    severity="critical",
    summary="The database keeps much log for a publisher that does not take it, and may drop its slot.",
    fires=Case(
        why="2 GiB of log are kept",
        told=(
            told("ssmd_cdc_slot_behind_bytes", f"0x5 {2 * _GIB}x20", feed=FEED),
            told("ssmd_cdc_slot_safe_bytes", "-1x30", feed=FEED),
            told("ssmd_cdc_active", "1x30", feed=FEED),
        ),
        minute=15,
        since=6,
        labels=_CHANGES,
    ),
    quiet=(
        Case(
            why="a standby at zero, and a database without a limit",
            told=(
                told("ssmd_cdc_slot_behind_bytes", "90000x30", feed=FEED),
                told("ssmd_cdc_slot_safe_bytes", "-1x30", feed=FEED),
                told("ssmd_cdc_active", "1x30", feed=FEED),
                told("ssmd_cdc_slot_safe_bytes", "0x30", feed=FEED, instance="demo-2"),
                told("ssmd_cdc_active", "0x30", feed=FEED, instance="demo-2"),
            ),
            minute=20,
        ),
    ),
)
SLOT_AT_RISK = Case(
    why="little log may be written before the slot is dropped",
    told=(
        told("ssmd_cdc_slot_behind_bytes", "90000x30", feed=FEED),
        told("ssmd_cdc_slot_safe_bytes", f"{9 * _GIB}x5 200000000x30", feed=FEED),
        told("ssmd_cdc_active", "1x30", feed=FEED),
    ),
    minute=15,
    labels=_CHANGES,
)
"""The other way for a slot to be at risk; it has a test of its own."""
_SNAPSHOTS = "ssmd_cdc_snapshots_total"
CDC_ANEW = Alert(
    name="SsmdCdcToldAnew",
    expr=f'increase({_SNAPSHOTS}{{feed="{FEED}", reason!="first"}}[1h]) > 0',
    severity="warning",
    summary="Everything of the security master is told anew ({{ $labels.reason }}).",
    fires=Case(
        why="the slot was lost",
        told=(told(_SNAPSHOTS, "0x5 1x10", feed=FEED, reason="slot_lost"),),
        minute=8,
        labels=_CHANGES | {"reason": "slot_lost"},
    ),
    quiet=(
        Case(
            why="the very first time",
            told=(told(_SNAPSHOTS, "0x5 1x10", feed=FEED, reason="first"),),
            minute=8,
        ),
    ),
)
ALERTS: Final = (
    ROUNDS,
    STALE,
    DOUBTFUL,
    QUARANTINED,
    CDC_INACTIVE,
    CDC_LAG,
    CDC_BEHIND,
    CDC_ANEW,
)
"""All of them."""
