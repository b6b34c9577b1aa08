"""What `ssmd top` shows: rows made of two looks at the services' metrics. Pure."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.scrape import Samples

State = Literal["up", "waiting", "partly down", "down", "no answer"]
"""`down`: no open socket; `no answer`: its process does not answer, so nobody knows; `waiting`:
nothing is wanted yet, so there is nothing to open."""

_CONNECTOR: Final = "ssmd_connector_"
_WINDOW_S: Final = 5.0
"""Rates are over this long at most: services refresh their figures about twice a second."""
_TROUBLE: Final[Mapping[str, int]] = {
    "no answer": 0,
    "down": 1,
    "partly down": 2,
    "waiting": 3,
    "up": 4,
}
R = TypeVar("R")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One connector at one look.

    Attributes:
        name: The service's name.
        feed: What it records.
        samples: Its metrics; None when it did not answer.
        reasons: Why it is not ready, or will not be before long.
    """

    name: str
    feed: str
    samples: Samples | None
    reasons: tuple[str, ...] = ()


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """All connectors at one moment.

    Attributes:
        mono: When, monotonic seconds.
        wall: When, ns since the Unix epoch.
        services: What was found of each.
    """

    mono: float
    wall: int
    services: tuple[Service, ...]


class ShardRow(msgspec.Struct, frozen=True, kw_only=True):
    """One connection of a feed.

    Attributes:
        feed: Which feed.
        shard: Its number.
        state: Whether its socket is open.
        since_ts: Of a shard that is not up: when its last frame came, ns; None when none ever did.
        rate: Frames per second lately; None before the second look.
        age_s: Time since the last frame, in seconds; None when none ever came.
        held: Subscriptions the venue acknowledged.
        gaps: Gaps the session found since the connector started.
        ended: Connections that ended, and attempts that failed, since then.
        down_s: Time without an open socket, those that are over, in seconds.
    """

    feed: str
    shard: str
    state: State
    since_ts: int | None
    rate: float | None
    age_s: float | None
    held: int
    gaps: int
    ended: int
    down_s: float


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One feed.

    Attributes:
        feed: Its name.
        service: The connector that records it.
        state: Whether all of its shards are up.
        shards: Shards with an open socket.
        planned: Shards there should be.
        rate: Frames per second lately; None before the second look.
        age_s: Longest time without a frame of any shard that is planned, in seconds.
        gaps: Gaps the sessions found.
        lost: Frames declared lost.
        lag: Records received and not archived yet.
        reasons: Why its connector is not ready, or will not be before long.
    """

    feed: str
    service: str
    state: State
    shards: int
    planned: int
    rate: float | None
    age_s: float | None
    gaps: int
    lost: int
    lag: int
    reasons: tuple[str, ...]


class Model:
    """Takes looks, gives rows; a service that stops answering keeps the figures it had last."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self._last: dict[str, Service] = {}

    @property
    def wall(self) -> int:
        """When the newest look was taken, ns since the Unix epoch; 0 before the first."""
        return self._looks[-1].wall if self._looks else 0

    def take(self, look: Look) -> None:
        """Take the newest look."""
        self._looks.append(look)
        while look.mono - self._looks[0].mono > _WINDOW_S and len(self._looks) > 2:  # noqa: PLR2004 - a rate needs two
            self._looks.popleft()
        names = {each.name for each in look.services}
        self._last = {name: each for name, each in self._last.items() if name in names}
        for each in look.services:
            if each.samples is not None:
                self._last[each.name] = each

    def feeds(self) -> list[FeedRow]:
        """A row a feed, in the order of their services."""
        return [self._feed(each) for each in self._services()]

    def shards(self, feed: str) -> list[ShardRow]:
        """A row a shard of a feed."""
        rows: list[ShardRow] = []
        for each in self._services():
            if each.feed == feed:
                rows += self._shards(each)
        return rows

    def _services(self) -> Sequence[Service]:
        return self._looks[-1].services if self._looks else ()

    def _feed(self, now: Service) -> FeedRow:
        rows = self._shards(now)
        known = self._last.get(now.name)
        samples = known.samples if known is not None else None

        def count(name: str, **labels: str) -> int:
            return 0 if samples is None else int(samples.total(name, **labels))

        rates = [row.rate for row in rows if row.rate is not None]
        ages = [row.age_s for row in rows if row.age_s is not None]
        shards = sum(row.state == "up" for row in rows)
        planned = max(count(f"{_CONNECTOR}shards_total", feed=now.feed), len(rows))
        return FeedRow(
            feed=now.feed,
            service=now.name,
            state=_state(now, shards, planned),
            shards=shards,
            planned=planned,
            rate=sum(rates) if rates else None,
            age_s=max(ages) if ages else None,
            gaps=sum(row.gaps for row in rows),
            lost=count("ssmd_spool_declared_lost_total", feed=now.feed),
            lag=count("ssmd_spool_records", feed=now.feed),
            reasons=now.reasons if now.samples is not None else (f"{now.name} does not answer.",),
        )

    def _shards(self, now: Service) -> list[ShardRow]:
        known = self._last.get(now.name)
        if known is None or known.samples is None:
            return []
        samples = known.samples
        by = _By(samples, now.feed)
        connected = by(f"{_CONNECTOR}websocket_connected")
        planned = samples.total(f"{_CONNECTOR}shards_total", feed=now.feed)
        is_whole = sum(connected.values()) >= planned
        rates = self._rates(now)
        last = by(f"{_CONNECTOR}last_activity_timestamp")
        rows = []
        for shard in sorted(connected, key=_number):
            is_up = connected[shard] > 0
            if not is_up and is_whole:
                continue  # of an earlier, larger plan: nobody misses it
            last_ts = round(last.get(shard, 0.0) * SECOND_NS) or None
            state: State = "up" if is_up else "down"
            if now.samples is None:
                state = "no answer"
            rows.append(
                ShardRow(
                    feed=now.feed,
                    shard=shard,
                    state=state,
                    since_ts=None if state == "up" else last_ts,
                    rate=rates.get(shard) if state != "no answer" else None,
                    age_s=None if last_ts is None else max(0.0, (self.wall - last_ts) / SECOND_NS),
                    held=int(by(f"{_CONNECTOR}markets_subscribed").get(shard, 0)),
                    gaps=int(by(f"{_CONNECTOR}gaps_total").get(shard, 0)),
                    ended=int(by(f"{_CONNECTOR}shard_reconnects_total").get(shard, 0)),
                    down_s=by(f"{_CONNECTOR}downtime_seconds_total").get(shard, 0.0),
                )
            )
        return rows

    def _rates(self, now: Service) -> dict[str, float]:
        """Frames per second of each shard; a service that started again counts from 0 again."""
        seen = [
            (look.mono, _By(each.samples, now.feed)(f"{_CONNECTOR}frames_total"))
            for look in self._looks
            for each in look.services
            if each.name == now.name and each.samples is not None
        ]
        found: dict[str, float] = {}
        for shard in seen[-1][1] if seen else ():
            counts = [(mono, frames[shard]) for mono, frames in seen if shard in frames]
            began = next(
                (at for at in range(len(counts) - 1, 0, -1) if counts[at][1] < counts[at - 1][1]), 0
            )
            (first_mono, first), (last_mono, newest) = counts[began], counts[-1]
            if last_mono > first_mono:
                found[shard] = (newest - first) / (last_mono - first_mono)
        return found


class _By:
    """Figures of one feed's shards, by shard."""

    def __init__(self, samples: Samples, feed: str) -> None:
        self._samples = samples
        self._feed = feed

    def __call__(self, name: str) -> dict[str, float]:
        return self._samples.by("shard", name, feed=self._feed)


def _state(now: Service, shards: int, planned: int) -> State:
    if now.samples is None:
        return "no answer"
    if not planned:
        return "waiting"
    if not shards:
        return "down"
    return "partly down" if shards < planned else "up"


def _number(shard: str) -> tuple[int, str]:
    return (int(shard), shard) if shard.isdigit() else (1 << 30, shard)


def trouble(state: str) -> int:
    """States in the order of their gravity, the worst first."""
    return _TROUBLE.get(state, len(_TROUBLE))


def arranged(
    rows: Iterable[R],
    key: Callable[[R], object],
    name: Callable[[R], str],
    *,
    reverse: bool,
    wanted: str = "",
) -> list[R]:
    """Rows in an order, those that a filter lets through; what has no figure comes last.

    Args:
        rows: The rows.
        key: What they are ordered by; None where a row has no such figure.
        name: What the filter looks into, and what decides between equals.
        reverse: Whether the greatest comes first.
        wanted: The filter: part of a name, upper and lower case alike; empty lets all through.
    """
    kept = sorted((row for row in rows if wanted.casefold() in name(row).casefold()), key=name)
    figures = [row for row in kept if key(row) is not None]
    figures.sort(key=key, reverse=reverse)  # type: ignore[arg-type]
    return [*figures, *(row for row in kept if key(row) is None)]
