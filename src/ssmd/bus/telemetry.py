"""What is worth seeing on the bus: one function per moment."""

from typing import Final, Literal

import structlog

from ssmd.bus.outstanding import Item
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics, passage_metrics
from ssmd.runtime.clock import Clock

Failing = Literal["timeout", "disconnected", "stream_full", "no_stream", "refused"]
Rebuilding = Literal["pin_lost", "heartbeats", "errors", "stream_changed", "disconnected"]

_SAMPLE: Final = 32
"""One receipt in so many is timed: a histogram costs as much as the rest of a receipt."""

log = structlog.get_logger("ssmd.bus")


def connected(name: str, address: str, version: str) -> None:
    """A connection is usable."""
    log.info("bus.connected", link=name, server=address, version=version)


def disconnected(name: str, reason: str, *, expected: bool) -> None:
    """A usable connection ended; unless we ended it ourselves the next attempt follows."""
    say = log.info if expected else log.warning
    say("bus.disconnected", link=name, reason=reason)


def connect_failed(name: str, address: str, reason: str) -> None:
    """An attempt to connect failed; the next one follows after a backoff."""
    log.warning("bus.connect_failed", link=name, server=address, reason=reason)


def refused_by_server(name: str, reason: str) -> None:
    """The server refused something on a usable connection, in its own words."""
    log.error("bus.refused_by_server", link=name, reason=reason)


def publish_refused(stream: str, key: int, reason: str) -> None:
    """A publish can never succeed; it is set aside and will be declared."""
    log.error("bus.publish_refused", stream=stream, key=key, reason=reason)


def pressure_began(stream: str, reason: str) -> None:
    """The bus takes nothing for the moment; publishing waits and probes."""
    log.warning("bus.pressure_began", stream=stream, reason=reason)


def pressure_ended(stream: str, lasted_s: float) -> None:
    """The bus takes messages again."""
    log.info("bus.pressure_ended", stream=stream, lasted_s=round(lasted_s, 3))


def stream_changed(stream: str, created: int, last: int, reason: str, *, known: int) -> None:
    """The stream is not the one we published to: what it lost must be published again."""
    log.error(
        "bus.stream_changed",
        stream=stream,
        created=created,
        last=last,
        known=known,
        reason=reason,
    )


def stream_unverified(stream: str, reason: str) -> None:
    """Whether the stream is still the same could not be asked; it is asked again."""
    log.warning("bus.stream_unverified", stream=stream, reason=reason)


def chain_stumbled(stream: str, reason: str, outstanding: int) -> None:
    """A message of a chain was not taken; the stream is looked at before anything is sent."""
    log.warning("bus.chain_stumbled", stream=stream, reason=reason, outstanding=outstanding)


def chain_broken(stream: str, reason: str) -> None:
    """Something stands in a chained stream where a message of ours should."""
    log.error("bus.chain_broken", stream=stream, reason=reason)


def standing_by(durable: str) -> None:
    """Another archiver holds the consumer; this one waits for it to go."""
    log.info("bus.standing_by", durable=durable)


def consumer_opened(durable: str, after: int) -> None:
    """The consumer is ours and begins after the files' position."""
    log.info("bus.consumer_opened", durable=durable, after=after)


def consumer_failed(durable: str, reason: str) -> None:
    """The consumer has to be opened again."""
    log.warning("bus.consumer_failed", durable=durable, reason=reason)


def ack_unconfirmed(durable: str, sequence: int, reason: str) -> None:
    """The server did not confirm an acknowledgement; the files know better."""
    log.warning("bus.ack_unconfirmed", durable=durable, sequence=sequence, reason=reason)


def foreign_message(subject: str, reason: str) -> None:
    """A message on the stream is not an envelope and was skipped."""
    log.error("bus.foreign_message", subject=subject, reason=reason)


def chunks_abandoned(identity: str, found: int, total: int, low: int) -> None:
    """A chunked message stayed incomplete for too long; it holds nothing back any more."""
    log.error("bus.chunks_abandoned", id=identity, found=found, total=total, low=low)


def copies_added(stream: str, found: int, wanted: int) -> None:
    """A stream had fewer copies than are wanted: one dead server might have been too many."""
    log.error("bus.copies_added", stream=stream, found=found, wanted=wanted)


def consumer_copies(durable: str, found: int, wanted: int) -> None:
    """A consumer had another number of copies than its stream; it is made anew."""
    log.error("bus.consumer_copies", durable=durable, found=found, wanted=wanted)


def server_started(pid: int, url: str) -> None:
    """The embedded server answers."""
    log.info("bus.server_started", pid=pid, url=url)


def server_ended(pid: int, code: int) -> None:
    """The embedded server ended by itself; it is started again."""
    log.error("bus.server_ended", pid=pid, code=code)


class PublisherWatch:
    """Counts for one publisher, gathered in plain numbers and shown a few times a second."""

    def __init__(self, feed: str, category: str | None, window: int) -> None:
        self._labels = (feed, category or "")
        self._sent = 0
        self._receipts = 0
        self._duplicates = 0
        self._connections = 0
        self._waits: list[int] = []
        metrics.WINDOW.labels(*self._labels).set(window)

    def sent(self, count: int) -> None:
        """So many messages were written."""
        self._sent += count

    def stored(self, duplicate: bool, item: Item, clock: Clock) -> None:
        """A receipt came for a message; it is not taken off its whole yet."""
        self._receipts += 1
        self._duplicates += duplicate
        whole = item.whole
        if whole.left == 1 and whole.ts_recv is not None:
            self._waits.append(clock.wall() - whole.ts_recv)
        if self._receipts % _SAMPLE == 0:
            metrics.PUBLISH_SECONDS.labels(*self._labels).observe(clock.mono() - item.sent_at)

    def failed(self, kind: Failing, count: int = 1) -> None:
        """Messages will be tried again."""
        metrics.PUBLISH_FAILURES.labels(*self._labels, kind).inc(count)

    def set_aside(self) -> None:
        """A message was refused for good."""
        metrics.SET_ASIDE.labels(*self._labels).inc()

    def connected(self) -> None:
        """The connection can be used."""
        metrics.BUS_CONNECTED.labels(*self._labels).set(1)
        if self._connections:
            metrics.BUS_RECONNECTS.labels(*self._labels).inc()
        self._connections += 1

    def lost(self, outstanding: int) -> None:
        """The connection ended with messages outstanding."""
        metrics.BUS_CONNECTED.labels(*self._labels).set(0)
        self.failed("disconnected", outstanding)

    def show(self, outstanding: int) -> None:
        """Bring the metrics up to date."""
        metrics.OUTSTANDING.labels(*self._labels).set(outstanding)
        metrics.PUBLISHED.labels(*self._labels).inc(self._sent)
        metrics.ACKNOWLEDGED.labels(*self._labels, "duplicate").inc(self._duplicates)
        stored = self._receipts - self._duplicates
        metrics.ACKNOWLEDGED.labels(*self._labels, "stored").inc(stored)
        self._sent = self._receipts = self._duplicates = 0
        waits, self._waits = self._waits, []
        acked = passage_metrics.ACKED_SECONDS.labels(*self._labels)
        metrics.observe_all(acked, (ns / SECOND_NS for ns in waits))


class ConsumerWatch:
    """Counts for one consumer."""

    def __init__(self, feed: str, stream: str) -> None:
        self._labels = (feed, stream)

    def active(self, is_active: bool) -> None:
        """Whether this process is the one that consumes."""
        metrics.CONSUMER_ACTIVE.labels(*self._labels).set(is_active)

    def lag(self, pending: int) -> None:
        """So many messages are in the stream beyond the last delivered."""
        metrics.CONSUMER_LAG.labels(*self._labels).set(pending)

    def redelivered(self) -> None:
        """A message came that was delivered before."""
        metrics.REDELIVERED.labels(*self._labels).inc()

    def rebuilt(self, kind: Rebuilding) -> None:
        """The consumer has to be opened again."""
        metrics.CONSUMER_REBUILDS.labels(*self._labels, kind).inc()

    def ack_failed(self) -> None:
        """An acknowledgement was not confirmed."""
        metrics.ACK_FAILURES.labels(*self._labels).inc()

    def foreign(self) -> None:
        """A message was skipped that is not ours."""
        metrics.FOREIGN.labels(*self._labels).inc()
