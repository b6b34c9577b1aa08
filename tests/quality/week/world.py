"""Seven UTC days of three feeds, drawn from a seed: what goes wrong is known, and so is what does not.

Monday is 2027-01-11; on Thursday the 14th the venue of `kalshi` pauses from 08:00 to 10:00 UTC (03:00
to 05:00 in New York); Sunday still runs, at 15:00. Traps are there with every seed: quiet nights,
planned reconnects with overlap, a pause in which the venue hangs up, series of fifteen minutes that
end and leave nothing, a feed that begins on Wednesday at noon, gaps that were made good.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from ssmd.model import records
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.window import begin
from tests.quality.truth import master
from tests.quality.truth.made import HOUR_NS, LATE_NS, MINUTE_NS, Line, lines, write

MONDAY: Final = date(2027, 1, 11)
DAYS: Final = tuple(MONDAY + timedelta(days=n) for n in range(7))
WEDNESDAY, THURSDAY, SUNDAY = DAYS[2], DAYS[3], DAYS[6]
NOW: Final = begin(SUNDAY) + 15 * HOUR_NS
"""The running day is this far."""
FEEDS: Final[Mapping[str, str]] = {"kraken": "kraken", "kraken-eu": "kraken", "kalshi": "kalshi"}
"""Feeds and their venues."""
CHECKSUMMED: Final = ("kraken", "kraken-eu")
_FIRST_HOUR: Final = 6
_LAST_HOUR: Final = 22
"""The nights are quiet."""
_STEP_NS: Final = 20 * MINUTE_NS


class Series(Line):
    """A connection to a venue of contracts, whose frames are its own."""

    def trade(
        self, symbol: str, price: str = "0.4", *, number: int | None = None, late_ns: int = LATE_NS
    ) -> int:
        """A trade; gives its number."""
        number = next(self.numbers) if number is None else number
        at = (self.ts - late_ns) // 1_000_000
        self.frame(
            "trade",
            f'{{"type":"trade","sid":2,"seq":{self.ordinal},"msg":{{"trade_id":"t{number}",'
            f'"market_ticker":"{symbol}","yes_price_dollars":"{price}","count_fp":"5.00",'
            f'"taker_side":"yes","ts_ms":{at}}}}}',
            symbol=symbol,
        )
        return number

    def quote(self, symbol: str, bid: str = "0.39", ask: str = "0.41") -> None:
        """The best prices; stated when the venue pleases, up to half a minute after a change."""
        self.frame(
            "ticker",
            f'{{"type":"ticker","sid":1,"msg":{{"market_ticker":"{symbol}","price_dollars":"{bid}",'
            f'"yes_bid_dollars":"{bid}","yes_ask_dollars":"{ask}","volume_fp":"9.00",'
            f'"ts_ms":{(self.ts - 30 * SECOND_NS) // 1_000_000}}}}}',
            symbol=symbol,
        )

    def book(self, symbol: str, bid: str = "", ask: str = "") -> None:
        """It shows no books here."""


class Defect(NamedTuple):
    """Something that goes wrong.

    Attributes:
        name: What.
        apply: Does it to a feed's day, at the connection of that moment.
        checks: Which checks are below 100 for it.
        feeds: Where it can happen.
        days: When it can happen.
        is_issue: Whether it makes the day RED by itself.
    """

    name: str
    apply: Callable[["Feed"], None]
    checks: frozenset[str]
    feeds: Sequence[str] = tuple(FEEDS)
    days: Sequence[date] = DAYS
    is_issue: bool = False


class Placed(NamedTuple):
    """A defect that happens.

    Attributes:
        defect: Which.
        feed: To whom.
        day: When.
    """

    defect: Defect
    feed: str
    day: date

    def __str__(self) -> str:
        return f"{self.defect.name} in {self.feed} on {self.day}"


class Feed:
    """One feed's week as it happens.

    Args:
        name: Its name.
        rng: Where its choices come from.
        start: When it begins, ns.
    """

    def __init__(self, name: str, rng: random.Random, start: int) -> None:
        self.name = name
        self.rng = rng
        self.kind = Series if FEEDS[name] == "kalshi" else Line
        self.symbols = ("KXBTC-27",) if self.kind is Series else ("BTC/USD", "ETH/USD")
        self.channels = ("trade", "ticker") if self.kind is Series else ("trade", "ticker", "book")
        self.lines: list[Line] = []
        self.without: str = ""
        """What trades do not say while it is set."""
        self.line = self.connect(start, "start")

    @property
    def symbol(self) -> str:
        """One of its instruments."""
        return self.rng.choice(self.symbols)

    def connect(self, ts: int, reason: str, previous: Line | None = None) -> Line:
        """A new connection, for all that is wanted."""
        made = self.kind(
            self.name, ts, previous=previous, symbols=self.symbols, venue=FEEDS[self.name],
            channels=self.channels,
        )  # fmt: skip
        self.lines.append(made)
        self.line = made
        made.open(reason)
        return made

    def reconnect(self, after_ns: int) -> None:
        """The connection breaks, and comes back some time later."""
        old = self.line
        old.close("reset")
        self.connect(old.ts + after_ns, "reconnect", old)

    def replace(self) -> None:
        """A planned reconnect: both are there for a while, and tell the same."""
        old = self.line
        new = self.connect(old.ts + SECOND_NS, "planned", old)
        for _ in range(3):
            old.ts = new.ts = new.ts + SECOND_NS
            new.trade(self.symbols[0], number=old.trade(self.symbols[0]))
        old.close("planned")

    def speak(self) -> None:
        """Each instrument is traded, quoted and has a book."""
        for symbol in self.line.symbols:
            self.line.trade(symbol)
            self.line.quote(symbol)
            self.line.book(symbol)

    def live(self, until: int) -> None:
        """Market data up to a time."""
        while self.line.ts + _STEP_NS < until:
            self.line.ts += _STEP_NS - self.rng.randrange(MINUTE_NS)
            self.speak()
        self.line.ts = max(self.line.ts, until)

    def window(self, number: int) -> None:
        """A series of fifteen minutes: listed, traded, over; nothing is left of it."""
        symbol = f"KX15M-{self.line.ts // HOUR_NS}-{number}"
        self.line.want(symbol, "universe")
        self.line.ts += 10 * MINUTE_NS
        self.line.trade(symbol)
        self.line.quote(symbol)
        self.line.ts += 5 * MINUTE_NS
        self.line.unwant(symbol)


def outage(feed: Feed) -> None:
    """Nobody is there for some hours."""
    feed.reconnect(feed.rng.randrange(90, 150) * MINUTE_NS)


def gap_lost(feed: Feed) -> None:
    """Messages are missing, and nothing makes it good until the connection is given up."""
    symbol = feed.symbol
    feed.line.say(
        records.GapFound(
            channel=feed.channels[-1], symbols=(symbol,), kind="sequence", expected=1, found=9,
            ordinal=feed.line.ordinal - 1,
        )
    )  # fmt: skip
    feed.line.ts += 60 * MINUTE_NS
    feed.reconnect(SECOND_NS)


def gap_repaired(feed: Feed) -> None:
    """Messages are missing, and a snapshot makes it good: nobody need know."""
    begun = len(feed.line.out)
    feed.line.checksum_failure(feed.symbols[0], SECOND_NS)
    feed.line.reword(begun, '"kind":"checksum"', '"kind":"sequence"')


def checksums(feed: Feed) -> None:
    """Books do not add up, and are made good at once."""
    for _ in range(2):
        feed.line.checksum_failure(feed.symbol, SECOND_NS)


def freeze(feed: Feed) -> None:
    """An instrument stood still while its market moved."""
    feed.line.frozen(feed.symbol, feed.rng.randrange(20, 50))


def late(feed: Feed) -> None:
    """Trades come many seconds after they happened."""
    for _ in range(15):
        feed.line.trade(feed.symbol, late_ns=feed.rng.randrange(6, 20) * SECOND_NS)


def crossed(feed: Feed) -> None:
    """Bids at the ask, or above it."""
    for ask in ("0.38", "0.4"):
        feed.line.quote(feed.symbol, "0.4", ask)


def off_grid(feed: Feed) -> None:
    """Trades at prices between two ticks."""
    for _ in range(3):
        feed.line.trade(feed.symbol, "0.4321")


def unread(feed: Feed) -> None:
    """Frames that no session understands: enough to be told apart from days without any."""
    for _ in range(12):
        feed.line.unread()


def repeated(feed: Feed) -> None:
    """One connection tells the same trades again."""
    for _ in range(3):
        symbol = feed.symbol
        feed.line.trade(symbol, number=feed.line.trade(symbol))


def hole(feed: Feed) -> None:
    """Frames were received and are nowhere."""
    feed.line.vanish(feed.rng.randrange(1, 6))


def declared(feed: Feed) -> None:
    """Frames were received and are declared lost."""
    feed.line.lose(feed.rng.randrange(1, 6))


def drift(feed: Feed) -> None:
    """Trades do not say any more what kind of order it was, for the rest of the day."""
    feed.without = '"ord_type":"limit",'


_MINUTES: Final = frozenset({"coverage", "gaps"})
DEFECTS: Final = (
    Defect("outage", outage, _MINUTES),
    Defect("gap lost", gap_lost, _MINUTES),
    Defect("gap repaired", gap_repaired, frozenset(), CHECKSUMMED),
    Defect("checksums", checksums, frozenset({"checksum_failures"}), CHECKSUMMED),
    Defect("freeze", freeze, _MINUTES | {"freeze_minutes"}),
    Defect("late", late, frozenset({"lateness"})),
    Defect("crossed", crossed, frozenset({"crossed_books"})),
    Defect("off grid", off_grid, frozenset({"off_grid"})),
    Defect("unread", unread, frozenset({"rejects", "drift"}), CHECKSUMMED, DAYS[3:]),
    Defect("repeated", repeated, frozenset({"duplicates"})),
    Defect("hole", hole, _MINUTES | {"conservation"}, days=DAYS[:6], is_issue=True),
    Defect("declared", declared, _MINUTES | {"declared_loss"}),
    Defect("drift", drift, frozenset({"drift"}), ("kraken",), DAYS[2:6]),
)


def placed(seed: int) -> list[Placed]:
    """Every defect, at a feed's day of its own."""
    rng = random.Random(seed)
    taken: set[tuple[str, date]] = set()
    found = []
    for defect in sorted(DEFECTS, key=lambda each: len(each.feeds) * len(each.days)):
        free = [
            (feed, day)
            for feed in defect.feeds
            for day in defect.days
            if (feed, day) not in taken and _is_free(feed, day)
        ]
        place = rng.choice(free)
        taken.add(place)
        found.append(Placed(defect, *place))
    return found


def _is_free(feed: str, day: date) -> bool:
    """Whether a defect may happen then: the feed is there, and no trap would hide behind it."""
    return not (feed == "kraken-eu" and day <= WEDNESDAY) and (feed, day) != ("kalshi", THURSDAY)


def happened(seed: int, defects: Sequence[Placed]) -> Iterator[Envelope]:
    """Everything the feeds said in that week."""
    listed: dict[str, dict[str, object]] = {}
    for name, venue in FEEDS.items():
        rng = random.Random(f"{seed} {name}")
        began = begin(WEDNESDAY) + 12 * HOUR_NS if name == "kraken-eu" else begin(MONDAY)
        feed = Feed(name, rng, began + SECOND_NS)
        due = {each.day: each.defect for each in defects if each.feed == name}
        for day in DAYS:
            if begin(day) + 24 * HOUR_NS > began:
                _day(feed, day, due.get(day))
        for line in feed.lines:
            listed |= {f"{venue}:{symbol}": {"tick_size": "0.01"} for symbol in line.symbols}
        yield from lines(*feed.lines)
    yield from master.told(begin(MONDAY) - 24 * HOUR_NS, listed)


def _day(feed: Feed, day: date, defect: Defect | None) -> None:
    """One day: a quiet night, a defect around noon, a planned reconnect in the evening."""
    since = begin(day)
    feed.line.ts = max(feed.line.ts, since + _FIRST_HOUR * HOUR_NS)
    if feed.name == "kalshi":
        feed.window(1)
        if day == THURSDAY:
            _pause(feed, since)
    feed.live(since + 13 * HOUR_NS)
    if defect is not None:
        feed.speak()
        defect.apply(feed)
        feed.speak()
    begun = len(feed.line.out)
    if day == SUNDAY:
        feed.live(NOW)
        feed.speak()
        return
    if feed.name == "kalshi":
        feed.window(2)
    feed.live(since + _LAST_HOUR * HOUR_NS)
    if feed.without:
        feed.line.reword(begun, feed.without, "")
        feed.without = ""
    feed.replace()


def _pause(feed: Feed, since: int) -> None:
    """The venue stands still, and hangs up meanwhile."""
    feed.live(since + 8 * HOUR_NS - MINUTE_NS)
    feed.line.ts = since + 8 * HOUR_NS + 5 * MINUTE_NS
    feed.reconnect(110 * MINUTE_NS)


def record(root: Path, seed: int, defects: Sequence[Placed]) -> None:
    """The week's archive, as far as it is on Sunday at 15:00."""
    write(root, happened(seed, defects), seal=False, interval_s=43_200)
