"""The one registry of feeds, and the venues found by looking."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ssmd import venues
from ssmd.feeds import registry
from ssmd.model.errors import ConfigError
from tests.feeds.made import feed_tree, version_tree, written


def some_feed(folder: Path, name: str, **changes: object) -> Path:
    """A feed of the first open venue, with one of its channels, in a file of its own."""
    venue = next(each for each in map(venues.load, venues.names()) if each.account is None)
    channel = min(venue.channels)
    universe = {"symbols": ["A/B"], "channels": [channel]}
    tree = feed_tree(name=name, **{"venue": venue.id, "universe": universe, **changes})
    return written(folder / f"{name}.yaml", yaml.safe_dump(tree))


def test_every_folder_of_venues_is_a_venue_with_its_own_id() -> None:
    """No list names them: adding a folder adds a venue."""
    assert venues.names()
    for name in venues.names():
        assert venues.load(name).id == name


def test_an_unknown_venue_is_answered_with_those_there_are() -> None:
    """A slip costs one look, not a search."""
    known = venues.names()[0]
    with pytest.raises(ConfigError, match=f"Did you mean '{known}'") as caught:
        venues.load(known[:-1])
    assert known in caught.value.remedy


@pytest.mark.parametrize("name", registry.names())
def test_every_shipped_feed_loads(name: str) -> None:
    """What we ship is held to what we refuse."""
    feed = registry.load_feed(name)
    assert feed.name == name
    assert registry.venue(feed).id == feed.venue
    assert registry.check(feed) == []


def test_a_feed_is_found_by_name_in_folders_and_by_path(tmp_path: Path) -> None:
    """`--feed` takes a shipped or configured name, or a file."""
    path = some_feed(tmp_path, "mine")
    assert registry.load_feed(path).name == "mine"
    assert registry.load_feed(str(path)).name == "mine"
    assert registry.load_feed("mine", [tmp_path]).name == "mine"
    assert "mine" in registry.names([tmp_path])
    nested = tmp_path / "other" / "feed.yaml"
    written(nested, path.read_text().replace("mine", "other"))
    assert registry.load_feed("other", [tmp_path]).name == "other"


def test_an_unknown_feed_is_answered_with_those_there_are(tmp_path: Path) -> None:
    """The nearest, and all of them."""
    some_feed(tmp_path, "spot-feed")
    with pytest.raises(ConfigError) as caught:
        registry.load_feed("spot-fed", [tmp_path])
    assert "There is no feed 'spot-fed'. Did you mean \"spot-feed\"?" in str(caught.value)
    assert "spot-feed" in caught.value.remedy
    with pytest.raises(ConfigError, match="cannot be read"):
        registry.load_feed(tmp_path / "absent.yaml")


def test_a_feed_under_another_name_is_refused(tmp_path: Path) -> None:
    """Two names for one feed fill two streams."""
    path = some_feed(tmp_path, "one")
    path.rename(tmp_path / "two.yaml")
    with pytest.raises(ConfigError, match="`name` is 'one', but it is found as 'two'"):
        registry.load_feed("two", [tmp_path])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"venue": "no-such-venue"}, "there is no venue 'no-such-venue'"),
        ({"universe": {"channels": ["no-such"]}}, "the venue has no channel 'no-such'"),
        ({"message_types": {"no-such": {}}}, "`message_types`: the venue has no type 'no-such'"),
        (
            {"versions": [version_tree("1", "2026-01-01", limits={"connections": 1000})]},
            "`versions[0].limits`",
        ),
        (
            {"versions": [version_tree("1", "2026-01-01", parser_config={"no_such": 1})]},
            "`versions[0].parser_config`",
        ),
        (
            {"versions": [version_tree("1", "2026-01-01", rest={"no-such": "https://a.b"})]},
            "the venue has no REST service 'no-such'. There are: ",
        ),
        (
            {"versions": [version_tree("1", "2026-01-01", auth_method="api_key")]},
            "`versions[0].auth_method`: the venue is open to all: write `none`.",
        ),
        (
            {"defaults": {"connector": {"auth": {"secret": "keys"}}}},  # pragma: allowlist secret
            "`defaults.connector.auth`: the venue is open to all: remove it.",
        ),
    ],
)
def test_a_feed_must_suit_its_venue(
    tmp_path: Path, changes: dict[str, object], expected: str
) -> None:
    """What the venue cannot do is known before we connect to it."""
    path = some_feed(tmp_path, "mine", **changes)
    with pytest.raises(ConfigError) as caught:
        registry.load_feed(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_venue_with_an_account_is_told_of_it(tmp_path: Path) -> None:
    """How the door is opened, and with which credentials, is the venue's to say."""
    venue = next(each for each in map(venues.load, venues.names()) if each.account is not None)
    assert venue.account is not None
    names = [each.name for each in venue.account.credentials]
    universe = {"symbols": ["A"], "channels": [min(venue.channels)]}
    tree: dict[str, Any] = {"venue": venue.id, "universe": universe}
    path = some_feed(tmp_path, "mine", **tree)
    with pytest.raises(ConfigError, match="lets nobody in without an account: write `api_key`"):
        registry.load_feed(path)
    tree["versions"] = [version_tree("1", "2026-01-01", auth_method="api_key")]
    fields = dict(zip(["a", "b"], [names[0], f"{names[0]}x"], strict=True))
    auth: dict[str, Any] = {"connector": {"auth": {"secret": "keys", "fields": fields}}}
    path = some_feed(tmp_path, "mine", **tree, defaults=auth)
    with pytest.raises(ConfigError, match=f"no credential '{names[0]}x'. Did you mean"):
        registry.load_feed(path)
    auth["connector"]["auth"]["fields"] = {"a": names[0]}
    assert registry.load_feed(some_feed(tmp_path, "mine", **tree, defaults=auth)).name == "mine"


def test_a_type_is_numbered_only_where_the_venue_numbers(tmp_path: Path) -> None:
    """Gaps would be looked for that nobody can see."""
    for venue in map(venues.load, venues.names()):
        auth = "none" if venue.account is None else "api_key"
        path = some_feed(
            tmp_path,
            "mine",
            venue=venue.id,
            universe={"symbols": ["A"], "channels": [min(venue.channels)]},
            versions=[version_tree("1", "2026-01-01", auth_method=auth)],
            message_types={min(venue.types): {"sequenced": True, "sequence_field": "n"}},
        )
        if venue.numbered:
            assert registry.load_feed(path).name == "mine"
        else:
            with pytest.raises(ConfigError, match="numbers no messages: `sequenced` is wrong"):
                registry.load_feed(path)
    assert {venues.load(name).numbered for name in venues.names()} == {True, False}
