"""The one door of this room: a feed's day of an archive, measured."""

from pathlib import Path

from ssmd import venues
from ssmd.access.opening import open_archive
from ssmd.archive import files
from ssmd.archive.ledger import store
from ssmd.model.errors import ConfigError, Damaged, Unavailable
from ssmd.quality.checks import truth
from ssmd.quality.checks.truth_facts import DayFacts
from ssmd.quality.finding import Measured
from ssmd.quality.truth import kept, minutes, rows
from ssmd.quality.truth.grid import Grid, Listings, listed
from ssmd.quality.window import Window
from ssmd.runtime.clock import Clock

__all__ = ["Listings", "facts", "measure", "wanted_share"]


def measure(
    root: Path,
    feed: str,
    venue: str,
    window: Window,
    *,
    clock: Clock,
    listings: Listings | None = None,
    reads_rows: bool = True,
) -> tuple[Measured, ...]:
    """What the files of a feed prove of a day: one measurement of each check in `truth.NAMES`.

    What is not there is unknown, and the evidence says why. It reads for a while, in bounded memory:
    call it outside of an event loop.

    Args:
        root: The archive, on this machine.
        feed: The feed's name.
        venue: Its venue.
        window: Which day; a running one is measured as far as it goes.
        clock: What the archive is opened with.
        listings: The price grids of its instruments; None reads them from the archived security
            master, if there is one.
        reads_rows: Whether rows are read; without, which is quick, what only they tell is unknown.

    Raises:
        Damaged: A file that other files rest on cannot be read.
        TooNew: A newer program wrote some of it.
    """
    found = facts(root, feed, venue, window, clock=clock, listings=listings, reads_rows=reads_rows)
    return truth.measured(found)


def facts(
    root: Path,
    feed: str,
    venue: str,
    window: Window,
    *,
    clock: Clock,
    listings: Listings | None = None,
    reads_rows: bool = True,
) -> DayFacts:
    """The facts behind it; see `measure`."""
    where = f"{feed} {window.date}"
    checksummed = venues.load(venue).checksummed
    if feed not in _feeds(root):
        note = f"Nothing of the feed is archived at {root}."
        return DayFacts(where=where, checksummed=checksummed, note=note)
    archive = open_archive(root, warn=False, clock=clock)
    proved = kept.conserved(root, feed, window)
    conditions = minutes.told(root, feed, venue, window)
    told, unreadable = None, "" if reads_rows else "Nobody was to read its rows."
    if proved is not None and reads_rows:
        grid = listed(archive, venue, window) if listings is None else Grid(listings)
        try:
            told = rows.told(root, feed, window, grid, clock=clock)
        except (Damaged, Unavailable) as error:  # the other facts stand without the rows
            unreadable = f"{error.message} Run `ssmd verify`."
    note = "" if proved or conditions else "Nothing of that day is archived."
    return DayFacts(
        where=where,
        checksummed=checksummed,
        note=note,
        conserved=proved,
        conditions=conditions,
        rows=told,
        unreadable=unreadable,
    )


def wanted_share(root: Path, feed: str, window: Window) -> float | None:
    """Which share of a day anything of a feed was wanted, 0..1.

    Returns:
        0 when it was not to be recorded: it began later, or what was wanted had ended by then. None
        when nobody can say: nothing of it is archived, or no wish is on record, as of imports.
    """
    return minutes.wanted_share(root, feed, window) if feed in _feeds(root) else None


def _feeds(root: Path) -> list[str]:
    """The feeds of which something is archived; none where there is no archive."""
    try:
        files.check(root)
    except ConfigError:
        return []
    return store.feeds(root)
