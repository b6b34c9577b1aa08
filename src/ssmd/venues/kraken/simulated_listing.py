"""One simulated pair: its book, its trades, its day, and what is said of it."""

from collections import deque
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple, Protocol

from ssmd.model.simulated import BookState, Emission
from ssmd.model.timestamp import SECOND_NS, format_rfc3339, parse_rfc3339
from ssmd.venues.kraken.simulated_book import QTY_DECIMALS, Book, Change, fixed

_TRADES_KEPT: Final = 50
TAPE: Final = 50_000
"""How many trades of a pair REST can tell; the venue itself keeps them all."""
_TRADE_SHARE: Final = 0.12
USUAL: Final = {
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
    "XMR/EUR": (2, 29_412),
}
"""What is listed usually: decimals of the price, and about where it stands, in units of its last
decimal."""
CLOSING: Final = frozenset({"XMR/EUR"})
"""What is listed, but only to be left: nothing is traded any more."""


class Socket(Protocol):
    """A socket as the market sees it."""

    outbox: list[Emission]
    frozen: set[str]

    @property
    def hears_instruments(self) -> bool:
        """Whether the instrument channel is subscribed."""
        ...

    def thaw(self, symbol: str) -> None:
        """Let a frozen pair go on."""
        ...

    def forget(self, symbol: str) -> None:
        """End all that is subscribed of a pair, without a word."""
        ...


class Traded(NamedTuple):
    """One trade, in units of the pair's last decimals."""

    ts: int
    trade_id: int
    side: str
    price: int
    size: int
    ord_type: str


class Day:
    """The last 24 hours of a pair, in units of its last decimals."""

    __slots__ = ("count", "high", "last", "low", "notional", "open", "volume")

    def __init__(self, anchor: int, rng: Random) -> None:
        self.open = int(anchor * rng.uniform(0.98, 1.02))
        self.last = anchor
        self.low = min(anchor, self.open)
        self.high = max(anchor, self.open)
        self.volume = rng.randint(10**10, 10**13)
        self.notional = self.volume * ((self.low + self.high) // 2)
        self.count = rng.randint(1_000, 200_000)

    def traded(self, price: int, size: int) -> None:
        """One more trade."""
        self.last = price
        self.low, self.high = min(self.low, price), max(self.high, price)
        self.volume += size
        self.notional += size * price
        self.count += 1

    @property
    def vwap(self) -> int:
        """The average price, weighted by volume."""
        return self.notional // self.volume

    @property
    def percent(self) -> int:
        """How far the price came, in hundredths of a percent."""
        return round((self.last - self.open) * 10_000 / self.open)


class Candle:
    """What was traded in one stretch of time, in units of the pair's last decimals."""

    __slots__ = ("begin", "close", "count", "end", "high", "low", "notional", "open", "volume")

    def __init__(self, price: int, minutes: int, ts: int) -> None:
        length = minutes * 60 * SECOND_NS
        self.begin = ts - ts % length
        self.end = self.begin + length
        self.open = self.high = self.low = self.close = price
        self.volume = self.notional = self.count = 0

    def traded(self, price: int, size: int) -> None:
        """One more trade."""
        self.close = price
        self.low, self.high = min(self.low, price), max(self.high, price)
        self.volume += size
        self.notional += size * price
        self.count += 1


class Listing:
    """One pair: its book, its trades, its day, and who listens to it.

    Attributes:
        recent: The latest trades, as the trade channel tells them.
        tape: All the trades REST tells, oldest first.
        forgotten_ts: When the latest trade was that the tape no longer has, ns; -1 for none.
    """

    def __init__(self, symbol: str, rng: Random) -> None:
        decimals, anchor = USUAL.get(symbol) or (5, rng.randint(100_000, 9_999_999))
        self.symbol = symbol
        self.symbols = (symbol,)
        self.status = "cancel_only" if symbol in CLOSING else "online"
        self.decimals = decimals
        self.books: dict[int, list[Socket]] = {}
        self.trades: list[Socket] = []
        self.tickers: list[Socket] = []
        self.candles: dict[int, list[Socket]] = {}
        self.recent: deque[bytes] = deque(maxlen=_TRADES_KEPT)
        self.tape: deque[Traded] = deque(maxlen=TAPE)
        self.forgotten_ts = -1
        self.book = Book(anchor, decimals, rng)
        self._rng = rng
        self._trade_id = rng.randint(1_000_000, 120_000_000)
        self.day = Day(anchor, rng)
        self._candles: dict[int, Candle] = {}

    @property
    def heard(self) -> bool:
        """Whether anyone listens to what happens here all the time."""
        return self.status == "online" and bool(
            self.books or self.trades or self.tickers or self.candles
        )

    def tidy(self) -> None:
        """Forget the views nobody has any more."""
        self.books = {depth: sockets for depth, sockets in self.books.items() if sockets}
        self.candles = {length: sockets for length, sockets in self.candles.items() if sockets}

    def snapshot(self, depth: int, time: str) -> Emission:
        """The book message that begins a subscription."""
        change = self.book.view(depth)
        return self._book_message("snapshot", change, self.book.checksum(), time)

    def state(self, depth: int) -> BookState:
        """The view of this depth, as numbers."""
        return BookState(
            self.symbol, depth, self.book.bids.levels(depth), self.book.asks.levels(depth)
        )

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
            made += self._deliver(message, self.books[depth])
        return made

    def ticker(self, kind: str, time: str) -> Emission:
        """The ticker message: the best prices and the last 24 hours."""
        book, day, digits = self.book, self.day, self.decimals
        bid, ask = book.bids.keys[0], book.asks.keys[0]
        return Emission(
            f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{self.symbol}",'
            f'"bid":{fixed(-bid, digits)},"bid_qty":{fixed(book.bids.sizes[bid], QTY_DECIMALS)},'
            f'"ask":{fixed(ask, digits)},"ask_qty":{fixed(book.asks.sizes[ask], QTY_DECIMALS)},'
            f'"last":{fixed(day.last, digits)},"volume":{fixed(day.volume, QTY_DECIMALS)},'
            f'"vwap":{fixed(day.vwap, digits)},'
            f'"low":{fixed(day.low, digits)},"high":{fixed(day.high, digits)},'
            f'"change":{fixed(day.last - day.open, digits)},"change_pct":{fixed(day.percent, 2)},'
            f'"trades":{day.count},"timestamp":"{time}"}}]}}'.encode(),
            symbols=self.symbols,
        )

    def candle(self, kind: str, minutes: int, ts: int) -> Emission:
        """The candle of this moment, as the ohlc channel tells it."""
        candle, digits = self._candle(minutes, ts), self.decimals
        vwap = candle.notional // candle.volume if candle.volume else 0
        return Emission(
            f'{{"channel":"ohlc","type":"{kind}","timestamp":"{format_rfc3339(ts)}",'
            f'"data":[{{"symbol":"{self.symbol}","open":{fixed(candle.open, digits)},'
            f'"high":{fixed(candle.high, digits)},"low":{fixed(candle.low, digits)},'
            f'"close":{fixed(candle.close, digits)},"trades":{candle.count},'
            f'"volume":{fixed(candle.volume, QTY_DECIMALS)},"vwap":{fixed(vwap, digits)},'
            f'"interval_begin":"{format_rfc3339(candle.begin)}","interval":{minutes},'
            f'"timestamp":"{format_rfc3339(candle.end)[:26]}Z"}}]}}'.encode(),
            symbols=self.symbols,
        )

    def history(self) -> Emission:
        """The trade message that begins a subscription: the latest trades, oldest first."""
        items = b",".join(self.recent)
        return Emission(
            b'{"channel":"trade","type":"snapshot","data":[%s]}' % items, symbols=self.symbols
        )

    def pair(self) -> str:
        """The pair as the instrument channel lists it."""
        base, _, quote = self.symbol.partition("/")
        step = str(Decimal(1).scaleb(-self.decimals))
        return (
            f'{{"symbol":"{self.symbol}","base":"{base}","quote":"{quote}","status":"{self.status}",'
            f'"qty_precision":{QTY_DECIMALS},"qty_increment":1E-8,'
            f'"price_precision":{self.decimals},"cost_precision":5,"marginable":true,'
            '"has_index":true,"cost_min":0.50,"margin_initial":0.20,"position_limit_long":300,'
            f'"position_limit_short":240,"tick_size":{step},"price_increment":{step},'
            '"qty_min":0.00010000}'
        )

    def _trade(self, time: str) -> int:
        """One trade at the touch, told on the trade and the ticker channel."""
        buyer = self._rng.random() < 0.5  # noqa: PLR2004 - a fair coin
        price, size = self.book.take(buyer)
        self.day.traded(price, size)
        self._trade_id += 1
        ord_type = "market" if self._rng.random() < 0.6 else "limit"  # noqa: PLR2004
        side = "buy" if buyer else "sell"
        item = (
            f'{{"symbol":"{self.symbol}","side":"{side}",'
            f'"price":{fixed(price, self.decimals)},"qty":{fixed(size, QTY_DECIMALS)},'
            f'"ord_type":"{ord_type}","trade_id":{self._trade_id},"timestamp":"{time}"}}'
        ).encode()
        self.recent.append(item)
        if len(self.tape) == TAPE:
            self.forgotten_ts = self.tape[0].ts
        ts = parse_rfc3339(time)
        self.tape.append(Traded(ts, self._trade_id, side, price, size, ord_type))
        made = 0
        if self.trades:
            payload = b'{"channel":"trade","type":"update","data":[%s]}' % item
            message = Emission(payload, symbols=self.symbols)
            made += self._deliver(message, self.trades)
        if self.tickers:
            made += self._deliver(self.ticker("update", time), self.tickers)
        for minutes, listeners in self.candles.items():
            self._candle(minutes, ts).traded(price, size)
            made += self._deliver(self.candle("update", minutes, ts), listeners)
        return made

    def _candle(self, minutes: int, ts: int) -> Candle:
        """The candle a moment belongs to; begun where the last one ended."""
        candle = self._candles.get(minutes)
        if candle is None or not candle.begin <= ts < candle.end:
            candle = self._candles[minutes] = Candle(self.day.last, minutes, ts)
        return candle

    def _deliver(self, message: Emission, listeners: list[Socket]) -> int:
        """Put a message into outboxes; counts as one however many hear it."""
        for listener in listeners:
            if not listener.frozen or self.symbol not in listener.frozen:
                listener.outbox.append(message)
        return 1

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
            ),
            symbols=self.symbols,
        )
