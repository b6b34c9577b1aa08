"""One simulated product: its book, its trades, its day, and its messages in the venue's words."""

from collections import deque
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from ssmd.model.simulated import BookState
from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kraken_futures.simulated_book import Book, Side
from ssmd.venues.kraken_futures.simulated_wording import MILLISECOND_NS, flag, number

HISTORY: Final = 100
"""How many trades a trade snapshot and a page of the REST history have."""

TAPE: Final = 20_000
"""How many trades of a product REST can tell; what is older is gone."""

HOUR_MS: Final = 3_600_000
TRADEABLE: Final = "tradeable"
POST_ONLY: Final = "post only"
SUSPENDED: Final = "suspended"
NOT_TRADEABLE: Final = "not tradeable"
EXPIRED: Final = "expired"
STANDINGS: Final = frozenset({TRADEABLE, POST_ONLY, SUSPENDED, NOT_TRADEABLE, EXPIRED})
"""How a product can stand; the venue has truth values for it, and no words."""
_UNKNOWN: Final = (5, 1, "DeFi")
_KNOWN: Final = {
    "XBT": (1, 4, "Layer 1", 837_420),
    "ETH": (1, 3, "Layer 1", 27_338),
    "SOL": (2, 2, "Layer 1", 14_152),
    "XRP": (4, 0, "Payments", 23_184),
    "DOGE": (5, 0, "Community", 19_345),
    "PEPE": (9, -3, "Community", 12_345),
}
"""Decimals of the price and of the size, the venue's category, and the price in ticks."""
_LIQUIDATED: Final = 0.02
_CHANGES: Final = 6
"""How often the book changes for one trade, about, where both are heard."""


def maturity(symbol: str) -> int | None:
    """When a product ends, in Unix milliseconds: eight o'clock of the day in its name.

    Raises:
        ValueError: There is no such day.
    """
    date = symbol.rpartition("_")[2]
    if not date.isdecimal():
        return None
    text = f"20{date[:2]}-{date[2:4]}-{date[4:]}T08:00:00Z"
    return parse_rfc3339(text) // MILLISECOND_NS


class Counted(NamedTuple):
    """A message with a counter in it, which is lower for a socket that missed some."""

    head: str
    seq: int
    tail: str

    def payload(self, missed: int) -> bytes:
        """The bytes for a socket that was not told so many."""
        return f"{self.head}{self.seq - missed}{self.tail}".encode()


class Traded(NamedTuple):
    """One trade; price and size as they are written."""

    seq: int
    uid: str
    side: str
    kind: str
    millis: int
    size: str
    price: str


class Listing:
    """One product. Its counters go on whoever listens.

    Attributes:
        standing: How it stands, one of `STANDINGS`.
        recent: The latest trades, as a trade snapshot tells them.
        tape: All the trades REST tells, oldest first.
    """

    def __init__(self, symbol: str, rng: Random) -> None:
        self.symbol = symbol
        kind, _, rest = symbol.partition("_")
        name = rest.partition("_")[0]
        self.base = name.removesuffix("USD") or name
        known = _KNOWN.get(self.base, (*_UNKNOWN, rng.randint(100_000, 9_999_999)))
        self.decimals, size_decimals, self.category, anchor = known
        self.inverse = kind in {"PI", "FI"}
        self.size_decimals = 0 if self.inverse else size_decimals
        self.maturity = maturity(symbol)
        self.standing = TRADEABLE
        self.book = Book(anchor, rng)
        self.recent: deque[Traded] = deque(maxlen=HISTORY)
        self.tape: deque[Traded] = deque(maxlen=TAPE)
        self.changed = 0
        self._rng = rng
        self._book_seq = rng.randint(100_000, 90_000_000)
        self._trade_seq = rng.randint(10_000, 900_000)
        self._open = int(anchor * rng.uniform(0.98, 1.02))
        self._last = anchor
        self._low, self._high = min(anchor, self._open), max(anchor, self._open)
        self._volume = rng.randint(10**7, 10**9)
        self._open_interest = rng.randint(10**6, 10**8)
        self._funding = rng.randint(1_000_000_000, 9_999_999_999) * rng.choice((-1, 1))
        self._mark = rng.randint(-(10**9), 10**9)

    def begin(self, millis: int) -> None:
        """Have a past: the trades that a trade snapshot tells to the first who asks."""
        if self.recent:
            return
        self.changed = millis
        for back in range(HISTORY, 0, -1):
            self._note(millis - back * 700, "buy" if back % 3 else "sell", self._last, 1 + back * 7)

    def change(self, millis: int, skip: int) -> Counted:
        """Let one level of the book change.

        Args:
            millis: The venue's time of it.
            skip: How many numbers of the counter are left out before it: 0 for a right one.
        """
        side, price, size = self.book.stir()
        return self._delta(millis, side, price, size, skip)

    def breathe(self, millis: int) -> None:
        """Let the book change as it does between trades; else nothing but trades would empty it."""
        for _ in range(_CHANGES):
            self.change(millis, 0)

    def trade(self, millis: int, skip: int) -> tuple[Counted, Counted]:
        """Let a trade happen at the touch: its message, and that of the book."""
        side, price, size, left = self.book.take()
        self._trade_seq += skip
        trade = self._note(millis, side, price, size)
        resting = "sell" if side == "buy" else "buy"
        head = (
            f'{{"product_id":"{self.symbol}","feed":"trade","uid":"{trade.uid}",'
            f'"side":"{side}","type":"{trade.kind}","time":{millis},"qty":{trade.size},'
            f'"price":{trade.price},"seq":'
        )
        return Counted(head, trade.seq, "}"), self._delta(millis, resting, price, left, 0)

    def book_snapshot(self) -> Counted:
        """The message that begins a book: its number is that of the last change."""
        return Counted(
            f'{{"feed":"book_snapshot","product_id":"{self.symbol}","timestamp":{self.changed},"seq":',
            self._book_seq,
            f',"tickSize":null,"bids":[{self._levels(self.book.bids)}],'
            f'"asks":[{self._levels(self.book.asks)}]}}',
        )

    def state(self) -> BookState:
        """The book as a client must have it."""
        bids, asks = self.book.bids, self.book.asks
        return BookState(
            self.symbol,
            None,
            tuple(self.level(key, bids) for key in bids.keys),
            tuple(self.level(key, asks) for key in asks.keys),
        )

    def trade_snapshot(self, missed: int) -> bytes:
        """The message that begins a trade feed: the latest trades, newest first."""
        trades = ",".join(
            f'{{"feed":"trade","product_id":"{self.symbol}","uid":"{trade.uid}",'
            f'"side":"{trade.side}","type":"{trade.kind}","seq":{trade.seq - missed},'
            f'"time":{trade.millis},"qty":{trade.size},"price":{trade.price}}}'
            for trade in reversed(self.recent)
        )
        return (
            f'{{"feed":"trade_snapshot","product_id":"{self.symbol}","trades":[{trades}]}}'.encode()
        )

    def ticker(self, millis: int) -> bytes:
        """How it stands."""
        figures = self.figures()
        funding = "" if self.maturity is not None else _funding(figures, millis)
        return (
            f'{{"time":{millis},"product_id":"{self.symbol}",{funding}"leverage":"50x",'
            f'"premium":0.0,"feed":"ticker","bid":{figures["bid"]},"ask":{figures["ask"]},'
            f'"bid_size":{figures["bid_size"]},"ask_size":{figures["ask_size"]},"volume":{figures["volume"]},"dtm":{self._days(millis)},'
            f'"index":{figures["index"]},"last":{figures["last"]},"change":{figures["change"]},'
            f'"suspended":{flag(self.standing == SUSPENDED)},"tag":"{self.tag}","pair":"{self.base}:USD",'
            f'"openInterest":{figures["open_interest"]},"markPrice":{figures["mark"]},'
            f'"maturityTime":{self.maturity or 0},"post_only":{flag(self.standing == POST_ONLY)},'
            f'"volumeQuote":{figures["volume_quote"]},"open":{figures["open"]},'
            f'"high":{figures["high"]},"low":{figures["low"]}}}'
        ).encode()

    def ticker_lite(self, millis: int) -> bytes:
        """The best prices and the day's volume."""
        figures = self.figures()
        return (
            f'{{"premium":0.0,"product_id":"{self.symbol}","feed":"ticker_lite",'
            f'"bid":{figures["bid"]},"ask":{figures["ask"]},"change":{figures["change"]},"volume":{figures["volume"]},'
            f'"tag":"{self.tag}","pair":"{self.base}:USD","dtm":{self._days(millis)},'
            f'"maturityTime":{self.maturity or 0},"volumeQuote":{figures["volume_quote"]}}}'
        ).encode()

    @property
    def trades(self) -> bool:
        """Whether it can be traded now."""
        return self.standing in {TRADEABLE, POST_ONLY}

    @property
    def tag(self) -> str:
        """How long it runs, in the venue's words."""
        return "perpetual" if self.maturity is None else "quarter"

    def figures(self) -> dict[str, str]:
        """What tickers tell, as JSON numbers; the same until something happens."""
        last, digits, lots = self._last, self.decimals, self.size_decimals
        quote = number(self._volume * last, lots + digits)
        return {
            "bid": number(self.book.bid, digits),
            "bid_size": number(self.book.bids.sizes[-self.book.bid], lots),
            "ask": number(self.book.ask, digits),
            "ask_size": number(self.book.asks.sizes[self.book.ask], lots),
            "last": number(last, digits),
            "open": number(self._open, digits),
            "high": number(self._high, digits),
            "low": number(self._low, digits),
            "change": number(round((last - self._open) * 10_000 / self._open), 2),
            "volume": number(self._volume, lots),
            "volume_quote": number(self._volume, lots) if self.inverse else quote,
            "open_interest": number(self._open_interest, lots),
            "mark": number(last * 10**10 + self._mark, digits + 10),
            "index": number(last * 10 + self._mark % 10, digits + 1),
            "funding": number(self._funding * last, 15 + digits),
            "funding_prediction": number(self._funding * last // 3, 15 + digits),
            "relative_funding": number(self._funding, 15),
            "relative_funding_prediction": number(self._funding // 3, 15),
        }

    def level(self, key: int, side: Side) -> tuple[str, str]:
        """Price and size at a key of a side, as JSON numbers."""
        return number(abs(key), self.decimals), number(side.sizes[key], self.size_decimals)

    def _delta(self, millis: int, side: str, price: int, size: int, skip: int) -> Counted:
        self.changed = millis
        self._book_seq += 1 + skip
        return Counted(
            f'{{"feed":"book","product_id":"{self.symbol}","side":"{side}","seq":',
            self._book_seq,
            f',"price":{number(price, self.decimals)},"qty":{number(size, self.size_decimals)},'
            f'"timestamp":{millis}}}',
        )

    def _note(self, millis: int, side: str, price: int, size: int) -> Traded:
        self._last = price
        self._low, self._high = min(self._low, price), max(self._high, price)
        self._volume += size
        self._mark = self._rng.randint(-(10**9), 10**9)
        self._trade_seq += 1
        trade = Traded(
            self._trade_seq,
            str(UUID(int=self._rng.getrandbits(128), version=4)),
            side,
            "liquidation" if self._rng.random() < _LIQUIDATED else "fill",
            millis,
            number(size, self.size_decimals),
            number(price, self.decimals),
        )
        self.recent.append(trade)
        self.tape.append(trade)
        return trade

    def _levels(self, side: Side) -> str:
        return ",".join(
            f'{{"price":{price},"qty":{size}}}'
            for price, size in (self.level(key, side) for key in side.keys)
        )

    def _days(self, millis: int) -> int:
        return 0 if self.maturity is None else max(0, (self.maturity - millis) // (24 * HOUR_MS))


def _funding(figures: dict[str, str], millis: int) -> str:
    """What only perpetuals pay, as fields of a ticker."""
    return (
        f'"funding_rate":{figures["funding"]},'
        f'"funding_rate_prediction":{figures["funding_prediction"]},'
        f'"relative_funding_rate":{figures["relative_funding"]},'
        f'"relative_funding_rate_prediction":{figures["relative_funding_prediction"]},'
        f'"next_funding_rate_time":{(millis // HOUR_MS + 1) * HOUR_MS},'
    )
