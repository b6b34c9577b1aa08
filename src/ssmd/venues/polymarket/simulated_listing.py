"""What a simulated Polymarket lists: conditions with two tokens each, grouped into events."""

from collections import deque
from random import Random
from typing import Final

import msgspec

from ssmd.model.simulated import BookState, Emission
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.polymarket.simulated_book import Book, Touched, digest, fixed

MIN_ORDER: Final = "5"
_DAY_NS: Final = 86_400 * SECOND_NS
_SIDES: Final = ("SELL", "BUY")
_FINE_SHARE: Final = 0.4
_TRADES_KEPT: Final = 20_000
"""How many trades of a condition REST can tell; the venue itself tells three years of them."""


class Group(msgspec.Struct, frozen=True):
    """An event as Gamma means it: questions that belong together.

    Attributes:
        title: Its name.
        tags: Its labels, by Gamma's ids.
        series: The slug of what recurs; empty when it does not.
        questions: What is asked.
        days: Days until it ends.
    """

    title: str
    tags: tuple[tuple[str, str], ...]
    series: str
    questions: tuple[str, ...]
    days: int


def _asks(text: str, *parts: str) -> tuple[str, ...]:
    return tuple(text.format(part) for part in parts)


CRYPTO: Final = (("21", "Crypto"),)
GROUPS: Final = (
    Group(
        "Bitcoin above ___ this week?",
        (("235", "Bitcoin"), *CRYPTO),
        "bitcoin-weekly",
        _asks("Will Bitcoin be above ${},000 on Friday?", "90", "100", "110", "120"),
        4,
    ),
    Group(
        "Ethereum above ___ this week?",
        (*CRYPTO, ("39", "Ethereum")),
        "ethereum-weekly",
        _asks("Will Ethereum be above ${} on Friday?", "2,000", "2,400", "2,800", "3,200"),
        4,
    ),
    Group(
        "Bitcoin up or down today?",
        (*CRYPTO, ("102127", "Up or Down"), ("102281", "Daily")),
        "btc-up-or-down-daily",
        ("Will Bitcoin close higher today?",),
        1,
    ),
    Group(
        "Solana this year",
        (*CRYPTO, ("818", "Solana")),
        "",
        _asks("Will Solana reach ${} this year?", "200", "300", "400"),
        200,
    ),
    Group(
        "Which coin will an exchange list next?",
        CRYPTO,
        "",
        _asks("Will an exchange list {} next?", "ALPHA", "BETA", "GAMMA"),
        21,
    ),
    Group(
        "Rate decision next month",
        (
            ("100196", "Fed Rates"),
            ("2", "Politics"),
        ),
        "rates",
        _asks("Will rates go {} next month?", "down 50", "down 25", "nowhere", "up"),
        29,
    ),
    Group(
        "Who wins the next election?",
        (("2", "Politics"),),
        "",
        _asks("Will candidate {} win the next election?", "A", "B", "C", "D"),
        300,
    ),
    Group(
        "Cup winner",
        (
            ("1", "Sports"),
            ("100350", "Soccer"),
        ),
        "cup",
        _asks("Will the {} win the cup?", "Reds", "Blues", "Greens", "Whites"),
        60,
    ),
    Group(
        "Tonight's game",
        (("1", "Sports"),),
        "",
        ("Will the home side win tonight?",),
        1,
    ),
    Group(
        "Largest company by year end",
        (
            ("102000", "Business"),
            ("120", "Finance"),
        ),
        "",
        _asks("Will {} be the largest company?", "Apricot", "Macrohard", "Envideo"),
        150,
    ),
    Group(
        "Record of the year",
        (
            ("53", "Pop Culture"),
            ("18", "Awards"),
        ),
        "",
        _asks("Will {} be record of the year?", "Song One", "Song Two"),
        90,
    ),
    Group(
        "Will it snow on the first day of winter?", (("84", "Weather"),), "", ("Will it snow?",), 30
    ),
)
"""The usual listings."""


class Trade(msgspec.Struct, frozen=True, gc=False):
    """What changed hands.

    Attributes:
        ts: When, ns.
        number: Counts the trades of a condition, from 0.
        token: Which token.
        outcome: The index of its answer.
        side: What the taker did, in the venue's words.
        price: Dollars for one share, as the venue writes it.
        size: Shares, as the venue writes them.
        transaction: Hash of the transaction that settles it.
    """

    ts: int
    number: int
    token: str
    outcome: int
    side: str
    price: str
    size: str
    transaction: str


class Condition:
    """One question: two tokens, their book, their trades, and who listens.

    Attributes:
        event_number: Gamma's number of the event: that of the event's first market.
        is_open: Whether it takes orders.
        won: The index of the token that won; None while it is not decided.
        ended_ts: When that was, ns.

    Args:
        number: Gamma's number of the market.
        question: What is asked.
        group: The event it belongs to.
        tokens: Its tokens.
        rng: Where chance comes from.
        is_traded: Whether much was traded here.
        is_deep: Whether much rests in its book.
    """

    def __init__(
        self,
        number: int,
        question: str,
        group: Group,
        tokens: tuple[str, str],
        rng: Random,
        *,
        is_traded: bool,
        is_deep: bool,
    ) -> None:
        self.number = number
        self.question = question
        self.group = group
        self.tokens = tokens
        self.id = f"0x{rng.getrandbits(256):064x}"
        self.outcomes = ("Yes", "No")
        self.is_open = True
        self.event_number = number
        self.won: int | None = None
        self.ended_ts = 0
        self.neg_risk = len(group.questions) > 1
        self.book = Book(3 if rng.random() < _FINE_SHARE else 2, rng)
        self.volume = rng.randint(5_000_000, 500_000_000) if is_traded else rng.randint(0, 90_000)
        self.volume_24h = self.volume // rng.randint(5, 50)
        self.liquidity = rng.randint(1_000_000, 40_000_000) if is_deep else rng.randint(0, 50_000)
        self.trades: deque[Trade] = deque(maxlen=_TRADES_KEPT)
        self._rng = rng

    @property
    def slug(self) -> str:
        """Its name in addresses."""
        words = "".join(c if c.isalnum() else " " for c in self.question.casefold())
        return "-".join(words.split()) + f"-{self.number}"

    def decide(self, ts: int) -> None:
        """It is over: by where its price stood."""
        self.won = 0 if self.book.last * 2 >= self.book.top else 1
        self.is_open = False
        self.ended_ts = ts

    def closes(self, base: int) -> str:
        """When trading ends, for a simulation that began at `base`, ns."""
        return (
            format_rfc3339((base // SECOND_NS) * SECOND_NS + self.group.days * _DAY_NS)[:19] + "Z"
        )

    def book_fields(self, token: int, ts: int, *, flaw: bool = False) -> tuple[str, str, str, str]:
        """Figure, bids, asks and the last price of a token's book at a time, ns."""
        bids, asks = self.book.levels(token)
        last = self.book.price(self.book.last, token)
        figure = digest(
            f'{{"market":"{self.id}","asset_id":"{self.tokens[token]}",'
            f'"timestamp":"{millis(ts)}","hash":"","bids":[{bids}],"asks":[{asks}],'
            f'"min_order_size":"{MIN_ORDER}","tick_size":"{self.book.tick_size()}",'
            f'"neg_risk":{str(self.neg_risk).lower()},"last_trade_price":"{last}"}}'
        )
        return (figure[1:] + figure[0] if flaw else figure), bids, asks, last

    def book_message(self, token: int, ts: int, *, flaw: bool = False) -> bytes:
        """The book of a token as the socket tells it."""
        figure, bids, asks, last = self.book_fields(token, ts, flaw=flaw)
        return (
            f'{{"market":"{self.id}","asset_id":"{self.tokens[token]}",'
            f'"timestamp":"{millis(ts)}","hash":"{figure}","bids":[{bids}],"asks":[{asks}],'
            f'"tick_size":"{self.book.tick_size()}","event_type":"book",'
            f'"last_trade_price":"{last}"}}'
        ).encode()

    def state(self, name: str) -> BookState:
        """The book of a token as a client must have it."""
        bids, asks = self.book.ranked(self.tokens.index(name))
        return BookState(name, None, bids, asks)

    def price_change(self, touched: Touched, ts: int, hidden: frozenset[str]) -> Emission | None:
        """One order seen by both tokens; those in `hidden` are left out."""
        items, symbols = [], []
        for token, name in enumerate(self.tokens):
            figure = f"{self._rng.getrandbits(160):040x}"
            if name in hidden:
                continue
            bid, ask = self.book.touch(token)
            side = _SIDES[touched.is_bid == (token == 0)]
            symbols.append(name)
            items.append(
                f'{{"asset_id":"{name}","price":"{self.book.price(touched.tick, token)}",'
                f'"size":"{fixed(touched.size, 2)}","side":"{side}","hash":"{figure}",'
                f'"best_bid":"{bid}","best_ask":"{ask}"}}'
            )
        if not items:
            return None
        payload = (
            f'{{"market":"{self.id}","price_changes":[{",".join(items)}],'
            f'"timestamp":"{millis(ts)}","event_type":"price_change"}}'
        )
        return Emission(payload.encode(), symbols=tuple(symbols))

    def trade(self, ts: int) -> tuple[int, bytes]:
        """Let a trade happen; gives which token it was in, and its message."""
        token, buys = self._rng.randrange(2), self._rng.random() < 0.5  # noqa: PLR2004 - a coin
        tick, size = self.book.take(buys=buys == (token == 0))
        self.volume += size
        price, amount = self.book.price(tick, token), fixed(size, 2)
        side, transaction = _SIDES[buys], f"0x{self._rng.getrandbits(256):064x}"
        number = self.trades[-1].number + 1 if self.trades else 0
        self.trades.append(
            Trade(ts, number, self.tokens[token], token, side, price, amount, transaction)
        )
        message = (
            f'{{"market":"{self.id}","asset_id":"{self.tokens[token]}","price":"{price}",'
            f'"size":"{amount}","fee_rate_bps":"0","side":"{side}","timestamp":"{millis(ts)}",'
            f'"event_type":"last_trade_price","transaction_hash":"{transaction}"}}'
        )
        return token, message.encode()

    def best_bid_ask(self, token: int, ts: int) -> bytes:
        """The touch of a token."""
        bid, ask = self.book.touch(token)
        spread = fixed(self.book.best_ask - self.book.best_bid, self.book.decimals)
        return (
            f'{{"event_type":"best_bid_ask","market":"{self.id}",'
            f'"asset_id":"{self.tokens[token]}","best_bid":"{bid}","best_ask":"{ask}",'
            f'"spread":"{spread}","timestamp":"{millis(ts)}"}}'
        ).encode()


def millis(ts: int) -> int:
    """Milliseconds, from nanoseconds."""
    return ts // 1_000_000
