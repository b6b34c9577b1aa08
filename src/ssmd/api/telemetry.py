"""The moments of the API worth seeing: a log line and a metric each."""

import structlog

from ssmd.runtime import api_metrics, logging

_log = structlog.get_logger()


def listening(url: str, *, keys: bool) -> None:
    """The API answers there."""
    _log.info("api.listening", url=url, keys=keys)


def answered(
    method: str, route: str, status: int, *, seconds: float, sent: int, key: str | None
) -> None:
    """A request is over, its answer sent or broken off.

    Args:
        method: Of the request.
        route: The path's template, never the path itself.
        status: The HTTP status.
        seconds: From its headers to the end of the answer.
        sent: Bytes of the answer's body.
        key: The id of the key it was made with; None without one.
    """
    kind = f"{status // 100}xx"
    api_metrics.REQUESTS.labels(route, kind).inc()
    api_metrics.SECONDS.labels(route).observe(seconds)
    api_metrics.BYTES.labels(route).inc(sent)
    _log.info(
        "api.answered",
        method=method,
        route=route,
        status=status,
        seconds=round(seconds, 6),
        bytes=sent,
        key=key,
    )


def failed(path: str, *, error: Exception) -> None:
    """A request failed by something we depend on."""
    _log.warning("api.failed", path=path[:200], error=str(error))


def crashed(path: str, *, error: Exception) -> None:
    """A request failed by what nobody foresaw."""
    logging.incident("api.crashed", path=path[:200], error=repr(error), exc_info=error)


def busy() -> None:
    """A question waited too long for its turn."""
    api_metrics.BUSY.inc()
    _log.warning("api.busy")


def working(count: int) -> None:
    """So many questions are being answered by reading files."""
    api_metrics.WORKING.set(count)


def cut(reason: str) -> None:
    """A connection or an answer was ended by us."""
    api_metrics.CUT.labels(reason).inc()
    _log.info("api.cut", reason=reason)


def forgotten(kind: str, *, error: Exception) -> None:
    """What must not stop an answer failed: a limiter, a count, an audit of what was read."""
    api_metrics.FORGOTTEN.labels(kind).inc()
    _log.warning("api.forgotten", kind=kind, error=repr(error))
