"""Dashboards: what is recorded, how it gets to the archive, what is listed, how good it is."""

from typing import Final

from scripts.observe.board import Board, Panel, Row
from scripts.observe.boards_cluster import OPERATOR
from scripts.observe.boards_flow import OVERVIEW, PIPELINE
from scripts.observe.pictures import (
    OF_FEED,
    OF_VENUE,
    one,
    quantiles,
    rate,
    rise,
    stat,
)

_STREAMS: Final = (("feed", "ssmd_consumer_active"),)
SECMASTER: Final = Board(
    "ssmd-secmaster",
    "SSMD: security master and its changes",
    (("venue", "ssmd_secmaster_sync_age_seconds"),),
    (
        Row(
            "Rounds",
            (
                one(
                    "Age of the listing",
                    f"ssmd_secmaster_sync_age_seconds{OF_VENUE}",
                    "{{venue}}",
                    "s",
                ),
                one(
                    "Rounds",
                    rise("ssmd_secmaster_rounds_total", "venue, result", OF_VENUE),
                    "{{venue}} {{result}}",
                ),
                Panel(
                    "Duration",
                    quantiles(
                        "ssmd_secmaster_round_duration_seconds", "venue", "{{venue}}", OF_VENUE
                    ),
                    "s",
                ),
            ),
        ),
        Row(
            "What they did",
            (
                one(
                    "Instruments",
                    rise("ssmd_secmaster_instruments_total", "venue, result", OF_VENUE),
                    "{{venue}} {{result}}",
                ),
                one(
                    "Set aside",
                    rise("ssmd_secmaster_set_aside_total", "venue, kind", OF_VENUE),
                    "{{venue}} {{kind}}",
                ),
                one(
                    "Transitions refused",
                    rise("ssmd_secmaster_refused_transitions_total", "venue, source", OF_VENUE),
                    "{{venue}} {{source}}",
                ),
                one(
                    "Series without a fee",
                    f"ssmd_secmaster_series_without_fee{OF_VENUE}",
                    "{{venue}}",
                ),
            ),
        ),
        Row(
            "Events of the bus",
            (
                one(
                    "Events",
                    rise("ssmd_secmaster_lifecycle_events_total", "venue, outcome", OF_VENUE),
                    "{{venue}} {{outcome}}",
                ),
                one(
                    "Receipt to transaction",
                    f"ssmd_secmaster_lifecycle_lag_seconds{OF_VENUE}",
                    "{{venue}}",
                    "s",
                ),
                one(
                    "Late by the clock",
                    f"ssmd_secmaster_sweep_lag_seconds{OF_VENUE}",
                    "{{venue}}",
                    "s",
                ),
            ),
        ),
        Row(
            "Changes onto the bus",
            (
                one("Publishers at work", "sum by (feed) (ssmd_cdc_active)", "{{feed}}"),
                one("Behind", "ssmd_cdc_lag_seconds", "{{instance}}", "s"),
                one("Log kept for the slot", "ssmd_cdc_slot_behind_bytes", "{{instance}}", "bytes"),
                one(
                    "Published",
                    rate("ssmd_cdc_events_published_total", "table", ""),
                    "{{table}}",
                    "reqps",
                ),
                one("Told anew", rise("ssmd_cdc_snapshots_total", "reason", ""), "{{reason}}"),
            ),
        ),
        Row(
            "Who follows",
            (
                one("Follows", "ssmd_universe_following", "{{feed}}", "bool"),
                Panel(
                    "Wanted, without room, waiting",
                    (
                        ("ssmd_universe_wanted", "{{feed}} wanted"),
                        ("ssmd_universe_given_up", "{{feed}} without room"),
                        ("ssmd_universe_waiting", "{{feed}} waiting"),
                    ),
                ),
                Panel(
                    "Commit to universe",
                    quantiles("ssmd_universe_delay_seconds", "feed", "{{feed}}", ""),
                    "s",
                ),
                one(
                    "Began again",
                    rise("ssmd_universe_restarts_total", "feed, reason", ""),
                    "{{feed}} {{reason}}",
                ),
            ),
        ),
    ),
)
QUALITY: Final = Board(
    "ssmd-quality",
    "SSMD: how good it is",
    _STREAMS,
    (
        Row(
            "Verdicts of `ssmd dq daily --metrics-file`",
            (
                one("Score of the last judged day", f"ssmd_dq_score{OF_FEED}", "{{feed}}"),
                stat("Composite", "min(ssmd_dq_composite)"),
                stat("Hard issues", "max(ssmd_dq_issues)"),
                stat("Since it was judged", "time() - max(ssmd_dq_last_judged_timestamp)", "s"),
            ),
        ),
        Row(
            "Conservation",
            (
                one(
                    "Received, archived, declared lost: difference",
                    f"ssmd_archiver_conservation_difference{OF_FEED}",
                    "{{stream}}",
                ),
                one("Holes", rise("ssmd_archiver_gaps_total", "stream"), "{{stream}}"),
                one(
                    "Declared lost",
                    rise("ssmd_spool_declared_lost_total", "feed, reason"),
                    "{{feed}} {{reason}}",
                ),
            ),
        ),
        Row(
            "What the venue's own numbers say",
            (
                one(
                    "Gaps and checksums",
                    rise("ssmd_connector_gaps_total", "feed, kind"),
                    "{{feed}} {{kind}}",
                ),
                one("Unread frames", rise("ssmd_connector_parse_errors_total", "feed"), "{{feed}}"),
                one(
                    "Silent instruments, by verdict",
                    rise("ssmd_connector_judged_total", "feed, verdict"),
                    "{{feed}} {{verdict}}",
                ),
            ),
        ),
        Row(
            "Time",
            (
                one(
                    "Downtime, seconds a second",
                    rate("ssmd_connector_downtime_seconds_total", "feed, shard"),
                    "{{feed}} {{shard}}",
                ),
                one("Clock: true time less ours", "ssmd_clock_offset_seconds", "{{instance}}", "s"),
                Panel(
                    "Venue's time to receipt",
                    quantiles("ssmd_connector_venue_latency_seconds", "feed", "{{feed}}"),
                    "s",
                ),
            ),
        ),
        Row(
            "Ledger and tables",
            (
                one(
                    "Entries of the newest day",
                    f"ssmd_ledger_entries{OF_FEED}",
                    "{{feed}} {{table}}",
                ),
                one(
                    "Rows: written, repeated, rejected",
                    rise("ssmd_tables_rows_total", "feed, kind"),
                    "{{feed}} {{kind}}",
                ),
                one(
                    "Envelopes that cannot be",
                    rise("ssmd_archiver_validation_failures_total", "feed"),
                    "{{feed}}",
                ),
                one("Past fetched", rise("ssmd_backfill_facts_total", "feed"), "{{feed}}"),
                one(
                    "Spans of the past given up",
                    rise("ssmd_backfill_failures_total", "feed, reason"),
                    "{{feed}} {{reason}}",
                ),
            ),
        ),
    ),
)
BOARDS: Final = (OVERVIEW, PIPELINE, SECMASTER, QUALITY, OPERATOR)
"""All of them."""
