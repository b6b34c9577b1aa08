"""What is worth seeing of the security master: one function per moment."""

from collections.abc import Sequence
from typing import Final

import structlog

from ssmd.runtime import secmaster_metrics as metrics
from ssmd.secmaster.diff import Refused
from ssmd.secmaster.statement import Statement

_SHOWN: Final = 20
"""Most examples of one thing in a log."""

log = structlog.get_logger("ssmd.secmaster")


def postgres_started(pid: int, folder: str) -> None:
    """The embedded database answers."""
    log.info("secmaster.postgres_started", pid=pid, folder=folder)


def waiting_for_others(folder: str, seconds: float) -> None:
    """We are done, but others use the database that we run."""
    log.warning("secmaster.waiting_for_others", folder=folder, at_most_s=seconds)


def migrated(address: str, before: str, after: str) -> None:
    """The schema was brought to another revision."""
    log.info("secmaster.migrated", database=address, before=before, after=after)


def synchronised(statement: Statement) -> None:
    """A round was applied, or was only tried."""
    venue = statement.venue
    if not statement.dry_run and statement.mode != "lookup":
        metrics.ROUNDS.labels(venue, "done").inc()
        metrics.SECONDS.labels(venue).observe(statement.seconds)
        metrics.LAST_ROUND.labels(venue).set_to_current_time()
    if not statement.dry_run:
        metrics.PAGES.labels(venue).inc(statement.pages)
        for name in metrics.WRITES:
            metrics.INSTRUMENTS.labels(venue, name).inc(getattr(statement, name))
    log.info(
        "secmaster.synchronised",
        venue=venue,
        mode=statement.mode,
        dry_run=statement.dry_run,
        pages=statement.pages,
        **{name: getattr(statement, name) for name in metrics.WRITES},
        refused=statement.refused,
        heard_again=statement.heard_again,
        seconds=statement.seconds,
    )


def sync_age(venue: str, seconds: float) -> None:
    """So long ago the last good round ended; before the first: we began."""
    metrics.SYNC_AGE.labels(venue).set(seconds)


def round_failed(venue: str, mode: str, reason: str) -> None:
    """A round broke off; nothing of it was applied."""
    metrics.ROUNDS.labels(venue, "failed").inc()
    log.error("secmaster.round_failed", venue=venue, mode=mode, reason=reason)


def worth_attention(
    statement: Statement, refused: Sequence[Refused], without_fee: Sequence[str]
) -> None:
    """What of a round somebody should look at."""
    venue = statement.venue
    if not statement.dry_run:
        for one in statement.set_aside:
            metrics.SET_ASIDE.labels(venue, one.kind).inc(one.number)
        metrics.REFUSED.labels(venue, "rest").inc(len(refused))
        metrics.WITHOUT_FEE.labels(venue).set(len(without_fee))
    for one in statement.set_aside:
        log.warning(
            "secmaster.set_aside",
            venue=venue,
            entity=one.entity,
            kind=one.kind,
            number=one.number,
            raw_status=one.raw_status,
            example=one.reason[:300],
        )
    for each in refused[:_SHOWN]:
        transition_refused(
            venue, each.symbol, each.before.status, each.said.status, each.said.raw_status
        )
    if without_fee:
        log.warning(
            "secmaster.series_without_fee",
            venue=venue,
            number=len(without_fee),
            examples=list(without_fee[:_SHOWN]),
        )


def transition_refused(venue: str, symbol: str, before: str, after: str, raw: str) -> None:
    """Somebody said what the status machine does not allow."""
    log.warning(
        "secmaster.transition_refused",
        venue=venue,
        symbol=symbol,
        before=before,
        after=after,
        raw_status=raw,
    )


def swept(venue: str, before: str, after: str, number: int, late_s: float) -> None:
    """The time of some instruments had come."""
    metrics.SWEPT.labels(venue).inc(number)
    metrics.SWEEP_LAG.labels(venue).set(late_s)
    log.info(
        "secmaster.swept", venue=venue, before=before, after=after, number=number, late_s=late_s
    )


def swept_nothing(venue: str) -> None:
    """Nobody's time had come."""
    metrics.SWEEP_LAG.labels(venue).set(0)


def told(venue: str, outcome: str, number: int) -> None:
    """Events of the bus were taken."""
    metrics.EVENTS.labels(venue, outcome).inc(number)
    if outcome == "refused":
        metrics.REFUSED.labels(venue, "ws").inc(number)


def lifecycle_lag(venue: str, seconds: float) -> None:
    """How long the last event waited."""
    metrics.LIFECYCLE_LAG.labels(venue).set(seconds)


def stream_lost(venue: str, stream: str) -> None:
    """What was to be read next of a stream is gone: it is read from its beginning."""
    metrics.LIFECYCLE_RESTARTS.labels(venue).inc()
    log.warning("secmaster.stream_lost", venue=venue, stream=stream)


def looking_up(venue: str, number: int) -> None:
    """The bus told of instruments that are asked about."""
    metrics.LOOKUPS.labels(venue).inc(number)
    log.info("secmaster.looking_up", venue=venue, number=number)


def pruned(venue: str, table: str, number: int) -> None:
    """The retention policy let rows go."""
    metrics.PRUNED.labels(venue, table).inc(number)
    if number:
        log.info("secmaster.pruned", venue=venue, table=table, number=number)


def keeper_touched(venue: str) -> None:
    """A venue is kept up: every series of it exists from now on."""
    metrics.touch(venue)
