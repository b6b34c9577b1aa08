"""What was asked, what was answered, and what is to be asked next."""

from enum import Enum
from typing import Final

import msgspec

from ssmd.model.event import Refused, Send, Subscribed, Unsubscribed
from ssmd.model.pace import Pace
from ssmd.model.subscription import Limits, Subscription
from ssmd.venues.kraken import messages
from ssmd.venues.kraken.messages import Message

BATCH: Final = 50
"""Symbols per request; the venue states no limit, and an answer comes for each."""

RETRIES: Final = 8
"""How often a refused subscription is asked for again: with the pauses below, for two hours."""

_RETRY_S: Final = 30.0
_RETRY_CAP_S: Final = 3600.0
_REPAIR_S: Final = 5.0
_REPAIR_CAP_S: Final = 300.0
_CALM_S: Final = 600.0
"""A gap this long after the last one is a new matter, repaired at once."""

Answer = Subscribed | Unsubscribed | Refused


class _Stage(Enum):
    IDLE = "not with the venue"
    ASKED = "subscribe request unanswered"
    HELD = "confirmed"
    LEAVING = "unsubscribe request unanswered"


class _Entry(msgspec.Struct, gc=False):
    """Where one subscription stands.

    Attributes:
        stage: What the venue knows of it.
        renew: Whether it is to be ended and asked for again.
        failures: Refusals and time-outs since the last success.
        repairs: Renewals in the present series.
        repaired: Monotonic time of the last renewal, in seconds.
    """

    stage: _Stage = _Stage.IDLE
    renew: bool = False
    failures: int = 0
    repairs: int = 0
    repaired: float = 0.0


class _Request(msgspec.Struct):
    """A request on its way: which answers are still missing."""

    method: str
    sent: float
    waiting: dict[Subscription, None]


class Subscriptions:
    """The subscriptions of one connection, from wish to answer."""

    def __init__(
        self,
        limits: Limits,
        depth: int | None,
        *,
        passive: bool,
        interval: int | None = None,
    ) -> None:
        self._limits = limits
        self._depth = depth
        self._interval = interval
        self._passive = passive
        self._wanted: frozenset[Subscription] = frozenset()
        self._unanswered: set[Subscription] = set()
        self._entries: dict[Subscription, _Entry] = {}
        self._requests: dict[int, _Request] = {}
        self._todo: dict[Subscription, None] = {}
        self._later: dict[Subscription, float] = {}
        self._req_id = 0
        self._pace = Pace(limits.sends_per_second)

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        """What the venue confirmed and did not end since."""
        return frozenset(
            item
            for item, entry in self._entries.items()
            if entry.stage in {_Stage.HELD, _Stage.LEAVING}
        )

    @property
    def answered(self) -> bool:
        """Whether everything wanted was confirmed or refused at least once."""
        return not self._unanswered

    def want(self, subscriptions: frozenset[Subscription]) -> None:
        """State the whole wanted set."""
        changed = subscriptions ^ self._wanted
        self._wanted = subscriptions
        for item in sorted(changed, key=_order):
            entry = self._entries.setdefault(item, _Entry())
            entry.failures = 0
            self._later.pop(item, None)
            self._todo[item] = None
            if item in subscriptions and entry.stage is not _Stage.HELD:
                self._unanswered.add(item)
            else:
                self._unanswered.discard(item)

    def renew(self, item: Subscription, mono: float) -> None:
        """End a confirmed subscription and ask again, for the sake of its snapshot.

        The first time at once; again and again only after longer and longer pauses, so that a
        book that never adds up does not become a storm of requests.
        """
        entry = self._entries.get(item)
        if entry is None or entry.renew or entry.stage in {_Stage.IDLE, _Stage.LEAVING}:
            return
        if mono - entry.repaired > _CALM_S:
            entry.repairs = 0
        entry.renew = True
        if entry.repairs:
            pause = min(_REPAIR_S * 2.0 ** (entry.repairs - 1), _REPAIR_CAP_S)
            self._later[item] = mono + pause
        else:
            self._todo[item] = None
        entry.repairs += 1
        entry.repaired = mono

    def repaired(self, item: Subscription) -> None:
        """A snapshot came by itself: a renewal that has not begun is not needed."""
        entry = self._entries.get(item)
        if entry is not None and entry.renew and entry.stage is not _Stage.LEAVING:
            entry.renew = False

    def answer(self, message: Message, mono: float) -> list[Answer]:
        """Take in the answer to a subscribe or unsubscribe request."""
        request = self._requests.get(message.req_id) if message.req_id is not None else None
        method = message.method or (request.method if request else "")
        error = "" if message.success else message.error or "refused"
        success = not error or _is_success(method, error)
        answers: list[Answer | None] = []
        for item in self._concerned(message, request, method):
            self._settle(item, method)
            if not success:
                answers.append(self._fail(item, method, error, mono))
            else:
                answers.append(self._gain(item) if method == "subscribe" else self._lose(item))
        return [answer for answer in answers if answer is not None]

    def expired(self, mono: float) -> list[Answer]:
        """Give up waiting for what should have been answered by now."""
        late = [
            number
            for number, request in self._requests.items()
            if mono - request.sent >= self._limits.ack_timeout_s
        ]
        answers: list[Answer | None] = []
        for number in late:
            request = self._requests.pop(number)
            answers += [
                self._fail(item, request.method, "timeout", mono) for item in request.waiting
            ]
        return [answer for answer in answers if answer is not None]

    def awaken(self, mono: float) -> None:
        """Turn to what was put off until now."""
        for item in [item for item, due in self._later.items() if due <= mono]:
            del self._later[item]
            self._todo[item] = None

    def send(self, mono: float) -> list[Send]:
        """As many of the pending requests as the pace allows; the rest stays pending."""
        if not self._todo or self._passive or not self._pace.allows(mono):
            return []
        sends: list[Send] = []
        for (method, channel), items in self._groups().items():
            for at in range(0, len(items), BATCH):
                if not self._pace.allows(mono):
                    return sends
                sends.append(self._ask(method, channel, items[at : at + BATCH], mono))
        return sends

    def ping(self, mono: float) -> Send:
        """A keepalive, whatever the pace: it counts, and the requests give way."""
        self._pace.sent(mono)
        self._req_id += 1
        return Send(messages.ping(self._req_id))

    def _groups(self) -> dict[tuple[str, str], list[Subscription]]:
        """What is pending, by method and channel; what turned out to need nothing is dropped."""
        groups: dict[tuple[str, str], list[Subscription]] = {}
        for item in tuple(self._todo):
            entry = self._entries.get(item)
            method = self._next(item, entry) if entry else None
            if method is not None:
                groups.setdefault((method, item.channel), []).append(item)
                continue
            del self._todo[item]
            if entry and entry.stage is _Stage.IDLE and item not in self._wanted:
                del self._entries[item]
        return groups

    def _next(self, item: Subscription, entry: _Entry) -> str | None:
        wanted = item in self._wanted
        if entry.stage is _Stage.HELD and (entry.renew or not wanted):
            return "unsubscribe"
        if entry.stage is _Stage.IDLE and wanted:
            return "subscribe"
        return None

    def _ask(self, method: str, channel: str, items: list[Subscription], mono: float) -> Send:
        for item in items:
            del self._todo[item]
            entry = self._entries[item]
            entry.stage = _Stage.ASKED if method == "subscribe" else _Stage.LEAVING
        self._req_id += 1
        self._requests[self._req_id] = _Request(method, mono, dict.fromkeys(items))
        self._pace.sent(mono)
        symbols = [item.symbol for item in items if item.symbol is not None]
        depth = self._depth if channel == "book" else None
        interval = self._interval if channel == "ohlc" else None
        payload = messages.request(
            method, channel, symbols or None, self._req_id, depth=depth, interval=interval
        )
        return Send(payload)

    def _concerned(
        self, message: Message, request: _Request | None, method: str
    ) -> list[Subscription]:
        """Which subscriptions an answer is about."""
        result, symbol = message.result, message.symbol
        if message.success:
            # Only an answer that names its subscription is evidence of one.
            if result is None or result.channel is None:
                return []
            if not result.symbol and result.channel != "instrument":
                return []
            return [Subscription(result.channel, result.symbol)]
        if request is None and message.req_id is None:
            request = self._outstanding(method, symbol)
        if request is None:
            return []
        # Some refusals name no symbol (an unsupported depth): they are about the whole request.
        return [item for item in request.waiting if symbol is None or item.symbol == symbol]

    def _outstanding(self, method: str, symbol: str | None) -> _Request | None:
        """The request an answer without an id can only be about."""
        fitting = [
            request
            for request in self._requests.values()
            if request.method == method
            and (symbol is None or any(item.symbol == symbol for item in request.waiting))
        ]
        return fitting[0] if len(fitting) == 1 or (fitting and symbol is not None) else None

    def _settle(self, item: Subscription, method: str) -> None:
        """No more answers are missing for this."""
        for number, request in tuple(self._requests.items()):
            if request.method == method and item in request.waiting:
                del request.waiting[item]
                if not request.waiting:
                    del self._requests[number]

    def _gain(self, item: Subscription) -> Subscribed | None:
        entry = self._entries.setdefault(item, _Entry())
        if entry.stage is _Stage.LEAVING:
            return None  # the late answer to a request before the one that ends it
        known = entry.stage is _Stage.HELD
        entry.stage = _Stage.HELD
        entry.failures = 0
        self._unanswered.discard(item)
        if not entry.renew:
            self._later.pop(item, None)
        if item not in self._later:
            self._todo[item] = None
        return None if known else Subscribed(item)

    def _lose(self, item: Subscription) -> Unsubscribed | None:
        entry = self._entries.get(item)
        if entry is None or entry.stage in {_Stage.IDLE, _Stage.ASKED}:
            return None
        entry.stage = _Stage.IDLE
        entry.renew = False
        entry.failures = 0
        self._later.pop(item, None)
        self._todo[item] = None
        return Unsubscribed(item)

    def _fail(self, item: Subscription, method: str, reason: str, mono: float) -> Refused | None:
        entry = self._entries.get(item)
        asked = _Stage.ASKED if method == "subscribe" else _Stage.LEAVING
        if entry is None or entry.stage is not asked:
            return None
        entry.failures += 1
        pause = min(_RETRY_S * 2.0 ** (entry.failures - 1), _RETRY_CAP_S)
        if asked is _Stage.LEAVING:
            entry.stage = _Stage.HELD
            self._unanswered.discard(item)
            self._later[item] = mono + pause
            return None
        entry.stage = _Stage.IDLE
        self._unanswered.discard(item)
        if item not in self._wanted:
            del self._entries[item]
        elif entry.failures <= RETRIES:
            self._later[item] = mono + pause
        return Refused(item, reason)


def _is_success(method: str, error: str) -> bool:
    """Whether an error says that what was asked for is so already."""
    words = error.casefold()
    if method == "subscribe":
        return "already subscribed" in words
    return "not subscribed" in words or "subscription not found" in words


def _order(item: Subscription) -> tuple[str, str]:
    return (item.channel, item.symbol or "")
