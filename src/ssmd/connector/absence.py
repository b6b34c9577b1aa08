"""Which spans of time are missing of which subscriptions, as far as this process can tell."""

from collections.abc import Callable, Collection

import msgspec

from ssmd.connector.onlooker import Holder
from ssmd.model.event import Event, Gap, Subscribed, Unsubscribed
from ssmd.model.missing import MARGIN_NS, Missing
from ssmd.model.records import Judged
from ssmd.model.subscription import Subscription
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the process before this one.

    Attributes:
        heard_until: When it last received anything, ns.
        connections: The last connection of each of its shards.
    """

    heard_until: int
    connections: frozenset[str]


class _Held:
    """The subscriptions of one connection: how much was heard of each, and when it was not yet."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.opening = holder.wanted
        self.heard: dict[Subscription, tuple[int, int]] = {}

    def count(self, subscription: Subscription) -> int:
        return self.holder.counts.get((subscription.channel, subscription.symbol or ""), 0)


class Absences:
    """Follows every subscription over its connections. An `Onlooker`.

    A span is told as soon as it is over: when a subscription that nobody held is acknowledged
    again, when its counter shows a gap, and when it was frozen and is redriven.

    Args:
        is_told: Whether the venue can be asked for what happened to a subscription; no others are
            followed.
        found: Told every span.
        clock: The time.
        before: What is known of the process before this one; None when nothing is. What its shards
            come back with is taken for what they held.
    """

    def __init__(
        self,
        is_told: Callable[[Subscription], bool],
        found: Callable[[Missing], None],
        clock: Clock,
        *,
        before: Before | None = None,
    ) -> None:
        self._is_told = is_told
        self._found = found
        self._clock = clock
        self._before = before
        self._open: dict[str, _Held] = {}
        self._gone: dict[Subscription, tuple[int, str]] = {}
        self._looked = clock.wall()

    def look(self) -> None:
        """Take note of who was heard since the last look; to be called every few seconds.

        A gap lies between two messages: this is how the time of the first is known, closely enough.
        """
        for held in self._open.values():
            for subscription, (count, _) in held.heard.items():
                now = held.count(subscription)
                if now != count:
                    held.heard[subscription] = (now, self._looked)
        self._looked = self._clock.wall()

    def noted(self, holder: Holder, event: Event) -> None:
        """A subscription was acknowledged or ended, or a gap was found."""
        match event:
            case Subscribed(subscription):
                self._acknowledged(holder, subscription)
            case Unsubscribed(subscription):
                cause = f"outage {holder.id} r{holder.last_record}"
                self._leave(holder, (subscription,), self._clock.wall(), cause)
            case Gap():
                self._gap(holder, event)

    def unwanted(self, holder: Holder, ended: Collection[Subscription]) -> None:
        """What nobody wants any more is not missing; what another is to hold is, until it does."""
        cause = f"outage {holder.id} r{holder.last_record}"
        self._leave(holder, ended, self._clock.wall(), cause)
        others = [held.holder for held in self._open.values() if held.holder is not holder]
        for subscription in ended:
            if not any(subscription in other.wanted for other in others):
                self._gone.pop(subscription, None)

    def judged(self, holder: Holder, judged: Judged) -> None:
        """What is frozen is missing from its last message to its next acknowledgement."""
        held = self._open.get(holder.id)
        if judged.verdict != "frozen" or held is None:
            return
        since = self._clock.wall() - round(judged.silent_s * SECOND_NS)
        names = set(judged.symbol.split(","))
        whole = len(names) > 1  # a few of its busiest stand for the whole connection
        for subscription in held.heard:
            if whole or (subscription.symbol or "") in names:
                cause = f"gap {holder.id} r{holder.last_record}"
                self._gone.setdefault(subscription, (since, cause))

    def ended(self, holder: Holder) -> None:
        """Nothing came after its last frame."""
        held = self._open.get(holder.id)
        if held is not None:
            cause = f"outage {holder.id} r{holder.last_record}"
            self._leave(holder, tuple(held.heard), holder.heard_until, cause)
            del self._open[holder.id]

    def _acknowledged(self, holder: Holder, subscription: Subscription) -> None:
        if not self._is_told(subscription):
            return
        held = self._open.setdefault(holder.id, _Held(holder))
        gone = self._gone.pop(subscription, None)
        if subscription not in held.heard:
            gone = gone or self._gone_before(held, subscription)
        elif gone is None:
            return
        held.heard[subscription] = (held.count(subscription), self._clock.wall())
        if gone is not None:
            self._tell(subscription, *gone)

    def _gone_before(self, held: _Held, subscription: Subscription) -> tuple[int, str] | None:
        """Since when it is missing if the process before this one held it last."""
        before, previous = self._before, held.holder.previous
        if before is None or previous not in before.connections:
            return None
        if subscription not in held.opening:
            return None  # it was added since
        return before.heard_until, f"outage {previous}"

    def _leave(
        self, holder: Holder, ended: Collection[Subscription], since: int, cause: str
    ) -> None:
        """A connection holds these no longer; what no other holds is missing from now on."""
        held = self._open.get(holder.id)
        if held is None:
            return
        others = [other for other in self._open.values() if other is not held]
        for subscription in ended:
            if held.heard.pop(subscription, None) is None:
                continue
            if not any(subscription in other.heard for other in others):
                self._gone.setdefault(subscription, (since, cause))

    def _gap(self, holder: Holder, gap: Gap) -> None:
        """What one counter counts was last right when any of it was last heard."""
        held = self._open.get(holder.id)
        if held is None:
            return
        concerned = {
            subscription: since
            for subscription, (_, since) in held.heard.items()
            if subscription.channel == gap.channel
            and (not gap.symbols or subscription.symbol in (None, *gap.symbols))
        }
        since = max(concerned.values(), default=0)
        for subscription in concerned:
            self._tell(subscription, since, f"gap {holder.id} r{holder.last_record}")

    def _tell(self, subscription: Subscription, since: int, cause: str) -> None:
        self._found(
            Missing(
                channel=subscription.channel,
                symbol=subscription.symbol,
                since=since - MARGIN_NS,
                until=self._clock.wall() + MARGIN_NS,
                cause=cause,
            )
        )
