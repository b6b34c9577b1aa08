"""What every shard of a feed needs to know of it."""

from collections.abc import Mapping
from datetime import date

import msgspec

from ssmd.feeds.account import account_secrets, strangers
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.share import WHOLE, Share
from ssmd.model.subscription import Limits
from ssmd.model.venue import Venue
from ssmd.runtime.timekeeping import Timekeeper


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """What every shard of a feed needs to know of it.

    Attributes:
        name: The feed's name.
        category: Its division, if any.
        venue: The exchange.
        endpoint: Where to connect.
        limits: The venue's limits with the feed's overrides.
        parameters: The feed's own parameters of the venue.
        secrets: Credentials by name.
        timekeeper: Knows how right our clock is; None when nobody does.
        share: What of it this connector has; limits are those of the share.
    """

    name: str
    category: str | None
    venue: Venue
    endpoint: str
    limits: Limits
    parameters: Mapping[str, object] = {}
    secrets: Mapping[str, str] = {}
    timekeeper: Timekeeper | None = None
    share: Share = WHOLE


def secrets_of(feed: FeedConfig, environment: EnvironmentConfig, at: date) -> Mapping[str, str]:
    """What opens the venue's door, checked where the feed says that keys are needed.

    Raises:
        ConfigError: They are missing, or not what the venue takes.
    """
    if feed.effective(at).auth_method == "api_key":
        return account_secrets(feed, environment)
    return environment.secrets(without=strangers(feed, environment))
