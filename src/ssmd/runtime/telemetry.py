"""The moments of a service's life worth seeing: a log line and a metric each."""

import structlog

from ssmd.model.records import ClockState
from ssmd.runtime import clock_metrics, logging, metrics

_log = structlog.get_logger()


def started(name: str, *, health: str, version: str) -> None:
    """The service serves its health; it may not be ready yet."""
    metrics.BUILD.labels(version).set(1)
    _log.info("service.started", service=name, health=health, version=version)


def clock(state: ClockState) -> None:
    """How right the clock is."""
    for source in clock_metrics.SOURCES:
        clock_metrics.SOURCE.labels(source).set(source == state.source)
    clock_metrics.OFFSET.set(state.offset_s or 0.0)
    clock_metrics.ERROR.set(state.error_s or 0.0)


def ready(name: str) -> None:
    """All conditions hold for the first time."""
    _log.info("service.ready", service=name)


def stopping(name: str, *, reason: str) -> None:
    """Somebody asked the service to end; it drains."""
    _log.info("service.stopping", service=name, reason=reason)


def ended(name: str, *, code: int) -> None:
    """The service drained and ends."""
    _log.info("service.ended", service=name, code=code)


def crashed(name: str, *, error: BaseException) -> None:
    """The service's own main task raised what nobody foresaw."""
    logging.incident("service.crashed", service=name, error=repr(error), exc_info=error)


def task_died(name: str, *, error: BaseException | None, restart_s: float | None) -> None:
    """A supervised task ended without being asked; None for `restart_s` ends the service."""
    metrics.TASK_DEATHS.labels(name).inc()
    logging.incident(
        "task.died",
        task=name,
        error=repr(error) if error is not None else "it returned",
        restart_s=None if restart_s is None else round(restart_s, 3),
        exc_info=error,
    )


def task_restarted(name: str) -> None:
    """A supervised task runs again."""
    metrics.TASK_RESTARTS.labels(name).inc()


def child_started(name: str, *, pid: int) -> None:
    """A child process was spawned."""
    _log.info("child.started", child=name, pid=pid)


def child_ended(name: str, *, pid: int, code: int) -> None:
    """A child process ended; a negative code is the signal that ended it."""
    _log.info("child.ended", child=name, pid=pid, code=code)
