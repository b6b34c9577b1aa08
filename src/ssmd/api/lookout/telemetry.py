"""The moments of the lookout worth seeing."""

import structlog

from ssmd.runtime import logging, lookout_metrics

_log = structlog.get_logger()


def looked(what: str, *, seconds: float) -> None:
    """A look succeeded."""
    lookout_metrics.SECONDS.labels(what).set(seconds)
    lookout_metrics.AGE.labels(what).set(0)


def aged(what: str, *, seconds: float) -> None:
    """The last look that succeeded is so long ago."""
    lookout_metrics.AGE.labels(what).set(seconds)


def failed(what: str, *, error: Exception) -> None:
    """A look failed; what was known stays, and grows old."""
    lookout_metrics.FAILURES.labels(what).inc()
    _log.warning("lookout.failed", what=what, error=str(error))


def crashed(what: str, *, error: Exception) -> None:
    """A look failed by what nobody foresaw."""
    lookout_metrics.FAILURES.labels(what).inc()
    logging.incident("lookout.crashed", what=what, error=repr(error), exc_info=error)


def lost(service: str, *, reason: str) -> None:
    """A service that answered does not any more."""
    _log.warning("lookout.lost", service=service, reason=reason)


def back(service: str) -> None:
    """A service answers, that did not."""
    _log.info("lookout.back", service=service)


def watchers(count: int) -> None:
    """So many pages are told of every change."""
    lookout_metrics.WATCHERS.set(count)
