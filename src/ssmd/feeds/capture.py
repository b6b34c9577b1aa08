"""How a connector records: its timers and bounds, and those of its spool."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ssmd.feeds.values import Section
from ssmd.model.errors import ConfigError
from ssmd.model.subscription import Limits

MIB = 1 << 20


class ConnectorSettings(Section, frozen=True, kw_only=True):
    """The connector's timers and bounds.

    Attributes:
        silence_s: Longest silence before a connection is called dead, in seconds; None keeps the
            feed's, or else the venue's (90 unless it says otherwise).
        watchdog_s: The watchdog outside the connection's task ends what is silent this long, in
            seconds; more than the silence.
        send_timeout_s: Longest a send may take, in seconds.
        ping_interval_s: Pause between keepalives, in seconds; None keeps the feed's or venue's.
        pong_intervals: A pong older than this many ping intervals ends the connection; None
            keeps the feed's or venue's (2).
        max_frame_bytes: A larger frame ends the connection, declared, in bytes.
        connect_timeout_s: Longest a connection attempt may take, in seconds.
        backoff_base_s: Ceiling of the first pause before connecting again, in seconds; it doubles.
        backoff_cap_s: Ceiling of every later pause, in seconds.
        planned_reconnect_s: Age at which a connection is replaced, make before break, in seconds;
            None leaves it.
        stagger_s: Pause between the starts of two shards, in seconds.
        tick_s: Pause between two looks at timers, in seconds.
        keepalive_idle_s: TCP keepalive begins after this idle time, in seconds.
        keepalive_interval_s: Pause between TCP keepalives, in seconds.
        frozen_silence_s: Shortest silence of one instrument that a witness is asked about, in
            seconds.
        frozen_messages: So many messages it must have missed, by the rhythm of its peers.
        witness_interval_s: First pause between two statements of a witness, in seconds; longer
            than the venue's REST caches.
        reconcile_interval_s: Pause between two looks at what is wanted and was never answered,
            in seconds.
        backfill: Whether what an outage or a gap made us miss is asked for over REST, where the
            venue keeps a history; with `off` it is left to `ssmd backfill`.
        backfill_delay_s: It is asked for this long after it is over, in seconds: a venue's history
            lags behind its stream.
        backfill_span_s: Longest time of one instrument that is asked for at once, in seconds; the
            older part of a longer one is left to `ssmd backfill`.
        backfill_requests: Most requests for it.
    """

    silence_s: Annotated[float, Meta(ge=0.5, le=3600)] | None = None
    watchdog_s: Annotated[float, Meta(ge=0.5, le=7200)] = 120.0
    send_timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = 10.0
    ping_interval_s: Annotated[float, Meta(ge=0.1, le=600)] | None = None
    pong_intervals: Annotated[float, Meta(ge=1, le=10)] | None = None
    max_frame_bytes: Annotated[int, Meta(ge=64 << 10, le=1 << 30)] = 64 * MIB
    connect_timeout_s: Annotated[float, Meta(ge=0.1, le=120)] = 10.0
    backoff_base_s: Annotated[float, Meta(ge=0.01, le=60)] = 0.5
    backoff_cap_s: Annotated[float, Meta(ge=0.01, le=3600)] = 30.0
    planned_reconnect_s: Annotated[float, Meta(ge=1, le=604_800)] | None = None
    stagger_s: Annotated[float, Meta(ge=0, le=60)] = 0.25
    tick_s: Annotated[float, Meta(ge=0.01, le=5)] = 0.25
    keepalive_idle_s: Annotated[int, Meta(ge=1, le=3600)] = 30
    keepalive_interval_s: Annotated[int, Meta(ge=1, le=600)] = 10
    frozen_silence_s: Annotated[float, Meta(ge=0.5, le=86_400)] = 60.0
    frozen_messages: Annotated[int, Meta(ge=5, le=1_000_000)] = 100
    witness_interval_s: Annotated[float, Meta(ge=0.2, le=3600)] = 20.0
    reconcile_interval_s: Annotated[float, Meta(ge=0.5, le=3600)] = 60.0
    backfill: Literal["auto", "off"] = "auto"
    backfill_delay_s: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    backfill_span_s: Annotated[float, Meta(ge=1, le=604_800)] = 21_600.0
    backfill_requests: Annotated[int, Meta(ge=1, le=100_000)] = 100

    def __post_init__(self) -> None:
        if self.silence_s is not None and self.watchdog_s <= self.silence_s:
            raise ValueError(
                f"watchdog_s {self.watchdog_s:g} must be more than silence_s {self.silence_s:g}"
            )
        if self.backoff_cap_s < self.backoff_base_s:
            raise ValueError("backoff_cap_s must not be less than backoff_base_s")

    def limits(self, feed: Limits) -> Limits:
        """The feed's limits with what stands here on top.

        Raises:
            ConfigError: The watchdog would end what is merely silent.
        """
        names = ("silence_s", "ping_interval_s", "pong_intervals")
        overrides = {n: value for n in names if (value := getattr(self, n)) is not None}
        limits = msgspec.structs.replace(feed, **overrides)
        if self.watchdog_s <= limits.silence_s:
            raise ConfigError(
                f"connector.watchdog_s {self.watchdog_s:g} is not more than the silence of "
                f"{limits.silence_s:g} s that the feed allows.",
                remedy="Raise watchdog_s, or lower silence_s.",
            )
        return limits


class SpoolSettings(Section, frozen=True, kw_only=True):
    """The spool's bounds.

    Attributes:
        max_bytes: Most it may hold on disk, in bytes; beyond it, loss is declared.
        fsync_interval_s: Longest a record waits for its fsync, in seconds.
        file_bytes: Size at which a new file is begun, in bytes.
        tail_bytes: Most of it kept in memory for publishing, in bytes.
        low_disk_bytes: Less free space than this is a warning, in bytes.
        min_free_bytes: Less free space than this is a full disk, in bytes.
    """

    max_bytes: Annotated[int, Meta(ge=MIB, le=1 << 50)] = 8192 * MIB
    fsync_interval_s: Annotated[float, Meta(ge=0.001, le=5)] = 0.05
    file_bytes: Annotated[int, Meta(ge=64 << 10, le=4 << 30)] = 64 * MIB
    tail_bytes: Annotated[int, Meta(ge=64 << 10, le=16 << 30)] = 8 * MIB
    low_disk_bytes: Annotated[int, Meta(ge=0, le=1 << 50)] = 2048 * MIB
    min_free_bytes: Annotated[int, Meta(ge=0, le=1 << 50)] = 128 * MIB

    def __post_init__(self) -> None:
        if self.max_bytes < 4 * self.file_bytes:
            raise ValueError("max_bytes must be at least four times file_bytes")
        if self.low_disk_bytes < self.min_free_bytes:
            raise ValueError("low_disk_bytes must not be less than min_free_bytes")
