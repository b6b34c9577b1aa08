"""ssmd.yaml: everything on one machine."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.feeds.archiver import Source
from ssmd.feeds.capture import SpoolSettings
from ssmd.feeds.machine import ArchiveSettings, FeedChoice, MachineConfig, example
from ssmd.feeds.registry import stream_of
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings
from tests.feeds.made import feed

readable = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "S"], exclude_characters="\xa0"),
    min_size=1,
    max_size=30,
)


@given(feeds=st.lists(readable, min_size=1, max_size=3, unique=True), directory=readable)
def test_the_example_loads_as_it_stands(feeds: list[str], directory: str) -> None:
    """`ssmd init` then `ssmd up` must work, whatever the folder is called."""
    read = settings.parse(example(feeds, directory), MachineConfig, where="ssmd.yaml")
    assert read == MachineConfig(
        dir=directory, feeds=tuple(FeedChoice(feed=feed) for feed in feeds)
    )
    assert (read.spool, read.archive) == (SpoolSettings(), ArchiveSettings())


def test_every_commented_line_of_the_example_is_valid_too() -> None:
    """Who takes a `#` away must not be refused."""
    text = example(["a"]).replace("    # symbols", "    symbols").replace("# nats_url", "nats_url")
    read = settings.parse(text, MachineConfig, where="ssmd.yaml")
    assert read.feeds[0].symbols == ("A/B", "C/D")
    assert read.nats_url == "nats://127.0.0.1:4222"


def test_the_example_shows_where_accounts_go() -> None:
    """A closed venue is mentioned, and taking the `#` away is all there is to do."""
    text = example(["a"], closed=["b"], accounts={"b": ("key", "secret")})
    assert [each.feed for each in settings.parse(text, MachineConfig, where="x").feeds] == ["a"]
    text = text.replace("  # - feed", "  - feed").replace("# keys:", "keys:")
    text = re.sub(r"^#   (\w)", r"  \1", text, flags=re.MULTILINE)
    text = re.sub(r"^#     (\w)", r"    \1", text, flags=re.MULTILINE)
    read = settings.parse(text, MachineConfig, where="x")
    assert [each.feed for each in read.feeds] == ["a", "b"]
    assert read.keys["b"].fields == ("key", "secret")
    assert read.keys["b"].source == "file:/path/to/key,/path/to/secret"


def test_it_stands_for_an_environment_and_an_archiver() -> None:
    """One machine runs the same services, with the same settings, as a cluster."""
    read = settings.parse(
        "dir: /d\nfeeds: [{feed: a}]\nspool: {max_bytes: 1073741824}\n"
        "connector: {silence_s: 5}\narchive: {rotation: {interval_s: 60}, keep_s: 60}\n",
        MachineConfig,
        where="ssmd.yaml",
    )
    environment = read.environment_config("nats://127.0.0.1:1")
    assert stream_of(feed(name="a"), environment).stream == "LOCAL_A"
    assert environment.transport.url == "nats://127.0.0.1:1"
    assert environment.spool.max_bytes == 1 << 30
    assert environment.connector.silence_s == 5
    assert environment.secmaster.database_url is None
    archiver = read.archiver_config([Source(stream="LOCAL_A", feed="a")])
    assert (archiver.storage.path, archiver.rotation.interval_s, archiver.keep_s) == ("/d", 60, 60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feeds: []", "at `feeds`"),
        ("feeds: [{feed: a}, {feed: a}]", "a feed stands twice"),
        ("feeds: [{feed: a, symbols: []}]", "at `feeds[0].symbols`"),
        ("feeds: [{feed: a}]\nnats_url: http://x", "begin it with nats://"),
        ("feeds: [{feed: a}]\nnats_url: wss://x", "begin it with nats://"),
        ("feed: [{feed: a}]", 'Did you mean "feeds"?'),
        ("feeds: [{feed: a}]\nsecmaster: {interval_s: 1}", "at `secmaster.interval_s`"),
        ("feeds: [{feed: a}]\nsecmaster: {on: true}", "`secmaster.on` is not a known key"),
        ("feeds: [{feed: a}]\nsecmaster: {database_url: 'mysql://a/b'}", "postgresql://"),
    ],
)
def test_what_is_wrong_is_refused(text: str, expected: str) -> None:
    """In a sentence, at its place."""
    with pytest.raises(ConfigError) as caught:
        settings.parse(text, MachineConfig, where="ssmd.yaml")
    assert expected in str(caught.value)
