"""Every alert and every recorded rate, by the file they are in."""

from typing import Final

import msgspec
from scripts.observe import (
    of_archive,
    of_connector,
    of_operator,
    of_pipeline,
    of_quality,
    of_secmaster,
    of_services,
    of_tables,
    of_universe,
)
from scripts.observe.alert import Alert, Case
from scripts.observe.catalog import Series, catalog

GROUPS: Final[dict[str, tuple[Alert, ...]]] = {
    "connector": of_connector.ALERTS,
    "universe": of_universe.ALERTS,
    "silence": (of_connector.FEED_SILENT,),  # its cases are a day long: they are played alone
    "pipeline": of_pipeline.ALERTS,
    "archive": of_archive.ALERTS,
    "tables": of_tables.ALERTS,
    "secmaster": of_secmaster.ALERTS,
    "services": of_services.ALERTS,
    "quality": of_quality.ALERTS,
    "operator": of_operator.ALERTS,
}
"""All alerts, by file of rules."""
ALSO: Final[dict[str, Case]] = {
    of_connector.FEED_SILENT.name: of_connector.FEED_NEVER_SPOKE,
    of_archive.DISK_LOW.name: of_archive.SPOOL_DISK_LOW,
    of_archive.DISK_FILLING.name: of_archive.SPOOL_DISK_FILLING,
    of_secmaster.CDC_BEHIND.name: of_secmaster.SLOT_AT_RISK,
}
"""A second way for an alert to fire, where its expression has two arms."""


class Recording(msgspec.Struct, frozen=True):
    """A value that is worked out once, for dashboards and people.

    Attributes:
        name: `labels:metric:operation`.
        expr: How.
        labels: Which labels it keeps.
    """

    name: str
    expr: str
    labels: tuple[str, ...]


_FEED: Final = ("feed", "category")


def _rate(metric: str, labels: tuple[str, ...] = _FEED) -> Recording:
    kept = ", ".join(labels)
    short = metric.removesuffix("_total")
    return Recording(f"{labels[0]}:{short}:rate5m", f"sum by ({kept}) (rate({metric}[5m]))", labels)


RECORDINGS: Final = (
    _rate("ssmd_connector_frames_total"),
    _rate("ssmd_connector_bytes_total"),
    _rate("ssmd_publisher_published_total"),
    _rate("ssmd_archiver_messages_total", ("feed", "stream")),
    Recording(
        "feed:ssmd_connector_connected:share",
        "sum by (feed, category) (ssmd_connector_websocket_connected)"
        " / sum by (feed, category) (ssmd_connector_shards_total)",
        _FEED,
    ),
    Recording(
        "feed:ssmd_connector_markets_subscribed:share",
        "sum by (feed, category) (ssmd_connector_markets_subscribed)"
        " / sum by (feed, category) (ssmd_connector_markets_requested)",
        _FEED,
    ),
)
"""All of them."""


def every() -> list[Alert]:
    """All alerts."""
    return [alert for alerts in GROUPS.values() for alert in alerts]


def queryable() -> dict[str, Series]:
    """Every series an expression may name: of the services, recorded, and Prometheus' own alerts."""
    alerts = Series("ALERTS", "gauge", ("alertname", "alertstate", "severity"), {})
    recorded = {each.name: Series(each.name, "gauge", each.labels, {}) for each in RECORDINGS}
    return {**catalog(), **recorded, alerts.name: alerts}
