"""What is worth seeing of a connector: one function per moment."""

from http import HTTPStatus

import msgspec
import structlog

from ssmd.model.event import Event, Gap, Unsubscribed
from ssmd.model.filters import Selection
from ssmd.model.missing import Missing
from ssmd.model.records import Closed, Judged, LossReason
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics
from ssmd.runtime.logging import incident

log = structlog.get_logger("ssmd.connector")


class Telemetry:
    """The moments of one feed's spool and shards.

    Attributes:
        feed: The feed's name.
        category: Its division; empty when there is none.
    """

    def __init__(self, feed: str, category: str | None = None) -> None:
        self.feed = feed
        self.category = category or ""
        self._labels = (self.feed, self.category)
        self._frame_seconds = metrics.FRAME_SECONDS.labels(*self._labels)
        self._flushes: list[int] = []

    # --- the spool

    def lost(self, reason: LossReason, frames: int) -> None:
        """Frames were received and cannot be kept; they are declared."""
        if frames:
            metrics.DECLARED_LOST.labels(*self._labels, reason).inc(frames)
            log.error("spool.frames_lost", feed=self.feed, reason=reason, frames=frames)

    def spool_failed(self, state: str, error: str) -> None:
        """From now on nothing can be kept, until there is room again."""
        metrics.SPOOL_FULL.labels(*self._labels).set(1)
        incident("spool.failed", feed=self.feed, state=state, error=error)

    def spool_recovered(self) -> None:
        """There is room again."""
        metrics.SPOOL_FULL.labels(*self._labels).set(0)
        incident("spool.writes_again", feed=self.feed)

    def bound_dropped(self, records: int) -> None:
        """Records the bus has, but not the archive, went to stay within the bound."""
        metrics.BOUND_DROPPED.labels(*self._labels).inc(records)
        log.warning("spool.bound_dropped", feed=self.feed, records=records)

    def sync_failed(self, error: str) -> None:
        """The device does not make writes durable."""
        incident("spool.sync_failed", feed=self.feed, error=error)

    def synced(self, position: int, seconds: float) -> None:
        """Everything up to a position is durable."""
        metrics.SPOOL_POSITION.labels(*self._labels, "spooled").set(position)
        metrics.SPOOL_SYNC_SECONDS.labels(*self._labels).observe(seconds)

    def disk_low(self, free_bytes: int, wanted_bytes: int) -> None:
        """Free space is getting scarce; nothing is lost yet."""
        incident("spool.disk_low", feed=self.feed, free_bytes=free_bytes, wanted_bytes=wanted_bytes)

    def spool_sizes(
        self,
        *,
        free_bytes: int,
        size_bytes: int,
        files: int,
        unpublished: int,
        unarchived: int,
        age_s: float,
    ) -> None:
        """How large the spool is, about once a second."""
        metrics.DISK_FREE.labels(*self._labels).set(free_bytes)
        metrics.SPOOL_BYTES.labels(*self._labels).set(size_bytes)
        metrics.SPOOL_FILES.labels(*self._labels).set(files)
        metrics.SPOOL_UNPUBLISHED.labels(*self._labels).set(unpublished)
        metrics.SPOOL_UNARCHIVED.labels(*self._labels).set(unarchived)
        metrics.SPOOL_AGE.labels(*self._labels).set(age_s)
        metrics.observe_all(self._frame_seconds, (ns / SECOND_NS for ns in self._flushes))
        self._flushes = []

    def flushed(self, duration_ns: int) -> None:
        """What one turn received is written, this long after its first frame came, in ns."""
        self._flushes.append(duration_ns)

    # --- publishing

    def published(self, position: int) -> None:
        """Everything up to a position was given to the bus."""
        metrics.SPOOL_POSITION.labels(*self._labels, "written").set(position)

    def set_aside(self, position: int, reason: str) -> None:
        """The bus refused an envelope for good; it is kept in a file and declared."""
        incident("connector.publish_refused", feed=self.feed, position=position, reason=reason)

    def stream_changed(self, stream: str, records: int) -> None:
        """The stream is another one: everything still in the spool is published again."""
        incident("connector.stream_changed", feed=self.feed, stream=stream, records=records)

    def recovered(self, *, records: int, connections: int, torn: int, damaged: int) -> None:
        """The spool was read after a start."""
        metrics.RECOVERED.labels(*self._labels).inc(records)
        metrics.TORN_TAILS.labels(*self._labels).inc(torn > 0)
        log.info(
            "spool.recovered",
            feed=self.feed,
            records=records,
            dead_connections=connections,
            torn_bytes=torn,
            damaged_bytes=damaged,
        )
        if damaged:
            incident("spool.damaged", feed=self.feed, damaged_bytes=damaged)

    def waiting_for_bus(self, reason: str) -> None:
        """The bus is away; what is received waits in the spool."""
        log.warning("connector.waiting_for_bus", feed=self.feed, reason=reason)

    def bus_answers(self, stream: str) -> None:
        """The bus is there and its stream fits."""
        log.info("connector.bus_answers", feed=self.feed, stream=stream)

    def left_in_spool(self, records: int) -> None:
        """The service ends before the bus took everything; the next start publishes the rest."""
        log.warning("connector.left_in_spool", feed=self.feed, records=records)

    # --- the plan

    def planned(self, *, shards: int, wanted: int, overflow: int, capacity: int) -> None:
        """What is wanted was divided over connections."""
        metrics.SHARDS.labels(*self._labels).set(shards)
        metrics.REQUESTED.labels(*self._labels).set(wanted)
        metrics.OVERFLOW.labels(*self._labels).set(overflow)
        metrics.CAPACITY.labels(*self._labels).set(capacity)
        log.info("connector.planned", feed=self.feed, shards=shards, wanted=wanted)
        if overflow:
            incident("connector.overflow", feed=self.feed, subscriptions=overflow)

    def universe_empty(self) -> None:
        """Nothing is wanted at the moment; the connector waits."""
        log.warning("connector.universe_empty", feed=self.feed)

    def duplicates_wanted(self, symbols: tuple[str, ...]) -> None:
        """The configuration names symbols more than once; once is enough."""
        log.warning("connector.duplicates_wanted", feed=self.feed, symbols=symbols)

    # --- discovery, and what is asked over REST

    def discovered(self, selection: Selection, rejects: tuple[str, ...], seconds: float) -> None:
        """A round succeeded: what is listed, what of it is wanted, and why the rest is not."""
        metrics.DISCOVERY_ROUNDS.labels(*self._labels, "ok").inc()
        metrics.DISCOVERY_AGE.labels(*self._labels).set(0)
        metrics.DISCOVERY_SECONDS.labels(*self._labels).observe(seconds)
        metrics.UNIVERSE_LISTED.labels(*self._labels).set(selection.listed)
        metrics.UNIVERSE_KEPT.labels(*self._labels).set(len(selection.kept))
        metrics.UNIVERSE_REJECTS.labels(*self._labels).set(len(rejects))
        for name in metrics.FILTERS:
            excluded = selection.excluded.get(name, 0)
            metrics.UNIVERSE_EXCLUDED.labels(*self._labels, name).set(excluded)
        log.info(
            "connector.discovered",
            feed=self.feed,
            listed=selection.listed,
            kept=len(selection.kept),
            excluded=dict(selection.excluded),
            unreadable=len(rejects),
            seconds=round(seconds, 3),
        )
        if rejects:
            log.warning("connector.listing_unreadable", feed=self.feed, first=rejects[0][:500])

    def discovery_failed(self, error: str, retry_s: float) -> None:
        """A round failed; what was wanted before is wanted still."""
        metrics.DISCOVERY_ROUNDS.labels(*self._labels, "failed").inc()
        log.warning(
            "connector.discovery_failed", feed=self.feed, error=error, retry_s=round(retry_s, 3)
        )

    def discovery_age(self, seconds: float) -> None:
        """So long ago the last good round ended."""
        metrics.DISCOVERY_AGE.labels(*self._labels).set(seconds)

    def rest_opened(self, connection: str, reason: str) -> None:
        """What is asked over REST is recorded under this connection from now on."""
        log.info("connector.rest_opened", connection=connection, reason=reason)

    def rest_answered(
        self, connection: str, *, status: int | None, size: int, seconds: float, error: str | None
    ) -> None:
        """A REST request ended; `size` is that of its body, in bytes."""
        result = "429" if status == HTTPStatus.TOO_MANY_REQUESTS else f"{(status or 0) // 100}xx"
        result = "none" if error or result not in metrics.REST_RESULTS else result
        metrics.REST_REQUESTS.labels(*self._labels, result).inc()
        metrics.REST_SECONDS.labels(*self._labels).observe(seconds)
        metrics.REST_BYTES.labels(*self._labels).inc(size)
        if result != "2xx":
            log.warning("connector.rest_failed", connection=connection, status=status, error=error)

    # --- what is asked of the past

    def backfill_pending(self, spans: int) -> None:
        """So many spans wait to be asked for."""
        metrics.BACKFILL_PENDING.labels(*self._labels).set(spans)

    def backfilled(self, missing: Missing, pages: int, facts: int, gone: int) -> None:
        """A span was asked for; of `gone` pages of it the venue keeps nothing any more."""
        metrics.BACKFILL_PAGES.labels(*self._labels).inc(pages)
        metrics.BACKFILL_FACTS.labels(*self._labels).inc(facts)
        told = {**msgspec.structs.asdict(missing), "pages": pages, "facts": facts, "gone": gone}
        log.info("connector.backfilled", feed=self.feed, **told)

    def backfill_given_up(self, reason: str, missing: Missing, error: str = "") -> None:
        """A span is not asked for any more: it is left to `ssmd backfill`."""
        metrics.BACKFILL_GIVEN_UP.labels(*self._labels, reason).inc()
        told = {**msgspec.structs.asdict(missing), "reason": reason, "error": error}
        log.warning("connector.backfill_given_up", feed=self.feed, **told)

    def backfill_left(self, spans: int) -> None:
        """The service ends before these were asked for: they are left to `ssmd backfill`."""
        log.warning("connector.backfill_left", feed=self.feed, spans=spans)

    # --- liveness

    def suspects(self, count: int) -> None:
        """So many instruments are silent beyond their rhythm, at this look."""
        metrics.SUSPECTS.labels(*self._labels).set(count)

    def venue_paused(self, pause: str | None) -> None:
        """The venue's calendar begins or ends a pause: silence proves nothing meanwhile."""
        metrics.PAUSED.labels(*self._labels).set(pause is not None)
        log.info("connector.venue_paused", feed=self.feed, pause=pause)

    def judged(self, judged: Judged) -> None:
        """A witness was asked about a silent instrument."""
        metrics.JUDGED.labels(*self._labels, judged.verdict).inc()
        fields = msgspec.structs.asdict(judged)
        if judged.verdict == "frozen":
            incident("connector.instrument_frozen", feed=self.feed, **fields)
        else:
            log.info("connector.instrument_silent", feed=self.feed, **fields)

    def witness_failed(self, error: str) -> None:
        """Asking a witness raised: a bug; the instrument is looked at again."""
        incident("connector.witness_failed", feed=self.feed, error=error)

    def loop_blocked(self, seconds: float) -> None:
        """The event loop did not turn: nothing is received meanwhile."""
        incident("connector.loop_blocked", feed=self.feed, seconds=round(seconds, 3))

    def shard(self, index: int) -> "ShardTelemetry":
        """The moments of one shard."""
        return ShardTelemetry(self.feed, self.category, index)


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
