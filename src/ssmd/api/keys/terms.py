"""What a key may be given: scopes, feeds, days, a rate. Pure."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from ssmd.api.callers import Scope
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean
from ssmd.secmaster.keyring.record import Terms

LONGEST_NAME: Final = 100
MOST_FEEDS: Final = 200
MOST: Final = 100_000
"""Highest rate, and burst."""
_FEED: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_FIRST: Final = date(1970, 1, 1)
_LAST: Final = date(2261, 12, 31)
_SCOPES: Final = [scope.value for scope in Scope]


def scopes_of(words: Iterable[str]) -> frozenset[str]:
    """Scopes out of words.

    Raises:
        ConfigError: One is none of the five, or there is none.
    """
    told = frozenset(words)
    remedy = f"There are {', '.join(_SCOPES)}; `admin:*` is a word, and no other `*` is one."
    for word in sorted(told):
        if word not in _SCOPES:
            message = f"{word[:40]!r} is no scope.{did_you_mean(word, _SCOPES)}"
            raise ConfigError(message, remedy=remedy)
    if not told:
        raise ConfigError("A key without a scope opens nothing.", remedy=remedy)
    return told


def checked(terms: Terms) -> Terms:
    """The same terms, if a key can have them.

    Raises:
        ConfigError: It cannot.
    """
    scopes_of(terms.scopes)
    _check_name(terms.name)
    restricted = (terms.feeds, terms.since, terms.until) != (None, None, None)
    if restricted and Scope.ADMIN.value in terms.scopes:
        raise ConfigError(
            "A key with `admin:*` cannot be restricted to feeds or days: it could lift that itself.",
            remedy="Make one key for administration, and another that is restricted.",
        )
    if terms.feeds is not None:
        _check_feeds(terms.feeds)
    for day in (terms.since, terms.until):
        if day is not None and not _FIRST <= day <= _LAST:
            raise ConfigError(
                f"No key can be about {day}.", remedy=f"Days are {_FIRST} to {_LAST}."
            )
    if terms.since is not None and terms.until is not None and terms.until < terms.since:
        raise ConfigError(
            f"The last day, {terms.until}, lies before the first, {terms.since}.",
            remedy="Both are included.",
        )
    for name, number in (("rate", terms.rate), ("burst", terms.burst)):
        if number is not None and not 0 < number <= MOST:
            raise ConfigError(
                f"`{name}` cannot be {number}.", remedy=f"Give more than 0, and at most {MOST}."
            )
    return terms


def _check_name(name: str) -> None:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise ConfigError(
            f"{name[:40]!r} is no name of a key.",
            remedy=f"Give 1 to {LONGEST_NAME} printable characters, in one line.",
        )


def _check_feeds(feeds: frozenset[str]) -> None:
    if not 0 < len(feeds) <= MOST_FEEDS:
        raise ConfigError(
            "A key is restricted to some feeds, or to none.",
            remedy=f"Name 1 to {MOST_FEEDS} feeds, or leave them out for all.",
        )
    for feed in feeds:
        if _FEED.fullmatch(feed) is None:
            raise ConfigError(
                f"{feed[:40]!r} is no name of a feed.",
                remedy="Lower-case letters, digits and inner dashes; see `ssmd feed list`.",
            )
