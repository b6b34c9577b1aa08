"""What is worth seeing in tables: one function per moment, a log line and its metrics."""

import structlog

from ssmd.archive.layout import Slot
from ssmd.archive.tables.built import Built
from ssmd.archive.tables.merged import Merged
from ssmd.runtime import metrics
from ssmd.runtime.logging import incident

log = structlog.get_logger("ssmd.archive.tables")


def touch(feed: str) -> None:
    """Make every series of a feed's tables exist at zero."""
    metrics.touch_ledger(feed)


def built(result: Built, *, repeats: int, seconds: float) -> None:
    """A slot's tables are made and durable.

    Args:
        result: What was made.
        repeats: How many rows say what another row says.
        seconds: What it took, in seconds.
    """
    feed = result.feed
    rows = sum(file.rows for file in result.files)
    rejects = sum(account.rejects for account in result.accounting)
    metrics.TABLES_BUILT.labels(feed).inc()
    for kind, count in (("written", rows), ("repeat", repeats), ("reject", rejects)):
        metrics.TABLES_ROWS.labels(feed, kind).inc(count)
    metrics.TABLES_SECONDS.labels(feed).observe(seconds)
    log.info(
        "tables.built",
        feed=feed,
        slot=f"{result.date} {result.time}",
        segments=len(result.segments),
        rows=rows,
        rejects=rejects,
        repeats=repeats,
        seconds=round(seconds, 3),
    )


def failed(slot: Slot, reason: str) -> None:
    """A slot's tables cannot be made now; the others go on."""
    metrics.TABLES_FAILURES.labels(slot.feed).inc()
    incident("tables.failed", feed=slot.feed, slot=f"{slot.date} {slot.time}", reason=reason)


def no_tables(feed: str, venue: str) -> None:
    """A feed is of no venue we know: it is archived and proved, and there are no tables of it."""
    log.info("tables.none", feed=feed, venue=venue)


def link_damaged(name: str, reason: str) -> None:
    """What a slot's tables were made from cannot be read; they are made again."""
    log.warning("tables.link_damaged", name=name, reason=reason)


def raw_gone(slot: Slot) -> None:
    """A slot's tables are not as they would be made now, and its raw segments are not here."""
    log.warning("tables.raw_gone", feed=slot.feed, slot=f"{slot.date} {slot.time}")


def busy(feed: str) -> None:
    """Somebody else makes this feed's tables at this moment."""
    log.info("tables.busy", feed=feed)


def lag(feed: str, seconds: float) -> None:
    """How old the oldest sealed slot is that has no tables."""
    metrics.TABLES_LAG.labels(feed).set(seconds)


def merged(record: Merged, *, before: int) -> None:
    """The small files of several slots became larger ones."""
    log.info(
        "tables.merged",
        feed=record.feed,
        slot=f"{record.date} {record.time}",
        slots=len(record.slots),
        before=before,
        after=len(record.files),
    )


def dissolved(feed: str, slots: int) -> None:
    """Slots that were merged are taken apart, because one of them has to be made again."""
    log.info("tables.dissolved", feed=feed, slots=slots)
