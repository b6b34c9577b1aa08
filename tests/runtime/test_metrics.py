"""The catalogue of metrics: bounded labels, everything at zero from the start."""

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ssmd.runtime import metrics

ALLOWED = {
    "feed",
    "category",
    "shard",
    "stream",
    "message_type",
    "reason",
    "kind",
    "rung",
    "result",
    "task",
    "event",
    "version",
    "verdict",
    "table",
    "what",
}


def series(**labels: str) -> dict[str, float]:
    text = generate_latest(metrics.REGISTRY).decode()
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if labels.items() <= sample.labels.items()
    }


def test_labels_are_from_small_sets() -> None:
    """A symbol as a label makes a million series and kills the monitoring."""
    for collector in set(metrics.REGISTRY._collector_to_names):
        assert set(getattr(collector, "_labelnames", ())) <= ALLOWED


def test_every_series_of_a_shard_exists_at_zero() -> None:
    """A counter that appears with its first increment hides that increment from every rate."""
    metrics.touch("zero-feed", None, 0)
    metrics.touch_types("zero-feed", None, 0, ["trade", "_unread"])
    found = series(feed="zero-feed")
    assert set(found.values()) == {0.0}
    for name in (
        "ssmd_connector_frames_total",
        "ssmd_connector_websocket_connected",
        "ssmd_connector_idle_seconds",
        "ssmd_connector_last_activity_timestamp",
        "ssmd_connector_markets_subscribed",
        "ssmd_connector_markets_requested",
        "ssmd_connector_shards_total",
        "ssmd_connector_messages_total",
        "ssmd_connector_ws_process_duration_seconds_count",
        "ssmd_connector_nats_publish_duration_seconds_count",
        "ssmd_spool_bytes",
        "ssmd_spool_bound_dropped_total",
        "ssmd_publisher_set_aside_total",
    ):
        assert any(key.startswith(f"{name}[") for key in found), name
    for reason in metrics.LOSS_REASONS:
        assert any("declared_lost" in key and f"'{reason}'" in key for key in found), reason


def test_every_series_of_a_stream_exists_at_zero() -> None:
    """The archiver's alarms are written against series that exist."""
    metrics.touch_stream("zero-feed", "ZERO")
    found = series(stream="ZERO")
    assert set(found.values()) == {0.0}
    for name in ("gaps_total", "files_rotated_total", "last_message_timestamp", "commits_total"):
        assert any(key.startswith(f"ssmd_archiver_{name}[") for key in found), name


@pytest.mark.parametrize("shard", ["0", "1"])
def test_touching_twice_changes_nothing(shard: str) -> None:
    """A shard that is planned again keeps its counts."""
    metrics.touch("twice", "spot", shard)
    metrics.FRAMES.labels("twice", "spot", shard).inc(3)
    metrics.touch("twice", "spot", shard)
    (value,) = (
        value
        for key, value in series(feed="twice", category="spot", shard=shard).items()
        if key.startswith("ssmd_connector_frames_total")
    )
    assert value == 3.0


def test_many_values_at_once_are_the_same_as_one_by_one() -> None:
    """The batch touches the library's insides: an upgrade that moves them is noticed here."""
    values = [0.0005, 0.001, 0.0011, 0.3, 59.0, 61.0, 1e9]
    metrics.observe_all(metrics.VENUE_LATENCY.labels("batch", ""), [*values, -5.0])
    for value in [*values, 0.0]:
        metrics.VENUE_LATENCY.labels("single", "").observe(value)
    batch = series(feed="batch")
    single = series(feed="single")
    assert batch == {key.replace("'single'", "'batch'"): value for key, value in single.items()}
    assert batch
