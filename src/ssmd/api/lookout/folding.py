"""What a feed's ledger says: in a process of its own, for a fold of 20,000 instruments takes all of one.

`python -m ssmd.api.lookout.folding` reads one question from its standard input, answers on its
standard output, and ends: the memory of a fold goes with it.
"""

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from ssmd.api.lookout import sizes
from ssmd.archive import layout
from ssmd.archive.ledger import share, store, words
from ssmd.archive.ledger.entries import Ledger, Outage
from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS, shard_of
from ssmd.runtime import logging
from ssmd.runtime.clock import Clock, SystemClock

ENOUGH_S: Final = 10.0
"""No further day is begun after so long, in seconds."""
_POLITE: Final = 10
"""Recording comes first."""
_NO_CONNECTION: Final = frozenset({"never", "refused", "start", "unsubscribed", words.WITHDRAWN})
"""Why a subscription was not held, other than the end of its connection."""


class Covered(msgspec.Struct, frozen=True, kw_only=True, tag="covered"):
    """How much of what was wanted was held.

    Attributes:
        root: The archive.
        since: From when on, ns.
    """

    root: str
    since: int


class Broken(msgspec.Struct, frozen=True, kw_only=True, tag="broken"):
    """Which connections ended, the newest first.

    Attributes:
        root: The archive.
        feed: Of which feed.
        before: Only what began before this place, `[ns, connection]`; None begins at the end.
        since: Only what began then or later, ns.
        limit: Most of them.
    """

    root: str
    feed: str
    before: tuple[int, str] | None = None
    since: int = 0
    limit: int = 100


class Held(msgspec.Struct, frozen=True, kw_only=True, tag="held"):
    """What lies in the archive.

    Attributes:
        root: The archive.
    """

    root: str


Question: TypeAlias = Covered | Broken | Held


class Share(msgspec.Struct, frozen=True):
    """A feed's part of the answer to `Covered`.

    Attributes:
        feed: Which.
        venue: Its venue; empty when nothing tells.
        covered: 0..1; None when nothing was wanted.
        until: Up to when the archive tells of it, ns; None when that is not known.
        trouble: Why it is not known; empty when it is.
    """

    feed: str
    venue: str
    covered: float | None
    until: int | None
    trouble: str = ""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that ended while something on it was wanted.

    Attributes:
        at: From when on nothing of it was held: its last archived frame, ns.
        until: When the last of its subscriptions was held again, ns; None while one is not.
        connection: Its id.
        shard: Of which shard.
        reason: Why it ended.
        subscriptions: How many were not held.
    """

    at: int
    until: int | None
    connection: str
    shard: str
    reason: str
    subscriptions: int


class Breaks(msgspec.Struct, frozen=True):
    """The answer to `Broken`.

    Attributes:
        items: The newest first.
        next: Where to go on, as `before`; None at the end.
    """

    items: list[Break]
    next: tuple[int, str] | None


class Reply(msgspec.Struct, frozen=True):
    """What the process says.

    Attributes:
        answer: JSON of what was asked for.
        trouble: Why there is no answer; empty when there is.
        remedy: What to do about it.
    """

    answer: msgspec.Raw = msgspec.Raw(b"null")
    trouble: str = ""
    remedy: str = ""


def breaks(ledger: Ledger) -> list[Break]:
    """The connections that ended in a ledger's time, the newest first."""
    found = [
        each
        for each in ledger.entries
        if isinstance(each, Outage) and each.reason not in _NO_CONNECTION
    ]
    found.sort(key=_identity)
    made = [_break(list(group)) for _, group in groupby(found, key=_identity)]
    return sorted(made, key=lambda each: (each.at, each.connection), reverse=True)


def _identity(outage: Outage) -> tuple[str, str]:
    return outage.connection, outage.reason


def _break(found: list[Outage]) -> Break:
    ends = [each.until for each in found]
    connection = found[0].connection
    return Break(
        at=min(each.since for each in found),
        until=None if None in ends else max(end for end in ends if end is not None),
        connection=connection,
        shard=shard_of(connection).removeprefix(f"{found[0].feed}-"),
        reason=found[0].reason,
        subscriptions=len(found),
    )


def shares(asked: Covered) -> Iterator[Share]:
    """How much of every feed was held."""
    root = Path(asked.root)
    for feed in store.feeds(root):
        try:
            ledger = store.load(root, feed, asked.since)
        except (SsmdError, OSError) as error:
            yield Share(feed, "", None, None, str(error))
        else:
            yield Share(feed, ledger.venue, share.covered(ledger), ledger.until)


def broken(asked: Broken, clock: Clock) -> Breaks:
    """The connections of a feed that ended, day by day backwards, until there are enough.

    Args:
        asked: Of which feed, and where to begin.
        clock: What time it is: after a while the caller is told where to go on.
    """
    root = Path(asked.root)
    last = None if asked.before is None else asked.before[0]
    items: list[Break] = []
    enough = clock.mono() + ENOUGH_S
    for start in _days(root, asked.feed, asked.since, last):
        ledger = store.load(root, asked.feed, start, start + layout.DAY_NS)
        items += [
            each
            for each in breaks(ledger)
            if start <= each.at < start + layout.DAY_NS
            and each.at >= asked.since
            and (asked.before is None or (each.at, each.connection) < asked.before)
        ]
        if len(items) > asked.limit:
            kept = items[: asked.limit]
            return Breaks(kept, (kept[-1].at, kept[-1].connection))
        if clock.mono() > enough:
            return Breaks(items, (start, ""))
    return Breaks(items, None)


def _days(root: Path, feed: str, since: int, last: int | None) -> Iterator[int]:
    """Beginnings of the days of which something is archived, the newest first, ns."""
    try:
        folders = sorted(os.scandir(root / layout.feed_folder(feed)), key=_name, reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for folder in folders:
        day = layout.day_of(f"{layout.feed_folder(feed)}/{folder.name}")
        if day is None:
            continue
        start = layout.day_start(day[1])
        if (last is None or start <= last) and start + layout.DAY_NS > since:
            yield start


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def today(now: int) -> int:
    """When the UTC day of a time began, ns."""
    return now - now % (24 * 3600 * SECOND_NS)


def reply(asked: bytes, clock: Clock) -> bytes:
    """The answer to a question, or why there is none."""
    question = msgspec.json.decode(asked, type=Covered | Broken | Held)
    found: object
    try:
        match question:
            case Covered():
                found = list(shares(question))
            case Broken():
                found = broken(question, clock)
            case Held():
                found = sizes.held(Path(question.root))
    except SsmdError as error:
        return msgspec.json.encode(Reply(trouble=error.message, remedy=error.remedy))
    return msgspec.json.encode(Reply(answer=msgspec.Raw(msgspec.json.encode(found))))


if __name__ == "__main__":
    os.nice(_POLITE)
    logging.configure()
    sys.stdout.buffer.write(reply(sys.stdin.buffer.read(), SystemClock()))
