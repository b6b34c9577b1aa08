"""What is known of every service and feed, from one look to the next."""

from collections.abc import Iterable, Sequence

import msgspec

from ssmd.api.lookout import telemetry
from ssmd.api.lookout.asking import Seen, Service
from ssmd.api.lookout.rates import STEP_S, WINDOW_S, Counter, Past, Point, together
from ssmd.model.frame import Now
from ssmd.quality.standing import FeedStatus, feed_status
from ssmd.runtime.scrape import Samples

_ENDED_S = 3600.0
"""How long a service that ended by itself is told of, in seconds."""
_SUMMED = (
    "shards", "planned", "requested", "acknowledged", "receiving", "refused", "overflow", "waiting",
    "given_up", "suspects", "frames", "lag", "gaps", "lost", "reconnects",
)  # fmt: skip


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a service stands.

    Attributes:
        service: Which one.
        feed: What it records; None when it is no connector, or never said.
        up: Whether it answers.
        reasons: Why it is not well; empty when it is.
        at: When it answered last, ns; None when it never did.
        status: What it said then of the feed; None when that is nothing.
        samples: Its metrics then.
    """

    service: Service
    feed: str | None
    up: bool
    reasons: tuple[str, ...]
    at: int | None
    status: FeedStatus | None
    samples: Samples | None


class FeedNow(msgspec.Struct, frozen=True, kw_only=True):
    """How the recording of a feed stands.

    Attributes:
        feed: Its name.
        up: Whether somebody records it, and all who do answer.
        rate: Messages a second lately; None when nobody knows.
        at: When the oldest of its figures were told, ns; None without figures.
        status: Its figures, of all its connectors together, as they were told last; None when
            nobody ever told any.
        reasons: Why it is not well; empty when it is.
        services: Its connectors.
    """

    feed: str
    up: bool
    rate: float | None
    at: int | None
    status: FeedStatus | None
    reasons: tuple[str, ...]
    services: tuple[Standing, ...]


class _Known:
    """One service, and what it counted lately."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.counter = Counter()
        self.there = float("-inf")


class Memory:
    """Takes looks; tells how everything stands now, and how fast it was."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._past: dict[str, Past] = {}
        self._archived: tuple[str, ...] = ()

    def take(self, now: Now, seen: Iterable[Seen], archived: Sequence[str]) -> None:
        """What was found at one moment.

        Args:
            now: Which.
            seen: Of every service that there is.
            archived: The feeds of which something is archived.
        """
        self._archived = tuple(archived)
        found = {each.service.name: each for each in seen}
        for each in found.values():
            self._learn(now, each)
        for name, known in list(self._known.items()):
            if name not in found:
                self._miss(now, name, known)
        for feed in self.feeds():
            past = self._past.setdefault(feed, Past())
            past.take(now.mono, now.wall, self._rate(feed, STEP_S))

    def services(self) -> list[Standing]:
        """Every service, by name."""
        return [self._known[name].standing for name in sorted(self._known)]

    def feeds(self) -> list[str]:
        """Every feed that somebody records, or of which something is archived."""
        recorded = {each.feed for each in self.services() if each.feed is not None}
        return sorted(recorded.union(self._archived))

    def feed(self, name: str) -> FeedNow:
        """How a feed stands."""
        services = tuple(each for each in self.services() if each.feed == name)
        told = [each.status for each in services if each.status is not None]
        reasons = [reason for each in services for reason in each.reasons]
        if not services:
            reasons.append("nobody records it here.")
        return FeedNow(
            feed=name,
            up=bool(services) and all(each.up for each in services),
            rate=self._rate(name, WINDOW_S),
            at=min((each.at for each in services if each.at is not None), default=None),
            status=_sum(told) if told else None,
            reasons=tuple(reasons),
            services=services,
        )

    def past(self, feed: str) -> list[Point]:
        """How fast a feed was, the oldest first."""
        return self._past[feed].points if feed in self._past else []

    def _learn(self, now: Now, seen: Seen) -> None:
        service, told = seen.service, seen.told
        known = self._known.get(service.name)
        before = None if known is None else known.standing
        feed = told.feed or (None if before is None else before.feed)
        if told.samples is None:
            standing = _silent(service, feed, before, seen.why, gone=seen.gone)
        else:
            status = feed and feed_status(feed, service.name, told.samples, told.reasons)
            standing = Standing(
                service=service,
                feed=feed,
                up=True,
                reasons=told.reasons,
                at=now.wall,
                status=status or None,
                samples=told.samples,
            )
        if known is None:
            known = self._known[service.name] = _Known(standing)
        elif known.standing.up != standing.up:
            if standing.up:
                telemetry.back(service.name)
            else:
                telemetry.lost(service.name, reason=seen.why)
        known.standing, known.there = standing, now.mono
        if standing.up and standing.status is not None:
            known.counter.take(now.mono, standing.status.frames)
        else:
            known.counter.stop()

    def _miss(self, now: Now, name: str, known: _Known) -> None:
        """A service that was there is not: it ended as it should, and nobody started it again."""
        if now.mono - known.there > _ENDED_S:
            del self._known[name]
            return
        known.counter.stop()
        known.standing = _silent(
            known.standing.service,
            known.standing.feed,
            known.standing,
            f"{name} has ended, and nobody started it again.",
            gone=True,
        )

    def _rate(self, feed: str, window_s: float) -> float | None:
        rates = [
            known.counter.rate(window_s)
            for known in self._known.values()
            if known.standing.feed == feed
        ]
        return together(rates)


def _silent(
    service: Service, feed: str | None, before: Standing | None, why: str, *, gone: bool
) -> Standing:
    """A service that does not answer: its figures are those of the last time it did."""
    status = None if before is None else before.status
    if status is not None and gone:  # a process that is over holds no socket
        status = msgspec.structs.replace(status, shards=0, acknowledged=0, receiving=0)
    return Standing(
        service=service,
        feed=feed,
        up=False,
        reasons=(why,),
        at=None if before is None else before.at,
        status=status,
        samples=None if before is None else before.samples,
    )


def _sum(told: Sequence[FeedStatus]) -> FeedStatus:
    """The figures of several connectors of one feed as one."""
    excluded: dict[str, int] = {}
    for each in told:
        for name, number in each.excluded.items():
            excluded[name] = max(excluded.get(name, 0), number)
    sums = {name: sum(getattr(each, name) for each in told) for name in _SUMMED}
    return msgspec.structs.replace(
        told[0],
        **sums,
        excluded=excluded,
        listed=max((each.listed for each in told if each.listed is not None), default=None),
        kept=max((each.kept for each in told if each.kept is not None), default=None),
        idle_s=max(each.idle_s for each in told),
        down_s=sum(each.down_s for each in told),
        service=", ".join(each.service for each in told),
    )
