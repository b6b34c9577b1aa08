"""One round of synchronisation: fetch everything, then apply all of it in one transaction, or nothing."""

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final

import msgspec
import psycopg

from ssmd.model.errors import SsmdError
from ssmd.model.rest import Catalog
from ssmd.runtime.clock import Clock
from ssmd.runtime.driver import Fetch
from ssmd.secmaster import apply, fees, ledger, missing, quarantine, staging, telemetry
from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.diff import Applied
from ssmd.secmaster.errors import BadListing, RoundFailed
from ssmd.secmaster.fetch import Answers, Kept, Live, NoAnswers, pages
from ssmd.secmaster.ledger import Round
from ssmd.secmaster.settings import SyncSettings
from ssmd.secmaster.staging import Stage
from ssmd.secmaster.statement import Order, Statement, state
from ssmd.secmaster.times import moment

Progress = Callable[[int, int], None]
"""Told how many pages and instruments have come."""

_MOST_REFUSED: Final = 5_000
"""Most refused transitions of one round that are remembered one by one."""


class _Whole(msgspec.Struct, frozen=True):
    """What a round may conclude from what it did not hear.

    Attributes:
        everything: It named all that is listed: the rest is gone.
        overdue: It named what changed: the rest is gone when its time has come.
    """

    everything: bool
    overdue: bool

    @property
    def any(self) -> bool:
        """Whether it may conclude anything."""
        return self.everything or self.overdue


class Synchroniser:
    """Brings what a venue lists into the database.

    Args:
        database: Where it is kept.
        clock: What time it is.
        settings: How it is done.
    """

    def __init__(
        self, database: Database, clock: Clock, settings: SyncSettings | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings or SyncSettings()

    async def run(
        self, order: Order, fetch: Fetch | None = None, progress: Progress = lambda _p, _i: None
    ) -> Statement:
        """Do one round.

        Args:
            order: What is to be done.
            fetch: Asks the venue; None when only saved bodies are read.
            progress: Told how far it is.

        Raises:
            RoundBusy: Another process synchronises the venue.
            BadListing: A saved body is no listing of the venue.
            SsmdError: A request or a page failed: nothing was changed.
        """
        began = self._clock.mono()
        async with self._database.session() as guard:
            if order.mode == "lookup":
                found = await ledger.unrecorded(guard)
                statement = await self._staged(guard, order, found, fetch, progress, began)
            else:
                async with ledger.alone(guard, order.venue.id):
                    found = await ledger.begin(guard, order, self._settings, self._now())
                    await ledger.clean(guard, found.number)
                    statement = await self._staged(guard, order, found, fetch, progress, began)
        telemetry.synchronised(statement)
        return statement

    async def _staged(
        self,
        guard: Session,
        order: Order,
        found: Round,
        fetch: Fetch | None,
        progress: Progress,
        began: float,
    ) -> Statement:
        """Do a round, and leave nothing staged unless the next may go on with it."""
        kept = False
        async with ledger.staged(guard, found.number):
            try:
                return await self._round(order, found, fetch, progress, began)
            except (SsmdError, ValueError, psycopg.Error) as error:
                kept = found.recorded and order.mode != "saved" and isinstance(error, SsmdError)
                raised = _told(order, error)
                telemetry.round_failed(order.venue.id, order.mode, str(raised))
                if found.recorded:
                    why = str(raised)
                    await ledger.failed(guard, found.number, why, self._now(), resumable=kept)
                raise raised from error
            except BaseException:
                kept = found.recorded  # we are told to end: whoever comes next goes on with it
                raise
            finally:
                if not kept and not guard.closed:
                    async with guard.transaction():
                        await staging.discard(guard, found.number)

    async def _round(
        self, order: Order, found: Round, fetch: Fetch | None, progress: Progress, began: float
    ) -> Statement:
        stage = Stage(found.number, order.venue.id, order.venue.rest.passing)
        heard = 0
        async with self._database.session() as session:
            async with session.transaction():
                await staging.discard(session, found.number, answers=False)
            answers: Answers = NoAnswers() if fetch is None else Live(fetch, self._clock)
            if found.recorded and fetch is not None:
                answers = Kept(answers, session, found.number)
            await self._stage(session, stage, _catalog(order, found), answers, progress)
            whole = _whole(order, found)
            if whole.any and fetch is not None:
                await self._look_up(session, order, found, stage, answers, progress, whole)
            if isinstance(answers, Kept):
                heard = answers.heard
        return await self._apply(order, found, stage, whole, heard, began)

    async def _stage(
        self,
        session: Session,
        stage: Stage,
        catalog: Catalog,
        answers: Answers,
        progress: Progress,
    ) -> None:
        async with aclosing(pages(catalog, answers, self._clock, self._settings)) as listing:
            async for fetched in listing:
                await stage.take(session, fetched.page, fetched.at)
                progress(stage.pages, stage.instruments)

    async def _look_up(
        self,
        session: Session,
        order: Order,
        found: Round,
        stage: Stage,
        answers: Answers,
        progress: Progress,
        whole: _Whole,
    ) -> None:
        """Ask what became of whatever was not named, where the venue can tell."""
        lookup = order.venue.rest.lookup
        if lookup is None:
            return
        async with session.transaction():
            await apply.expect_many(session, stage.instruments)
            absent = await missing.absent(
                session, order.venue.id, found.number, found.begun, overdue=not whole.everything
            )
        for begin in range(0, len(absent), self._settings.lookup_batch):
            batch = tuple(absent[begin : begin + self._settings.lookup_batch])
            await self._stage(session, stage, lookup(batch), answers, progress)

    async def _apply(
        self,
        order: Order,
        found: Round,
        stage: Stage,
        whole: _Whole,
        heard: int,
        began: float,
    ) -> Statement:
        """Everything in one transaction; a dry run takes it back at the end."""
        applied = Applied()
        number, venue, now = found.number, order.venue.id, self._now()
        source = "lookup" if order.mode == "lookup" else "sync"
        writing = self._database.writing(source, venue, rehearsed=order.dry_run)
        async with writing as session:
            await apply.expect_many(session, stage.instruments)
            await apply.tidy_stage(session, number)
            await quarantine.set_orphans_aside(session, number)
            await apply.tidy_stage(session, number)
            set_aside = await quarantine.keep(session, venue, number, now, whole=whole.everything)
            await apply.parents(session, number, applied)
            await apply.instruments(session, number, order.venue.clocked, applied)
            await fees.write_fees(session, number, applied.counts["fee"])
            await fees.write_funding(session, number, applied.counts["funding"])
            if whole.any:
                await self._close(session, order, found, applied, whole)
            for one in applied.refused[:_MOST_REFUSED]:
                await quarantine.refuse(session, venue, one, now)
            lacking = await fees.without_fee(session, venue, now)
            statement = state(
                order,
                applied,
                set_aside,
                pages=stage.pages,
                heard_again=heard,
                without_fee=len(lacking),
                seconds=round(self._clock.mono() - began, 3),
            )
            if found.recorded:
                await ledger.done(session, number, statement, now)
        telemetry.worth_attention(statement, applied.refused, lacking)
        return statement

    async def _close(
        self, session: Session, order: Order, found: Round, applied: Applied, whole: _Whole
    ) -> None:
        venue, number = order.venue.id, found.number
        await missing.close_absent(
            session,
            venue,
            number,
            found.begun,
            applied.counts["instrument"],
            overdue=not whole.everything,
            settings=self._settings,
            accepted=order.accept_closures,
        )
        if whole.everything:
            events, series = applied.counts["event"], applied.counts["series"]
            await missing.close_childless(session, venue, number, found.begun, events, series)

    def _now(self) -> datetime:
        now = moment(self._clock.wall())
        assert now is not None  # noqa: S101 - a clock always says a time
        return now


def _catalog(order: Order, found: Round) -> Catalog:
    rest = order.venue.rest
    if order.mode == "saved":
        return rest.saved(order.saved)
    if order.mode == "lookup":
        assert rest.lookup is not None  # noqa: S101 - nobody orders one otherwise
        return rest.lookup(order.symbols)
    return rest.reference(found.query)


def _whole(order: Order, found: Round) -> _Whole:
    if order.mode == "lookup":
        return _Whole(everything=False, overdue=False)
    if order.mode == "saved":
        return _Whole(everything=order.whole, overdue=False)
    everything = found.query.changed_since_ts is None
    overdue = not everything and order.venue.rest.lookup is not None
    return _Whole(everything=everything, overdue=overdue)


def _told(order: Order, error: Exception) -> SsmdError:
    """What a person is told of a failure."""
    if isinstance(error, SsmdError):
        return error
    if isinstance(error, ValueError) and order.mode == "saved":
        return BadListing(order.venue.id, str(error))
    return RoundFailed(order.venue.id, " ".join(str(error).split())[:1_000])
