"""The words of the ledger: one Struct for each of its tables. Pure.

Times are ns since the Unix epoch, UTC, `since` included, `until` not. An entry whose `until` is
None was not over when the fold ended. An instrument is `venue:symbol`.
"""

from typing import ClassVar, Literal

import msgspec

from ssmd.archive.presence import Range

Condition = Literal[
    "complete",
    "quiet",
    "venue_paused",
    "degraded",
    "repaired",
    "lost",
    "not_wanted",
    "unknown",
]
"""What can be said of an instrument's minute, worst last but one: see `condition`."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What every entry has.

    Attributes:
        table: Name of the table it belongs to.
        feed: The feed's name.
        since: When it began, ns.
        until: When it was over, ns; None while it is not.
        reason: Why it began, or is missing, from a small set per table.
        connection: The connection whose records show it.
        record: The record that shows it; None when it follows from what is not there.
        file: The segment that holds this record, relative to the root; empty when there is none.
    """

    table: ClassVar[str] = ""

    feed: str
    since: int
    until: int | None
    reason: str
    connection: str
    record: int | None
    file: str


class Intent(Entry, frozen=True, kw_only=True):
    """A subscription was wanted.

    It outlives connections: a reconnect ends no intent, nor does a stopped process. It ends when
    a record says so, or when its shard comes back (or a smaller plan starts) without it.

    Attributes:
        channel: The venue's own kind of stream.
        symbol: The venue's own string; None stands for all of them.
        ended: Why it ended; empty while it has not.
    """

    table: ClassVar[str] = "intent"

    channel: str
    symbol: str | None
    ended: str


class Coverage(Entry, frozen=True, kw_only=True):
    """A subscription was live and acknowledged on one connection.

    It ends with the venue's confirmation of the end, or at the last archived frame of its
    connection.

    Attributes:
        channel: The venue's own kind of stream.
        symbol: The venue's own string; None stands for all of them.
        ordinal: The frame that acknowledged it; None when none did.
        ended: Why it ended; empty while it has not.
    """

    table: ClassVar[str] = "coverage"

    channel: str
    symbol: str | None
    ordinal: int | None
    ended: str


class Gap(Entry, frozen=True, kw_only=True):
    """The venue's counter or checksum, or a witness, shows that messages are missing.

    Its reason is the gap's kind (`sequence`, `checksum`, `sequence_reset`), `frozen`, or
    `unwitnessed`: it is silent, and no witness could say whether anything happened. It begins
    with the last message that was right, as far as that is known, and ends with its repair (or with
    its connection: from there on it is an outage).

    Attributes:
        channel: On which channel.
        symbols: Which instruments are concerned; none stands for all of the connection.
        expected: What should have come.
        found: What came.
        ordinal: The frame that showed it; None when time alone did.
    """

    table: ClassVar[str] = "gaps"

    channel: str
    symbols: tuple[str, ...]
    expected: int
    found: int
    ordinal: int | None


class Hole(Entry, frozen=True, kw_only=True):
    """Frames that were received and are neither archived nor declared lost: our loss.

    Attributes:
        symbols: What the connection carried then; none when nothing was acknowledged.
        ordinals: Which frames, both included.
    """

    table: ClassVar[str] = "holes"

    symbols: tuple[str, ...]
    ordinals: Range


class Outage(Entry, frozen=True, kw_only=True):
    """A subscription was wanted and had no live connection.

    It begins at the last archived frame of the connection that ended (whose id it names) and ends
    with the next acknowledgement. Its reason is why that connection ended, `never` when there was
    none, `refused` when the venue declined.

    Attributes:
        channel: The venue's own kind of stream.
        symbol: The venue's own string; None stands for all of them.
        ended_by: The connection that brought it back; empty while none did.
    """

    table: ClassVar[str] = "outages"

    channel: str
    symbol: str | None
    ended_by: str


class Loss(Entry, frozen=True, kw_only=True):
    """Frames that were received and are declared lost.

    Attributes:
        symbols: What the connection carried then.
        ordinals: Which frames, both included.
    """

    table: ClassVar[str] = "losses"

    symbols: tuple[str, ...]
    ordinals: Range


class Repair(Entry, frozen=True, kw_only=True):
    """What is missing was made good, as far as it can be.

    Its reason is `snapshot` (the state is right again; what was said meanwhile is not there),
    `backfill` (the venue's history of that time is in the archive, `source=rest`), or `partial`
    (it is, but the channel says more than its history tells: books beside trades).

    Attributes:
        channel: On which channel.
        symbols: Which instruments are concerned.
        ordinal: The frame that repaired it; None when the venue keeps nothing that old.
        facts: How many facts a backfill brought; 0 for a snapshot.
    """

    table: ClassVar[str] = "repairs"

    channel: str
    symbols: tuple[str, ...]
    ordinal: int | None
    facts: int


class Unproved(Entry, frozen=True, kw_only=True):
    """What an instrument's messages build on a channel (a book) was not proved.

    It begins with frames of its connection that are missing (its reason is `hole` or `loss`), and
    ends when a message states all of it anew, or with its connection.

    Attributes:
        channel: On which channel.
        symbols: Which instruments are concerned; none stands for all of the connection.
        ordinals: The frames that are missing, both included.
    """

    table: ClassVar[str] = "unproved"

    channel: str
    symbols: tuple[str, ...]
    ordinals: Range


TABLES: tuple[type[Entry], ...] = (Intent, Coverage, Gap, Hole, Outage, Loss, Repair, Unproved)
"""Every table of the ledger."""


class Activity(msgspec.Struct, frozen=True):
    """How many data messages of an instrument a minute holds.

    Attributes:
        symbol: The venue's own string; empty for messages about none.
        minute: Minutes since the Unix epoch.
        messages: How many; at least one.
    """

    symbol: str
    minute: int
    messages: int


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger of one feed over a time.

    Attributes:
        feed: The feed's name.
        venue: The venue's name; empty when nothing was opened yet.
        since: From when on, ns.
        until: Up to when everything is known, ns: the newest archived time, at most the time
            asked for.
        entries: By since, then table, then the rest.
        activity: By symbol, then minute.
    """

    feed: str
    venue: str
    since: int
    until: int
    entries: tuple[Entry, ...]
    activity: tuple[Activity, ...]
