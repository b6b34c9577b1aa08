"""What is worth seeing of change capture: one function per moment."""

import structlog

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import cdc_metrics as metrics
from ssmd.runtime import meters
from ssmd.secmaster.changes.frames import Mark, lsn_text
from ssmd.secmaster.changes.settings import FEED
from ssmd.secmaster.changes.standing import Slot, describe

log = structlog.get_logger("ssmd.cdc")
_OTHER = metrics.TABLES[-1]
_FRAMES = {op: metrics.FRAMES.labels(FEED, op) for op in metrics.OPERATIONS}


def touch() -> None:
    """Make every series exist at zero."""
    meters.touch_ledger(FEED)


def standing_by(slot: str) -> None:
    """Another publisher is at work; this one waits."""
    metrics.ACTIVE.labels(FEED).set(0)
    log.info("cdc.standing_by", slot=slot)


def began(connection: str, generation: int, mark: Mark | None) -> None:
    """Changes are published, from the stream's end on."""
    metrics.ACTIVE.labels(FEED).set(1)
    metrics.GENERATION.labels(FEED).set(generation)
    log.info("cdc.began", connection=connection, generation=generation, after=describe(mark))


def ended(reason: str) -> None:
    """Changes are no longer published by this process."""
    metrics.ACTIVE.labels(FEED).set(0)
    log.info("cdc.ended", reason=reason)


def snapshot_began(reason: str, generation: int, lsn: int) -> None:
    """The stream cannot be gone on with: everything is told anew."""
    metrics.SNAPSHOTS.labels(FEED, reason).inc()
    say = log.info if reason == "first" else log.error
    say("cdc.snapshot_began", reason=reason, generation=generation, lsn=lsn_text(lsn))


def snapshot_ended(generation: int, rows: int) -> None:
    """Everything was told anew."""
    log.info("cdc.snapshot_ended", generation=generation, rows=rows)


def trouble(reason: str, pause_s: float) -> None:
    """Something was lost; the publisher begins again after a pause."""
    metrics.LIVES.labels(FEED).inc()
    metrics.ACTIVE.labels(FEED).set(0)
    log.warning("cdc.trouble", reason=reason, pause_s=round(pause_s, 3))


def framed(op: str) -> None:
    """A frame was given to the bus."""
    _FRAMES[op].inc()


def published(table: str, now: int) -> None:
    """The bus confirmed a frame about a table, at `now`, ns."""
    metrics.EVENTS.labels(FEED, table if table in metrics.TABLES else _OTHER).inc()
    metrics.LAST_PUBLISH.labels(FEED).set(now / SECOND_NS)


def not_published(table: str) -> None:
    """The bus did not confirm a frame about a table; if it lacks it, it is told again."""
    metrics.UNCONFIRMED.labels(FEED, table if table in metrics.TABLES else _OTHER).inc()


def skipped(changes: int) -> None:
    """The database told again what the stream holds."""
    metrics.SKIPPED.labels(FEED).inc(changes)


def stored(delay_s: float) -> None:
    """The bus has all of a transaction."""
    metrics.TRANSACTIONS.labels(FEED).inc()
    metrics.DELAY.labels(FEED).observe(max(0.0, delay_s))


def lag(outstanding: int, seconds: float) -> None:
    """How far the bus is behind."""
    metrics.OUTSTANDING.labels(FEED).set(outstanding)
    metrics.LAG_SECONDS.labels(FEED).set(seconds)


def slot(found: Slot) -> None:
    """How far the slot is behind."""
    metrics.LAG_BYTES.labels(FEED).set(found.behind_bytes)
    metrics.SAFE_BYTES.labels(FEED).set(-1 if found.safe_bytes is None else found.safe_bytes)


def slot_at_risk(found: Slot) -> None:
    """The slot is about to be lost, and with it the place: a snapshot would follow."""
    log.error(
        "cdc.slot_at_risk",
        wal_status=found.wal_status,
        behind_bytes=found.behind_bytes,
        safe_bytes=found.safe_bytes,
    )
