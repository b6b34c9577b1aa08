"""What an archive lacks is asked of the venue, and written into it page by page."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive.backfill import unclosed
from ssmd.archive.errors import DiskRefused
from ssmd.archive.presence import Presence
from ssmd.archive.writer import Archive
from ssmd.connector.asking import addresses
from ssmd.connector.filling import Filling
from ssmd.connector.rest import RestConnection
from ssmd.connector.spool.lives import Life
from ssmd.connector.telemetry import Telemetry
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.errors import SsmdError
from ssmd.model.missing import Missing
from ssmd.model.records import Closed
from ssmd.model.records import encode as encode_record
from ssmd.model.rest import Span
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock, today
from ssmd.runtime.http import Http

_REQUESTS: Final = 100_000
"""Most requests for one span: a history that goes on longer has no end."""
_SILENT: Final = 3
"""So many spans without any answer, one after the other, and the venue is left alone."""
REASON: Final = "backfill"
"""Why these connections are opened."""


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A span that could not be had.

    Attributes:
        instrument: `venue:symbol`; None for all of them.
        channel: Whose facts are missing.
        since: From when on, RFC 3339.
        until: Up to when.
        why: What prevented it.
        remedy: What to do about it.
    """

    instrument: str | None
    channel: str
    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    why: str
    remedy: str


class Filled(msgspec.Struct, kw_only=True):
    """What became of a feed.

    Attributes:
        feed: The feed's name.
        spans: Spans of instruments that were missing.
        settled: Of these, those that are settled now.
        pages: Pages of history that were kept.
        facts: Facts in them.
        gone: Of the pages, those that say that the venue keeps nothing that old.
        left: What could not be had.
    """

    feed: str
    spans: int = 0
    settled: int = 0
    pages: int = 0
    facts: int = 0
    gone: int = 0
    left: list[Left] = []


class Lives:
    """The connections of a run. The `Lives` of a `Keeper`."""

    def before(self, shard: str, reason: str) -> tuple[str | None, str]:
        """It follows none: whoever asks once keeps no record of who asked before."""
        return None, reason

    def begin(self, connection: str, feed: str, category: str | None) -> Life:
        """A connection is made; its counters begin."""
        return Life(connection, feed, category)


class ArchiveKeeper:
    """Keeps what is asked and answered in an archive, at once. A `Keeper`.

    Attributes:
        writable: Always set: what cannot be kept is refused with an error.
        lives: The connections of this run.
        is_dead: Whether the disk refused: nothing more can be kept.
    """

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.lives = Lives()
        self.is_dead = False
        self._archive = archive
        self._clock = clock

    def write(self, envelope: Envelope) -> None:
        """To be committed with the next `flush`."""
        self._archive.put(envelope)

    def flush(self) -> None:
        """Make everything so far durable, and seal what belongs to a time that is over.

        Raises:
            DiskRefused: The disk is full or failing.
        """
        try:
            self._archive.commit()
            self._archive.tick(self._clock.wall())
        except DiskRefused:
            self.is_dead = True
            raise

    def finish(self, life: Life, closed: Closed) -> None:
        """Write the closing record.

        Raises:
            DiskRefused: The disk is full or failing.
        """
        self.write(life.say(CONNECTION, encode_record(closed), self._clock.wall()))
        self.flush()

    def bury(self, connection: str, presence: Presence, feed: FeedConfig) -> None:
        """Close a connection of a run that was killed."""
        record = presence.records.last
        life = Life(connection, feed.name, feed.category, presence.last_ordinal, record)
        self.finish(
            life,
            Closed(last_ordinal=life.ordinal, last_record=record + 1, by="recovery", reason="died"),
        )


async def fill(
    root: Path,
    feed: FeedConfig,
    wanted: Sequence[Missing],
    filled: Filled,
    *,
    clock: Clock,
    progress: Callable[[int, int], None],
) -> None:
    """Ask a feed's venue for what is missing, and keep it; cancelled, what was kept stays.

    Args:
        root: The archive.
        feed: The feed, with the addresses of its venue.
        wanted: What to ask for.
        filled: Told what became of it.
        clock: The time.
        progress: Told how many seconds of the past are settled, and how many there are.

    Raises:
        WriterBusy: Another such run works on this feed.
        DiskRefused: The disk is full or failing; what was committed stays.
        ConfigError: The feed has no version of today.
        Damaged: A file the archive rests on is not what was written.
    """
    venue = registry.venue(feed)
    services = addresses(feed, venue, today(clock))
    archive = Archive(root, f"backfill-{feed.name}", clock=clock)
    try:
        keeper = ArchiveKeeper(archive, clock)
        for connection, presence in unclosed(root, feed.name, archive.writer).items():
            keeper.bury(connection, presence, feed)
        record = RestConnection(
            feed.name,
            feed.category,
            venue.id,
            services,
            spool=keeper,
            clock=clock,
            telemetry=Telemetry(feed.name, feed.category),
            reason=REASON,
            partial=venue.rest.partial,
        )
        async with Http(venue.rest, clock=clock, addresses=services, recorder=record) as http:
            try:
                await _Run(venue, http, record, filled, progress).fill(wanted)
            finally:
                if not keeper.is_dead:
                    record.close("shutdown")
                    archive.seal_all()
    finally:
        archive.close()


class _Run:
    """What asks one venue for one span after the other."""

    def __init__(
        self,
        venue: Venue,
        http: Http,
        record: RestConnection,
        filled: Filled,
        progress: Callable[[int, int], None],
    ) -> None:
        self._venue = venue
        self._http = http
        self._record = record
        self._filled = filled
        self._progress = progress
        self._done = self._total = 0
        self._silent = 0
        self._trouble = ("", "")

    async def fill(self, wanted: Sequence[Missing]) -> None:
        """Ask for all of them."""
        self._filled.spans = len(wanted)
        self._total = sum(each.until - each.since for each in wanted)
        for missing in wanted:
            if self._silent < _SILENT:
                await self._ask(missing)
            else:
                self._leave(missing, *self._trouble)

    async def _ask(self, missing: Missing) -> None:
        filled, symbol = self._filled, missing.symbol
        history = symbol and self._venue.rest.history(
            missing.channel, symbol, missing.since, missing.until
        )
        if not history:
            why = f"no instrument of the channel {missing.channel!r} was ever heard of"
            self._leave(missing, why, "Name one as `ssmd data ls` shows them, with its own feed.")
            return
        filling = Filling(missing, self._http, self._record, settled=self._settled)
        self._trouble = (
            f"it took more than {_REQUESTS} requests",
            "Run it again: it goes on from there.",
        )
        try:
            await filling.run(history, _REQUESTS)
            self._silent = 0
        except DiskRefused:
            raise
        except SsmdError as error:
            self._silent += error.retryable
            self._trouble = (error.message, error.remedy)
        except ValueError as error:
            self._trouble = (
                f"the answer cannot be understood: {error}",
                "Look at it in the archive: frames of type `_backfill`.",
            )
        finally:
            filled.pages += filling.pages
            filled.facts += filling.facts
            filled.gone += filling.gone
        for left in filling.left:
            self._leave(left, *self._trouble)
        filled.settled += not filling.left

    def _settled(self, span: Span) -> None:
        self._done += span.until - span.since
        self._progress(self._done // SECOND_NS, self._total // SECOND_NS)

    def _leave(self, missing: Missing, why: str, remedy: str) -> None:
        instrument = None if missing.symbol is None else f"{self._venue.id}:{missing.symbol}"
        self._filled.left.append(
            Left(
                instrument=instrument,
                channel=missing.channel,
                since=format_rfc3339(missing.since),
                until=format_rfc3339(missing.until),
                why=why,
                remedy=remedy,
            )
        )
