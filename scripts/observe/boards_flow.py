"""Dashboards of what is recorded, and of how it gets to the archive."""

from typing import Final

from scripts.observe.board import Board, Panel, Row
from scripts.observe.pictures import (
    FEED,
    OF_FEED,
    SHARD,
    one,
    quantiles,
    rate,
    rise,
    stat,
)

_FEEDS: Final = (("feed", "ssmd_connector_shards_total"),)
_FIRING: Final = Panel(
    "Alerts",
    (('ALERTS{alertname=~"Ssmd.*", alertstate="firing"}', ""),),
    kind="table",
    text="Each has a page in docs/runbooks.",
)
OVERVIEW: Final = Board(
    "ssmd-overview",
    "SSMD: what is recorded",
    _FEEDS,
    (
        Row(
            "Now",
            (
                stat("Sockets open", f"sum(ssmd_connector_websocket_connected{OF_FEED})"),
                stat("Shards planned", f"sum(ssmd_connector_shards_total{OF_FEED})"),
                stat("Frames a second", f"sum(rate(ssmd_connector_frames_total{OF_FEED}[5m]))"),
                stat(
                    "Declared lost in a day",
                    f"sum(increase(ssmd_spool_declared_lost_total{OF_FEED}[1d]))",
                ),
                stat("Holes in a day", f"sum(increase(ssmd_archiver_gaps_total{OF_FEED}[1d]))"),
                stat("Services that answer", 'count(up{job=~"ssmd.*"} == 1)'),
            ),
        ),
        Row("Alerts that fire", (_FIRING,)),
        Row(
            "Feeds",
            (
                one(
                    "Frames a second",
                    rate("ssmd_connector_frames_total", "feed, category"),
                    FEED,
                    "reqps",
                ),
                one(
                    "Bytes a second",
                    rate("ssmd_connector_bytes_total", "feed, category"),
                    FEED,
                    "Bps",
                ),
                one(
                    "Share of sockets open",
                    f"feed:ssmd_connector_connected:share{OF_FEED}",
                    FEED,
                    "percentunit",
                ),
                one(
                    "Venue's own pause",
                    f"max by (feed, category) (ssmd_connector_venue_paused{OF_FEED})",
                    FEED,
                    "bool",
                ),
            ),
        ),
        Row(
            "Subscriptions",
            (
                Panel(
                    "Wanted, held, receiving",
                    (
                        (
                            f"sum by (feed) (ssmd_connector_markets_requested{OF_FEED})",
                            "{{feed}} wanted",
                        ),
                        (
                            f"sum by (feed) (ssmd_connector_markets_subscribed{OF_FEED})",
                            "{{feed}} held",
                        ),
                        (
                            f"sum by (feed) (ssmd_connector_markets_receiving{OF_FEED})",
                            "{{feed}} receiving",
                        ),
                    ),
                ),
                Panel(
                    "Refused, without room",
                    (
                        (
                            f"sum by (feed) (ssmd_connector_markets_refused{OF_FEED})",
                            "{{feed}} refused",
                        ),
                        (
                            f"sum by (feed) (ssmd_connector_markets_overflow{OF_FEED})",
                            "{{feed}} without room",
                        ),
                    ),
                ),
                one("Silent beyond their rhythm", f"ssmd_connector_suspects{OF_FEED}", FEED),
            ),
        ),
        Row(
            "Shards",
            (
                one("Connected", f"ssmd_connector_websocket_connected{OF_FEED}", SHARD, "bool"),
                one(
                    "Frames a second",
                    rate("ssmd_connector_frames_total", "feed, category, shard"),
                    SHARD,
                    "reqps",
                ),
                one(
                    "Time since the last frame", f"ssmd_connector_idle_seconds{OF_FEED}", SHARD, "s"
                ),
                one(
                    "Connections that ended",
                    rise("ssmd_connector_shard_reconnects_total", "feed, shard, reason"),
                    "{{feed}} {{shard}} {{reason}}",
                ),
            ),
        ),
        Row(
            "Messages and REST",
            (
                one(
                    "Messages a second, by type",
                    rate("ssmd_connector_messages_total", "feed, message_type"),
                    "{{feed}} {{message_type}}",
                    "reqps",
                ),
                one(
                    "REST requests a second",
                    rate("ssmd_connector_rest_requests_total", "feed, result"),
                    "{{feed}} {{result}}",
                    "reqps",
                ),
                one("Discovery age", f"ssmd_connector_discovery_age_seconds{OF_FEED}", FEED, "s"),
            ),
        ),
    ),
)
PIPELINE: Final = Board(
    "ssmd-pipeline",
    "SSMD: from the socket to the archive",
    _FEEDS,
    (
        Row(
            "End to end",
            (
                Panel(
                    "Venue's time to receipt",
                    quantiles("ssmd_connector_venue_latency_seconds", "feed", "{{feed}}"),
                    "s",
                ),
                Panel(
                    "Receipt to the bus",
                    quantiles("ssmd_connector_acked_latency_seconds", "feed", "{{feed}}"),
                    "s",
                ),
                Panel(
                    "Receipt to the archive",
                    quantiles("ssmd_archiver_archived_latency_seconds", "feed", "{{feed}}"),
                    "s",
                ),
            ),
        ),
        Row(
            "Spool",
            (
                one("Bytes", f"ssmd_spool_bytes{OF_FEED}", FEED, "bytes"),
                one(
                    "Age of what is not archived",
                    f"ssmd_spool_oldest_age_seconds{OF_FEED}",
                    FEED,
                    "s",
                ),
                Panel(
                    "Records that wait",
                    (
                        (f"ssmd_spool_unpublished{OF_FEED}", "{{feed}} for the bus"),
                        (f"ssmd_spool_records{OF_FEED}", "{{feed}} for the archive"),
                    ),
                ),
                one(
                    "Declared lost",
                    rise("ssmd_spool_declared_lost_total", "feed, reason"),
                    "{{feed}} {{reason}}",
                ),
            ),
        ),
        Row(
            "Bus",
            (
                one(
                    "Published a second",
                    rate("ssmd_publisher_published_total", "feed"),
                    "{{feed}}",
                    "reqps",
                ),
                Panel(
                    "Outstanding, and the most allowed",
                    (
                        (f"ssmd_publisher_outstanding{OF_FEED}", "{{feed}}"),
                        (f"ssmd_publisher_window{OF_FEED}", "{{feed}} window"),
                    ),
                ),
                one(
                    "Not acknowledged",
                    rise("ssmd_publisher_failures_total", "feed, reason"),
                    "{{feed}} {{reason}}",
                ),
                Panel(
                    "Publish to acknowledgement",
                    quantiles("ssmd_connector_nats_publish_duration_seconds", "feed", "{{feed}}"),
                    "s",
                ),
            ),
        ),
        Row(
            "Archive",
            (
                one(
                    "Archived a second",
                    rate("ssmd_archiver_messages_total", "feed, stream"),
                    "{{stream}}",
                    "reqps",
                ),
                one(
                    "Behind on the bus",
                    f"max by (feed, stream) (ssmd_consumer_lag_messages{OF_FEED})",
                    "{{stream}}",
                ),
                Panel(
                    "Commit",
                    quantiles("ssmd_archiver_commit_duration_seconds", "stream", "{{stream}}"),
                    "s",
                ),
                Panel(
                    "Free disk",
                    (
                        (f"ssmd_archiver_disk_free_bytes{OF_FEED}", "{{feed}} archive"),
                        (f"ssmd_spool_disk_free_bytes{OF_FEED}", "{{feed}} spool"),
                    ),
                    "bytes",
                ),
            ),
        ),
        Row(
            "Tables and uploads",
            (
                one("Tables behind", f"ssmd_tables_lag_seconds{OF_FEED}", "{{feed}}", "s"),
                one(
                    "Rows a second",
                    rate("ssmd_tables_rows_total", "feed, kind"),
                    "{{feed}} {{kind}}",
                    "reqps",
                ),
                one("Uploads behind", f"ssmd_archive_upload_lag_seconds{OF_FEED}", "{{feed}}", "s"),
                one(
                    "Uploads that failed",
                    rise("ssmd_archive_upload_failures_total", "feed, reason"),
                    "{{feed}} {{reason}}",
                ),
            ),
        ),
        Row(
            "Who is connected, and what went wrong",
            (
                Panel(
                    "Connected to the bus; archives; spool full",
                    (
                        (f"ssmd_publisher_connected{OF_FEED}", "{{feed}} bus"),
                        (f"max by (stream) (ssmd_consumer_active{OF_FEED})", "{{stream}} archives"),
                        (f"ssmd_spool_full{OF_FEED}", "{{feed}} spool full"),
                    ),
                    "bool",
                ),
                Panel(
                    "Refused for good, let go, foreign",
                    (
                        (rise("ssmd_publisher_set_aside_total", "feed"), "{{feed}} refused"),
                        (rise("ssmd_spool_bound_dropped_total", "feed"), "{{feed}} let go"),
                        (
                            rise("ssmd_archiver_parse_failures_total", "stream"),
                            "{{stream}} foreign",
                        ),
                    ),
                ),
                Panel(
                    "Ledger and tables that failed",
                    (
                        (rise("ssmd_ledger_failures_total", "feed, what"), "{{feed}} {{what}}"),
                        (rise("ssmd_tables_failures_total", "feed"), "{{feed}} tables"),
                    ),
                ),
            ),
        ),
        Row(
            "Processes",
            (
                one(
                    "Memory",
                    'process_resident_memory_bytes{job=~"ssmd.*"}',
                    "{{instance}}",
                    "bytes",
                ),
                one(
                    "CPU",
                    'rate(process_cpu_seconds_total{job=~"ssmd.*"}[$__rate_interval])',
                    "{{instance}}",
                    "percentunit",
                ),
                one("Ready", "ssmd_ready", "{{instance}}", "bool"),
                Panel(
                    "Age of the process",
                    (('time() - process_start_time_seconds{job=~"ssmd.*"}', "{{instance}}"),),
                    "s",
                ),
                Panel(
                    "Incidents, deaths of tasks, lines held back",
                    (
                        (
                            rise("ssmd_incidents_total", "instance, event", ""),
                            "{{instance}} {{event}}",
                        ),
                        (
                            rise("ssmd_task_deaths_total", "instance, task", ""),
                            "{{instance}} {{task}}",
                        ),
                        (
                            rise("ssmd_log_lines_dropped_total", "instance", ""),
                            "{{instance}} lines",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
