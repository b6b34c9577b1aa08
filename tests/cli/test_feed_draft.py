"""Files that people go on from: they load as they stand, and explain themselves."""

import pytest

from ssmd.cli.feed_draft import draft
from ssmd.feeds import registry
from ssmd.feeds.differences import differences
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.runtime import settings


@pytest.mark.parametrize("name", registry.names())
def test_a_draft_is_the_feed_it_was_made_of(name: str) -> None:
    """Nothing is lost on the way through a file, and nothing added."""
    feed = registry.load_feed(name)
    text = draft(feed, opening="Mine.")
    assert differences(feed, settings.parse(text, FeedConfig, where=name)) == []


def test_every_part_is_explained() -> None:
    """By the sentence of its docstring; and an editor learns where the schema is."""
    text = draft(registry.load_feed("kraken"), opening="Mine. " * 40, schema="../x.schema.json")
    lines = text.splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../x.schema.json"
    assert lines[1].startswith("# Mine. Mine.")
    assert max(map(len, (line for line in lines if line.startswith("#")))) <= 100
    keys = [index for index, line in enumerate(lines) if line[:1].isalpha()]
    assert len(keys) >= 5
    assert all(lines[index - 1].startswith("# ") for index in keys)
    assert "\n# What is captured.\nuniverse:" in text


def test_an_environment_that_says_nothing_is_its_name() -> None:
    """What is left out keeps its default."""
    text = draft(EnvironmentConfig(name="prod"), opening="Where.")
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == [
        "name: prod"
    ]
