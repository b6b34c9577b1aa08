"""Days of a feed as a recorder would have archived them, and what may go wrong in them."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from ssmd.archive.ledger import store
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.tables.compactor import Compactor
from ssmd.archive.writer import Archive
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, CONTROL, LEDGER, UNREAD, Envelope
from ssmd.model.records import ClockState
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.quality.truth.grid import Listings, Steps
from ssmd.quality.window import Window, day
from ssmd.sim.manual_clock import ManualClock
from ssmd.venues.kraken.checksum import checksum
from tests.archive.made import Sent, Talk

MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
LATE_NS = 50_000_000
"""How late everything comes that is not late."""
SYMBOLS = ("BTC/USD", "ETH/USD")
CHANNELS = ("trade", "ticker", "book")
TICK = Decimal("0.1")
LISTINGS: Listings = {f"kraken:{symbol}": (Steps(TICK),) for symbol in SYMBOLS}


class Line(Talk):
    """One connection of a feed, from its opening to its end; what it says is kept in `out`.

    Args:
        feed: The feed's name.
        ts: When it opens, ns.
        previous: The one before it.
        shard: Its shard.
        symbols: What it subscribes.
        venue: The feed's venue.
        channels: On which channels.
    """

    numbers = itertools.count(1)

    def __init__(
        self,
        feed: str,
        ts: int,
        *,
        previous: "Line | None" = None,
        shard: int = 0,
        symbols: Sequence[str] = SYMBOLS,
        venue: str = "kraken",
        channels: Sequence[str] = CHANNELS,
    ) -> None:
        super().__init__(shard, ts, None if previous is None else previous.id, feed=feed)
        self.venue = venue
        self.symbols = tuple(symbols)
        self.channels = tuple(channels)
        self.out: list[Envelope] = []

    def open(self, reason: str = "start", clock: ClockState | None = None) -> "Line":
        """The opening, and everything subscribed."""
        self.say(
            records.Opened(
                feed=self.feed, venue=self.venue, shard=self.shard, endpoint="ws://127.0.0.1",
                local="", peer="", previous=self.previous, reason=reason, version="0", host="here",
                clock=clock,
            )
        )  # fmt: skip
        for symbol in self.symbols:
            self.want(symbol, reason)
        return self

    def want(self, symbol: str, reason: str = "start") -> None:
        """A wish, granted at once."""
        for channel in self.channels:
            self.say(records.Wanted(channel=channel, symbol=symbol, reason=reason))
            if channel == "book":
                self.confirm(symbol)
            self.say(records.Acknowledged(channel=channel, symbol=symbol, ordinal=None))

    def confirm(self, symbol: str) -> None:
        """The venue's answer to the subscription of a book, without which it is never proved."""
        self.frame(
            CONTROL,
            f'{{"method":"subscribe","result":{{"channel":"book","depth":10,"snapshot":true,'
            f'"symbol":"{symbol}"}},"success":true}}',
        )

    def unwant(self, symbol: str) -> None:
        """A wish no more, confirmed at once."""
        for channel in self.channels:
            self.say(records.Unwanted(channel=channel, symbol=symbol, reason="closed"))
            self.say(records.Ended(channel=channel, symbol=symbol, ordinal=None))

    def say(self, record: records.ConnectionRecord | records.LedgerRecord) -> None:
        """A record."""
        kind = CONNECTION if isinstance(record, records.Opened | records.Closed) else LEDGER
        self.out.append(self.said(kind, record))

    def frame(self, kind: str, payload: str, *, symbol: str | None = None) -> Envelope:
        """A frame, received now."""
        ordinal, self.ordinal = self.ordinal, self.ordinal + 1
        symbols = () if symbol is None else (symbol,)
        made = self.envelope(kind, payload.encode(), ordinal=ordinal, symbols=symbols)
        self.out.append(made)
        return made

    def trade(
        self,
        symbol: str,
        price: str = "100.1",
        *,
        number: int | None = None,
        late_ns: int = LATE_NS,
    ) -> int:
        """A trade; gives its number."""
        number = next(self.numbers) if number is None else number
        at = format_rfc3339(self.ts - late_ns)
        self.frame(
            "trade",
            f'{{"channel":"trade","type":"update","data":[{{"symbol":"{symbol}","side":"buy",'
            f'"price":{price},"qty":1.5,"ord_type":"limit","trade_id":{number},'
            f'"timestamp":"{at}"}}]}}',
            symbol=symbol,
        )
        return number

    def quote(self, symbol: str, bid: str = "100.0", ask: str = "100.2") -> None:
        """The best prices."""
        self.frame(
            "ticker",
            f'{{"channel":"ticker","type":"update","data":[{{"symbol":"{symbol}","bid":{bid},'
            f'"bid_qty":1.0,"ask":{ask},"ask_qty":1.0,"last":{bid},"volume":9.0,"vwap":{bid},'
            f'"low":{bid},"high":{ask},"change":0.0,"change_pct":0.0}}]}}',
            symbol=symbol,
        )

    def book(self, symbol: str, bid: str = "100.0", ask: str = "100.2") -> None:
        """A book of two levels, stated whole, with the venue's checksum of it."""
        proof = checksum([(ask, "2.00000000")], [(bid, "1.00000000")])
        self.frame(
            "book",
            f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"{symbol}","bids":[{{"price":'
            f'{bid},"qty":1.00000000}}],"asks":[{{"price":{ask},"qty":2.00000000}}],'
            f'"checksum":{proof},"timestamp":"{format_rfc3339(self.ts - LATE_NS)}"}}]}}',
            symbol=symbol,
        )

    def unread(self) -> None:
        """A frame that no session understood."""
        self.frame(UNREAD, '{"channel":"novelty"}')

    def checksum_failure(self, symbol: str, repair_after_ns: int | None = None) -> None:
        """A book that did not add up, and its snapshot some time later; None: never."""
        last = self.ordinal - 1
        self.say(
            records.GapFound(
                channel="book",
                symbols=(symbol,),
                kind="checksum",
                expected=1,
                found=2,
                ordinal=last,
            )
        )
        if repair_after_ns is not None:
            self.ts += repair_after_ns
            self.book(symbol)
            self.say(
                records.GapRepaired(
                    channel="book", symbols=(symbol,), by="snapshot", ordinal=self.ordinal - 1
                )
            )

    def frozen(self, symbol: str, minutes: float, *, goes_on: bool = False) -> None:
        """A witness finds that an instrument stood still; then it is asked for anew."""
        action = "none" if goes_on else "resubscribe"
        self.say(
            records.Judged(
                symbol=symbol, verdict="frozen", silent_s=minutes * 60, missed=50.0, evidence="r1",
                action=action,
            )
        )  # fmt: skip
        if not goes_on:
            for channel in self.channels:
                self.say(records.Ended(channel=channel, symbol=symbol, ordinal=None))
                self.say(records.Acknowledged(channel=channel, symbol=symbol, ordinal=None))

    def lose(self, count: int) -> None:
        """Frames that were received and are declared lost."""
        first, self.ordinal = self.ordinal, self.ordinal + count
        self.say(records.Lost(ordinals=((first, self.ordinal - 1),), reason="spool_full"))

    def vanish(self, count: int) -> None:
        """Frames that were received and are nowhere: a hole."""
        self.ordinal += count

    def close(self, reason: str = "shutdown") -> "Line":
        """The end, after a last heartbeat."""
        self.frame(CONTROL, '{"channel":"heartbeat"}')
        self.say(
            records.Closed(
                last_ordinal=self.ordinal - 1, last_record=self.record, by="connector",
                reason=reason,
            )
        )  # fmt: skip
        return self

    def reword(self, since: int, word: str, other: str) -> None:
        """What was said from a place in `out` on was said in other words.

        Args:
            since: From which envelope on.
            word: What stands there.
            other: What is to stand there.
        """
        for at in range(since, len(self.out)):
            envelope = self.out[at]
            fields = {name: getattr(envelope, name) for name in envelope.__struct_fields__}
            payload = envelope.payload.replace(word.encode(), other.encode())
            self.out[at] = Envelope(**(fields | {"payload": payload}))

    def live(self, until: int, *, step_ns: int = 30 * MINUTE_NS) -> "Line":
        """Ordinary market data up to a time, every so often a trade, a quote and a book of each."""
        while self.ts + step_ns < until:
            self.ts += step_ns
            for symbol in self.symbols:
                self.trade(symbol)
                self.quote(symbol)
                self.book(symbol)
        self.ts = until
        return self


def write(
    root: Path,
    envelopes: Iterable[Envelope],
    *,
    interval_s: int = 28_800,
    seal: bool = True,
    build: bool = True,
    stream: str = "TEST",
) -> None:
    """An archive of envelopes, by the real writer: in order of receipt, slots sealed as they end.

    Args:
        root: Where.
        envelopes: In any order across connections.
        interval_s: Length of a slot.
        seal: Whether everything is sealed in the end, as by a service that is told to stop.
        build: Whether a compactor comes by afterwards.
        stream: Of which stream.
    """
    ordered = sorted(envelopes, key=lambda each: each.ts_recv or 0)
    first = ordered[0].ts_recv or 0
    settings = ArchiveSettings(interval_s=interval_s, grace_s=0.0)
    clock = ManualClock(ordered[-1].ts_recv or 0)
    archive = Archive(root, stream, clock=clock, settings=settings)
    archive.adopt(first - HOUR_NS, 0)
    number = 0
    for slot, each in itertools.groupby(
        ordered, lambda e: (e.ts_recv or 0) // (interval_s * SECOND_NS)
    ):
        archive.tick(slot * interval_s * SECOND_NS)
        deliveries = []
        for envelope in each:
            number += 1
            deliveries.append(Sent(number, envelope))
        archive.append(deliveries)
        archive.commit()
    if seal:
        archive.seal_all()
    archive.close()
    for feed in sorted({each.feed for each in ordered}):
        store.update(root, feed)
    if build:
        Compactor(root, clock).run_once()


def day_of(date: str, now: int | None = None) -> Window:
    """A closed day; or the one that runs at a time, ns."""
    closed = day(date, 4_000_000_000 * SECOND_NS)
    return closed if now is None else msgspec.structs.replace(closed, until=now, running=True)


def lines(*each: Line) -> Iterator[Envelope]:
    """Everything that connections said."""
    return itertools.chain.from_iterable(line.out for line in each)
