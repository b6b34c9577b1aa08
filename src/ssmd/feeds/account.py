"""What opens a venue's door: found in the environment's keys, else in variables of its name."""

import os
from collections.abc import Collection, Mapping

from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.folder import own_feeds
from ssmd.model.errors import ConfigError
from ssmd.model.venue import Account, Venue
from ssmd.runtime.secrets import Secrets


def account_secrets(
    feed: FeedConfig,
    environment: EnvironmentConfig,
    *,
    environ: Mapping[str, str] | None = None,
) -> Secrets:
    """The credentials a feed's connections are opened with, checked; empty when none are needed.

    Keys of the environment come first; a field they do not give is looked for in the variable
    `{VENUE}_{FIELD}`. A key that has the name of a known feed is for that feed alone; a feed
    with a key of its own name, shipped or not, uses that one alone.

    Args:
        feed: What is to be recorded.
        environment: Whose keys may be used.
        environ: The environment variables; this process's own when None.

    Raises:
        ConfigError: A credential is missing, cannot be fetched, or is not what the venue takes.
    """
    venue = registry.venue(feed)
    account = venue.account
    others = strangers(feed, environment)
    found: dict[str, str] = dict(environment.secrets(environ=environ, without=others))
    if account is None:
        return Secrets(found)
    variables = os.environ if environ is None else environ
    for name, variable in variables_of(venue).items():
        if name not in found and (value := variables.get(variable, "").strip()):
            found[name] = value
    _require(feed, venue, account, found)
    return Secrets(found)


def strangers(
    feed: FeedConfig, environment: EnvironmentConfig, known: Collection[str] | None = None
) -> set[str]:
    """Names of keys that are for other feeds: whoever records this one need not have them.

    Args:
        feed: What is to be recorded.
        environment: Whose keys these are.
        known: Names of all feeds there are; those this machine knows when None.
    """
    if feed.name in environment.keys:
        return set(environment.keys) - {feed.name}
    return set(registry.names(own_feeds()) if known is None else known) - {feed.name}


def variables_of(venue: Venue) -> dict[str, str]:
    """The environment variable of each credential, by field name."""
    if venue.account is None:
        return {}
    prefix = venue.id.replace("-", "_")
    return {each.name: f"{prefix}_{each.name}".upper() for each in venue.account.credentials}


def _require(feed: FeedConfig, venue: Venue, account: Account, found: Mapping[str, str]) -> None:
    variables = variables_of(venue)
    missing = [name for name in variables if name not in found]
    if missing:
        what = " and ".join(f"`{name}` ({variables[name]})" for name in missing)
        raise ConfigError(
            f"{venue.title} lets nobody in without an account, and for the feed {feed.name!r} there"
            f" is no {what}.",
            remedy=account.where,
        )
    if complaints := account.check(found):
        raise ConfigError(
            f"The account for the feed {feed.name!r} is not acceptable: {' '.join(complaints)}",
            remedy=account.where,
        )
