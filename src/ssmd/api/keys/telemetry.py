"""The moments of keys worth seeing: a log line and a metric each; never a secret."""

import structlog

from ssmd.runtime import keys_metrics, logging

_log = structlog.get_logger()


def admission(result: str, *, key: str | None, address: str) -> None:
    """Somebody asked to be let in.

    Args:
        result: One of `keys_metrics.ENTRIES`.
        key: The id of the key that was shown; None without one.
        address: Whence they came.
    """
    keys_metrics.ADMISSIONS.labels(result).inc()
    if result != "admitted":
        _log.info("api.not_admitted", result=result, key=key, address=address)


def act(action: str, *, key: str, by: str) -> None:
    """A key was made, changed or ended."""
    _log.info("api.key_act", action=action, key=key, by=by)


def waiting(entries: int) -> None:
    """So many accesses wait to be kept."""
    keys_metrics.AUDIT_WAITING.set(entries)


def lost(entries: int, *, reason: str) -> None:
    """Accesses to data will never be in the audit."""
    keys_metrics.AUDIT_LOST.inc(entries)
    logging.incident("api.audit_lost", entries=entries, reason=reason)


def pruned(entries: int) -> None:
    """Old accesses were let go."""
    _log.info("api.audit_pruned", entries=entries)


def unchecked(error: Exception) -> None:
    """A stream goes on though nobody could be asked whether its key still holds."""
    _log.warning("api.key_unchecked", error=str(error))
