"""All markets of the simulated exchange, moved on by `advance`, and who listens to all of them."""

from bisect import bisect_right
from collections.abc import Iterable
from math import ceil
from random import Random
from typing import Final

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import SimulationOptions, falling_weights
from ssmd.model.timestamp import SECOND_NS
from ssmd.venues.kalshi import simulated_lifecycle as lifecycle
from ssmd.venues.kalshi.simulated_fees import Fees
from ssmd.venues.kalshi.simulated_listing import Listing, Stamp
from ssmd.venues.kalshi.simulated_series import TICKER, USUAL, Plan, event_of
from ssmd.venues.kalshi.simulated_stream import Stream

BOOKS: Final = "orderbook_delta"
LIVES: Final = frozenset({"market_lifecycle_v2", "multivariate_market_lifecycle"})
"""Channels about all markets, for which a list of markets means nothing."""
_LONGEST_STEP_S: Final = 1.0
_APART_NS: Final = 1_000
"""Two events of one step have different times, as the exchange's have; all are in the past."""
_UNHEARD_SHARE: Final = 0.1
"""Trades of all markets that nobody listens to, as a share of the configured rate."""
_LIFE_SHARE: Final = 0.01
_PASSING: Final = 4
_ENDED_KEPT: Final = 500
_FIRST_AGE_S: Final = 86_400


class Market:
    """The listings, the passing of time, and the streams."""

    def __init__(self, options: SimulationOptions) -> None:
        self.rng = Random(options.seed)  # noqa: S311 - a simulation, not a secret
        self.listings: dict[str, Listing] = {}
        self.ended: dict[str, Listing] = {}
        self.fees = Fees()
        self.stamp = Stamp()
        self.now_s = 0
        self.sids: dict[str, int] = {}
        self._usual = not options.symbols
        self._everywhere: list[Stream] = []
        self._lives: dict[str, list[Stream]] = {channel: [] for channel in LIVES}
        self._rate = options.rate
        self._factor = 1.0
        self._due = 0.0
        self._unheard_due = 0.0
        self._unheard_rng = Random(~options.seed)  # noqa: S311
        self._mono: float | None = None
        self._next_s = 0
        self._flaws: list[str | None] = []
        self._heard: list[Listing] = []
        self._weights: list[float] = []
        self._unheard: list[Listing] = []
        self._unheard_weights: list[float] = []
        self._passing: list[str] = []
        self._passed = 0
        self._undated: list[tuple[Listing, Plan]] = []
        plans = (
            USUAL
            if self._usual
            else tuple(Plan(symbol) for symbol in dict.fromkeys(options.symbols))
        )
        for plan in plans:
            self._add(plan)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every market that is open."""
        return tuple(
            ticker
            for ticker, listing in self.listings.items()
            if listing.status == "active" and ticker not in self._passing
        )

    def advance(self, now: Now) -> None:
        """Let happen what is due by the rate; the time since the last call is told by `now`."""
        self.at(now)
        passed = 0.0 if self._mono is None else min(now.mono - self._mono, _LONGEST_STEP_S)
        self._mono = now.mono
        self._trade_unheard(passed, now.wall)
        living = any(self._lives.values())
        if not self._heard and not living:
            self._due = 0.0
            return
        self._due += passed * self._rate * self._factor
        ts = now.wall - (int(self._due) + 1) * _APART_NS
        while self._due >= 1:
            ts += _APART_NS
            if living and self.rng.random() < _LIFE_SHARE:
                self._due -= self._live()
                continue
            if not self._heard:
                self._due -= 1
                continue
            listing = self._heard[
                bisect_right(self._weights, self.rng.random() * self._weights[-1])
            ]
            if self._flaws:
                self._flaw(listing)
            self._due -= listing.move(self.stamp.moment(ts))

    def _trade_unheard(self, passed: float, ts: int) -> None:
        """Let trades happen where nobody listens: REST tells them, and the next who comes."""
        if not self._unheard:
            self._unheard_due = 0.0
            return
        self._unheard_due += passed * self._rate * self._factor * _UNHEARD_SHARE
        ts -= (int(self._unheard_due) + 1) * _APART_NS
        while self._unheard_due >= 1:
            self._unheard_due -= 1
            ts += _APART_NS
            (listing,) = self._unheard_rng.choices(self._unheard, cum_weights=self._unheard_weights)
            listing.trade(self.stamp.moment(ts))

    def speed(self, factor: float) -> None:
        """Multiply the configured rate from now on."""
        self._factor = factor

    def corrupt(self, symbol: str | None) -> None:
        """Let the next number of a book or of trades (of this market) leave one out."""
        self._flaws.append(symbol)

    def list_symbols(self, symbols: Iterable[str]) -> None:
        """List more markets, and tell it to those who follow their lives."""
        self._list(Plan(symbol) for symbol in symbols)

    def list_unopened(self, symbols: Iterable[str], opens_s: float) -> None:
        """List markets that open by themselves in so many seconds: nothing is said then."""
        self._list(Plan(symbol, "initialized", opens_s=ceil(opens_s)) for symbol in symbols)

    def stand(self, symbol: str, status: str) -> None:
        """Let a market be in another state, in the words of REST, and say what is said of that."""
        listing = self.listings.get(symbol)
        if listing is None:
            message = f"{symbol!r} is not listed."
            raise ConfigError(message, remedy=f"List it first: `listing:symbol={symbol}`.")
        if status == "finalized":
            self.delist([symbol])
            return
        if status == "determined":
            listing.decide(self.now_s)
            self._tell_life(listing, lifecycle.determined(listing))
        else:
            listing.turn(status, self.now_s)
        if status in {"active", "inactive"}:
            self._tell_life(listing, lifecycle.paused(listing))
        elif status == "closed":
            self._tell_life(listing, lifecycle.close_date_updated(listing))
        self.listeners_changed()

    def _list(self, plans: Iterable[Plan]) -> None:
        events = {listing.event for listing in self.listings.values()}
        for plan in plans:
            if plan.ticker in self.listings:
                continue
            event = event_of(plan.ticker)
            listing = self._add(plan)
            if self.now_s and event not in events:
                body = lifecycle.event_created(listing)
                self._tell(lifecycle.kind(listing), lifecycle.EVENT, body, event)
            if self.now_s:
                self._tell_life(listing, lifecycle.created(listing))
            events.add(event)
        self.listeners_changed()

    def list_quietly(self, symbols: Iterable[str]) -> None:
        """List whatever can be a market and is not listed yet, and tell nobody."""
        for symbol in symbols:
            if symbol not in self.listings and TICKER.fullmatch(symbol):
                self._add(Plan(symbol))

    def delist(self, symbols: Iterable[str]) -> None:
        """End markets: an empty book that nobody asked for, the result, the payment."""
        for symbol in symbols:
            listing = self.listings.pop(symbol, None)
            if listing is None:
                continue
            news = [] if listing.result else [lifecycle.determined]
            listing.end(self.now_s)
            for stream in listing.books:
                listing.snapshot(stream)
            for told in (*news, lifecycle.settled):
                self._tell_life(listing, told(listing))
            listing.abandon()
            self.ended[symbol] = listing
            while len(self.ended) > _ENDED_KEPT:
                del self.ended[next(iter(self.ended))]
        self.listeners_changed()

    def enter(self, stream: Stream) -> None:
        """A stream begins: it hears its markets, or all, or of their lives."""
        if stream.channel in LIVES:
            self._lives[stream.channel].append(stream)
        elif stream.tickers is None:
            self._everywhere.append(stream)
            for listing in self.listings.values():
                listing.attach(stream)
        else:
            for ticker in stream.tickers:
                self.listings[ticker].attach(stream)

    def leave(self, stream: Stream) -> None:
        """A stream ends."""
        for streams in (self._everywhere, self._lives.get(stream.channel, [])):
            if stream in streams:
                streams.remove(stream)
        for ticker in self.listings if stream.tickers is None else stream.tickers:
            if ticker in self.listings:
                self.listings[ticker].detach(stream)

    def listeners_changed(self) -> None:
        """Somebody came or left, or a market did: see again who hears what."""
        self._heard = [listing for listing in self.listings.values() if listing.heard]
        self._weights = falling_weights(len(self._heard))
        self._unheard = [listing for listing in self.listings.values() if listing.idle]
        self._unheard_weights = falling_weights(len(self._unheard))

    def at(self, now: Now) -> None:
        """Let the clock of the exchange be this: markets open, and those whose time is up go on."""
        first, self.now_s = not self.now_s, now.wall // SECOND_NS
        if first:
            for age, (listing, plan) in enumerate(reversed(self._undated)):
                self._date(listing, plan, _FIRST_AGE_S + age)
            self._undated.clear()
            self.fees.begin(self.now_s)
        if self.now_s < self._next_s:
            return
        for listing in self.listings.values():
            if listing.status == "initialized" and listing.open_ts <= self.now_s:
                listing.begin()  # nothing is said when a market's time to open comes
                listing.updated_ts = listing.open_ts
            elif listing.status == "active" and listing.close_ts <= self.now_s:
                period = listing.series.period_s
                listing.close_ts += (self.now_s - listing.close_ts) // period * period + period
                listing.updated_ts = self.now_s
                self._tell_life(listing, lifecycle.close_date_updated(listing))
        turns = (
            listing.close_ts if listing.status == "active" else listing.open_ts
            for listing in self.listings.values()
            if listing.status in {"active", "initialized"}
        )
        self._next_s = min(turns, default=self.now_s + 60)
        self.listeners_changed()

    def _add(self, plan: Plan) -> Listing:
        if not TICKER.fullmatch(plan.ticker):
            message = f"{plan.ticker!r} is not a market that can be simulated."
            raise ConfigError(message, remedy="Name markets as `KXBTCD-27JAN1517-T99999.99`.")
        rng = Random(self.rng.getrandbits(64))  # noqa: S311
        listing = Listing(plan.ticker, rng, plan.status)
        self.listings[plan.ticker] = listing
        ended = self.ended.pop(plan.ticker, None)
        if ended is not None:
            listing.recent.extend(ended.recent)
        if self.now_s:
            self._date(listing, plan, 0)
        else:
            self._undated.append((listing, plan))
        for stream in self._everywhere:
            listing.attach(stream)
        self._next_s = 0
        return listing

    def _date(self, listing: Listing, plan: Plan, age_s: int) -> None:
        """Lay a market's times around the present moment."""
        quarter = self.now_s // 900 * 900 + 900
        listing.close_ts = plan.close_s + (self.now_s if plan.close_s < 0 else quarter)
        listing.created_ts = listing.updated_ts = listing.open_ts = self.now_s - age_s
        if plan.status == "initialized":
            listing.open_ts = listing.close_ts - 900
        if plan.opens_s is not None:
            listing.open_ts = self.now_s + plan.opens_s
            listing.close_ts = listing.open_ts + 900
        if plan.status == "finalized":
            listing.end(listing.close_ts + 120)

    def _live(self) -> int:
        """Something happens in the life of a market; gives how many messages that makes."""
        if not self.listings:
            return 1
        if not self._usual:
            listing = self.rng.choice(list(self.listings.values()))
            listing.close_ts += 1
            self._tell_life(listing, lifecycle.close_date_updated(listing))
            return 1
        if len(self._passing) >= _PASSING:
            self.delist([self._passing.pop(0)])
            return 2
        self._passed += 1
        if self._passed % 3:
            hour, minute = divmod(self._passed * 15 % 1_440, 60)
            ticker = (
                f"KXSOL15M-27JAN{15 + self._passed // 96 % 15}{hour:02d}{minute:02d}-{minute:02d}"
            )
        else:
            digits = f"{self.rng.getrandbits(88):022X}"
            ticker = f"KXMVESPORTSMULTIGAMEEXTENDED-S2027{digits[:11]}-{digits[11:]}"
        if ticker in self.listings or ticker in self.ended:
            return 1
        self._passing.append(ticker)
        self.list_symbols([ticker])
        return 2

    def _tell_life(self, listing: Listing, body: bytes) -> None:
        channel = lifecycle.kind(listing)
        self._tell(channel, channel.encode(), body, listing.ticker)

    def _tell(self, channel: str, kind: bytes, body: bytes, symbol: str) -> None:
        for stream in self._lives[channel]:
            stream.say(kind, body, (symbol,))

    def _flaw(self, listing: Listing) -> None:
        """Leave a number out when this market's next one is to be wrong."""
        if not (listing.books or listing.trades):
            return
        for wanted in (None, listing.ticker):
            if wanted in self._flaws:
                self._flaws.remove(wanted)
                listing.skip()
                return
