"""What `ssmd.open` gives: an archive that can be asked."""

from collections.abc import AsyncGenerator, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Unpack

import msgspec
import polars as pl

from ssmd.access import arrows, books, completeness, frames, scan, sql, tables
from ssmd.access import bars as barring
from ssmd.access import instruments as listings
from ssmd.access import stream as streaming
from ssmd.access.ask import Ask
from ssmd.access.bars import By
from ssmd.access.bounds import Bounds
from ssmd.access.completeness import Symbols
from ssmd.access.later import later, whole
from ssmd.access.names import Names, Register
from ssmd.access.times import Moment, Range, instant, span, width_ns
from ssmd.access.where import When, Where, Which, clock, of_book
from ssmd.archive.store.port import Store
from ssmd.bus.settings import from_env
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import Clock

_BOOK: Final = "book"


class Archive:
    """What was recorded, to be asked: every method says what, of which instruments, of what time.

    All arguments are given by name. `feed` and `instrument` take one name or several; left out,
    they mean all. An instrument is `venue:symbol`, or the venue's own symbol. A time is
    `2026-11-23T12:00Z`, `-1h` (before now), ns since 1970, an aware datetime, or a date; a range is
    [start, end). Rows are chosen by `ts_recv`, when we received them, or with `by="ts_event"` by the
    venue's clock (ours where it is silent), which also finds what was fetched afterwards.

    Frames are lazy: nothing is read before `collect`, and then what is in the archive at that time,
    down to what was received a moment ago. Rows of chosen instruments come in the order of their
    receipt. What is missing in the time that is read is told with an `Incomplete` warning. A feed
    or an instrument that is not there, or a time that is none, is a `ConfigError`.

    Args:
        store: Where its files are read.
        ledger: Where its ledger is read.
        clock: What `-1h` is relative to.
        warn: Whether losses are told.
    """

    def __init__(
        self, store: Store, ledger: Path | Store, *, clock: Clock, warn: bool = True
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._losses = ledger if warn else None
        self._register = Register(store, ledger)
        self._register.feeds()

    def __repr__(self) -> str:
        return f"ssmd.open({self._store.url!r})"

    def feeds(self) -> list[str]:
        """The feeds of which something is archived."""
        return self._register.feeds()

    def shared(self, table: str, **where: Unpack[Where]) -> pl.LazyFrame:
        """The rows of a table that all venues share, by its name.

        Raises:
            ConfigError: There is no such table.
        """
        return self._rows(table, tables.columns(table), where)

    def trades(self, **where: Unpack[Where]) -> pl.LazyFrame:
        """Trades; `side` is what the aggressor did.

        >>> import ssmd
        >>> trades = ssmd.open("data").trades(instrument="BTC/USD", start="2027-01-15T08:05Z")
        >>> trades.select("price", "size", "side").head(1).collect().row(0)
        (Decimal('106.0000000300'), Decimal('1.0000000300'), 'sell')
        """
        return self.shared("trades", **where)

    def quotes(self, **where: Unpack[Where]) -> pl.LazyFrame:
        """The best bid and ask, as the venue states them."""
        return self.shared("quotes", **where)

    def tickers(self, **where: Unpack[Where]) -> pl.LazyFrame:
        """How instruments stand: last price, volume, open interest, marks."""
        return self.shared("tickers", **where)

    def lifecycle(self, **where: Unpack[Where]) -> pl.LazyFrame:
        """What happened to instruments themselves."""
        return self.shared("lifecycle", **where)

    def funding(self, **where: Unpack[Where]) -> pl.LazyFrame:
        """What holding perpetuals costs."""
        return self.shared("funding", **where)

    def outcomes(self, **where: Unpack[Where]) -> pl.LazyFrame:
        """How instruments ended: settlements and resolutions."""
        return self.shared("outcomes", **where)

    def book(
        self, *, at: Moment | None = None, depth: int | None = None, **where: Unpack[Where]
    ) -> pl.LazyFrame:
        """Whole books at a time, or, without `at`, every change of them.

        A change is a level as it stands from then on; a size of 0 takes it away; the rows of a
        snapshot replace the book. `book_ok` says whether the book is proved after the message.

        Args:
            at: When; what was received by then counts, this moment included. Needs `instrument`.
            depth: How many levels of a side, with `at`.
            where: Which books; a range, `by` and `repeats` go with changes alone.

        Raises:
            ConfigError: These arguments do not go together.

        >>> import ssmd
        >>> a = ssmd.open("data")
        >>> a.book(instrument="BTC/USD", at="2027-01-15T08:05Z", depth=1).collect().height
        0
        """
        if at is None and depth is None:
            return self.shared(_BOOK, **where)
        ts = instant(of_book(at, depth, where), self._clock.wall())
        asked = Range(None, ts + 1)
        ask = Ask(
            table=_BOOK,
            schema=tables.shared()[_BOOK],
            symbols=self._register.resolve(where.get("feed"), where["instrument"], asked),
            venues=self._venues(),
        )
        return whole(
            "ssmd book",
            books.SCHEMA,
            lambda: books.book_at(self._store, ask, ts, depth, losses=self._losses),
        )

    def bars(
        self,
        *,
        width: str | int | timedelta = "1m",
        by: By = "ts_event",
        fill: bool = False,
        **when: Unpack[When],
    ) -> pl.LazyFrame:
        """Bars of trades, exact; `vwap` is rounded half to even at the tenth decimal.

        `ts` is when a bar begins. `buy_volume` and `sell_volume` are the aggressors'; where a venue
        does not tell who that was, they do not add up to `volume`.

        Args:
            width: How long a bar is: `250ms`, `1s`, `1m`, `1h`, `1d`; aligned to the Unix epoch.
            by: By which clock trades are chosen and put into bars.
            fill: Whether there is a bar, at the last close, where nothing was traded. It has a
                volume of 0, or none (null) where the ledger says that nobody can know.
            when: Which trades.

        Raises:
            ConfigError: The width is none.

        >>> import ssmd
        >>> bars = ssmd.open("data").bars(width="5m", instrument="BTC/USD").collect()
        >>> bars.select("open", "close", "trade_count").row(1)
        (Decimal('103.0000000003'), Decimal('106.0000000300'), 100)
        """
        size = width_ns(width)
        symbols, asked = self.about(when)
        ask = Ask(
            table="trades",
            schema=tables.shared()["trades"],
            symbols=symbols,
            venues=self._venues(),
            asked=asked,
            by=by,
        )

        def make() -> pl.DataFrame:
            trades = scan.rows(self._store, ask, losses=self._losses).select(barring.COLUMNS)
            made = barring.bars(trades.collect(), size, by)
            if not fill:
                return made
            judged = completeness.stretches(self._ledger, symbols, asked, channels=False)
            return barring.filled(made, size, asked, judged)

        return whole(f"ssmd bars {width}", barring.SCHEMA, make)

    def rows(self, table: str, **where: Unpack[Where]) -> pl.LazyFrame:
        """The rows of one feed in its venue's own words.

        Args:
            table: Of which type, as `schema(feed=...)` lists them.
            where: Which rows; one `feed` is needed.

        Raises:
            ConfigError: There is no such table, or no one feed is named.
        """
        feed = where.get("feed")
        if not isinstance(feed, str):
            message = "A venue's own words are those of one feed."
            raise ConfigError(message, remedy="Give `feed`.")
        (name,) = self._register.chosen(feed)
        schema = tables.native(self._register, name, table)
        return self._rows(tables.archived(table), schema, where)

    def frames(
        self,
        *,
        kind: str | None = None,
        connection: str | None = None,
        **when: Unpack[When],
    ) -> pl.LazyFrame:
        """What was received, byte for byte, and what SSMD has to say of its connections.

        Args:
            kind: Of which message type; `_connection`, `_ledger` and `_sent` are records of ours.
            connection: Of which connection.
            when: Which frames; the range is by our clock.
        """
        wanted = frames.wanted(self.about(when), kind, connection)
        return later(
            "ssmd frames",
            frames.SCHEMA,
            lambda _columns, _predicate: frames.pieces(frames.envelopes(self._store, wanted)),
        )

    def envelopes(
        self,
        *,
        kind: str | None = None,
        connection: str | None = None,
        **when: Unpack[When],
    ) -> Iterator[Envelope]:
        """The same one by one, as the objects that SSMD itself works with.

        Args:
            kind: Of which message type.
            connection: Of which connection.
            when: Which of them; the range is by our clock.
        """
        wanted = frames.wanted(self.about(when), kind, connection)
        return frames.envelopes(self._store, wanted)

    def stream(
        self,
        *,
        feed: str,
        bus: str | None = None,
        kind: str | None = None,
        instrument: Names = None,
        start: Moment | None = None,
    ) -> AsyncGenerator[Envelope, None]:
        """What was recorded, then what is being recorded: no message twice, none missing.

        Args:
            feed: Of which feed.
            bus: Where the bus is, `nats://host:4222`, let in as the `NATS_*` variables say; if left
                out, the stream ends where the archive does.
            kind: Of which message type.
            instrument: About which instruments.
            start: From when on, by our clock.

        Raises:
            ConfigError: The archive is not on this machine, or there is no such feed.
        """
        if not isinstance(self._ledger, Path):
            message = f"{self._store.url} is not on this machine, where a recorder writes."
            raise ConfigError(message, remedy="Use `envelopes`, or run it beside the recorder.")
        return streaming.stream(
            self._ledger,
            self._register.chosen(feed)[0],
            span(start, None, self._clock.wall()).since,
            None if bus is None else msgspec.structs.replace(from_env(), url=bus),
            types=None if kind is None else [kind],
            symbols=frames.wanted(self.about({"feed": feed, "instrument": instrument})).symbols,
            clock=self._clock,
        )

    def gaps(self, **when: Unpack[When]) -> pl.LazyFrame:
        """Everything that is missing: whose loss it is, why, what shows it, what made it good."""
        make = partial(completeness.gaps, self._ledger, *self.about(when))
        return whole("ssmd gaps", completeness.GAPS, make)

    def losses(self, **when: Unpack[When]) -> list[str]:
        """What is missing of a time and was not made good, in a sentence each."""
        found = completeness.losses(self._ledger, *self.about(when))
        return list(map(completeness.sentence, found))

    def coverage(self, **when: Unpack[When]) -> pl.LazyFrame:
        """How complete it is: of each instrument, how many minutes there are of each condition."""
        make = partial(completeness.coverage, self._ledger, *self.about(when))
        return whole("ssmd coverage", completeness.COVERAGE, make)

    def conditions(self, *, channels: bool = False, **when: Unpack[When]) -> pl.LazyFrame:
        """What can be said of every minute, in runs: `complete`, `quiet`, `lost`, ...

        Args:
            channels: Whether each channel is judged by itself, not the instrument by its worst.
            when: Which minutes.
        """
        make = partial(completeness.stretches, self._ledger, *self.about(when), channels=channels)
        return whole("ssmd conditions", completeness.CONDITION, make)

    def instruments(self, **which: Unpack[Which]) -> pl.LazyFrame:
        """What was listed, as the security master told: with `as_of`, `known_at` or `venue`.

        Without them: every instrument that was wanted or heard of, and how much was heard.
        """
        if listings.asks(which):
            return listings.listed(self._store, self._register, self._clock.wall(), which)
        make = partial(completeness.instruments, self._ledger, *self.about(which))
        return whole("ssmd instruments", completeness.INSTRUMENTS, make)

    def schema(self, *, feed: str | None = None) -> dict[str, pl.Schema]:
        """The tables and their columns: those of all venues, or one feed's in its venue's words.

        Args:
            feed: Whose tables, as `rows` takes them; those of all venues if left out.
        """
        if feed is None:
            return dict(tables.shared())
        (name,) = self._register.chosen(feed)
        return dict(tables.own(self._register.venue(name)))

    def arrow(self, frame: pl.LazyFrame) -> Any:  # noqa: ANN401 - it ships no types
        """The rows of a frame of this archive as a `pyarrow.RecordBatchReader`, piece by piece.

        Texts are `string`, decimals `decimal128`, times `timestamp[ns, UTC]`, as in the files.

        Args:
            frame: What any other method gave, with whatever was done to it since.
        """
        return arrows.reader(frame)

    def sql(self, query: str, **when: Unpack[When]) -> sql.Result:
        """SQL, by DuckDB: `trades`, `quotes`, `book`, ... of all feeds, and `{feed}_{type}`.

        `-` in the name of a feed is written as `_`. Only tables that the query names are looked at,
        and of those only files that can hold what it asks for in `ts_recv`, `ts_event`, `feed` and
        `instrument_id`. Rows that tell again what others tell are left out. Times are UTC without a
        zone. Nothing is fetched from anywhere, and no file but the archive's is read or written.

        Args:
            query: One SELECT.
            when: What the tables are to hold, in addition; the range is by our clock.

        Raises:
            ConfigError: It is no such query, or names what is not there.

        >>> import ssmd
        >>> ssmd.open("data").sql("SELECT side, count(*) AS n FROM trades GROUP BY side ORDER BY side").rows()
        [{'side': 'buy', 'n': 400}, {'side': 'sell', 'n': 200}]
        """
        symbols, asked = self.about(when)
        views = tables.views(self._register, symbols)

        def opened(name: str, bounds: Bounds) -> pl.LazyFrame:
            feed, table, schema = views[name]
            ask = Ask(
                table=table,
                schema=schema,
                symbols=symbols if feed is None else {feed: symbols[feed]},
                venues=self._venues(),
                asked=asked,
                naive=True,
            )
            return scan.rows(self._store, ask, losses=self._losses, bounds=bounds)

        return sql.query(query, {name: view.schema for name, view in views.items()}, opened)

    def _rows(self, table: str, schema: pl.Schema, where: Where) -> pl.LazyFrame:
        symbols, asked = self.about(where)
        ask = Ask(
            table=table,
            schema=schema,
            symbols=symbols,
            venues=self._venues(),
            asked=asked,
            by=clock(where),
            repeats=where.get("repeats", False),
            ordered=where.get("ordered", False),
        )
        return scan.rows(self._store, ask, losses=self._losses)

    def about(self, when: When | Where | Which) -> tuple[Symbols, Range]:
        """Which instruments are meant, and which time."""
        asked = span(when.get("start"), when.get("end"), self._clock.wall())
        return self._register.resolve(when.get("feed"), when.get("instrument"), asked), asked

    def _venues(self) -> dict[str, str]:
        return {feed: self._register.venue(feed) for feed in self._register.feeds()}
