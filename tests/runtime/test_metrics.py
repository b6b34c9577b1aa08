"""The catalogue of metrics: bounded labels, everything at zero from the start."""

import re
from collections.abc import Iterator
from typing import get_args, get_type_hints

import pytest
from prometheus_client import Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from scripts import metrics_page

from ssmd.model.records import ClockState
from ssmd.runtime import cdc_metrics, clock_metrics, meters, metrics
from ssmd.secmaster.changes.frames import POSITION, SNAPSHOT, VERSIONS
from ssmd.secmaster.columns import TABLES
from tests.shared import REPOSITORY, shared

ALLOWED = {
    "feed",
    "category",
    "shard",
    "stream",
    "message_type",
    "reason",
    "condition",
    "route",
    "kind",
    "rung",
    "result",
    "task",
    "event",
    "version",
    "verdict",
    "table",
    "venue",
    "op",
    "outcome",
    "source",
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


NOT_AT_ZERO = {
    "ssmd_connector_messages": "message_type",
    "ssmd_archiver_messages": "message_type",
    "ssmd_task_deaths": "task",
    "ssmd_task_restarts": "task",
    "ssmd_incidents": "event",
    "ssmd_build_info": "version",
    "ssmd_dq_score": "feed",
}
"""By which label: one whose words nobody lists beforehand, or a verdict that was not given."""


def name_of(metric: Counter | Gauge | Histogram) -> str:
    """Its name, without `_total`."""
    (family,) = metric.describe()
    return family.name


def ours() -> Iterator[Counter | Gauge | Histogram]:
    """Every metric of the registry that is ours."""
    metrics_page.sources()
    for collector in set(metrics.REGISTRY._collector_to_names):
        if isinstance(collector, Counter | Gauge | Histogram):
            yield collector


def test_every_metric_is_on_the_page() -> None:
    """One that is made elsewhere than in `metrics` and its siblings would be found by nobody."""
    shown = {
        name.removesuffix("_total") if kind == "counter" else name: meaning
        for name, kind, _, meaning in metrics_page.rows()
    }
    assert shown.keys() == {name_of(each) for each in ours()}
    assert [name for name, meaning in shown.items() if not meaning.endswith(".")] == []


def test_every_metric_is_touched_at_zero() -> None:
    """Whatever its labels are: some `touch` makes all its series."""
    metrics_page.sources()
    for labels in meters._by_labels:
        meters.touch_labels(labels, tuple("all" for _ in labels))
    untouched = [
        name_of(each)
        for each in ours()
        if each._labelnames and not each._metrics and name_of(each) not in NOT_AT_ZERO
    ]
    assert untouched == []


@pytest.mark.parametrize("table", cdc_metrics.TABLES)
def test_changes_of_every_table_are_at_zero(table: str) -> None:
    """Tables and their histories, and our own place in the stream."""
    metrics.touch_ledger("cdc-feed")
    for name in ("events_published", "publish_errors"):
        (value,) = (
            value
            for key, value in series(feed="cdc-feed", table=table).items()
            if key.startswith(f"ssmd_cdc_{name}_total[")
        )
        assert value == 0.0


def test_the_tables_are_those_of_the_database() -> None:
    """A table that is new there would count as `other` for ever."""
    named = {*TABLES, *(table + VERSIONS for table in TABLES), SNAPSHOT, POSITION, "other"}
    assert set(cdc_metrics.TABLES) == named


def test_the_sources_of_time_are_those_of_the_record() -> None:
    """The metric and the opening record speak of the same."""
    assert get_args(get_type_hints(ClockState)["source"]) == clock_metrics.SOURCES


def test_every_reason_for_an_end_is_at_zero() -> None:
    """What the code says of an end is a word of the list, or its first time is hidden."""
    said = set()
    for path in (REPOSITORY / "src" / "ssmd").glob("*/**/*.py"):
        if path.parts[-2] == "connector" or "venues" in path.parts:
            said |= set(
                re.findall(
                    r'(?:Reconnect|_?leave|abort|_give_up|_end)\((?:live, |old, |successor, )?"([a-z_]+)"',
                    path.read_text(encoding="utf-8"),
                )
            )
    said -= {"ledger_failed", "slow_client"}  # of the simulated venue, about its client
    assert len(said) > 10
    assert said <= set(metrics.END_REASONS)


REFERENCE = {"Connector (": "ssmd_connector", "Archiver (": "ssmd_archiver", "CDC:": "ssmd_cdc"}
"""How the paragraphs of the reference begin, and what its shortened names stand for."""


def test_the_earlier_systems_names_are_ours_or_accounted_for() -> None:
    """Rules and dashboards know them; what is not here is explained, name by name."""
    page = shared("reference/operations.md").read_text(encoding="utf-8")
    wanted: set[str] = set()
    for line in page[page.index("## 7. Metrics") :].splitlines():
        for begins, prefix in REFERENCE.items():
            if line.startswith(begins):
                told = re.findall(r"`(?:ssmd_(?:connector|archiver|cdc)|…)?(_[a-z_]+)[`(]", line)
                wanted |= {prefix + name for name in told}
    assert len(wanted) > 25
    here = {name for name, *_ in metrics_page.rows()}
    record = (REPOSITORY / "docs/decisions/0028-metric-names.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `(ssmd_\w+)` \| none;", record, re.MULTILINE))
    assert wanted - here == explained
    same = set(re.findall(r"^\| `(ssmd_\w+)` \| the same", record, re.MULTILINE))
    assert same <= here
