"""A simulated Kraken spot market: seeded books, trades and tickers, shared by all sockets."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from itertools import accumulate
from random import Random
from typing import Final, Protocol

import msgspec

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.kraken.simulated_book import QTY_DECIMALS, Book, Change, fixed

DEPTHS: Final = frozenset({10, 25, 100, 500, 1000})
"""The depths a book can be subscribed at (docs.kraken.com, spot-websocket-v2/book)."""
HEARTBEAT: Final = Emission(b'{"channel":"heartbeat"}')
_TRADES_KEPT: Final = 50
_TRADE_SHARE: Final = 0.12
_LONGEST_STEP_S: Final = 1.0
_PAIRS: Final = {
    "BTC/USD": (1, 837_442),
    "ETH/USD": (2, 187_338),
    "SOL/USD": (2, 14_152),
    "XRP/USD": (5, 231_847),
    "DOGE/USD": (7, 1_934_520),
    "ADA/USD": (6, 714_300),
    "LINK/USD": (5, 1_842_300),
    "USDT/USD": (5, 100_010),
    "EUR/USD": (5, 116_240),
    "BTC/EUR": (1, 721_830),
    "ETH/EUR": (2, 161_205),
    "XRP/EUR": (5, 199_870),
}
"""Decimals of the price, and about where it stands, in units of its last decimal."""


class Listener(Protocol):
    """A socket as the market sees it."""

    outbox: list[Emission]


class Stamp:
    """The venue's times, as text with six digits; formatting a whole second once."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, ts: int) -> str:
        """RFC 3339 with six digits, from nanoseconds."""
        second, rest = divmod(ts, SECOND_NS)
        if second != self._second:
            self._second = second
            self._text = format_rfc3339(second * SECOND_NS)[:19]
        return f"{self._text}.{rest // 1000:06d}Z"


class Listing:
    """One pair: its book, its trades, its day, and who listens to it."""

    def __init__(self, symbol: str, rng: Random) -> None:
        decimals, anchor = _PAIRS.get(symbol) or (5, rng.randint(100_000, 9_999_999))
        self.symbol = symbol
        self.decimals = decimals
        self.books: dict[int, list[Listener]] = {}
        self.trades: list[Listener] = []
        self.tickers: list[Listener] = []
        self.recent: deque[bytes] = deque(maxlen=_TRADES_KEPT)
        self.book = Book(anchor, decimals, rng)
        self._rng = rng
        self._trade_id = rng.randint(1_000_000, 120_000_000)
        self._open = int(anchor * rng.uniform(0.98, 1.02))
        self._last = anchor
        self._low = min(anchor, self._open)
        self._high = max(anchor, self._open)
        self._volume = rng.randint(10**10, 10**13)
        self._notional = self._volume * ((self._low + self._high) // 2)
        self._count = rng.randint(1_000, 200_000)

    @property
    def heard(self) -> bool:
        """Whether anyone listens to what happens here all the time."""
        return bool(self.books or self.trades or self.tickers)

    def snapshot(self, depth: int, time: str) -> Emission:
        """The book message that begins a subscription."""
        change = self.book.view(depth)
        return self._book_message("snapshot", change, self.book.checksum(), time)

    def move(self, time: str, flaw: int) -> int:
        """Let the book change once, or a trade happen; gives how many messages that makes.

        Args:
            time: The venue's time of it.
            flaw: Added to the checksum by exclusive or: 0 for a right one.
        """
        changes = self.book.begin(tuple(self.books))
        made = 0
        if not self.books or self._rng.random() < _TRADE_SHARE:
            made += self._trade(time)
        else:
            self.book.stir(min(self.books))
        checksum = -1
        for depth, change in changes.items():
            if not (change[0] or change[1]):
                continue
            if checksum < 0:
                checksum = self.book.checksum() ^ flaw
            message = self._book_message("update", change, checksum, time)
            made += _deliver(message, self.books[depth])
        return made

    def ticker(self, kind: str, time: str) -> Emission:
        """The ticker message: the best prices and the last 24 hours."""
        book, digits = self.book, self.decimals
        bid, ask = book.bids.keys[0], book.asks.keys[0]
        change = self._last - self._open
        share = fixed(round(change * 10_000 / self._open), 2)
        return Emission(
            f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{self.symbol}",'
            f'"bid":{fixed(-bid, digits)},"bid_qty":{fixed(book.bids.sizes[bid], QTY_DECIMALS)},'
            f'"ask":{fixed(ask, digits)},"ask_qty":{fixed(book.asks.sizes[ask], QTY_DECIMALS)},'
            f'"last":{fixed(self._last, digits)},"volume":{fixed(self._volume, QTY_DECIMALS)},'
            f'"vwap":{fixed(self._notional // self._volume, digits)},'
            f'"low":{fixed(self._low, digits)},"high":{fixed(self._high, digits)},'
            f'"change":{fixed(change, digits)},"change_pct":{share},'
            f'"trades":{self._count},"timestamp":"{time}"}}]}}'.encode()
        )

    def history(self) -> Emission:
        """The trade message that begins a subscription: the latest trades, oldest first."""
        items = b",".join(self.recent)
        return Emission(b'{"channel":"trade","type":"snapshot","data":[%s]}' % items)

    def pair(self) -> str:
        """The pair as the instrument channel lists it."""
        base, _, quote = self.symbol.partition("/")
        step = str(Decimal(1).scaleb(-self.decimals))
        return (
            f'{{"symbol":"{self.symbol}","base":"{base}","quote":"{quote}","status":"online",'
            f'"qty_precision":{QTY_DECIMALS},"qty_increment":1E-8,'
            f'"price_precision":{self.decimals},"cost_precision":5,"marginable":false,'
            f'"has_index":true,"cost_min":0.50,"tick_size":{step},"price_increment":{step},'
            '"qty_min":0.00010000}'
        )

    def _trade(self, time: str) -> int:
        """One trade at the touch, told on the trade and the ticker channel."""
        buyer = self._rng.random() < 0.5  # noqa: PLR2004 - a fair coin
        price, size = self.book.take(buyer)
        self._last = price
        self._low, self._high = min(self._low, price), max(self._high, price)
        self._volume += size
        self._notional += size * price
        self._count += 1
        self._trade_id += 1
        item = (
            f'{{"symbol":"{self.symbol}","side":"{"buy" if buyer else "sell"}",'
            f'"price":{fixed(price, self.decimals)},"qty":{fixed(size, QTY_DECIMALS)},'
            f'"ord_type":"{"market" if self._rng.random() < 0.6 else "limit"}",'  # noqa: PLR2004
            f'"trade_id":{self._trade_id},"timestamp":"{time}"}}'
        ).encode()
        self.recent.append(item)
        made = 0
        if self.trades:
            message = Emission(b'{"channel":"trade","type":"update","data":[%s]}' % item)
            made += _deliver(message, self.trades)
        if self.tickers:
            made += _deliver(self.ticker("update", time), self.tickers)
        return made

    def _book_message(self, kind: str, change: Change, checksum: int, time: str) -> Emission:
        return Emission(
            b'{"channel":"book","type":"%s","data":[{"symbol":"%s","bids":[%s],"asks":[%s],'
            b'"checksum":%d,"timestamp":"%s"}]}'
            % (
                kind.encode(),
                self.symbol.encode(),
                b",".join(change[0]),
                b",".join(change[1]),
                checksum,
                time.encode(),
            )
        )


def _deliver(message: Emission, listeners: list[Listener]) -> int:
    """Put a message into outboxes; counts as one however many hear it."""
    for listener in listeners:
        listener.outbox.append(message)
    return 1


class Market:
    """All pairs of the venue, moved on by `advance`."""

    def __init__(self, options: SimulationOptions) -> None:
        self.rng = Random(options.seed)  # noqa: S311 - a simulation, not a secret
        self.listings: dict[str, Listing] = {}
        self.list_pairs(options.symbols or tuple(_PAIRS))
        self.stamp = Stamp()
        self._rate = options.rate
        self._factor = 1.0
        self._due = 0.0
        self._mono: float | None = None
        self._flaws: list[str | None] = []
        self._heard: list[Listing] = []
        self._weights: list[float] = []

    def list_pairs(self, symbols: Iterable[str]) -> None:
        """List pairs that are not listed yet."""
        for symbol in symbols:
            if symbol not in self.listings:
                rng = Random(self.rng.getrandbits(64))  # noqa: S311
                self.listings[symbol] = Listing(symbol, rng)

    def speed(self, factor: float) -> None:
        """Multiply the configured rate from now on."""
        self._factor = factor

    def corrupt(self, symbol: str | None) -> None:
        """Let the next book update (of this pair) carry a wrong checksum."""
        self._flaws.append(symbol)

    def listeners_changed(self) -> None:
        """Somebody subscribed or left: see again who hears what."""
        self._heard = [listing for listing in self.listings.values() if listing.heard]
        self._weights = list(accumulate(1 / (1 + i) for i in range(len(self._heard))))

    def advance(self, now: Now) -> None:
        """Let happen what is due by the rate; the time since the last call is told by `now`."""
        passed = 0.0 if self._mono is None else min(now.mono - self._mono, _LONGEST_STEP_S)
        self._mono = now.mono
        if not self._heard:
            self._due = 0.0
            return
        self._due += passed * self._rate * self._factor
        ts = now.wall
        while self._due >= 1:
            ts += 1_000  # two events of one step have different times, as the venue's have
            (listing,) = self.rng.choices(self._heard, cum_weights=self._weights)
            self._due -= listing.move(self.stamp.text(ts), self._flaw(listing))

    def instruments(self) -> Emission:
        """The instrument channel's snapshot: every asset and pair."""
        pairs = ",".join(listing.pair() for listing in self.listings.values())
        names = dict.fromkeys(part for symbol in self.listings for part in symbol.split("/"))
        assets = ",".join(
            f'{{"id":{msgspec.json.encode(name).decode()},"status":"enabled","precision":10,'
            '"precision_display":5,"borrowable":false,"collateral_value":0.00}'
            for name in names
        )
        return Emission(
            f'{{"channel":"instrument","type":"snapshot","data":{{"assets":[{assets}],'
            f'"pairs":[{pairs}]}}}}'.encode()
        )

    def _flaw(self, listing: Listing) -> int:
        """1 when this pair's next checksum is to be wrong."""
        if not self._flaws or not listing.books:
            return 0
        for wanted in (None, listing.symbol):
            if wanted in self._flaws:
                self._flaws.remove(wanted)
                return 1
        return 0
