"""Which instruments of an archive a question is about, and what its ledger says of them."""

from pathlib import Path
from typing import Final

import msgspec

from ssmd import venues
from ssmd.archive.ledger import store
from ssmd.archive.ledger.absences import Absence, absences
from ssmd.archive.ledger.condition import CONDITIONS, Minutes, conditions
from ssmd.archive.ledger.entries import Condition, Coverage, Gap, Hole, Intent, Ledger, Loss, Outage
from ssmd.archive.ledger.facts import MINUTE_NS, UNREAD
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean

_MOST_MINUTES: Final = 5_000_000
"""Instrument minutes that are counted without being asked to: a few seconds' work."""


class Asked(msgspec.Struct, frozen=True):
    """A feed's ledger, and whom of it was asked about.

    Attributes:
        ledger: Of the time asked about.
        symbol: The venue's own string; None for all instruments.
        wider: The ledger of all the time that what is missing there takes.
    """

    ledger: Ledger
    symbol: str | None
    wider: Ledger

    @property
    def is_known(self) -> bool:
        """Whether anything at all is known of the time."""
        return self.ledger.until > self.ledger.since

    @property
    def absences(self) -> list[Absence]:
        """What is missing of whom was asked about."""
        return absences(self.ledger, self.symbol, self.wider)

    def conditions(self, since: int, until: int) -> list[Minutes]:
        """The minutes of the instruments asked about."""
        pause = venues.pause_of(self.ledger.venue)
        symbols = None if self.symbol is None else [self.symbol]
        return list(conditions(self.ledger, since, until, pause, symbols))

    def minutes(self) -> dict[Condition, int]:
        """How many instrument minutes there are of each condition, the best first.

        Nothing when there are too many to be counted in passing, and for a feed of no venue:
        nothing is wanted there instrument by instrument.
        """
        ledger = self.ledger
        count = 1 if self.symbol else len({e.symbol for e in _wanted(ledger)})
        if (
            ledger.venue not in venues.names()
            or count * (ledger.until - ledger.since) > _MOST_MINUTES * MINUTE_NS
        ):
            return {}
        found: dict[Condition, int] = {}
        for minutes in self.conditions(ledger.since, ledger.until):
            for condition, number in minutes.counts().items():
                found[condition] = found.get(condition, 0) + number
        return {name: found[name] for name in CONDITIONS if name in found}


def asked(
    root: Path, feed: str | None, instrument: str | None, since: int | None, until: int | None
) -> list[Asked]:
    """What is known of an instrument, or of all; one for each feed that has it.

    Raises:
        ConfigError: There is no such archive, feed or instrument.
    """
    names = _feeds(root, feed)
    found = [_loaded(root, name, since, until) for name in names]
    if instrument is None:
        return found
    mine = [
        msgspec.structs.replace(each, symbol=symbol)
        for each in found
        if (symbol := _symbol(each.ledger, instrument)) is not None
    ]
    if mine:
        return mine
    if since is not None or until is not None:  # known at another time: then it was not wanted
        always = asked(root, feed, instrument, None, None)
        known = {each.ledger.feed: each.symbol for each in always}
        return [
            msgspec.structs.replace(each, symbol=known[each.ledger.feed])
            for each in found
            if each.ledger.feed in known
        ]
    known_names = {
        name
        for each in found
        for symbol in _symbols(each.ledger)
        for name in (symbol, f"{each.ledger.venue}:{symbol}")
    }
    unread = {
        e.file for each in found for e in each.ledger.entries if e.reason == UNREAD and e.file
    }
    if unread:
        message = f"Nothing that can be read here names {instrument!r}."
        remedy = f"These segments cannot be read; restore them: {', '.join(sorted(unread)[:3])}."
        raise ConfigError(message, remedy=remedy)
    message = f"No feed here ever held {instrument!r}.{did_you_mean(instrument, known_names)}"
    raise ConfigError(message, remedy="Name one as `ssmd gaps` or `ssmd data ls` show them.")


def _feeds(root: Path, feed: str | None) -> list[str]:
    """The feeds asked about.

    Raises:
        ConfigError: There is no archive, or not this feed in it.
    """
    names = store.feeds(root)
    if feed is None:
        return names
    if feed not in names:
        message = f"There is no feed {feed!r} in {root}.{did_you_mean(feed, names)}"
        raise ConfigError(message, remedy=f"Recorded are: {', '.join(names) or 'none'}.")
    return [feed]


def _symbol(ledger: Ledger, instrument: str) -> str | None:
    """The venue's own string for an instrument that a feed held at some time; None if it did not."""
    own = instrument.removeprefix(f"{ledger.venue}:")
    known = _symbols(ledger)
    return next((name for name in (own, instrument) if name in known), None)


def _symbols(ledger: Ledger) -> set[str]:
    """Every instrument that was wanted, held, or heard of."""
    named = {entry.symbol for entry in _wanted(ledger) if entry.symbol is not None}
    return named | {each.symbol for each in ledger.activity if each.symbol}


def _loaded(root: Path, feed: str, since: int | None, until: int | None) -> Asked:
    """A feed's ledger of a time, and of all the time that what is missing there takes."""
    ledger = store.load(root, feed, since, until)
    absent = [e for e in ledger.entries if isinstance(e, Gap | Hole | Loss | Outage)]
    low = min((each.since for each in absent), default=ledger.since)
    high = max((each.until or ledger.until for each in absent), default=ledger.until)
    if (since is None or low >= since) and (until is None or high <= until):
        return Asked(ledger, None, ledger)
    return Asked(ledger, None, store.load(root, feed, low, high))


def _wanted(ledger: Ledger) -> list[Intent | Coverage]:
    return [entry for entry in ledger.entries if isinstance(entry, Intent | Coverage)]
