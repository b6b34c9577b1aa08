"""What is to be asked next, and what follows from the answers.

The venue opens one subscription for a channel and names it by a number, the sid. A second
`subscribe` for a channel either adds to the first or is refused, so it is sent only when the first
was never answered; markets come and go by `update_subscription`. An `ok` lists every market that
the subscription has then: what it says is believed over what we remember.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ssmd.model.event import Send
from ssmd.model.subscription import Limits, Subscription
from ssmd.venues.kalshi import requests
from ssmd.venues.kalshi.holdings import LIMIT_S, RETRY_S, Answer, Holdings, Stage, Todo
from ssmd.venues.kalshi.messages import WHOLE, Error, Ok, Subscribed, Unsubscribed
from ssmd.venues.kalshi.pace import Pace
from ssmd.venues.kalshi.pending import STAGES, Do, Pending, Request

BATCH: Final = 200
"""Markets per command; 256 were the most for a whole subscription once."""

ALREADY_SUBSCRIBED: Final = 6
UNKNOWN_SID: Final = 7
CHANNEL_ERROR: Final = 10
MARKET_LIMIT: Final = 26
TOO_MANY_COMMANDS: Final = 27

MISSING: Final = "the venue does not list it among the subscription's markets"


class Subscriptions:
    """The subscriptions of one connection, from request to answer.

    A subscription that is full (error 26) refuses what is added to it. Markets in excess are told
    as refused, asked for again when another market of the channel has left, and otherwise after
    long pauses only. They are not moved to another connection: a session has but its own.
    """

    def __init__(self, limits: Limits, *, passive: bool) -> None:
        self.holdings = Holdings()
        self.channels: dict[int, str] = {}
        """The channel of each sid that was heard of."""
        self._timeout = limits.ack_timeout_s
        self._passive = passive
        self._sids: dict[str, int] = {}
        self._pending = Pending()
        self._doubted: set[str] = set()
        self._excess: dict[str, dict[Subscription, None]] = {}
        self._closed: list[int] = []
        self._pace = Pace(limits.sends_per_second)

    def meet(self, sid: int, channel: str) -> None:
        """A frame came from a subscription that nobody confirmed."""
        self.channels[sid] = channel
        if self.holdings.of(channel, Stage.HELD):
            self._sids.setdefault(channel, sid)

    def is_open(self, channel: str) -> bool:
        """Whether a channel has a subscription."""
        return channel in self.channels.values()

    def closed(self) -> list[int]:
        """The sids that ended since this was last asked."""
        closed, self._closed = self._closed, []
        return closed

    # What the venue says

    def subscribed(self, message: Subscribed) -> list[Answer]:
        """A channel was opened."""
        told = message.msg
        request = self._pending.opening(message.id, told.channel if told else None)
        if told is not None:
            self.channels[told.sid] = told.channel
            self._sids[told.channel] = told.sid
        if request is not None:
            self._pace.accepted()
            return self._gain(request.items)
        if told is not None and self._passive and told.channel in WHOLE:
            return self._gain([Subscription(told.channel)])
        return []

    def ok(self, message: Ok, mono: float) -> list[Answer]:
        """A request was granted, and this is what the subscription holds now."""
        request = self._pending.take(message.id)
        sid, holding = message.sid, message.holding
        answers: list[Answer] = []
        if request is not None:
            if request.do == "subscribe" and sid is not None:  # it was added to an open one
                self.channels[sid] = request.channel
                self._sids[request.channel] = sid
            answers += self._granted(request, holding, mono)
        channel = self.channels.get(sid or 0) or (request.channel if request else None)
        if channel is not None and holding is not None:
            answers += self._believe(channel, holding, mono)
        return answers

    def unsubscribed(self, message: Unsubscribed, mono: float) -> list[Answer]:
        """A subscription ended, because we asked for it or not."""
        request = self._pending.take(message.id)
        sid = message.sid if message.sid is not None else request.sid if request else None
        channel = self.channels.get(sid or 0) or (request.channel if request else None)
        return self._ended(channel, None if request else mono)

    def error(self, message: Error, mono: float) -> list[Answer]:
        """A request was refused, or a subscription broke."""
        code, reason, named = message.msg.code, message.words, message.msg.market_ticker
        if named is not None and code != ALREADY_SUBSCRIBED:
            guilty = self._pending.refuse(message.id, named, mono)
            if guilty is not None:
                return self._fail([guilty], Stage.ASKED, reason, mono)
        request = self._pending.take(message.id, late=False)
        if request is None:
            broke = code == CHANNEL_ERROR and message.sid is not None
            return self._ended(self.channels.get(message.sid or 0), mono) if broke else []
        return self._refused(request, code, reason, mono)

    def expired(self, mono: float) -> list[Answer]:
        """Give up waiting for what should have been answered by now."""
        answers: list[Answer] = []
        for request in self._pending.expired(mono):
            if request.partial:
                self._put_back(request.items)
            elif request.do != "get_snapshot":
                answers += self._fail(request.items, STAGES[request.do], "timeout", mono)
        return answers

    # What we say

    def ping(self, mono: float) -> None:
        """A keepalive is sent, whatever the pace: it counts, and the requests give way."""
        self._pace.sent(mono)

    def send(self, mono: float) -> list[Send]:
        """As many of the pending requests as the pace allows; the rest stays pending."""
        idle = self.holdings.idle and not self._doubted
        if idle or self._passive or not self._pace.allows(mono):
            return []
        sends: list[Send] = []
        channels = self.holdings.todo()
        for channel in sorted(self._doubted.union(self._sids)):
            channels.setdefault(channel, Todo())
        for channel, todo in channels.items():
            for do, items in self._asks(channel, todo):
                if not self._pace.allows(mono):
                    return sends
                sends.append(self._ask(do, channel, items, mono))
        return sends

    def _asks(self, channel: str, todo: Todo) -> Iterator[tuple[Do, Sequence[Subscription]]]:
        """The requests that bring a channel to where it should be."""
        if channel not in self._sids:
            if todo.gain and not self._pending.has(channel, "subscribe"):
                yield "subscribe", todo.gain[:BATCH]
        elif not self._pending.has(channel, "unsubscribe"):
            yield from self._changes(channel, todo)

    def _changes(self, channel: str, todo: Todo) -> Iterator[tuple[Do, Sequence[Subscription]]]:
        """The requests that change an open subscription."""
        whole = Subscription(channel)
        held = self.holdings.of(channel, Stage.ASKED, Stage.HELD)
        # From all markets to some, or back, is a new subscription.
        gain = [] if whole in todo.gain or whole in held else todo.gain
        for items in _batches(gain):
            yield "add_markets", items
            held += items
        # Nobody says what a subscription without markets means to the venue: better none.
        empty = not held and not self.holdings.of(channel, Stage.LEAVING)
        if empty or (todo.lose and set(held) <= set(todo.lose)):
            yield "unsubscribe", todo.lose
            return
        for items in _batches(todo.lose):
            yield "delete_markets", items
        for items in _batches(todo.renew or self._witness(channel)):
            yield "get_snapshot", items

    def _witness(self, channel: str) -> list[Subscription]:
        """A market to ask about, where it is doubtful whether the subscription exists."""
        doubted = channel in self._doubted
        self._doubted.discard(channel)
        return self.holdings.of(channel, Stage.HELD)[:1] if doubted else []

    def _ask(self, do: Do, channel: str, items: Sequence[Subscription], mono: float) -> Send:
        sid = self._sids.get(channel)
        number = self._pending.add(Request(do, channel, list(items), mono + self._timeout, sid))
        for item in items:
            self.holdings.asked(item, STAGES[do], mono)
        self._pace.sent(mono)
        markets = [item.symbol for item in items if item.symbol is not None]
        if do == "subscribe":
            return Send(requests.subscribe(number, channel, markets or None))
        if do == "unsubscribe":
            return Send(requests.unsubscribe(number, sid or 0))
        return Send(requests.update(number, sid or 0, do, markets))

    # What follows from it

    def _granted(
        self, request: Request, holding: frozenset[str] | None, mono: float
    ) -> list[Answer]:
        self._pace.accepted()
        if request.do == "unsubscribe":
            return self._ended(request.channel, None)
        if request.gains:
            absent = [
                item
                for item in request.items
                if holding is not None and item.symbol is not None and item.symbol not in holding
            ]
            gained = self._gain(item for item in request.items if item not in absent)
            return gained + self._fail(absent, Stage.ASKED, MISSING, mono)
        if request.do == "delete_markets":
            kept = [item for item in request.items if holding and item.symbol in holding]
            self._fail(kept, Stage.LEAVING, "", mono)
            return self._lose(item for item in request.items if item not in kept)
        return []

    def _believe(self, channel: str, holding: frozenset[str], mono: float) -> list[Answer]:
        """Take the venue's own list of a subscription's markets for the truth."""
        listed = [Subscription(channel, symbol) for symbol in sorted(holding) if symbol]
        known = self.holdings.of(channel, Stage.HELD)
        gone = [item for item in known if item.symbol is not None and item.symbol not in holding]
        return self._gain(listed) + self._lose(gone, mono)

    def _refused(
        self, request: Request, code: int | None, reason: str, mono: float
    ) -> list[Answer]:
        """What follows from the refusal of a whole request."""
        if code == TOO_MANY_COMMANDS:
            self._pace.back_off(mono)
            return self._put_back(request.items)
        if code == ALREADY_SUBSCRIBED and request.gains:
            return self._already(request, reason, mono)
        if code == UNKNOWN_SID and request.do != "subscribe":
            return self._gone(request, reason, mono)
        if code == MARKET_LIMIT and request.gains:
            self._excess.setdefault(request.channel, {}).update(dict.fromkeys(request.items))
            return self._fail(request.items, Stage.ASKED, reason, mono, LIMIT_S)
        if request.do == "get_snapshot":
            return []  # still to be renewed, and asked for again
        return self._fail(request.items, STAGES[request.do], reason, mono)

    def _already(self, request: Request, reason: str, mono: float) -> list[Answer]:
        """It is so already: the earlier request was granted, though its answer never came."""
        for sid, channel in self.channels.items():  # its messages may have told the number
            if channel == request.channel:
                self._sids.setdefault(channel, sid)
        if request.do == "subscribe" and request.channel in self._sids:
            return self._put_back(request.items)  # adding what is there already does no harm
        earlier = self._pending.given_up(request.channel)
        if request.do == "add_markets" or not earlier:
            earlier = set(request.items)
        # What the earlier request did not hold has to be added, once the sid is known.
        other = [item for item in request.items if item not in earlier]
        gained = self._gain(sorted(earlier))
        return gained + self._fail(other, Stage.ASKED, reason, mono)

    def _gone(self, request: Request, reason: str, mono: float) -> list[Answer]:
        """The venue does not know the subscription."""
        if request.do == "delete_markets":
            # It may mean the market: another question about the sid will tell.
            self._doubted.add(request.channel)
            return self._lose(request.items)
        if request.do == "unsubscribe":
            return self._ended(request.channel, None)
        asked = request.items if request.gains else []
        refused = self._fail(asked, Stage.ASKED, reason, mono)
        return refused + self._ended(request.channel, mono)

    def _ended(self, channel: str | None, mono: float | None) -> list[Answer]:
        """A subscription is no more, nor is anything on it."""
        if channel is None:
            return []
        self._sids.pop(channel, None)
        self._doubted.discard(channel)
        for sid in [sid for sid, name in self.channels.items() if name == channel]:
            del self.channels[sid]
            self._closed.append(sid)
        return self._lose(self.holdings.of(channel, Stage.HELD, Stage.LEAVING), mono)

    def _gain(self, items: Iterable[Subscription]) -> list[Answer]:
        answers = [self.holdings.gain(item) for item in items]
        return [answer for answer in answers if answer is not None]

    def _lose(self, items: Iterable[Subscription], mono: float | None = None) -> list[Answer]:
        answers = [self.holdings.lose(item, mono) for item in items]
        lost = [answer for answer in answers if answer is not None]
        for channel in {answer.subscription.channel for answer in lost}:
            for item in self._excess.pop(channel, ()):  # there is room now
                self.holdings.hurry(item)
        return list(lost)

    def _fail(
        self,
        items: Iterable[Subscription],
        stage: Stage,
        reason: str,
        mono: float,
        pause_s: float = RETRY_S,
    ) -> list[Answer]:
        answers = [self.holdings.fail(item, stage, reason, mono, pause_s) for item in items]
        return [answer for answer in answers if answer is not None]

    def _put_back(self, items: Iterable[Subscription]) -> list[Answer]:
        for item in items:
            self.holdings.put_back(item)
        return []


def _batches(items: Sequence[Subscription]) -> Iterator[Sequence[Subscription]]:
    for at in range(0, len(items), BATCH):
        yield items[at : at + BATCH]
