"""Every fault a storm knows: what it is, how long it lasts, and what the ledger may say of it."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean

Victim = Literal["connector", "archiver", "bus", "venue", "disk"]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One fault.

    Attributes:
        name: What it is called.
        meaning: What happens, for people.
        victims: Whom it befalls; two faults of one victim do not overlap.
        shortest_s: Least time it lasts, in seconds; 0 for a blow.
        longest_s: Greatest time it lasts, in seconds.
        ends: Reasons that the ledger may give for an outage that this fault brought about; none
            when it must cost no connection.
        gaps: Reasons that the ledger may give for a gap it made.
        losses: Reasons of losses that may be declared because of it.
        spec: The simulated venue's own fault, when it is one of those; `{symbol}` stands for the
            key that names the feed's first instrument.
        counted: Whether only a venue that numbers or checks its messages shows it.
        outlasts: Whether what it does to times goes on after it ended: times of the archive then
            prove nothing, and identities alone are judged.
    """

    name: str
    meaning: str
    victims: tuple[Victim, ...]
    shortest_s: float = 0.0
    longest_s: float = 0.0
    ends: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    spec: str = ""
    counted: bool = False
    outlasts: bool = False


_DEAD: Final = ("died",)
_STOPPED: Final = ("shutdown",)
_LEFT_ALONE: Final = ("silence", "pong", "watchdog", "host_suspended", "lost", "closed")
"""How a connection may end whose process did not run for a while."""
_MISSED: Final = ("sequence", "checksum", "sequence_reset")
_DISK: Final = ("spool_full", "spool_bound")
_UNTOLD: Final = ("records_lost",)
"""How a connection ends of which the disk refused a record."""

KINDS: Final = (
    Kind(
        name="kill_connector",
        meaning="kill -9 of the connector, which is started again",
        victims=("connector",),
        ends=_DEAD,
        losses=("spool_damaged",),
    ),
    Kind(
        name="kill_archiver",
        meaning="kill -9 of the archiver, which is started again",
        victims=("archiver",),
    ),
    Kind(
        name="kill_bus",
        meaning="kill -9 of nats-server, which is started again",
        victims=("bus",),
    ),
    Kind(
        name="stop_connector",
        meaning="SIGTERM to the connector, which is started again",
        victims=("connector",),
        ends=_STOPPED,
    ),
    Kind(
        name="stop_archiver",
        meaning="SIGTERM to the archiver, which is started again",
        victims=("archiver",),
    ),
    Kind(
        name="restart_bus",
        meaning="SIGTERM to nats-server, which is started again",
        victims=("bus",),
    ),
    Kind(
        name="freeze_connector",
        meaning="SIGSTOP of the connector, SIGCONT later",
        victims=("connector",),
        shortest_s=0.3,
        longest_s=1.5,
        ends=_LEFT_ALONE,
    ),
    Kind(
        name="suspend",
        meaning="the connector's machine is suspended, as far as its clock tells",
        victims=("connector",),
        shortest_s=0.5,
        longest_s=1.5,
        ends=("host_suspended",),
    ),
    Kind(
        name="freeze_archiver",
        meaning="SIGSTOP of the archiver, SIGCONT later",
        victims=("archiver",),
        shortest_s=0.3,
        longest_s=1.5,
    ),
    Kind(
        name="freeze_bus",
        meaning="SIGSTOP of nats-server, SIGCONT later",
        victims=("bus",),
        shortest_s=0.3,
        longest_s=1.5,
    ),
    Kind(
        name="delete_stream",
        meaning="the stream is deleted with all it holds",
        victims=("bus",),
    ),
    Kind(
        name="bus_stall",
        meaning="nothing passes between nats-server and its clients",
        victims=("bus",),
        shortest_s=0.5,
        longest_s=2.0,
    ),
    Kind(
        name="bus_reset",
        meaning="every connection to nats-server is reset, and new ones for a while",
        victims=("bus",),
        shortest_s=0.0,
        longest_s=1.0,
    ),
    Kind(
        name="bus_throttle",
        meaning="the way to nats-server is slow",
        victims=("bus",),
        shortest_s=0.5,
        longest_s=2.0,
    ),
    Kind(
        name="disk_full",
        meaning="the disk under spool and archive is full",
        victims=("disk",),
        shortest_s=0.5,
        longest_s=1.5,
        ends=_UNTOLD,
        losses=_DISK,
    ),
    Kind(
        name="spool_enospc",
        meaning="writes of the spool meet ENOSPC",
        victims=("disk",),
        shortest_s=0.5,
        longest_s=1.5,
        ends=_UNTOLD,
        losses=_DISK,
    ),
    Kind(
        name="spool_fsync_error",
        meaning="fsync of the spool fails with EIO",
        victims=("disk",),
        shortest_s=0.3,
        longest_s=1.0,
        ends=_UNTOLD,
        losses=_DISK,
    ),
    Kind(
        name="archive_enospc",
        meaning="writes of the archive meet ENOSPC",
        victims=("archiver",),
        shortest_s=0.5,
        longest_s=1.5,
    ),
    Kind(
        name="archive_fsync_error",
        meaning="fsync of the archive fails with EIO",
        victims=("archiver",),
        shortest_s=0.3,
        longest_s=1.0,
    ),
    Kind(
        name="torn_spool",
        meaning="kill -9 of the connector, and the unsynced end of its spool is torn",
        victims=("connector",),
        ends=_DEAD,
        losses=("spool_damaged",),
    ),
    Kind(
        name="torn_segment",
        meaning="kill -9 of the archiver, and the unsynced end of an open segment is torn",
        victims=("archiver",),
    ),
    Kind(
        name="clock_forward",
        meaning="the connector's wall clock is set forward",
        victims=("connector",),
        outlasts=True,
    ),
    Kind(
        name="clock_back",
        meaning="the connector's wall clock is set back",
        victims=("connector",),
        outlasts=True,
    ),
    Kind(
        name="archiver_clock",
        meaning="the archiver's wall clock is set forward and back",
        victims=("archiver",),
        shortest_s=0.5,
        longest_s=1.0,
    ),
    Kind(
        name="abort",
        meaning="the venue resets its connections",
        victims=("connector", "venue"),
        ends=("lost",),
        spec="abort",
    ),
    Kind(
        name="goodbye",
        meaning="the venue says goodbye with a close frame",
        victims=("connector", "venue"),
        ends=("closed",),
        spec="close:code=1012",
    ),
    Kind(
        name="gap",
        meaning="the venue withholds messages",
        victims=("connector", "venue"),
        gaps=_MISSED,
        counted=True,
        spec="gap:count=6{symbol}",
    ),
    Kind(
        name="duplicate",
        meaning="the venue sends messages twice",
        victims=("connector", "venue"),
        gaps=_MISSED,
        spec="duplicate:count=3{symbol}",
    ),
    Kind(
        name="reorder",
        meaning="the venue sends messages in the wrong order",
        victims=("connector", "venue"),
        gaps=_MISSED,
        counted=True,
        spec="reorder:count=6{symbol}",
    ),
    Kind(
        name="checksum",
        meaning="the venue's integrity figure is wrong",
        victims=("connector", "venue"),
        gaps=_MISSED,
        counted=True,
        spec="checksum:count=1",
    ),
    Kind(
        name="drift",
        meaning="a field has another name for a while",
        victims=("connector", "venue"),
        shortest_s=0.2,
        longest_s=0.5,
        gaps=_MISSED,
        spec="drift:for={for_s}",
    ),
    Kind(
        name="garbage",
        meaning="frames that nobody expects",
        victims=("connector", "venue"),
        gaps=_MISSED,
        spec="garbage:kind={garbage},count=3",
    ),
    Kind(
        name="oversize",
        meaning="a frame beyond every bound",
        victims=("connector", "venue"),
        ends=("oversize",),
        losses=("oversize",),
        spec="garbage:kind=oversize",
    ),
    Kind(
        name="slow_reader",
        meaning="the connector does not read, and the venue has little patience",
        victims=("connector", "venue"),
        shortest_s=2.0,
        longest_s=3.0,
        ends=("lost",),
        spec="slow_reader:bytes=65536",
    ),
    Kind(
        name="no_ack",
        meaning="the venue resets its connections and answers no request for a while",
        victims=("connector", "venue"),
        shortest_s=0.5,
        longest_s=1.5,
        ends=("lost", "unconfirmed", "silence"),
        spec="no_ack:for={for_s}",
    ),
    Kind(
        name="locked_out",
        meaning="the venue resets its connections and lets nobody in for a while",
        victims=("connector", "venue"),
        shortest_s=0.3,
        longest_s=1.0,
        ends=("lost",),
        spec="unauthorized:status=503,for={for_s}",
    ),
    Kind(
        name="flood",
        meaning="ten times the traffic",
        victims=("connector", "venue"),
        shortest_s=0.3,
        longest_s=0.8,
        spec="flood:factor=10,for={for_s}",
    ),
    Kind(
        name="fragments",
        meaning="messages in continuation frames",
        victims=("connector", "venue"),
        spec="fragment:parts=3,count=20",
    ),
)
"""All of them, in the order of the report."""
BY_NAME: Final = {kind.name: kind for kind in KINDS}
"""All of them, by name."""


def chosen(names: Iterable[str], *, numbered: bool = True) -> Sequence[Kind]:
    """The faults of these names, in the order of the report; all there are when there is no name.

    Args:
        names: Which.
        numbered: Whether the venue numbers or checks its messages.

    Raises:
        ConfigError: One is not known, and the sentence names the nearest; or this venue cannot
            show it.
    """
    wanted = {name.strip() for name in names}
    for name in sorted(wanted):
        if name not in BY_NAME:
            near = did_you_mean(name, BY_NAME)
            message = f"A storm knows no fault {name!r}.{near}"
            raise ConfigError(message, remedy=f"Choose from {', '.join(BY_NAME)}.")
        if BY_NAME[name].counted and not numbered:
            message = f"No effect of {name!r} can be seen at a venue that numbers no message."
            raise ConfigError(message, remedy="Leave it out, or record another venue.")
    there = [kind for kind in KINDS if numbered or not kind.counted]
    return [kind for kind in there if not wanted or kind.name in wanted]
