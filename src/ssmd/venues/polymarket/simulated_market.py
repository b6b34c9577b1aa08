"""A simulated Polymarket: seeded conditions, moved on together, shared by all sockets."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Final, Protocol

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import Emission, SimulationOptions, falling_weights
from ssmd.venues.polymarket.simulated_lifecycle import market_resolved, new_market
from ssmd.venues.polymarket.simulated_listing import CRYPTO, GROUPS, Condition, Group

_TRADE_SHARE: Final = 0.08
_UNHEARD_SHARE: Final = 0.1
"""Trades of all conditions that nobody listens to, as a share of the configured rate."""
PAST_NS: Final = 1_000_000
"""How long ago everything was when it is told first: times are told in milliseconds."""
_ENDED_KEPT: Final = 500
_LONGEST_STEP_S: Final = 1.0
_FIRST_NUMBER: Final = 500_000
_HARDLY_TRADED: Final = 3
"""Of so many conditions one has next to no volume."""
_SHALLOW: Final = 5
"""Of so many conditions one has next to nothing in its book."""
_PAUSED: Final = 2
"""The one that takes no orders at present."""


class Listener(Protocol):
    """A socket as the market sees it.

    Attributes:
        outbox: What it is to say next.
        is_custom: Whether it asked for the touch and for listings.
        frozen: Tokens whose streams stand still on it.
        held: Tokens it is subscribed to.
    """

    outbox: list[Emission]
    is_custom: bool
    frozen: set[str]
    held: dict[str, None]


class Market:
    """All conditions, moved on by `advance`."""

    def __init__(self, options: SimulationOptions) -> None:
        self.rng = Random(options.seed)  # noqa: S311 - a simulation, not a secret
        self.conditions: dict[str, Condition] = {}
        self.ended: dict[str, Condition] = {}
        self.sockets: dict[Listener, None] = {}
        self.base: int | None = None
        self._number = _FIRST_NUMBER
        self._wall = 0
        self._rate = options.rate
        self._factor = 1.0
        self._due = 0.0
        self._mono: float | None = None
        self._flaws: list[str | None] = []
        self._heard: list[Condition] = []
        self._weights: list[float] = []
        self._unheard: list[Condition] = []
        self._unheard_weights: list[float] = []
        self._unheard_due = 0.0
        self._unheard_rng = Random(~options.seed)  # noqa: S311
        if options.symbols:
            self._list_tokens(options.symbols)
        else:
            self._list_usual()
        self.listeners_changed()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every token listed, those of a condition side by side."""
        return tuple(token for condition in self.open for token in condition.tokens)

    @property
    def open(self) -> list[Condition]:
        """Every condition that is listed."""
        return list(dict.fromkeys(self.conditions.values()))

    def told(self, now: Now) -> None:
        """What time it is: times of listings count from the first time that was told."""
        self._wall = now.wall
        if self.base is None:
            self.base = now.wall

    def speed(self, factor: float) -> None:
        """Multiply the configured rate from now on."""
        self._factor = factor

    def corrupt(self, symbol: str | None) -> None:
        """Let the `hash` of the next book (of this token) be wrong: evidence, no gap."""
        self._flaws.append(symbol)

    def freeze(self, symbol: str, frozen: bool) -> None:
        """Let a token stand still on the sockets there are, or go on."""
        for socket in self.sockets:
            if frozen:
                socket.frozen.add(symbol)
            else:
                socket.frozen.discard(symbol)

    def list_symbols(self, symbols: Sequence[str]) -> None:
        """List tokens, two by two a condition; everybody who asked is told."""
        for condition in self._list_tokens(symbols):
            self._tell(new_market(condition, self._wall))
        self.listeners_changed()

    def delist(self, symbols: Sequence[str]) -> None:
        """Decide the conditions of these tokens: everybody who asked is told, then nothing."""
        ended = dict.fromkeys(self.conditions[s] for s in symbols if s in self.conditions)
        for condition in ended:
            condition.decide(self._wall)
            self._tell(market_resolved(condition, self._wall))
            for token in condition.tokens:
                self.ended[token] = self.conditions.pop(token)
                for socket in self.sockets:
                    socket.held.pop(token, None)
        while len(self.ended) > _ENDED_KEPT:
            del self.ended[next(iter(self.ended))]
        self.listeners_changed()

    def stand(self, symbol: str, status: str) -> None:
        """Let a condition take orders (`active`), or none (`paused`): nothing is said of it.

        Raises:
            ConfigError: It is not listed, or there is no such state.
        """
        condition = self.conditions.get(symbol)
        if condition is None or status not in {"active", "paused"}:
            message = f"{symbol!r} cannot be {status!r}."
            raise ConfigError(message, remedy="Name a listed token, and `active` or `paused`.")
        condition.is_open = status == "active"
        self.listeners_changed()

    @property
    def over(self) -> list[Condition]:
        """Every condition that was decided, as long as Gamma tells of it."""
        ended = dict.fromkeys(self.ended.values())
        return [one for one in ended if self.conditions.keys().isdisjoint(one.tokens)]

    def book(self, token: str, ts: int) -> bytes:
        """A token's book as a message; its `hash` is wrong when it is to be."""
        condition = self.conditions[token]
        index = condition.tokens.index(token)
        return condition.book_message(index, ts, flaw=self._flaw(token))

    def listeners_changed(self) -> None:
        """Somebody subscribed or left: see again who hears what."""
        held = {token for socket in self.sockets for token in socket.held}
        self._heard = [c for c in self.open if not held.isdisjoint(c.tokens)]
        self._weights = falling_weights(len(self._heard))
        heard = set(self._heard)
        self._unheard = [c for c in self.open if c not in heard and c.is_open]
        self._unheard_weights = falling_weights(len(self._unheard))

    def advance(self, now: Now) -> None:
        """Let happen what is due by the rate; the time since the last call is told by `now`."""
        passed = 0.0 if self._mono is None else min(now.mono - self._mono, _LONGEST_STEP_S)
        self._mono = now.mono
        self.told(now)
        ts = now.wall - PAST_NS
        self._trade_unheard(passed, ts)
        if not self._heard:
            self._due = 0.0
            return
        self._due += passed * self._rate * self._factor
        while self._due >= 1:
            (condition,) = self.rng.choices(self._heard, cum_weights=self._weights)
            self._due -= self._move(condition, ts)

    def _trade_unheard(self, passed: float, ts: int) -> None:
        """Let trades happen where nobody listens: REST tells them, and the next who comes."""
        if not self._unheard:
            self._unheard_due = 0.0
            return
        self._unheard_due += passed * self._rate * self._factor * _UNHEARD_SHARE
        while self._unheard_due >= 1:
            self._unheard_due -= 1
            (condition,) = self._unheard_rng.choices(
                self._unheard, cum_weights=self._unheard_weights
            )
            condition.trade(ts)

    def _move(self, condition: Condition, ts: int) -> int:
        """Something happens in a condition; gives how many messages that makes."""
        before = condition.book.touch(0)
        listeners = [s for s in self.sockets if not s.held.keys().isdisjoint(condition.tokens)]
        if self.rng.random() < _TRADE_SHARE:
            made = self._trade(condition, ts, listeners)
        else:
            made = self._change(condition, ts, listeners)
        if condition.book.touch(0) != before:
            for token, name in enumerate(condition.tokens):
                message = Emission(condition.best_bid_ask(token, ts), symbols=(name,))
                made += _deliver(message, name, [s for s in listeners if s.is_custom])
        return max(1, made)

    def _change(self, condition: Condition, ts: int, listeners: list[Listener]) -> int:
        touched = condition.book.stir()
        made: dict[frozenset[str], Emission | None] = {}
        for socket in listeners:
            hidden = frozenset(socket.frozen.intersection(condition.tokens))
            if hidden not in made:
                made[hidden] = condition.price_change(touched, ts, hidden)
            message = made[hidden]
            if message is not None:
                socket.outbox.append(message)
        return 1

    def _trade(self, condition: Condition, ts: int, listeners: list[Listener]) -> int:
        """The books that the venue sends again, then the trade that changed them.

        So they stand in the recordings; no price change tells what the trade took away.
        """
        traded, message = condition.trade(ts)
        made = 0
        for token in condition.tokens:
            if any(token in s.held and token not in s.frozen for s in listeners):
                book = Emission(self.book(token, ts), symbols=(token,))
                made += _deliver(book, token, listeners)
        name = condition.tokens[traded]
        return made + _deliver(Emission(message, symbols=(name,)), name, listeners)

    def _tell(self, message: Emission) -> None:
        for socket in self.sockets:
            if socket.is_custom:
                socket.outbox.append(message)

    def _list_usual(self) -> None:
        for group in GROUPS:
            for question in group.questions:
                tokens = (self._token(), self._token())
                self._list(
                    question,
                    group,
                    tokens,
                    is_traded=self._number % _HARDLY_TRADED != 0,
                    is_deep=self._number % _SHALLOW != 0,
                )
        self.open[_PAUSED].is_open = False

    def _list_tokens(self, symbols: Iterable[str]) -> list[Condition]:
        """Two tokens a condition, in order; a last one alone is given a partner."""
        names = [name for name in dict.fromkeys(symbols) if name not in self.conditions]
        if len(names) % 2:
            names.append(self._token())
        listed = []
        for yes, no in zip(names[::2], names[1::2], strict=True):
            question = f"Will simulated question {self._number} come true?"
            group = Group(question, CRYPTO, "", (question,), 7)
            listed.append(self._list(question, group, (yes, no)))
        return listed

    def _list(
        self,
        question: str,
        group: Group,
        tokens: tuple[str, str],
        *,
        is_traded: bool = True,
        is_deep: bool = True,
    ) -> Condition:
        rng = Random(self.rng.getrandbits(64))  # noqa: S311
        condition = Condition(
            self._number, question, group, tokens, rng, is_traded=is_traded, is_deep=is_deep
        )
        self._number += 1
        first = next((c for c in (*self.over, *self.open) if c.group == group), condition)
        condition.event_number = first.event_number
        for token in tokens:
            self.conditions[token] = condition
            ended = self.ended.pop(token, None)
            if ended is not None and ended.trades and not condition.trades:
                condition.trades.extend(ended.trades)
        return condition

    def _token(self) -> str:
        """A token id: 256 bits, in decimal."""
        return str(self.rng.getrandbits(255) | 1 << 255)

    def _flaw(self, token: str) -> bool:
        """Whether this book's figure is to be wrong."""
        for wanted in (None, token):
            if wanted in self._flaws:
                self._flaws.remove(wanted)
                return True
        return False


def _deliver(message: Emission, token: str, listeners: list[Listener]) -> int:
    """Put a message about a token into outboxes; 1 when anybody hears it, however many."""
    hearing = [s for s in listeners if token in s.held and token not in s.frozen]
    for socket in hearing:
        socket.outbox.append(message)
    return bool(hearing)
