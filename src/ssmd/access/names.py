"""Feeds and instruments by the names researchers give them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ssmd.access.completeness import Told
from ssmd.access.times import Range
from ssmd.archive import files, layout
from ssmd.archive.store.port import Store
from ssmd.archive.tables import reading
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean

Names = str | Iterable[str] | None
"""One name, several, or all there are."""


class Register:
    """What is known of an archive's feeds and instruments; what was found is remembered.

    Args:
        store: The archive.
        ledger: Where its ledger is read.
    """

    def __init__(self, store: Store, ledger: Path | Store) -> None:
        self._store = store
        self._ledger = ledger
        self._venues: dict[str, str] = {}
        self._known: dict[str, set[str]] = {}

    def feeds(self) -> list[str]:
        """Every feed of which something is archived, sorted.

        Raises:
            ConfigError: There is no archive.
        """
        files.check(self._store)
        folders = self._store.folders(layout.RAW)
        return sorted(feed for folder in folders if (feed := layout.feed_of(folder)) is not None)

    def chosen(self, feed: Names) -> list[str]:
        """The feeds that are meant.

        Raises:
            ConfigError: One of them is not in the archive.
        """
        known = self.feeds()
        wanted = known if feed is None else [feed] if isinstance(feed, str) else list(feed)
        for each in wanted:
            if each not in known:
                message = f"There is no feed {each!r} in this archive.{did_you_mean(each, known)}"
                raise ConfigError(message, remedy=f"Recorded are: {', '.join(known) or 'none'}.")
        return wanted

    def venue(self, feed: str) -> str:
        """The venue a feed is of; empty while nothing was heard of it."""
        if not self._venues.get(feed):
            links = reading.links(self._store, [feed])
            venue = next((link.venue for link in links if link.venue), "")
            self._venues[feed] = venue or Told(self._ledger, feed, Range()).ledger.venue
        return self._venues[feed]

    def resolve(
        self, feed: Names, instrument: Names, asked: Range
    ) -> Mapping[str, Sequence[str] | None]:
        """The feeds that are meant, and of each the instruments, in the venue's own strings.

        Args:
            feed: Names of feeds.
            instrument: `venue:symbol`, or the venue's own symbols.
            asked: When they should have been heard of, which spares a look at all of time.

        Raises:
            ConfigError: A feed or an instrument is in no feed of the archive.
        """
        feeds = self.chosen(feed)
        if instrument is None:
            return dict.fromkeys(feeds)
        wanted = [instrument] if isinstance(instrument, str) else list(instrument)
        found: dict[str, list[str]] = {}
        for each in wanted:
            holding = self._holding(feeds, each, asked) or self._holding(feeds, each, Range())
            if not holding:
                raise self._unknown(feeds, each)
            for name, symbol in holding.items():
                found.setdefault(name, []).append(symbol)
        return found

    def _holding(self, feeds: Sequence[str], instrument: str, asked: Range) -> dict[str, str]:
        """The feeds that ever held an instrument, and its symbol in each."""
        found = {}
        for feed in feeds:
            own = instrument.removeprefix(f"{self.venue(feed)}:")
            names = (own, instrument)
            symbol = next((n for n in names if n in self._known.get(feed, ())), None)
            if symbol is None:
                known = self._symbols(feed, asked)
                symbol = next((name for name in names if name in known), None)
            if symbol is not None:
                found[feed] = symbol
        return found

    def _symbols(self, feed: str, asked: Range) -> set[str]:
        """Every instrument that was heard of, at a time; and what is remembered."""
        known = self._known.setdefault(feed, set())
        known |= Told(self._ledger, feed, asked).known
        return known

    def _unknown(self, feeds: Sequence[str], instrument: str) -> ConfigError:
        known = {
            name
            for feed in feeds
            for symbol in self._known.get(feed, ())
            for name in (symbol, f"{self.venue(feed)}:{symbol}")
        }
        where = feeds[0] if len(feeds) == 1 else "this archive"
        message = f"There is no instrument {instrument!r} in {where}."
        return ConfigError(
            f"{message}{did_you_mean(instrument, known)}",
            remedy="Write `venue:symbol` or the venue's own symbol; `instruments()` lists them.",
        )
