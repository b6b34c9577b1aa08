"""What the simulated world records, and how."""

from functools import lru_cache

from ssmd.feeds.environment import ConnectorSettings, EnvironmentConfig, SpoolSettings
from ssmd.feeds.feed import FeedConfig
from ssmd.runtime import settings
from tests.faults.pure.venue import SYMBOLS

FEED = "kraken"
CHANNELS = ("book", "trade")


@lru_cache(maxsize=1)
def configuration() -> tuple[FeedConfig, EnvironmentConfig]:
    """What is recorded, and how."""
    tree = {
        "name": FEED,
        "venue": FEED,
        "versions": [
            {
                "version": "1",
                "effective_from": "2020-01-01",
                "endpoint": "ws://127.0.0.1:443/v2",
                "rest": {"main": "http://127.0.0.1:443"},
            }
        ],
        "universe": {"symbols": list(SYMBOLS), "channels": list(CHANNELS)},
    }
    feed = settings.convert(tree, FeedConfig, where="feed.yaml")
    environment = EnvironmentConfig(
        name="sim",
        connector=ConnectorSettings(
            backfill="off", tick_s=0.25, stagger_s=0.1, backoff_base_s=0.3, backoff_cap_s=1.0
        ),
        spool=SpoolSettings(low_disk_bytes=0, min_free_bytes=0, fsync_interval_s=0.1),
    )
    return feed, environment
