"""The last verdict as metrics in a file: for node_exporter, since no server outlives the judging."""

from datetime import date
from pathlib import Path

from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.finding import Report
from ssmd.quality.window import begin
from ssmd.runtime import quality_metrics


def write(path: Path, report: Report, *, at: int) -> None:
    """Write them, whole or not at all.

    Args:
        path: The file; the collector reads names that end in `.prom`.
        report: The verdict.
        at: When it was judged, ns.

    Raises:
        ConfigError: It cannot be written there.
    """
    quality_metrics.write(
        path,
        quality_metrics.Verdict(
            scores={name: feed.score for name, feed in report.feeds.items()},
            composite=report.composite,
            grade=report.grade,
            issues=len(report.issues),
            degraded=report.prometheus_degraded,
            day=begin(date.fromisoformat(report.date)) / SECOND_NS,
            judged=at / SECOND_NS,
        ),
    )
