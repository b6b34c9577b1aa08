"""What was asked, what was answered, and what is to be asked next.

The venue knows no request ids and answers in the order of the requests. Who is accepted is named;
a complaint names nobody. So a complaint is about the oldest request that it can be about, and once
all but as many products of it are answered as there were complaints, those are meant. What a
request for several products leaves open is asked for again one product at a time.
"""

from enum import Enum
from typing import Final

import msgspec

from ssmd.model.event import Refused, Send, Subscribed, Unsubscribed
from ssmd.model.pace import Pace
from ssmd.model.subscription import Limits, Subscription
from ssmd.venues.kraken_futures import messages

BATCH: Final = 20
"""Products per request; the venue states no limit, and an answer comes for each."""

RETRIES: Final = 8
"""How often a refused subscription is asked for again: with the pauses below, for four hours."""

_RETRY_S: Final = 5.0
_RETRY_GROWTH: Final = 4.0
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
    """A request on its way: which answers are still missing, and what was complained of."""

    event: str
    sent: float
    waiting: dict[Subscription, None]
    complaints: list[str] = []


class Subscriptions:
    """The subscriptions of one connection, from wish to answer."""

    def __init__(self, limits: Limits, *, passive: bool) -> None:
        self._limits = limits
        self._passive = passive
        self._wanted: frozenset[Subscription] = frozenset()
        self._unanswered: set[Subscription] = set()
        self._entries: dict[Subscription, _Entry] = {}
        self._requests: list[_Request] = []
        self._todo: dict[Subscription, None] = {}
        self._later: dict[Subscription, float] = {}
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
    def unanswered(self) -> frozenset[Subscription]:
        """What is wanted and was neither confirmed nor refused so far."""
        return frozenset(self._unanswered)

    def wants(self, item: Subscription) -> bool:
        """Whether it belongs to the wanted set."""
        return item in self._wanted

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
        counter that never adds up does not become a storm of requests.
        """
        entry = self._entries.get(item)
        if entry is None or entry.renew or entry.stage is not _Stage.HELD:
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

    def confirmed(self, event: str, items: list[Subscription], mono: float) -> list[Answer]:
        """Take in an answer that says that a request succeeded."""
        answers: list[Answer | None] = []
        for item in items:
            requests = self._settle(item, event)
            answers.append(self._gain(item) if event == "subscribe" else self._lose(item))
            for request in requests:
                answers += self._conclude(request, mono)
        return [answer for answer in answers if answer is not None]

    def refused(
        self, event: str, items: list[Subscription], reason: str, mono: float
    ) -> list[Answer]:
        """Take in an answer that says of whom it refuses a request."""
        answers: list[Answer | None] = []
        for item in items:
            self._settle(item, event)
            answers.append(self._fail(item, event, reason, mono))
        return [answer for answer in answers if answer is not None]

    def complained(self, reason: str, mono: float) -> list[Answer]:
        """Take in a complaint that names nobody."""
        so_already = _already(reason)
        for request in self._requests:
            room = len(request.complaints) < len(request.waiting)
            if room and so_already in {None, request.event}:
                request.complaints.append(reason)
                answers = self._conclude(request, mono)
                return [answer for answer in answers if answer is not None]
        return []

    def expired(self, mono: float) -> list[Answer]:
        """Give up waiting for what should have been answered by now."""
        limit = self._limits.ack_timeout_s
        late = [request for request in self._requests if mono - request.sent >= limit]
        answers: list[Answer | None] = []
        for request in late:
            self._requests.remove(request)
            answers += [
                self._fail(item, request.event, "timeout", mono) for item in request.waiting
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
        for (event, feed, _), items in self._groups().items():
            for at in range(0, len(items), BATCH):
                if not self._pace.allows(mono):
                    return sends
                sends.append(self._ask(event, feed, items[at : at + BATCH], mono))
        return sends

    def _groups(self) -> dict[tuple[str, str, str], list[Subscription]]:
        """What is pending, by event and feed, and each by itself that failed before.

        What turned out to need nothing is dropped.
        """
        groups: dict[tuple[str, str, str], list[Subscription]] = {}
        for item in tuple(self._todo):
            entry = self._entries.get(item)
            event = self._next(item, entry) if entry else None
            if entry is not None and event is not None:
                alone = item.symbol or "" if entry.failures else ""
                groups.setdefault((event, item.channel, alone), []).append(item)
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

    def _ask(self, event: str, feed: str, items: list[Subscription], mono: float) -> Send:
        for item in items:
            del self._todo[item]
            entry = self._entries[item]
            entry.stage = _Stage.ASKED if event == "subscribe" else _Stage.LEAVING
        self._requests.append(_Request(event, mono, dict.fromkeys(items)))
        self._pace.sent(mono)
        symbols = [item.symbol for item in items if item.symbol is not None]
        return Send(messages.request(event, feed, symbols or None))

    def _settle(self, item: Subscription, event: str) -> list[_Request]:
        """No more answers are missing for this; gives the requests that still wait for others."""
        left: list[_Request] = []
        for request in tuple(self._requests):
            if request.event == event and item in request.waiting:
                del request.waiting[item]
                if request.waiting:
                    left.append(request)
                else:
                    self._requests.remove(request)
        return left

    def _conclude(self, request: _Request, mono: float) -> list[Answer | None]:
        """What the complaints about a request say, once it is certain about whom they are."""
        if not request.complaints or len(request.waiting) > len(request.complaints):
            return []
        meanings = {_already(reason) for reason in request.complaints}
        if len(meanings) > 1:
            return []  # some are so already and some are refused: the time-out tells which
        self._requests.remove(request)
        reason = request.complaints[0]
        if meanings == {None}:
            return [self._fail(item, request.event, reason, mono) for item in request.waiting]
        if request.event == "subscribe":
            return [self._gain(item) for item in request.waiting]
        return [self._lose(item) for item in request.waiting]

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

    def _fail(self, item: Subscription, event: str, reason: str, mono: float) -> Refused | None:
        entry = self._entries.get(item)
        asked = _Stage.ASKED if event == "subscribe" else _Stage.LEAVING
        if entry is None or entry.stage is not asked:
            return None
        entry.failures += 1
        pause = min(_RETRY_S * _RETRY_GROWTH ** (entry.failures - 1), _RETRY_CAP_S)
        if asked is _Stage.LEAVING:
            entry.stage = _Stage.HELD
            self._later[item] = mono + pause
            return None
        entry.stage = _Stage.IDLE
        self._unanswered.discard(item)
        if item not in self._wanted:
            del self._entries[item]
        elif entry.failures <= RETRIES:
            self._later[item] = mono + pause
        return Refused(item, reason)


def _already(reason: str) -> str | None:
    """Which request a complaint says to be needless; None when it refuses something."""
    words = reason.casefold()
    if "already subscribed" in words:
        return "subscribe"
    return "unsubscribe" if "not subscribed" in words else None


def _order(item: Subscription) -> tuple[str, str]:
    return (item.channel, item.symbol or "")
