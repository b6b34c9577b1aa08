"""Asks pods how they are: their own /ready and /metrics, never more than a few at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.operator.pods import PodFacts, PodWord
from ssmd.operator.spec.status import ShardStatus, SourceStatus
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.scrape import Readiness, Samples, readiness, scrape

T = TypeVar("T")
_AT_ONCE: Final = 16
_ANSWER_S: Final = 3.0


class Observer:
    """Asks pods, with a bound on how many at once and how long."""

    def __init__(
        self,
        clock: Clock,
        *,
        ask: Callable[[str], Awaitable[Readiness]] = readiness,
        read: Callable[[str], Awaitable[Samples]] = scrape,
    ) -> None:
        """Make it.

        Args:
            clock: Times the answers.
            ask: Fetches `/ready`.
            read: Fetches `/metrics`.
        """
        self._clock = clock
        self._ask = ask
        self._read = read
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def look(self, pods: Iterable[PodFacts]) -> dict[str, PodWord]:
        """What each pod that has an address says, by name."""
        found = await asyncio.gather(*(self._one(pod) for pod in pods if pod.addresses))
        return {word.pod: word for word in found}

    async def _one(self, pod: PodFacts) -> PodWord:
        reasons: list[str] = []
        warnings: list[str] = []
        metrics: list[Samples] = []
        async with self._gate:
            for address in pod.addresses.values():
                said = await self._within(self._ask(address))
                samples = await self._within(self._read(address)) if said is not None else None
                if said is None or samples is None:
                    return PodWord(pod=pod.name)
                reasons += said.reasons
                warnings += said.warnings
                metrics.append(samples)
        return _word(pod.name, tuple(reasons), tuple(warnings), metrics)

    async def _within(self, work: Awaitable[T]) -> T | None:
        try:
            return await within(self._clock, _ANSWER_S, work)
        except (SsmdError, TimeoutError, ValueError):  # nobody, nobody in time, or somebody else
            return None


def _word(
    pod: str, reasons: tuple[str, ...], warnings: tuple[str, ...], metrics: list[Samples]
) -> PodWord:
    shards = tuple(each for samples in metrics for each in _shards(pod, samples))
    sources = tuple(each for samples in metrics for each in _sources(samples))
    return PodWord(
        pod=pod,
        answered=True,
        reasons=reasons,
        warnings=warnings,
        shards=shards,
        sources=sources,
        messages=sum(each.messages for each in shards) + sum(each.messages for each in sources),
        last=max(_latest(metrics), default=0.0),
        waiting_s=max(
            (_most(each, "ssmd_spool_oldest_age_seconds") for each in metrics), default=0
        ),
        waiting=sum(each.total("ssmd_consumer_lag_messages") for each in metrics),
        full=any(each.total("ssmd_spool_full") > 0 for each in metrics),
    )


def _latest(metrics: list[Samples]) -> list[float]:
    return [
        value
        for samples in metrics
        for label, name in (
            ("shard", "ssmd_connector_last_activity_timestamp"),
            ("stream", "ssmd_archiver_last_message_timestamp"),
        )
        for value in samples.by(label, name).values()
    ]


def _most(samples: Samples, name: str) -> float:
    return max(samples.by("feed", name).values(), default=0.0)


def _shards(pod: str, samples: Samples) -> list[ShardStatus]:
    messages = samples.by("shard", "ssmd_connector_messages_total")
    last = samples.by("shard", "ssmd_connector_last_activity_timestamp")
    found = []
    for feed in samples.by("feed", "ssmd_connector_websocket_connected"):
        connected = samples.by("shard", "ssmd_connector_websocket_connected", feed=feed)
        found += [
            ShardStatus(
                name=f"{feed}-{shard}",
                pod=pod,
                connected=connected[shard] > 0,
                messages=int(messages.get(shard, 0)),
                last_message_time=moment(last.get(shard, 0.0)),
            )
            for shard in sorted(connected)
        ]
    return found


def _sources(samples: Samples) -> list[SourceStatus]:
    found = []
    for feed in samples.by("feed", "ssmd_archiver_messages_total"):
        messages = samples.by("stream", "ssmd_archiver_messages_total", feed=feed)
        last = samples.by("stream", "ssmd_archiver_last_message_timestamp", feed=feed)
        found += [
            SourceStatus(
                feed=feed,
                stream=stream,
                messages=int(messages[stream]),
                last_message_time=moment(last.get(stream, 0.0)),
            )
            for stream in sorted(messages)
        ]
    return found


def moment(seconds: float) -> str | None:
    """RFC 3339 text of Unix seconds, to the second; None for zero: it never was."""
    if seconds <= 0:
        return None
    return format_rfc3339(int(seconds) * SECOND_NS)[:19] + "Z"
