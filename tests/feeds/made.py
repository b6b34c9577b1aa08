"""Configuration files made for tests."""

from pathlib import Path
from typing import Any

from ssmd.feeds.feed import FeedConfig
from ssmd.runtime import settings

VENUE = "a-venue"


def feed_tree(**changes: object) -> dict[str, Any]:
    """A small feed.yaml as plain values."""
    return {
        "name": "a-feed",
        "venue": VENUE,
        "versions": [version_tree("1", "2026-01-01")],
        "universe": {"symbols": ["A/B"], "channels": ["trade"]},
        **changes,
    }


def version_tree(name: str, begins: str, **changes: object) -> dict[str, Any]:
    """A version of it."""
    return {
        "version": name,
        "effective_from": begins,
        "endpoint": "wss://stream.venue.net/v2",
        **changes,
    }


def feed(**changes: object) -> FeedConfig:
    """The same, checked."""
    return settings.convert(feed_tree(**changes), FeedConfig, where="feed.yaml")


def written(path: Path, text: str) -> Path:
    """A file with this text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
