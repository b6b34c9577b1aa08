"""The connector's knobs, as numbers; `feeds` knows where they come from and their bounds."""

import msgspec

from ssmd.connector.spool.settings import SpoolLimits
from ssmd.feeds.environment import ConnectorSettings, SpoolSettings


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """How connections are made, watched and replaced. Durations in seconds.

    Attributes:
        tick_s: Pause between two looks at a connection's timers.
        connect_s: Longest wait for a connection to be open.
        send_s: Longest wait for what we sent to leave this machine.
        ready_s: Longest wait for a planned successor to hold everything before the old one goes.
        close_s: Longest wait for the venue to answer our closing.
        watchdog_s: A connection that received nothing for this long is cut from outside.
        blocked_s: An event loop that does not turn for this long is an incident.
        backoff_base_s: Ceiling of the first pause before connecting again; it doubles.
        backoff_cap_s: Ceiling of every later pause.
        lived_s: A connection that lived this long makes the pauses begin anew.
        drain_s: Longest wait at the end for the bus to take everything.
        away_s: A bus that is away this long at the end is not waited for.
        concurrent_connects: Most connections being opened at once.
        max_frame_bytes: A longer frame ends its connection and is declared lost.
        planned_s: A connection of this age is replaced, make before break; None leaves it.
        stagger_s: Shortest pause between two connection attempts.
        reconcile_s: Pause between two looks at what is wanted and was never answered.
        frozen_s: Shortest silence of an instrument that a witness is asked about.
        frozen_messages: So many messages it must have missed by the rhythm of its peers.
        witness_s: First pause between two statements of a witness.
        keepalive_idle_s: TCP keepalive begins after this idle time.
        keepalive_interval_s: Pause between TCP keepalives.
        backfill: Whether what is missing is asked for over REST.
        backfill_delay_s: So long after it is over.
        backfill_span_s: Longest time of one instrument that is asked for at once.
        backfill_requests: Most requests for it.
    """

    tick_s: float = 0.1
    connect_s: float = 10.0
    send_s: float = 10.0
    ready_s: float = 30.0
    close_s: float = 2.0
    watchdog_s: float = 120.0
    blocked_s: float = 5.0
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 30.0
    lived_s: float = 30.0
    drain_s: float = 10.0
    away_s: float = 3.0
    concurrent_connects: int = 4
    max_frame_bytes: int = 64 << 20
    planned_s: float | None = None
    stagger_s: float = 0.25
    reconcile_s: float = 60.0
    frozen_s: float = 60.0
    frozen_messages: int = 100
    witness_s: float = 20.0
    keepalive_idle_s: int = 30
    keepalive_interval_s: int = 10
    backfill: bool = True
    backfill_delay_s: float = 5.0
    backfill_span_s: float = 21_600.0
    backfill_requests: int = 100


def tuning(settings: ConnectorSettings) -> Tuning:
    """The knobs of an environment."""
    return Tuning(
        tick_s=settings.tick_s,
        connect_s=settings.connect_timeout_s,
        send_s=settings.send_timeout_s,
        watchdog_s=settings.watchdog_s,
        backoff_base_s=settings.backoff_base_s,
        backoff_cap_s=settings.backoff_cap_s,
        lived_s=max(settings.backoff_cap_s, 1.0),
        max_frame_bytes=settings.max_frame_bytes,
        planned_s=settings.planned_reconnect_s,
        stagger_s=settings.stagger_s,
        reconcile_s=settings.reconcile_interval_s,
        frozen_s=settings.frozen_silence_s,
        frozen_messages=settings.frozen_messages,
        witness_s=settings.witness_interval_s,
        keepalive_idle_s=settings.keepalive_idle_s,
        keepalive_interval_s=settings.keepalive_interval_s,
        backfill=settings.backfill == "auto",
        backfill_delay_s=settings.backfill_delay_s,
        backfill_span_s=settings.backfill_span_s,
        backfill_requests=settings.backfill_requests,
    )


def spool_limits(settings: SpoolSettings) -> SpoolLimits:
    """The spool's bounds of an environment."""
    return SpoolLimits(
        fsync_s=settings.fsync_interval_s,
        max_bytes=settings.max_bytes,
        file_bytes=settings.file_bytes,
        low_disk_bytes=settings.low_disk_bytes,
        min_free_bytes=settings.min_free_bytes,
        memory_bytes=settings.tail_bytes,
    )
