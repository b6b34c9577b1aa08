"""What must be known at the end of a day to fold the next. Pure.

Everything here goes to JSON and back unchanged.
"""

from typing import NamedTuple

import msgspec

from ssmd.archive.ledger.entries import Coverage, Outage
from ssmd.archive.ledger.facts import Anew
from ssmd.archive.presence import Held

Key = tuple[str, str | None]
"""Channel and symbol of a subscription."""


class At(NamedTuple):
    """Where it stands.

    Attributes:
        ts: When it counts, ns: never less than the record before it.
        connection: The connection whose record it is.
        record: Its number.
        file: The segment that holds it.
    """

    ts: int
    connection: str
    record: int
    file: str


class Want(msgspec.Struct, array_like=True):
    """An intent that may still change.

    Attributes:
        begun: What began it.
        reason: Why.
        until: When it ended, ns; None while it has not.
        ended: Why it ended.
        told: Whether the ledger of an earlier day has it as it is.
    """

    begun: At
    reason: str
    until: int | None = None
    ended: str = ""
    told: bool = False


class Cover(msgspec.Struct, array_like=True):
    """A coverage that may still change.

    Attributes:
        begun: What acknowledged it.
        reason: Why its connection was opened.
        ordinal: The frame that acknowledged it.
        until: When it ended, ns; None while it has not.
        ended: Why it ended.
        end: The record that ended it; None when none did.
        told: Whether the ledger of an earlier day has it as it is.
    """

    begun: At
    reason: str
    ordinal: int | None
    until: int | None = None
    ended: str = ""
    end: At | None = None
    told: bool = False


class Line(msgspec.Struct, array_like=True):
    """One subscription through time.

    Attributes:
        channel: The venue's own kind of stream.
        symbol: The venue's own string; None stands for all of them.
        wants: Its intents, as they began.
        covers: Its coverages, as they began.
        declined: Where the venue refused it.
        settled: Up to here no later record can change its outages, ns.
        holders: How many open connections want it.
        keeper: The ended connection that answers for it while none does; empty when none must.
    """

    channel: str
    symbol: str | None
    wants: list[Want] = []
    covers: list[Cover] = []
    declined: list[At] = []
    settled: int = 0
    holders: int = 0
    keeper: str = ""


class Book(msgspec.Struct, array_like=True):
    """Something a connection held that its messages build: frames missing of it break it.

    Attributes:
        channel: On which channel.
        symbol: Of which instrument; None stands for all of them.
        first: The frame that acknowledged it; -1 when none did.
        last: The frame with which it ended; None while it has not.
        until: When that came, ns.
    """

    channel: str
    symbol: str | None
    first: int
    last: int | None = None
    until: int | None = None

    def is_concerned(self, missing: tuple[int, int]) -> bool:
        """Whether it was held when frames came that are missing."""
        return self.first <= missing[1] and (self.last is None or self.last >= missing[0])


class Life(msgspec.Struct):
    """A connection that something may still follow from.

    Attributes:
        opened: Its opening record, or whatever was first known of it.
        reason: Why it was opened.
        shard: Its number within the plan; None when it has none.
        writer: Who archived it: shards are numbered within one stream.
        previous: The shard's connection before this one.
        clock: The time of its last record, ns: later ones do not count as earlier.
        burst: Whether it is still stating what it wants.
        frame: The time of its last frame, ns.
        deaf: From when on it was not heard when it spoke, ns: the machine was suspended.
        ordinal: The number of that last frame; -1 when there is none.
        said: When the record with the greatest number was made, ns.
        shards: How many shards the plan had then; None where there is no plan.
        asks: Whether it asks for answers only, and subscribes to nothing.
        books: What it held that its messages build, as it was acknowledged.
        spoken: The number of its last record of those that state what it wants.
        over: When it was over, ns; None while it is open.
        closed: Its closing record.
        spent: Whether a successor has said what of it is still wanted.
        symbols: What was acknowledged on it so far.
        relieved: Whether another process made its successor while it lived.
    """

    opened: At
    reason: str = ""
    shard: int | None = None
    writer: str = ""
    previous: str | None = None
    clock: int = 0
    burst: bool = True
    frame: int | None = None
    over: int | None = None
    closed: At | None = None
    spent: bool = False
    symbols: list[str] = []
    deaf: int | None = None
    ordinal: int = -1
    said: int | None = None
    shards: int | None = None
    asks: bool = False
    spoken: int = 0
    books: list[Book] = []
    relieved: bool = False

    @property
    def heard(self) -> int:
        """The last archived time of it, by the numbers, ns."""
        known = [ts for ts in (self.frame, self.said) if ts is not None]
        return max(known, default=self.opened.ts)

    @property
    def connection(self) -> str:
        """Its id."""
        return self.opened.connection


class OpenGap(msgspec.Struct, array_like=True):
    """A gap that is not over.

    Attributes:
        found: What showed it.
        since: When it began, ns.
        channel: On which channel; empty when that is not known.
        symbols: Which instruments are concerned; none stands for all of the connection.
        reason: Its kind.
        expected: What should have come.
        came: What came.
        ordinal: The frame that showed it.
        repaired: When it ended for which instrument, ns.
        named: What was repaired by name of a gap of all of the connection.
    """

    found: At
    since: int
    channel: str
    symbols: list[str]
    reason: str
    expected: int
    came: int
    ordinal: int | None
    repaired: dict[str, int] = {}
    named: list[str] = []


class OpenLoss(msgspec.Struct, array_like=True):
    """A declared loss of a record of which nobody knows yet when all were over.

    Attributes:
        told: The record that declares them.
        reason: What prevented keeping them.
        first: The first ordinal.
        last: The last ordinal, included.
        symbols: What the connection carried then.
        listed: Whether the ledger of an earlier day lists it.
    """

    told: At
    reason: str
    first: int
    last: int
    symbols: list[str]
    listed: bool = False


class Unclosed(msgspec.Struct):
    """What is said of a connection without a closing record: one may come yet.

    Attributes:
        coverages: What ended with it.
        outages: What began with its end.
    """

    coverages: list[Coverage] = []
    outages: list[Outage] = []


class Remains(msgspec.Struct):
    """What is there of the frames of a connection that is not complete.

    Attributes:
        held: What the segments so far hold of it.
        marks: Ordinals and times of frames beside those that are not there.
        records: The same of records, and the last one.
        told: Whether a hole of it was told.
        anew: Where it stated something anew after frames that are missing.
    """

    held: Held
    marks: list[tuple[int, int]] = []
    records: list[tuple[int, int]] = []
    told: bool = False
    anew: list[Anew] = []


class Carry(msgspec.Struct, kw_only=True):
    """What a fold leaves for the next.

    Attributes:
        feed: The feed's name.
        venue: The venue's name; empty when nothing was opened yet.
        began: The first archived time of the feed, ns; None when nothing has one.
        newest: The last archived time of the feed, ns; None when nothing has one.
        lives: Connections that something may still follow from.
        wanted: What open connections want, and what ended ones answer for.
        lines: Subscriptions that are wanted or held, or may prove not to have been held.
        gaps: Gaps that are not over.
        losses: Losses that are not over, and what was declared together with them.
        unproved: What is said of connections without a closing record.
        remains: What is there of connections that are not complete, or were not long ago: that they
            lost something may be declared afterwards.
        doubted: Outages of which a connection that fell silent may yet prove that there were none.
        plain: Channels that say nothing but facts: nothing that comes later makes a gap good.
    """

    feed: str
    venue: str
    began: int | None
    newest: int | None
    lives: list[Life] = []
    wanted: dict[str, list[Key]] = {}
    lines: list[Line] = []
    gaps: list[OpenGap] = []
    losses: list[OpenLoss] = []
    unproved: dict[str, Unclosed] = {}
    remains: dict[str, Remains] = {}
    doubted: list[Outage] = []
    plain: list[str] = []
