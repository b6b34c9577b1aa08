"""What is worth seeing of a connector: one function per moment."""

from collections.abc import Iterable
from http import HTTPStatus

import msgspec
import structlog

from ssmd.connector.shard_telemetry import ShardTelemetry
from ssmd.model.envelope import CONTROL, UNREAD
from ssmd.model.filters import Selection
from ssmd.model.missing import Missing
from ssmd.model.records import Judged, LossReason
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics
from ssmd.runtime.logging import incident

__all__ = ["ShardTelemetry", "Telemetry"]
log = structlog.get_logger("ssmd.connector")


class Telemetry:
    """The moments of one feed's spool and shards.

    Attributes:
        feed: The feed's name.
        category: Its division; empty when there is none.

    Args:
        types: Every message type its sessions can give.
        first: The number of the first shard of the plan: those of replicas do not collide.
    """

    def __init__(
        self, feed: str, category: str | None = None, types: Iterable[str] = (), first: int = 0
    ) -> None:
        self._types = sorted({CONTROL, UNREAD, *types})
        self._first = first
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

    def synced(self, seconds: float) -> None:
        """A group of writes is durable."""
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

    def rungs(self, **positions: int) -> None:
        """Up to which position everything reached a rung of durability, about once a second."""
        for rung, position in positions.items():
            metrics.SPOOL_POSITION.labels(*self._labels, rung).set(position)

    # --- publishing

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

    def heritage_unknown(self, reason: str) -> None:
        """What other processes had is not known: the first connections may name no predecessor."""
        log.warning("connector.heritage_unknown", feed=self.feed, reason=reason)

    def handover(self, connections: list[str]) -> None:
        """Another process has these: what is made here is made before they end."""
        log.info("connector.handover", feed=self.feed, connections=connections)

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

    def shard(self, index: int) -> ShardTelemetry:
        """The moments of one shard of the plan; its series exist from now on."""
        number = self._first + index
        metrics.touch_types(self.feed, self.category, number, self._types)
        return ShardTelemetry(self.feed, self.category, number)
