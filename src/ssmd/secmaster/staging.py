"""Pages of a listing on their way into the database: gathered in stage tables, committed page by page.

Nothing but the page at hand is held in memory. What the database cannot keep is set aside here, entry
by entry, so that applying the whole round later meets no surprise.
"""

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from ssmd.model.instrument import Instrument
from ssmd.model.listing import Fee, FundingState, ListedEvent, Reject, Series
from ssmd.model.plausible import absurdity
from ssmd.model.rest import Page
from ssmd.secmaster import rows
from ssmd.secmaster.columns import TABLES
from ssmd.secmaster.database import Session
from ssmd.secmaster.times import moment

FUNDING: Final = (
    *("venue", "symbol", "at", "rate"),
    *("prediction", "mark_price", "index_price", "open_interest"),
)
"""Columns of `funding`."""
STAGED: Final = ("series", "event", "instrument", "alias", "activity", "fee", "funding")
_ROWS: Final = (*STAGED, "reject")
_REJECT: Final = ("venue", "entity", "symbol", "kind", "raw_status", "reason", "payload")
_KEYS: Final = ("symbol", "event", "series", "scheme", "value", "source_id")
"""Texts that are looked up, and stand in indexes."""
_CHECKED: Final = {
    table: (
        tuple(name for name in names if name in _KEYS),
        tuple(name for name, kind in names.items() if kind == "numeric"),
    )
    for table, names in {
        **{name: TABLES[name].types for name in TABLES},
        "funding": {
            name: "text" if name in ("venue", "symbol", "at") else "numeric" for name in FUNDING
        },
    }.items()
}
"""Of each table, the columns that stand in indexes, and those that are quantities."""
_KEY_BYTES: Final = 600
"""Longest of them; an index has room for 2,704 bytes in all."""
_DIGITS: Final = 1_000
"""Numbers from 10 to this power on are no quantity of anything."""
_MANY: Final = 50
"""From so many instruments on, a page takes long enough to be read in a thread."""
_SHOWN: Final = 2_000
"""Characters of an entry that are kept with its reject."""
_REFUSALS: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)

Listed = Series | ListedEvent | Instrument | Fee | FundingState


class _Entry(msgspec.Struct):
    """One entry of a page: its rows by table, and what it is if they are refused.

    Attributes:
        listed: As the venue's generator gave it.
        entity: What sort of entry it is.
        rows: What is written for it, by table.
        seq: Its number in the round; the last one of a symbol counts.
    """

    listed: Listed
    entity: str
    rows: list[tuple[str, rows.Row]]
    seq: int


class Stage:
    """The stage tables of one round.

    Attributes:
        round: The round's number.
        instruments: How many instruments were staged.
        pages: How many pages were.
    """

    def __init__(self, number: int, venue: str, passing: frozenset[str]) -> None:
        """Begin empty.

        Args:
            number: Of the round: keeps rounds apart that go on at once.
            venue: Whose listing it is.
            passing: Fields of payloads that are not kept.
        """
        self.round = number
        self.instruments = 0
        self.pages = 0
        self._venue = venue
        self._passing = passing
        self._seq = 0
        self._nameless = 0

    async def take(self, session: Session, page: Page, fetched: int) -> None:
        """Write a page, and commit.

        Args:
            session: A connection, outside a transaction.
            page: What the venue lists.
            fetched: When it was fetched, ns.
        """
        at = moment(fetched)
        if len(page.instruments) < _MANY:
            entries, rejects = self._read(page, at)
        else:  # sockets are read, and the clock is looked at, meanwhile
            entries, rejects = await asyncio.to_thread(self._read, page, at)
        try:
            async with session.transaction():
                await self._copy(session, entries, at)
        except _REFUSALS:
            async with session.transaction():
                entries = await self._one_by_one(session, entries, at, rejects)
        async with session.transaction():
            await self._set_aside(session, rejects)
        self.instruments += sum(entry.entity == "instrument" for entry in entries)
        self.pages += 1

    def _read(self, page: Page, at: Any) -> tuple[list[_Entry], list[Reject]]:  # noqa: ANN401 - a time
        entries: list[_Entry] = []
        rejects = list(page.rejects)
        seen: dict[tuple[str, str], Listed] = {}
        groups: tuple[tuple[str, Sequence[Listed]], ...] = (
            ("series", page.series),
            ("event", page.events),
            ("instrument", page.instruments),
            ("fee", page.fees),
            ("funding", page.funding),
        )
        for entity, group in groups:
            for one in group:
                key = (entity, one.symbol)
                if entity in ("series", "event", "instrument") and key in seen:
                    if seen[key] != one:
                        rejects.append(_reject(one, entity, "duplicate", "listed twice on a page"))
                    continue
                seen[key] = one
                try:
                    made = list(self._rows(one, at))
                except (ValueError, ArithmeticError, RecursionError, msgspec.MsgspecError) as error:
                    rejects.append(_reject(one, entity, "absurd", str(error)))
                else:
                    self._seq += 1
                    entries.append(_Entry(one, entity, made, self._seq))
        return entries, rejects

    def _rows(self, one: Listed, at: Any) -> Iterator[tuple[str, rows.Row]]:  # noqa: ANN401 - a time
        """The rows of an entry.

        Raises:
            ValueError: It cannot be kept.
        """
        if one.venue != self._venue:
            raise ValueError(f"it is of another venue: {one.venue[:60]!r}")
        for table, row in self._made(one, at):
            keys, quantities = _CHECKED[table]
            for name in keys:
                _check_key(name, row[name])
            for name in quantities:
                if row[name] is not None and not _is_quantity(row[name]):
                    raise ValueError(f"`{name}` is no quantity: {str(row[name])[:60]}")
            yield table, row

    def _made(self, one: Listed, at: Any) -> Iterator[tuple[str, rows.Row]]:  # noqa: ANN401 - a time
        match one:
            case Series():
                yield "series", rows.series_row(one, self._passing)
            case ListedEvent():
                yield "event", rows.event_row(one, self._passing)
            case Instrument():
                why = absurdity(one)
                if why is not None:
                    raise ValueError(why)
                yield (
                    "instrument",
                    {
                        **rows.instrument_row(one, self._passing, "rest"),
                        "status_at": at,
                    },
                )
                for alias in rows.alias_rows(one):
                    yield "alias", alias
                activity = rows.activity_row(one)
                if activity is not None:
                    yield "activity", activity
            case Fee():
                row = rows.fee_row(one, at)
                if one.effective_ts is None:
                    row["effective_from"] = None  # known only when it is compared: `apply`
                yield "fee", {**row, "effective_to": None}
            case FundingState():
                yield "funding", rows.funding_row(one, at)

    async def _copy(self, session: Session, entries: Sequence[_Entry], at: Any) -> None:  # noqa: ANN401 - a time
        for table in STAGED:
            wanted = FUNDING if table == "funding" else TABLES[table].columns
            found = [
                (*(row[name] for name in wanted), self.round, entry.seq, at)
                for entry in entries
                for named, row in entry.rows
                if named == table
            ]
            if not found:
                continue
            columns = sql.SQL(", ").join(
                map(sql.Identifier, (*wanted, "round", "seq", "fetched_at"))
            )
            into = sql.Identifier(f"stage_{table}")
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(into, columns)
            async with session.cursor() as cursor, cursor.copy(statement) as copy:
                for row in found:
                    await copy.write_row(row)

    async def _one_by_one(
        self,
        session: Session,
        entries: Sequence[_Entry],
        at: Any,  # noqa: ANN401 - a time
        rejects: list[Reject],
    ) -> list[_Entry]:
        """Write what the database takes; what it refuses is set aside, alone."""
        taken: list[_Entry] = []
        for entry in entries:
            try:
                async with session.transaction():
                    await self._copy(session, (entry,), at)
            except _REFUSALS as error:
                words = " ".join(str(error).split())
                rejects.append(
                    _reject(entry.listed, entry.entity, "absurd", f"the database: {words}")
                )
            else:
                taken.append(entry)
        return taken

    async def _set_aside(self, session: Session, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        columns = sql.SQL(", ").join(map(sql.Identifier, (*_REJECT, "round", "seq")))
        statement = sql.SQL("COPY stage_reject ({}) FROM STDIN").format(columns)
        async with session.cursor() as cursor, cursor.copy(statement) as copy:
            for one in rejects:
                self._seq += 1
                await copy.write_row((*self._reject_row(one), self.round, self._seq))

    def _reject_row(self, one: Reject) -> tuple[str | None, ...]:
        symbol = one.symbol
        if symbol is None:
            # Nobody can tell one from another but by its place: so many are kept as come at once.
            self._nameless += 1
            symbol = f"?{self._nameless}"
        payload = one.payload.decode(errors="replace")[:_SHOWN]
        texts = (
            *(self._venue, one.entity, symbol[:_KEY_BYTES], one.kind),
            *(one.raw_status, one.reason[:_SHOWN], payload),
        )
        return tuple(None if text is None else _plain(text) for text in texts)


async def discard(session: Session, number: int, *, answers: bool = True) -> None:
    """Empty the stage tables of a round; without its answers, it can be staged anew from them."""
    for name in (*_ROWS, "answer") if answers else _ROWS:
        table = sql.Identifier(f"stage_{name}")
        await session.execute(sql.SQL("DELETE FROM {} WHERE round = %s").format(table), (number,))


def _reject(one: Listed, entity: str, kind: str, why: str) -> Reject:
    told = {
        "reason": f"{entity} {one.symbol[:80]}: {why[:500]}",
        "kind": kind,
        "entity": entity,
        "symbol": one.symbol,
        "raw_status": getattr(one, "raw_status", None),
    }
    payload: bytes = getattr(one, "payload", b"")
    return msgspec.structs.replace(msgspec.convert(told, Reject), payload=payload)


def _check_key(name: str, value: str | None) -> None:
    if value is not None and len(value.encode()) > _KEY_BYTES:
        raise ValueError(f"`{name}` is longer than {_KEY_BYTES} bytes: {value[:60]!r}")


def _is_quantity(value: Decimal) -> bool:
    return value.is_finite() and abs(value.adjusted()) <= _DIGITS


def _plain(text: str) -> str:
    """A text as PostgreSQL can keep it; only what is shown to people passes here."""
    return text.encode(errors="replace").decode().replace("\x00", "\ufffd")
