"""A simulated Kraken spot market: seeded books, trades and tickers, shared by all sockets."""

from collections.abc import Iterable
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.kraken.simulated_listing import USUAL, Listing, Socket

_LONGEST_STEP_S: Final = 1.0
_UNHEARD_SHARE: Final = 0.1
"""Trades of all pairs that nobody listens to, as a share of the configured rate."""


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


class Market:
    """All pairs of the venue, moved on by `advance`."""

    def __init__(self, options: SimulationOptions) -> None:
        self.rng = Random(options.seed)  # noqa: S311 - a simulation, not a secret
        self.listings: dict[str, Listing] = {}
        self.list_pairs(options.symbols or tuple(USUAL))
        self.stamp = Stamp()
        self.sockets: list[Socket] = []
        self.refused: set[str] = set()
        self.answer_delay_s = 0.0
        self.depths: set[int] = set()
        self._rate = options.rate
        self._factor = 1.0
        self._due = 0.0
        self._unheard_due = 0.0
        self._unheard_rng = Random(~options.seed)  # noqa: S311
        self._mono: float | None = None
        self._wall = 0
        self._flaws: list[str | None] = []
        self._heard: list[Listing] = []
        self._weights: list[float] = []

    def list_pairs(self, symbols: Iterable[str]) -> None:
        """List pairs that are not listed yet."""
        for symbol in symbols:
            if symbol not in self.listings:
                rng = Random(self.rng.getrandbits(64))  # noqa: S311
                self.listings[symbol] = Listing(symbol, rng)

    def objection(self, channel: str, depth: int) -> str:
        """Why a depth is refused: of a recording there are only those that were recorded."""
        absent = channel == "book" and self.depths and depth not in self.depths
        return "Subscription depth not supported" if absent else ""

    def speed(self, factor: float) -> None:
        """Multiply the configured rate from now on."""
        self._factor = factor

    def corrupt(self, symbol: str | None) -> None:
        """Let the next book update (of this pair) carry a wrong checksum."""
        self._flaws.append(symbol)

    @property
    def time(self) -> str:
        """The venue's time as of the last step."""
        return self.stamp.text(self._wall)

    def listeners_changed(self) -> None:
        """Somebody subscribed or left: see again who hears what."""
        self._heard = [listing for listing in self.listings.values() if listing.heard]
        self._weights = list(accumulate(1 / (1 + i) for i in range(len(self._heard))))

    def advance(self, now: Now) -> None:
        """Let happen what is due by the rate; the time since the last call is told by `now`."""
        passed = 0.0 if self._mono is None else min(now.mono - self._mono, _LONGEST_STEP_S)
        self._mono = now.mono
        self._wall = now.wall
        self._trade_unheard(passed, now.wall)
        if not self._heard:
            self._due = 0.0
            return
        self._due += passed * self._rate * self._factor
        ts = now.wall
        while self._due >= 1:
            ts += 1_000  # two events of one step have different times, as the venue's have
            (listing,) = self.rng.choices(self._heard, cum_weights=self._weights)
            self._due -= listing.move(self.stamp.text(ts), self._flaw(listing))

    def _trade_unheard(self, passed: float, ts: int) -> None:
        """Let trades happen where nobody listens: REST tells them, and the next who comes."""
        unheard = [
            listing
            for listing in self.listings.values()
            if listing.status == "online" and not listing.heard
        ]
        if not unheard:
            self._unheard_due = 0.0
            return
        self._unheard_due += passed * self._rate * self._factor * _UNHEARD_SHARE
        while self._unheard_due >= 1:
            ts += 1_000
            self._unheard_due -= 1
            self._unheard_rng.choice(unheard).move(self.stamp.text(ts), 0)

    def instruments(self, kind: str, symbols: Iterable[str]) -> Emission:
        """What the instrument channel says of some pairs and their assets."""
        concerned = tuple(symbols)
        pairs = ",".join(self.listings[symbol].pair() for symbol in concerned)
        names = dict.fromkeys(part for symbol in concerned for part in symbol.split("/"))
        assets = ",".join(
            f'{{"id":{msgspec.json.encode(name).decode()},"status":"enabled","precision":10,'
            '"precision_display":5,"borrowable":true,"collateral_value":1.00,'
            '"margin_rate":0.020000}'
            for name in names
        )
        payload = (
            f'{{"channel":"instrument","type":"{kind}","data":{{"assets":[{assets}],'
            f'"pairs":[{pairs}]}}}}'
        )
        return Emission(payload.encode(), symbols=concerned)

    def _flaw(self, listing: Listing) -> int:
        """1 when this pair's next checksum is to be wrong."""
        if not self._flaws or not listing.books:
            return 0
        for wanted in (None, listing.symbol):
            if wanted in self._flaws:
                self._flaws.remove(wanted)
                return 1
        return 0
