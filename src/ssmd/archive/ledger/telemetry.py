"""What is worth seeing in the ledger: one function per moment, a log line and its metrics."""

from collections.abc import Mapping

import structlog

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics
from ssmd.runtime.logging import incident

log = structlog.get_logger("ssmd.archive.ledger")


def touch(feed: str) -> None:
    """Make every series of a feed's ledger exist at zero."""
    metrics.touch_ledger(feed)


def facts_refused(feed: str, name: str, reason: str) -> None:
    """A facts file could not be written; whoever needs it reads the raw segment instead."""
    metrics.LEDGER_FAILURES.labels(feed, "facts").inc()
    incident("ledger.facts_refused", name=name, reason=reason)


def facts_made_again(feed: str, name: str) -> None:
    """A facts file was missing or not what it should be, and its segment was read for it."""
    metrics.LEDGER_FACTS_AGAIN.labels(feed).inc()
    log.info("ledger.facts_made_again", name=name)


def day_damaged(name: str, reason: str) -> None:
    """A stored day cannot be read; it is made again."""
    log.warning("ledger.day_damaged", name=name, reason=reason)


def busy(feed: str) -> None:
    """Somebody else writes this ledger at this moment."""
    log.info("ledger.busy", feed=feed)


def updated(feed: str, *, days: int, entries: Mapping[str, int], seconds: float, now: int) -> None:
    """The stored ledger is as far as the sealed segments are.

    Args:
        feed: The feed's name.
        days: How many days were written.
        entries: Entries of the newest day, by table.
        seconds: What it took, in seconds.
        now: When, ns.
    """
    for table, count in entries.items():
        metrics.LEDGER_ENTRIES.labels(feed, table).set(count)
    metrics.LEDGER_SECONDS.labels(feed).observe(seconds)
    metrics.LEDGER_UPDATED.labels(feed).set(now / SECOND_NS)
    log.info("ledger.updated", feed=feed, days=days, seconds=round(seconds, 3))


def update_failed(feed: str, reason: str) -> None:
    """The ledger could not be written now; the next seal tries again, readers fold for themselves."""
    metrics.LEDGER_FAILURES.labels(feed, "update").inc()
    incident("ledger.update_failed", feed=feed, reason=reason)
