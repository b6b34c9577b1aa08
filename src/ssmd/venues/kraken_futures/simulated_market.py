"""A simulated Kraken Futures market: seeded products, shared by all sockets."""

from collections.abc import Iterable
from itertools import accumulate
from random import Random
from typing import Final, Protocol

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.venues.kraken_futures.messages import canonical
from ssmd.venues.kraken_futures.simulated_listing import EXPIRED, SUSPENDED, Counted, Listing
from ssmd.venues.kraken_futures.simulated_wording import MILLISECOND_NS

USUAL: Final = (
    "PF_XBTUSD",
    "PF_ETHUSD",
    "PF_SOLUSD",
    "PF_XRPUSD",
    "PI_XBTUSD",
    "PI_ETHUSD",
    "PF_DOGEUSD",
    "PF_PEPEUSD",
    "FF_XBTUSD_301227",
    "FI_XBTUSD_301227",
)
"""What is listed when nobody says otherwise."""

EXPIRED_KEPT_MS: Final = 3_600_000
"""How long the listing names what has matured."""
_LONGEST_STEP_S: Final = 1.0
_UNHEARD_SHARE: Final = 0.1
"""Trades of all products that nobody listens to, as a share of the configured rate."""
_SHARES: Final = (("trade", 0.12), ("ticker", 0.22), ("ticker_lite", 0.28))
"""Which part of what happens is not a change of the book, cumulated."""


class Listener(Protocol):
    """A socket as the market sees it."""

    outbox: list[Emission]
    frozen: set[str]
    missed: dict[tuple[str, str], int]


class Market:
    """All products of the venue, moved on by `advance`."""

    def __init__(self, options: SimulationOptions) -> None:
        self.rng = Random(options.seed)  # noqa: S311 - a simulation, not a secret
        self.listings: dict[str, Listing] = {}
        self.expired: dict[str, Listing] = {}
        self.list_products(options.symbols or USUAL)
        self._listeners: dict[tuple[str, str], list[Listener]] = {}
        self._rate = options.rate
        self._factor = 1.0
        self._due = 0.0
        self._unheard_due = 0.0
        self._unheard_rng = Random(~options.seed)  # noqa: S311
        self._mono: float | None = None
        self._millis: int | None = None
        self._flaws: list[str | None] = []
        self._heard: list[Listing] = []
        self._weights: list[float] = []

    def list_products(self, symbols: Iterable[str]) -> None:
        """List products that are not listed yet."""
        for symbol in map(canonical, symbols):
            if symbol not in self.listings:
                self.expired.pop(symbol, None)
                rng = Random(self.rng.getrandbits(64))  # noqa: S311
                self.listings[symbol] = Listing(symbol, rng)

    def end_products(self, symbols: Iterable[str], millis: int) -> None:
        """End products: a last ticker says that trading is suspended, then nothing comes."""
        for symbol in map(canonical, symbols):
            listing = self.listings.pop(symbol, None)
            if listing is not None:
                listing.standing = SUSPENDED
                self._tell("ticker", symbol, listing.ticker(millis))
        self._count_heard()

    def change(self, listing: Listing, standing: str, millis: int) -> None:
        """Let a product stand otherwise; its ticker says so."""
        listing.standing = standing
        self._tell("ticker", listing.symbol, listing.ticker(millis))
        self._count_heard()

    def _expire(self, since: int, until: int) -> None:
        """End what matures after one time and up to another; REST names it for a while."""
        for listing in tuple(self.listings.values()):
            if listing.maturity is not None and since < listing.maturity <= until:
                self.end_products([listing.symbol], until)
                listing.standing = EXPIRED
                self.expired[listing.symbol] = listing
        for listing in tuple(self.expired.values()):
            if (listing.maturity or 0) + EXPIRED_KEPT_MS <= until:
                del self.expired[listing.symbol]

    def listing(self, symbol: str, now: Now) -> Listing | None:
        """A product with its past, whatever the case of its name; None when there is none."""
        listing = self.listings.get(canonical(symbol))
        if listing is not None:
            listing.begin(now.wall // MILLISECOND_NS)
        return listing

    def listen(self, feed: str, symbol: str, listener: Listener) -> None:
        """Tell a socket what happens from now on."""
        self._listeners.setdefault((feed, symbol), []).append(listener)
        self._count_heard()

    def leave(self, feed: str, symbol: str, listener: Listener) -> None:
        """Tell a socket no more."""
        self._listeners[feed, symbol].remove(listener)
        self._count_heard()

    def speed(self, factor: float) -> None:
        """Multiply the configured rate from now on."""
        self._factor = factor

    def corrupt(self, symbol: str | None) -> None:
        """Let the next counter (of this product) leave out a number."""
        self._flaws.append(None if symbol is None else canonical(symbol))

    def advance(self, now: Now) -> None:
        """Let happen what is due by the rate; the time since the last call is told by `now`."""
        passed = 0.0 if self._mono is None else min(now.mono - self._mono, _LONGEST_STEP_S)
        self._mono = now.mono
        millis = now.wall // MILLISECOND_NS
        self._expire(millis if self._millis is None else self._millis, millis)
        self._millis = millis
        self._trade_unheard(passed, now)
        if not self._heard:
            self._due = 0.0
            return
        self._due += passed * self._rate * self._factor
        while self._due >= 1:
            (listing,) = self.rng.choices(self._heard, cum_weights=self._weights)
            self._due -= self._move(listing, millis)

    def _trade_unheard(self, passed: float, now: Now) -> None:
        """Let trades happen where nobody listens: REST tells them, and the next who comes."""
        heard = {listing.symbol for listing in self._heard}
        unheard = [
            listing.symbol
            for listing in self.listings.values()
            if listing.trades and listing.symbol not in heard
        ]
        if not unheard:
            self._unheard_due = 0.0
            return
        self._unheard_due += passed * self._rate * self._factor * _UNHEARD_SHARE
        while self._unheard_due >= 1:
            self._unheard_due -= 1
            listing = self.listing(self._unheard_rng.choice(unheard), now)
            if listing is not None:
                listing.trade(now.wall // MILLISECOND_NS, 0)
                listing.breathe(now.wall // MILLISECOND_NS)

    def _move(self, listing: Listing, millis: int) -> int:
        """Let something happen; gives how many messages it makes, those of frozen streams too."""
        symbol = listing.symbol
        feeds = [
            feed for feed in ("book", "trade", "ticker", "ticker_lite") if self._hears(feed, symbol)
        ]
        chance = self.rng.random()
        what = next((feed for feed, share in _SHARES if chance < share), "book")
        if what not in feeds:
            what = feeds[0]
        match what:
            case "book":
                self._count("book", symbol, listing.change(millis, self._flaw(symbol)))
                return 1
            case "trade":
                trade, change = listing.trade(millis, self._flaw(symbol))
                self._count("trade", symbol, trade)
                self._count("book", symbol, change)
                if "book" not in feeds:
                    listing.breathe(millis)
                return 1 + ("book" in feeds)
            case "ticker":
                self._tell("ticker", symbol, listing.ticker(millis))
            case _:
                self._tell("ticker_lite", symbol, listing.ticker_lite(millis))
        return 1

    def _hears(self, feed: str, symbol: str) -> bool:
        return bool(self._listeners.get((feed, symbol)))

    def _tell(self, feed: str, symbol: str, payload: bytes) -> None:
        """Put a message into the outboxes of those for whom the product is not frozen."""
        emission = Emission(payload, symbols=(symbol,))
        for listener in self._listeners.get((feed, symbol), ()):
            if symbol not in listener.frozen:
                listener.outbox.append(emission)

    def _count(self, feed: str, symbol: str, message: Counted) -> None:
        """The same with a counter; for who is frozen the message was never made."""
        for listener in self._listeners.get((feed, symbol), ()):
            missed = listener.missed.get((feed, symbol), 0)
            if symbol in listener.frozen:
                listener.missed[feed, symbol] = missed + 1
            else:
                payload = message.payload(missed)
                listener.outbox.append(Emission(payload, symbols=(symbol,)))

    def _flaw(self, symbol: str) -> int:
        """1 when the next counter of this product is to leave out a number."""
        for wanted in (None, symbol) if self._flaws else ():
            if wanted in self._flaws:
                self._flaws.remove(wanted)
                return 1
        return 0

    def _count_heard(self) -> None:
        """Somebody subscribed or left: see again who hears what; the first listed move most."""
        heard = {symbol for (_, symbol), listeners in self._listeners.items() if listeners}
        self._heard = [
            listing
            for symbol, listing in self.listings.items()
            if symbol in heard and listing.trades
        ]
        self._weights = list(accumulate(1 / (1 + at) for at in range(len(self._heard))))
