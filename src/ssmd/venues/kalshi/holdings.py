"""Where each subscription of a connection stands, and what is to be done about it next."""

from enum import Enum
from typing import Final, Literal

import msgspec

from ssmd.model.event import Refused, Subscribed, Unsubscribed
from ssmd.model.subscription import Subscription
from ssmd.venues.kalshi.messages import BOOKS

RETRIES: Final = 8
"""How often a refused subscription is asked for again: with the pauses below, for two hours."""

COVERED: Final = "all markets of the channel are wanted on this connection"

RETRY_S: Final = 30.0
"""The first pause after a refusal, in seconds; each one after it is twice as long."""

LIMIT_S: Final = 900.0
"""The same where the subscription is full: nothing but an end makes room, and that is heard of."""

_RETRY_CAP_S: Final = 3600.0
_REPAIR_S: Final = 5.0
_REPAIR_CAP_S: Final = 300.0
_CALM_S: Final = 600.0
"""A gap this long after the last one is a new matter, repaired at once."""

Answer = Subscribed | Unsubscribed | Refused


class Stage(Enum):
    """What the venue knows of a subscription."""

    IDLE = "not with the venue"
    ASKED = "asked for, unanswered"
    HELD = "confirmed"
    LEAVING = "asked to end, unanswered"


class _Entry(msgspec.Struct, gc=False):
    """Where one subscription stands.

    Attributes:
        stage: What the venue knows of it.
        renew: Whether its snapshot is missing.
        failures: Refusals, time-outs and losses since the last success.
        repairs: Renewals in the present series.
        repaired: Monotonic time of the last renewal, in seconds.
    """

    stage: Stage = Stage.IDLE
    renew: bool = False
    failures: int = 0
    repairs: int = 0
    repaired: float = 0.0


class Todo(msgspec.Struct):
    """What is to be done on one channel."""

    gain: list[Subscription] = msgspec.field(default_factory=list)
    lose: list[Subscription] = msgspec.field(default_factory=list)
    renew: list[Subscription] = msgspec.field(default_factory=list)


class Holdings:
    """The subscriptions of one connection, from wish to confirmation."""

    def __init__(self) -> None:
        self._wished: frozenset[Subscription] = frozenset()
        self._wanted: frozenset[Subscription] = frozenset()
        self._unanswered: set[Subscription] = set()
        self._entries: dict[Subscription, _Entry] = {}
        self._todo: dict[Subscription, None] = {}
        self._later: dict[Subscription, float] = {}

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        """What the venue confirmed and did not end since."""
        return frozenset(
            item
            for item, entry in self._entries.items()
            if entry.stage in {Stage.HELD, Stage.LEAVING}
        )

    @property
    def answered(self) -> bool:
        """Whether everything wanted was confirmed or refused at least once."""
        return not self._unanswered

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do now."""
        return not self._todo

    def want(self, wished: frozenset[Subscription]) -> list[Answer]:
        """State the whole wanted set.

        One subscription cannot be for some markets and for all: what is wanted beside all
        markets of its channel is refused here.
        """
        covered = {
            item
            for item in wished
            if item.symbol is not None and Subscription(item.channel) in wished
        }
        refused = sorted(covered - self._wished)
        wanted = wished - covered
        changed = wanted ^ self._wanted
        self._wished, self._wanted = wished, wanted
        for item in sorted(changed, key=order):
            entry = self._entries.setdefault(item, _Entry())
            entry.failures = 0
            self._later.pop(item, None)
            self._todo[item] = None
            if item in wanted and entry.stage is not Stage.HELD:
                self._unanswered.add(item)
            else:
                self._unanswered.discard(item)
        return [Refused(item, COVERED) for item in refused]

    def of(self, channel: str, *stages: Stage) -> list[Subscription]:
        """What stands at some stage, on one channel."""
        return [
            item
            for item, entry in self._entries.items()
            if item.channel == channel and entry.stage in stages
        ]

    def renew(self, item: Subscription, mono: float) -> None:
        """Get a fresh snapshot of what is confirmed or asked for.

        The first time at once; again and again only after longer and longer pauses, so that a
        counter that never adds up does not become a storm of requests.
        """
        entry = self._entries.get(item)
        if entry is None or entry.renew or entry.stage in {Stage.IDLE, Stage.LEAVING}:
            return
        if mono - entry.repaired > _CALM_S:
            entry.repairs = 0
        entry.renew = True
        due = entry.repaired + _repair_pause(entry.repairs) if entry.repairs else mono
        if due > mono:
            self._later[item] = due
        else:
            self._todo[item] = None

    def repaired(self, item: Subscription) -> None:
        """A snapshot came: no other is needed."""
        entry = self._entries.get(item)
        if entry is not None and entry.renew:
            entry.renew = False
            self._later.pop(item, None)

    def awaken(self, mono: float) -> None:
        """Turn to what was put off until now."""
        for item in [item for item, due in self._later.items() if due <= mono]:
            del self._later[item]
            self._todo[item] = None

    def todo(self) -> dict[str, Todo]:
        """What is to be done, by channel; what turned out to need nothing is dropped."""
        channels: dict[str, Todo] = {}
        for item in tuple(self._todo):
            entry = self._entries.get(item)
            aim = self._aim(item, entry) if entry else None
            if aim is not None:
                getattr(channels.setdefault(item.channel, Todo()), aim).append(item)
                continue
            del self._todo[item]
            if entry and entry.stage is Stage.IDLE and item not in self._wanted:
                del self._entries[item]
        return channels

    def _aim(self, item: Subscription, entry: _Entry) -> Literal["gain", "lose", "renew"] | None:
        wanted = item in self._wanted
        if entry.stage is Stage.IDLE and wanted:
            return "gain"
        if entry.stage is not Stage.HELD:
            return None
        if not wanted:
            return "lose"
        if entry.renew:
            # Only books can be asked for again; the others are ended and begun anew.
            return "renew" if item.channel == BOOKS else "lose"
        return None

    def asked(self, item: Subscription, stage: Stage, mono: float) -> None:
        """A request for this was sent."""
        entry = self._entries[item]
        self._todo.pop(item, None)
        entry.stage = stage
        if entry.renew and stage is not Stage.ASKED:
            entry.repairs += 1
            entry.repaired = mono
            if stage is Stage.HELD:  # asked for its book; again if that does not come
                self._later[item] = mono + _repair_pause(entry.repairs)

    def put_back(self, item: Subscription) -> None:
        """The request for this came to nothing through no fault of its own: do it again."""
        entry = self._entries.get(item)
        if entry is None:
            return
        if entry.stage is Stage.ASKED:
            entry.stage = Stage.IDLE
        elif entry.stage is Stage.LEAVING:
            entry.stage = Stage.HELD
            self._unanswered.discard(item)
        self._todo[item] = None

    def hurry(self, item: Subscription) -> None:
        """What kept this from being granted is gone: do not wait any longer."""
        entry = self._entries.get(item)
        if entry is not None and entry.stage is Stage.IDLE:
            self._later.pop(item, None)
            self._todo[item] = None

    def gain(self, item: Subscription) -> Subscribed | None:
        """The venue confirmed it."""
        entry = self._entries.setdefault(item, _Entry())
        if entry.stage is Stage.LEAVING:
            return None  # from before the request that ends it
        known = entry.stage is Stage.HELD
        entry.stage = Stage.HELD
        if known:
            return None
        entry.failures = 0
        self._unanswered.discard(item)
        self._later.pop(item, None)
        self._todo[item] = None
        return Subscribed(item)

    def lose(self, item: Subscription, mono: float | None = None) -> Unsubscribed | None:
        """The venue ended it.

        Args:
            item: What ended.
            mono: The monotonic time when nobody had asked for that, so that it is asked for again
                after a pause; None when it was asked for.
        """
        entry = self._entries.get(item)
        if entry is None or entry.stage in {Stage.IDLE, Stage.ASKED}:
            return None
        entry.stage = Stage.IDLE
        entry.renew = False
        self._later.pop(item, None)
        if mono is None:
            entry.failures = 0
            self._todo[item] = None
        else:
            self._retry(item, entry, mono, _REPAIR_S)
        return Unsubscribed(item)

    def fail(
        self, item: Subscription, stage: Stage, reason: str, mono: float, pause_s: float = RETRY_S
    ) -> Refused | None:
        """A request for this was refused or not answered.

        Args:
            item: What the request was about.
            stage: Where the request had brought it; if it is elsewhere, it is another's matter.
            reason: The venue's own words, or `timeout`.
            mono: The monotonic time, in seconds.
            pause_s: The first pause before it is asked for again.
        """
        entry = self._entries.get(item)
        if entry is None or entry.stage is not stage:
            return None
        if stage is Stage.LEAVING:
            entry.stage = Stage.HELD
            self._unanswered.discard(item)
            self._retry(item, entry, mono)
            return None
        entry.stage = Stage.IDLE
        self._unanswered.discard(item)
        self._retry(item, entry, mono, pause_s)
        return Refused(item, reason)

    def _retry(
        self, item: Subscription, entry: _Entry, mono: float, first_s: float = RETRY_S
    ) -> None:
        """Ask again after a pause, for a while; what is no longer wanted is forgotten."""
        entry.failures += 1
        idle = entry.stage is Stage.IDLE
        if idle and item not in self._wanted:
            self._todo.pop(item, None)
            del self._entries[item]
        elif not idle or entry.failures <= RETRIES:
            pause = min(first_s * 2.0 ** min(entry.failures - 1, 16), _RETRY_CAP_S)
            self._later[item] = mono + pause


def order(item: Subscription) -> tuple[str, str]:
    """By channel, then by symbol."""
    return (item.channel, item.symbol or "")


def _repair_pause(repairs: int) -> float:
    return min(_REPAIR_S * 2.0 ** min(repairs - 1, 16), _REPAIR_CAP_S)
