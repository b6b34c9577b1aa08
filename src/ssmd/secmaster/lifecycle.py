"""What the bus tells of instruments, applied once however often it is told.

Every event is one row of `lifecycle_event`, known by where it came from: connection, ordinal, part, symbol,
event. Row, change and position in the stream are one transaction, so that nothing is lost or done twice
whatever dies. A snapshot that only repeats how things stand leaves no row.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock
from ssmd.secmaster import quarantine, telemetry
from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.diff import Refused
from ssmd.secmaster.news import News, news_of
from ssmd.secmaster.statuses import Said, Standing, judge
from ssmd.secmaster.times import moment

_KNOWN: Final = """
    SELECT symbol, status, raw_status, status_source, status_at, result, settlement_value, listed
    FROM instrument WHERE venue = %(venue)s AND symbol = ANY(%(symbols)s)"""
_EVENT: Final = """
    INSERT INTO lifecycle_event (venue, symbol, event, status, raw_status, ts_event, received_at,
        feed, connection, ordinal, part, detail, outcome, why)
    VALUES (%(venue)s, %(symbol)s, %(event)s, %(status)s, %(raw)s, %(at)s, %(received)s,
        %(feed)s, %(connection)s, %(ordinal)s, %(part)s, %(detail)s, %(outcome)s, %(why)s)
    ON CONFLICT DO NOTHING"""
_STATUS: Final = """
    UPDATE instrument SET status = %(status)s, raw_status = %(raw)s, status_source = 'ws',
        status_at = %(at)s, told_from = %(at)s
    WHERE venue = %(venue)s AND symbol = %(symbol)s"""
_OUTCOME: Final = """
    UPDATE instrument SET result = coalesce(%(result)s, result),
        settlement_value = coalesce(%(value)s, settlement_value), told_from = %(at)s
    WHERE venue = %(venue)s AND symbol = %(symbol)s"""
_POSITION: Final = """
    INSERT INTO lifecycle_position AS p (stream, created, sequence) VALUES (%s, %s, %s)
    ON CONFLICT (stream) DO UPDATE SET created = excluded.created, sequence = excluded.sequence
    WHERE (p.created, p.sequence) IS DISTINCT FROM (excluded.created, excluded.sequence)"""


class Position(msgspec.Struct, frozen=True):
    """From where on a stream is to be read.

    Attributes:
        stream: Its name.
        created: When it was made, ns: another of the same name is another stream.
        sequence: The first sequence that was not taken.
    """

    stream: str
    created: int
    sequence: int


class Taken(msgspec.Struct):
    """What became of some events.

    Attributes:
        outcomes: How many, by outcome.
        wanted: Instruments that the venue should be asked about: unknown, or changed in a way
            that the event does not tell.
    """

    outcomes: dict[str, int]
    wanted: list[str]


class _Decided(msgspec.Struct, frozen=True):
    """What becomes of one event.

    Attributes:
        outcome: In a word.
        why: Why its status is not taken, when it is not.
        refused: The transition, when it is not allowed.
        status: Whether its status is written.
        ending: Whether its result or value is.
    """

    outcome: str
    why: str = ""
    refused: Refused | None = None
    status: bool = False
    ending: bool = False


class LifecycleEvents:
    """Applies the events of one venue.

    Args:
        database: Where instruments are kept.
        venue: Whose events.
        clock: What time it is.
    """

    def __init__(self, database: Database, venue: Venue, clock: Clock) -> None:
        self._database = database
        self._venue = venue
        self._clock = clock

    async def position(self, stream: str) -> Position | None:
        """From where on a stream is to be read; None when it never was."""
        async with self._database.session() as session:
            cursor = await session.execute(
                "SELECT created, sequence FROM lifecycle_position WHERE stream = %s", (stream,)
            )
            row = await cursor.fetchone()
        return None if row is None else Position(stream, row["created"], row["sequence"])

    async def take(self, envelopes: Sequence[Envelope], position: Position) -> Taken:
        """Apply what some messages tell, and move on in their stream, in one transaction.

        Args:
            envelopes: Messages, in the order of the stream.
            position: Where their stream is to be read on afterwards.

        Raises:
            DatabaseAway: Nothing was applied; it is read again.
        """
        told = [
            (envelope, news)
            for envelope in envelopes
            if envelope.ordinal is not None
            for news in news_of(self._venue, envelope)
        ]
        taken = Taken({}, [])
        written = (self._venue.id,) if told else ()
        async with self._database.writing("lifecycle", *written) as session:
            if told:
                known = await self._known(session, {news.symbol for _, news in told})
                for envelope, news in told:
                    await self._one(session, envelope, news, known, taken)
            await session.execute(_POSITION, (position.stream, position.created, position.sequence))
        for outcome, number in taken.outcomes.items():
            telemetry.told(self._venue.id, outcome, number)
        if told and (received := told[-1][0].ts_recv) is not None:
            late_s = (self._clock.wall() - received) / SECOND_NS
            telemetry.lifecycle_lag(self._venue.id, max(0.0, late_s))
        return taken

    async def _known(self, session: Session, symbols: Iterable[str]) -> dict[str, dict[str, Any]]:
        named = {"venue": self._venue.id, "symbols": sorted(symbols)}
        cursor = await session.execute(_KNOWN, named)
        return {row["symbol"]: row for row in await cursor.fetchall()}

    async def _one(
        self,
        session: Session,
        envelope: Envelope,
        news: News,
        known: dict[str, dict[str, Any]],
        taken: Taken,
    ) -> None:
        """Decide about one event, remember it, and apply it if nobody did."""
        row = known.get(news.symbol)
        at = moment(news.at if news.at is not None else self._clock.wall())
        assert at is not None  # noqa: S101 - a time was given
        decided = _Decided("unknown_instrument") if row is None else _decide(row, news, at)
        if news.is_snapshot and decided.outcome == "unchanged":
            return
        told = {
            "venue": self._venue.id,
            "symbol": news.symbol,
            "event": news.event,
            "status": news.status,
            "raw": news.raw_status,
            "result": news.result,
            "value": news.value,
            "at": at,
            "received": moment(envelope.ts_recv),
            "feed": envelope.feed,
            "connection": envelope.connection,
            "ordinal": envelope.ordinal,
            "part": envelope.part,
            "detail": news.detail,
            "outcome": decided.outcome,
            "why": decided.why,
        }
        written = await session.execute(_EVENT, told)
        if not written.rowcount:
            return  # it was told before, and is done
        taken.outcomes[decided.outcome] = taken.outcomes.get(decided.outcome, 0) + 1
        if row is None or not row["listed"] or (news.status is None and not news.is_snapshot):
            taken.wanted.append(news.symbol)
        if (refused := decided.refused) is not None:
            await quarantine.refuse(session, self._venue.id, refused, moment(self._clock.wall()))
            telemetry.transition_refused(
                *(self._venue.id, news.symbol, refused.before.status, refused.said.status),
                refused.said.raw_status,
            )
        if row is not None and decided.status:
            await _write_status(session, row, told)
        if row is not None and decided.ending:
            await session.execute(_OUTCOME, told)
            row["result"] = news.result if news.result is not None else row["result"]
            row["settlement_value"] = row["settlement_value"] if news.value is None else news.value


def _decide(row: dict[str, Any], news: News, at: datetime) -> _Decided:
    """What becomes of an event of a known instrument."""
    ending = (news.result is not None and news.result != row["result"]) or (
        news.value is not None and news.value != row["settlement_value"]
    )
    if news.status is None:
        return _Decided("applied" if ending else "unchanged", ending=ending)
    now = Standing(
        status=row["status"],
        raw_status=row["raw_status"],
        source=row["status_source"],
        at=row["status_at"],
    )
    said = Said(status=news.status, raw_status=news.raw_status, source="ws", at=at)
    verdict = judge(now, said)
    if verdict.judgement == "refused":
        refused = Refused(symbol=news.symbol, before=now, said=said, why=verdict.why)
        return _Decided("refused", verdict.why, refused=refused)
    status = verdict.judgement == "applied"
    outcome = "applied" if status or ending else "unchanged"
    return _Decided(outcome, verdict.why, status=status, ending=ending)


async def _write_status(session: Session, row: dict[str, Any], told: dict[str, Any]) -> None:
    """Write a status, and remember it for what follows; other words for the same begin nothing."""
    since = told["at"]
    if told["status"] == row["status"] and row["status_at"] is not None:
        since = row["status_at"]
    await session.execute(_STATUS, {**told, "at": since})
    row |= {"status": told["status"], "raw_status": told["raw"], "status_source": "ws"}
    row["status_at"] = since
