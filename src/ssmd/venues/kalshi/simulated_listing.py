"""One simulated market: its book, its trades, its figures, and who listens to it."""

from collections import deque
from random import Random
from typing import Final

import msgspec

from ssmd.model.simulated import BookState
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.kalshi.simulated_book import (
    DOLLAR,
    GRIDS,
    NO,
    SIDES,
    YES,
    Book,
    Delta,
    amount,
    count,
    dollars,
)
from ssmd.venues.kalshi.simulated_series import (
    MULTIVARIATE,
    event_of,
    series_of,
    strike_of,
)
from ssmd.venues.kalshi.simulated_stream import Stream

_TRADE_SHARE: Final = 0.05
_TRADES_KEPT: Final = 20_000
"""How many trades of a market REST can tell; the exchange itself keeps them all."""
_UNHEARD_STIRS: Final = 3


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A time as messages tell it.

    Attributes:
        ts: ns since the epoch.
        text: RFC 3339, at most six digits, trailing zeros left out.
        ms: Milliseconds since the epoch.
    """

    ts: int
    text: bytes
    ms: int


class Stamp:
    """Makes moments; the text of a whole second is written once."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def moment(self, ts: int) -> Moment:
        """A moment of a time in ns."""
        second, rest = divmod(ts, SECOND_NS)
        if second != self._second:
            self._second = second
            self._text = format_rfc3339(second * SECOND_NS)[:19].encode()
        micros = b"%06d" % (rest // 1000)
        digits = micros.rstrip(b"0")
        text = b"%s.%sZ" % (self._text, digits) if digits else self._text + b"Z"
        return Moment(ts, text, ts // 1_000_000)


class Trade(msgspec.Struct, frozen=True, gc=False):
    """What changed hands.

    Attributes:
        moment: When.
        id: The exchange's id of it.
        price: Of yes, in 1/10,000 dollars.
        size: In 1/100 contracts.
        taker: Which side the taker bought, `yes` or `no`.
    """

    moment: Moment
    id: str
    price: int
    size: int
    taker: str


def uuid(rng: Random) -> str:
    """A made-up UUID."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Listing:
    """A market.

    Attributes:
        ticker: Its name.
        status: As REST tells it.
        open_ts: When trading begins, in s since the epoch.
        close_ts: When it ends.
        created_ts: When it was listed.
        updated_ts: When any of this last changed.
        result: What it came to, `yes` or `no`; empty before.
        determined_ts: When that was found; 0 before.
        settled_ts: When it was paid; 0 before.
        volume: Contracts traded ever, in 1/100.
        interest: Contracts held, in 1/100.
        last: The last price of yes; 0 before the first trade.
        recent: The latest trades, oldest first.
    """

    def __init__(self, ticker: str, rng: Random, status: str) -> None:
        self.ticker = ticker
        self.symbols = (ticker,)
        self.event = event_of(ticker)
        self.series = series_of(ticker)
        self.strike = strike_of(ticker)
        self.multivariate = ticker.startswith(MULTIVARIATE)
        self.grid = GRIDS[self.series.grid]
        self.status = status
        self.open_ts = self.close_ts = self.created_ts = self.updated_ts = 0
        self.result = ""
        self.determined_ts = self.settled_ts = 0
        self.volume = 0 if status == "initialized" else rng.randint(10**5, 10**8)
        self.interest = self.volume // rng.randint(2, 9)
        self.last = 0
        self.recent: deque[Trade] = deque(maxlen=_TRADES_KEPT)
        self.book = Book(self.grid, rng)
        self.books: list[Stream] = []
        self.trades: list[Stream] = []
        self.tickers: list[Stream] = []
        self._streams: list[Stream] = []
        self._rng = rng
        self._id = uuid(rng)
        self._head = f'{{"market_ticker":"{ticker}","market_id":"{self._id}"'.encode()
        if status == "active":
            self.begin()

    @property
    def idle(self) -> bool:
        """Whether it is open and nobody subscribed: it is traded all the same."""
        return not self._streams and self.status == "active"

    @property
    def heard(self) -> bool:
        """Whether messages are to be made here: somebody subscribed and it is open."""
        return bool(self._streams) and self.status == "active"

    def begin(self) -> None:
        """Trading begins."""
        self.status = "active"
        self.book.fill()
        self.last = self.grid.prices[max(self.book.best[YES], 0)]

    def decide(self, now_s: int) -> None:
        """Trading ends and the result is told: the likelier one."""
        self.result = "yes" if self.last * 2 > DOLLAR else "no"
        self.turn("determined", now_s)
        self.determined_ts = now_s

    def end(self, now_s: int) -> None:
        """Trading ends, the result is told if it was not yet, and it is paid."""
        if not self.result:
            self.decide(now_s)
        self.turn("finalized", now_s)
        self.settled_ts = now_s

    def turn(self, status: str, now_s: int) -> None:
        """Be in another state; only one that is open or paused has a book."""
        self.status = status
        self.updated_ts = now_s
        if status not in {"active", "inactive"}:
            self.book.clear()
            self.close_ts = min(self.close_ts, now_s)
        elif self.book.best[YES] < 0:
            self.book.fill()

    def attach(self, stream: Stream) -> None:
        """Somebody listens."""
        self._streams.append(stream)
        self.sort()

    def detach(self, stream: Stream) -> None:
        """Somebody listens no more."""
        if stream in self._streams:
            self._streams.remove(stream)
            self.sort()

    def abandon(self) -> None:
        """Everybody is taken off, and it off everybody's list."""
        for stream in self._streams:
            if stream.tickers is not None:
                stream.tickers.discard(self.ticker)
        self._streams.clear()
        self.sort()

    def sort(self) -> None:
        """See again who hears what: those for whom this market is frozen do not."""
        hearing = [stream for stream in self._streams if self.ticker not in stream.frozen]
        self.books = [stream for stream in hearing if stream.channel == "orderbook_delta"]
        self.trades = [stream for stream in hearing if stream.channel == "trade"]
        self.tickers = [stream for stream in hearing if stream.channel == "ticker"]

    def skip(self) -> None:
        """Leave a number out before the next numbered message."""
        for stream in self.books or self.trades:
            stream.number()

    def move(self, moment: Moment) -> int:
        """Let the book change once, perhaps by a trade; gives how many messages that makes."""
        book = self.book
        before = tuple(book.best)
        taken = None
        if not self.books:
            for _ in range(_UNHEARD_STIRS):
                book.stir()
            taken = book.take()
        elif self._rng.random() < _TRADE_SHARE:
            taken = book.take()
        made = 0
        if self.books:
            self._tell_change(taken or book.stir(), moment)
            made += 1
        if taken:
            self._trade(taken, moment)
            made += bool(self.trades)
        if self.tickers and (taken or tuple(book.best) != before):
            body = self.figures(moment)
            for stream in self.tickers:
                stream.tell(b"ticker", body, self.symbols)
            made += 1
        return made or 1  # nobody heard it, but time was spent on it

    def trade(self, moment: Moment) -> None:
        """Let it be traded while nobody listens: REST tells of it."""
        for _ in range(_UNHEARD_STIRS):
            self.book.stir()
        taken = self.book.take()
        if taken:
            self._trade(taken, moment)

    def state(self) -> BookState:
        """The whole book in terms of YES: a bid for NO is an offer of YES."""
        bids, asks = self.book.levels(YES), self.book.levels(NO)
        return BookState(
            self.ticker,
            None,
            tuple((dollars(price), count(size)) for price, size in reversed(bids)),
            tuple((dollars(DOLLAR - price), count(size)) for price, size in reversed(asks)),
        )

    def snapshot(self, stream: Stream) -> None:
        """Tell the whole book; a side without levels is left out."""
        parts = [self._head]
        for side in (YES, NO):
            levels = self.book.levels(side)
            if side == NO and stream.yes_price:
                levels = [(DOLLAR - price, size) for price, size in reversed(levels)]
            if levels:
                texts = ",".join(f'["{dollars(price)}","{count(size)}"]' for price, size in levels)
                parts.append(b'"%s_dollars_fp":[%s]' % (SIDES[side], texts.encode()))
        stream.say(b"orderbook_snapshot", b",".join(parts) + b"}}\n", self.symbols)

    def figures(self, moment: Moment) -> bytes:
        """The body of a ticker message."""
        bid, bid_size, ask, ask_size = self.touch()
        traded = self.recent[-1].size if self.recent else 0
        return (
            b'%s,"price_dollars":"%s","yes_bid_dollars":"%s","yes_ask_dollars":"%s",'
            b'"volume_fp":"%s","open_interest_fp":"%s","dollar_volume":%d,'
            b'"dollar_open_interest":%d,"yes_bid_size_fp":"%s","yes_ask_size_fp":"%s",'
            b'"last_trade_size_fp":"%s","ts":%d,"ts_ms":%d,"time":"%s"}}\n'
            % (
                self._head,
                dollars(self.last).encode(),
                dollars(bid).encode(),
                dollars(ask).encode(),
                amount(self.volume),
                amount(self.interest),
                self.volume // 200,
                self.interest // 200,
                amount(bid_size),
                amount(ask_size),
                amount(traded),
                moment.ms // 1000,
                moment.ms,
                moment.text,
            )
        )

    def touch(self) -> tuple[int, int, int, int]:
        """Best bid and ask for yes with their sizes; an empty side is nought, or a dollar."""
        (yes, no), (best_yes, best_no) = self.book.sides, self.book.best
        prices, last = self.grid.prices, self.grid.last
        bid = (prices[best_yes], yes[best_yes]) if best_yes >= 0 else (0, 0)
        ask = (prices[last - best_no], no[best_no]) if best_no >= 0 else (DOLLAR, 0)
        return *bid, *ask

    def _tell_change(self, delta: Delta, moment: Moment) -> None:
        side, tick, change = delta
        texts = self.grid.texts
        rest = b'","delta_fp":"%s","side":"%s","ts":"%s","ts_ms":%d}}\n' % (
            amount(change),
            SIDES[side],
            moment.text,
            moment.ms,
        )
        body = b'%s,"price_dollars":"%s%s' % (self._head, texts[tick], rest)
        for stream in self.books:
            if side == NO and stream.yes_price:
                price = texts[self.grid.last - tick]
                mirrored = b'%s,"price_dollars":"%s%s' % (self._head, price, rest)
                stream.say(b"orderbook_delta", mirrored, self.symbols)
            else:
                stream.say(b"orderbook_delta", body, self.symbols)

    def _trade(self, taken: Delta, moment: Moment) -> None:
        """A trade: the taker bought the side whose opposite lost size."""
        side, tick, change = taken
        grid = self.grid
        taker, book_side = (b"no", b"ask") if side == YES else (b"yes", b"bid")
        yes_tick = tick if side == YES else grid.last - tick
        self.last = grid.prices[yes_tick]
        self.volume -= change
        self.interest = max(0, self.interest + (change if self._rng.random() < 0.4 else -change))  # noqa: PLR2004
        trade = Trade(moment, uuid(self._rng), self.last, -change, taker.decode())
        self.recent.append(trade)
        if not self.trades:
            return
        body = (
            b'{"trade_id":"%s","market_ticker":"%s","yes_price_dollars":"%s",'
            b'"no_price_dollars":"%s","count_fp":"%s","taker_side":"%s",'
            b'"taker_outcome_side":"%s","taker_book_side":"%s","ts":%d,"ts_ms":%d}}\n'
            % (
                trade.id.encode(),
                self.ticker.encode(),
                grid.texts[yes_tick],
                grid.texts[grid.last - yes_tick],
                amount(-change),
                taker,
                taker,
                book_side,
                moment.ms // 1000,
                moment.ms,
            )
        )
        for stream in self.trades:
            stream.say(b"trade", body, self.symbols)
