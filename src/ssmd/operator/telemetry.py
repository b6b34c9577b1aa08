"""Every observable moment of the operator: the log line and the metric together."""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from ssmd.operator.errors import Claim
from ssmd.operator.names import KINDS, Kind
from ssmd.operator.spec.status import CONDITIONS
from ssmd.runtime import operator_metrics as metrics

_log: Final = structlog.get_logger("ssmd.operator")


def touch() -> None:
    """Make every series exist at zero."""
    for kind in KINDS:
        metrics.touch(kind)
        troubled(kind, {})


def looked(kind: Kind, key: str, *, result: str, seconds: float) -> None:
    """A resource was looked at."""
    metrics.RECONCILES.labels(kind, result).inc()
    metrics.DURATION.labels(kind).observe(seconds)
    _log.debug("operator.looked", kind=kind, key=key, result=result, seconds=round(seconds, 3))


def failed(kind: Kind, key: str, *, error: Exception, again_s: float) -> None:
    """A look failed; it is done again."""
    _log.warning(
        "operator.failed",
        kind=kind,
        key=key,
        error=f"{type(error).__name__}: {error}",
        again_s=round(again_s, 1),
    )


def resources(kind: Kind, number: int) -> None:
    """So many resources are known."""
    metrics.RESOURCES.labels(kind).set(number)


def troubled(kind: Kind, counts: Mapping[str, int]) -> None:
    """So many resources of a kind are not as they should be, by condition."""
    for condition in CONDITIONS:
        if condition != "Progressing":
            metrics.TROUBLED.labels(kind, condition).set(counts.get(condition, 0))


def depth(number: int) -> None:
    """So many resources wait to be looked at."""
    metrics.DEPTH.set(number)


def applied(what: str) -> None:
    """An object was written."""
    metrics.CHANGED.labels("applied").inc()
    _log.info("operator.applied", object=what)


def forced(what: str, claims: Sequence[Claim]) -> None:
    """Fields that others had taken were taken back."""
    metrics.CHANGED.labels("forced").inc()
    _log.warning("operator.forced", object=what, fields=[list(claim) for claim in claims])


def yielded(what: str, claims: Sequence[Claim]) -> None:
    """Fields that others had taken were left to them."""
    metrics.CHANGED.labels("yielded").inc()
    _log.info("operator.yielded", object=what, fields=[list(claim) for claim in claims])


def deleted(what: str) -> None:
    """An object was deleted."""
    metrics.CHANGED.labels("deleted").inc()
    _log.info("operator.deleted", object=what)


def told(key: str, *, reason: str, message: str) -> None:
    """An event was told to people."""
    metrics.EVENTS.inc()
    _log.info("operator.told", key=key, reason=reason, message=message)


def not_told(key: str, *, reason: str, error: Exception) -> None:
    """An event could not be told: no reason to stop."""
    _log.warning("operator.not_told", key=key, reason=reason, error=str(error))


def watched(at: float) -> None:
    """The watch brought something."""
    metrics.LAST_WATCHED.set(at)


def leads(leading: bool, *, holder: str) -> None:
    """This operator leads, or another does."""
    metrics.LEADER.set(leading)
    _log.info("operator.leads" if leading else "operator.follows", holder=holder)


def renewal_failed(error: Exception) -> None:
    """The Lease could not be renewed, this time."""
    _log.warning("operator.renewal_failed", error=str(error))


def blind(seconds: float) -> None:
    """The watch has not brought our own renewals for so long: the process is to be ended."""
    _log.error("operator.blind", seconds=round(seconds, 1))
