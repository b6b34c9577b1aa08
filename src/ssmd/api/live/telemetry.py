"""The moments of live streams worth seeing: a log line and a metric each."""

import structlog

from ssmd.runtime import live_metrics, logging, meters

_log = structlog.get_logger()


def following(feed: str) -> None:
    """A feed has its first reader."""
    meters.touch_ledger(feed)
    _log.info("live.following", feed=feed)


def joined(feed: str, readers: int) -> None:
    """A reader came."""
    live_metrics.READERS.labels(feed).set(readers)


def left(feed: str, readers: int, reason: str, *, skipped: int) -> None:
    """A reader's stream ended."""
    live_metrics.READERS.labels(feed).set(readers)
    live_metrics.ENDED.labels(feed, reason).inc()
    _log.info("live.left", feed=feed, reason=reason, skipped=skipped)


def passed(feed: str, delivered: int, skipped: int) -> None:
    """A message was put in line for some readers, and found no room with others."""
    live_metrics.DELIVERED.labels(feed).inc(delivered)
    if skipped:
        live_metrics.SKIPPED.labels(feed).inc(skipped)


def reset(feed: str, reason: str) -> None:
    """The bus does not hold what was to come next."""
    live_metrics.RESETS.labels(feed).inc()
    _log.warning("live.reset", feed=feed, reason=reason)


def trouble(feed: str, problem: str) -> None:
    """The bus is away."""
    _log.warning("live.trouble", feed=feed, problem=problem)


def crashed(feed: str, *, error: Exception) -> None:
    """Following failed by what nobody foresaw."""
    logging.incident("live.crashed", feed=feed, error=repr(error), exc_info=error)
