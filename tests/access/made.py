"""An archive with trades that a test knows one by one: a recorder's files, and their tables."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import CREATED, START, STREAM, Sent, Talk

MINUTE_NS = 60 * SECOND_NS
FEED, VENUE = "kraken", "kraken"
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")


class Made(NamedTuple):
    """A trade as a test knows it."""

    symbol: str
    price: Decimal
    size: Decimal
    side: str
    number: int
    ts_recv: int
    ts_event: int


class Recording(Talk):
    """One connection to a venue, and what it is told."""

    def __init__(self, ts: int = START, *, feed: str = FEED, shard: int = 0) -> None:
        super().__init__(shard, ts, feed=feed)
        self.symbols = SYMBOLS

    def begin(self) -> Iterator[Envelope]:
        """Opening record and subscriptions."""
        yield self.said(
            CONNECTION,
            records.Opened(
                feed=self.feed, venue=VENUE, shard=self.shard, endpoint="ws://127.0.0.1", local="",
                peer="", previous=None, reason="start", version="0", host="here",
            ),
        )  # fmt: skip
        for symbol in self.symbols:
            yield self.said(LEDGER, records.Wanted(channel="trade", symbol=symbol, reason="start"))
        for symbol in self.symbols:
            told = records.Acknowledged(channel="trade", symbol=symbol, ordinal=None)
            yield self.said(LEDGER, told)

    def trade(self, made: Made) -> Envelope:
        """The frame of a trade."""
        self.ts = made.ts_recv
        payload = (
            f'{{"channel":"trade","type":"update","data":[{{"symbol":"{made.symbol}",'
            f'"side":"{made.side}","price":{made.price:f},"qty":{made.size:f},"ord_type":"limit",'
            f'"trade_id":{made.number},"timestamp":"{format_rfc3339(made.ts_event)}"}}]}}'
        )
        ordinal, self.ordinal = self.ordinal, self.ordinal + 1
        return self.envelope(
            "trade", payload.encode(), ordinal=ordinal, symbols=(made.symbol,),
            ts_event=made.ts_event,
        )  # fmt: skip


class Recorder:
    """Writes an archive as an archiver does: slots of a minute, sealed when they are over."""

    def __init__(self, root: Path, *, interval_s: int = 60) -> None:
        self.clock = ManualClock(START)
        self.root = root
        settings = ArchiveSettings(interval_s=interval_s, grace_s=0.0)
        self._archive = Archive(root, STREAM, clock=self.clock, settings=settings)
        self._archive.adopt(CREATED, 0)
        self._sequence = 0

    def write(self, envelopes: Iterable[Envelope]) -> None:
        """Write and commit."""
        sent = []
        for envelope in envelopes:
            self._sequence += 1
            sent.append(Sent(self._sequence, envelope))
        self._archive.append(sent)
        self._archive.commit()

    def tick(self, now: int) -> None:
        """Let time pass: what is over is sealed."""
        self._archive.tick(now)

    def seal(self) -> None:
        """Seal everything, and let go."""
        self._archive.seal_all()
        self._archive.close()


def trades(count: int, *, start: int = START, every_ns: int = SECOND_NS) -> list[Made]:
    """Trades one after the other, of each instrument in turn, with numbers of many digits."""
    return [
        Made(
            symbol=SYMBOLS[n % len(SYMBOLS)],
            price=Decimal(f"{100 + n % 7}.{n:010d}"),
            size=Decimal(f"{1 + n % 3}.{n:010d}"),
            side="buy" if n % 3 else "sell",
            number=n,
            ts_recv=start + n * every_ns,
            ts_event=start + n * every_ns - 5_000_000,
        )
        for n in range(count)
    ]


def record(root: Path, made: Sequence[Made], *, interval_s: int = 60) -> None:
    """An archive of these trades, sealed."""
    recorder = Recorder(root, interval_s=interval_s)
    talk = Recording()
    recorder.write([*talk.begin(), *map(talk.trade, made), talk.closed()])
    recorder.seal()
