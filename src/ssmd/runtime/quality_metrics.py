"""Metrics of the last verdict; they leave by a file, since who judges a day ends when it is done."""

import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import Gauge, generate_latest

from ssmd.model.errors import ConfigError
from ssmd.runtime.meters import LEDGER, REGISTRY

# Made without `touch`: a verdict that was never given is no series at zero.
SCORE: Final = Gauge(
    "ssmd_dq_score", "Score of the last judged day, 0 to 100.", LEDGER, registry=REGISTRY
)
COMPOSITE: Final = Gauge(
    "ssmd_dq_composite", "Composite of all feeds, 0 to 100; NaN for none.", registry=REGISTRY
)
GRADE: Final = Gauge("ssmd_dq_grade", "2 for GREEN, 1 for YELLOW, 0 for RED.", registry=REGISTRY)
ISSUES: Final = Gauge(
    "ssmd_dq_issues", "Issues that make the day RED by themselves.", registry=REGISTRY
)
DEGRADED: Final = Gauge(
    "ssmd_dq_prometheus_degraded",
    "1 when the day was judged without Prometheus.",
    registry=REGISTRY,
)
DAY: Final = Gauge(
    "ssmd_dq_day_timestamp", "Begin of the judged day, Unix seconds.", registry=REGISTRY
)
JUDGED: Final = Gauge(
    "ssmd_dq_last_judged_timestamp", "When a day was last judged, Unix seconds.", registry=REGISTRY
)
_ALL: Final = (SCORE, COMPOSITE, GRADE, ISSUES, DEGRADED, DAY, JUDGED)
_GRADES: Final = {"GREEN": 2, "YELLOW": 1, "RED": 0}
_READABLE: Final = 0o644


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the metrics say.

    Attributes:
        scores: 0..100 by feed; None where nothing counted: such a feed has no series.
        composite: 0..100; None when no feed counted.
        grade: `GREEN`, `YELLOW` or `RED`.
        issues: How many there are.
        degraded: Whether Prometheus did not answer.
        day: Begin of the judged day, Unix seconds.
        judged: When it was judged, Unix seconds.
    """

    scores: Mapping[str, int | None]
    composite: int | None
    grade: str
    issues: int
    degraded: bool
    day: float
    judged: float


def write(path: Path, verdict: Verdict) -> None:
    """Write the metrics as a file for node_exporter's textfile collector, whole or not at all.

    Args:
        path: The file; the collector reads names that end in `.prom`.
        verdict: What they say.

    Raises:
        ConfigError: It cannot be written there.
    """
    text = _text(verdict)
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(text)
                os.fchmod(number, _READABLE)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise ConfigError(
            f"The metrics cannot be written to {path}: {error.strerror}.",
            remedy="Name a file in a folder that is there, and that you may write.",
        ) from error


def _text(verdict: Verdict) -> bytes:
    SCORE.clear()
    for feed, score in verdict.scores.items():
        if score is not None:
            SCORE.labels(feed).set(score)
    COMPOSITE.set(math.nan if verdict.composite is None else verdict.composite)
    GRADE.set(_GRADES[verdict.grade])
    ISSUES.set(verdict.issues)
    DEGRADED.set(verdict.degraded)
    DAY.set(verdict.day)
    JUDGED.set(verdict.judged)
    names = [family.name for metric in _ALL for family in metric.collect()]
    return generate_latest(REGISTRY.restricted_registry(names))
