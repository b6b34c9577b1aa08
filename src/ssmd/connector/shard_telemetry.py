"""What is worth seeing of one shard: one function per moment."""

import structlog

from ssmd.model.event import Event, Gap, Unsubscribed
from ssmd.model.records import Closed
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics
from ssmd.runtime.logging import incident

log = structlog.get_logger("ssmd.connector")


class ShardTelemetry:
    """The moments of one shard's connections."""

    def __init__(self, feed: str, category: str, index: int) -> None:
        self._shard = f"{feed}-{index}"
        self._labels = labels = (feed, category, str(index))
        metrics.touch(feed, category, index)
        self._frames = metrics.FRAMES.labels(*labels)
        self._bytes = metrics.BYTES.labels(*labels)
        self._latency = metrics.VENUE_LATENCY.labels(feed, category)
        self._latencies: list[int] = []
        self._counts: dict[str, int] = {}
        self._new_frames = self._new_bytes = 0

    def count(
        self, kind: str, size: int, part: int, ts_event: int | None, ts_recv: int | None
    ) -> None:
        """An envelope was made of a frame; `report_counts` makes it visible. Times in ns."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if part == 0:
            self._new_frames += 1
            self._new_bytes += size
            if ts_event is not None and ts_recv is not None:
                self._latencies.append(ts_recv - ts_event)

    def report(
        self,
        *,
        idle_s: float,
        wall: int,
        subscribed: int,
        receiving: int,
        refused: int,
        pong_age_s: float | None,
    ) -> None:
        """How the connection is, twice a second."""
        metrics.IDLE.labels(*self._labels).set(idle_s)
        metrics.LAST_ACTIVITY.labels(*self._labels).set(wall / SECOND_NS - idle_s)
        metrics.SUBSCRIBED.labels(*self._labels).set(subscribed)
        metrics.RECEIVING.labels(*self._labels).set(receiving)
        metrics.REFUSED.labels(*self._labels).set(refused)
        if pong_age_s is not None:
            metrics.PONG_AGE.labels(*self._labels).set(pong_age_s)

    def report_counts(self) -> None:
        """What came since the last time, twice a second."""
        for kind, number in self._counts.items():
            metrics.MESSAGES.labels(*self._labels, kind).inc(number)
        self._frames.inc(self._new_frames)
        self._bytes.inc(self._new_bytes)
        metrics.observe_all(self._latency, (ns / SECOND_NS for ns in self._latencies))
        self._counts = {}
        self._latencies = []
        self._new_frames = self._new_bytes = 0

    def unread(self, reason: str) -> None:
        """A frame was not understood; it is kept all the same."""
        metrics.PARSE_ERRORS.labels(*self._labels).inc()
        log.warning("connector.frame_unread", shard=self._shard, reason=reason)

    def session_failed(self, where: str, error: str) -> None:
        """The session raised: a bug of ours; no frame is lost by it."""
        incident("connector.session_failed", shard=self._shard, where=where, error=error)

    def event(self, event: Event) -> None:
        """The session said something about subscriptions or gaps."""
        if isinstance(event, Gap):
            metrics.VENUE_GAPS.labels(*self._labels, event.kind).inc()
        elif isinstance(event, Unsubscribed):
            metrics.UNSUBSCRIBED.labels(*self._labels).inc()

    def opened(self, connection: str, *, reason: str, peer: str, down_s: float) -> None:
        """A connection is open."""
        metrics.CONNECTED.labels(*self._labels).set(1)
        metrics.DOWNTIME.labels(*self._labels).inc(down_s)
        log.info("connector.opened", connection=connection, reason=reason, peer=peer)

    def down(self) -> None:
        """The shard has no open socket: nothing is held, nothing comes."""
        metrics.CONNECTED.labels(*self._labels).set(0)
        metrics.SUBSCRIBED.labels(*self._labels).set(0)
        metrics.RECEIVING.labels(*self._labels).set(0)

    def refused(self, count: int) -> None:
        """So many subscriptions the venue refuses, as far as is known without a connection."""
        metrics.REFUSED.labels(*self._labels).set(count)

    def connect_failed(self, reason: str, retry_s: float) -> None:
        """An attempt to connect failed; the next follows."""
        metrics.RECONNECTS.labels(*self._labels, "connect_failed").inc()
        log.warning(
            "connector.connect_failed",
            shard=self._shard,
            reason=reason,
            retry_s=round(retry_s, 3),
        )

    def ended(self, connection: str, closed: Closed, frames: int) -> None:
        """A connection ended: everything a post-mortem asks for."""
        metrics.RECONNECTS.labels(*self._labels, closed.reason).inc()
        log.warning(
            "connector.ended",
            connection=connection,
            reason=closed.reason,
            code=closed.code,
            lifetime_s=closed.lifetime_s,
            frames=frames,
            subscriptions=closed.subscriptions,
            pong_age_s=closed.pong_age_s,
        )

    def watchdog(self, connection: str, silent_s: float) -> None:
        """A connection was cut from outside because it received nothing."""
        incident("connector.watchdog", connection=connection, silent_s=round(silent_s, 3))

    def asked_again(self, count: int, connection: str) -> None:
        """Wanted subscriptions were neither acknowledged nor refused; they are asked for again."""
        metrics.RECONCILED.labels(*self._labels).inc(count)
        log.warning("connector.asked_again", connection=connection, subscriptions=count)

    def task_died(self, error: str, restart_s: float) -> None:
        """The shard's task died: a bug; it is started again."""
        metrics.TASK_DEATHS.labels("shard").inc()
        incident("connector.shard_died", shard=self._shard, error=error, restart_s=restart_s)
