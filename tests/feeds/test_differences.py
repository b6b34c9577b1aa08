"""What differs between two configurations."""

import copy
import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.feeds import registry
from ssmd.feeds.differences import ABSENT, Difference, differences, full
from ssmd.feeds.feed import FeedConfig
from tests.feeds.made import feed, feed_tree, version_tree

plain = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", ABSENT]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "version"]), inner, max_size=2)
    ),
    max_leaves=6,
)
"""What a venue's own parameters may be made of."""


def of(parameters: dict[str, Any], **changes: object) -> FeedConfig:
    """A feed with these parameters of its venue."""
    return feed(versions=[version_tree("1", "2026-01-01", parser_config=parameters)], **changes)


def test_every_changed_field_is_named_once() -> None:
    """With both values, in the order of the fields; defaults count as what they stand for."""
    first = feed(versions=[version_tree("1", "2026-01-01"), version_tree("2", "2026-02-01")])
    second = feed(
        status="deprecated",
        display_name="",
        versions=[
            version_tree("2", "2026-02-01", limits={"silence_s": 5}),
            version_tree("1", "2026-01-02"),
        ],
        universe={"symbols": ["A/B", "C/D"], "channels": ["trade"]},
    )
    assert differences(first, second) == [
        Difference("status", "active", "deprecated"),
        Difference("versions[1].effective_from", "2026-01-01", "2026-01-02"),
        Difference("versions[2].limits.silence_s", None, 5.0),
        Difference("universe.symbols", ["A/B"], ["A/B", "C/D"]),
    ]


def test_a_version_that_only_one_has_is_one_difference() -> None:
    """Not one for each of its fields."""
    first = feed()
    second = feed(versions=[version_tree("1", "2026-01-01"), version_tree("2", "2026-02-01")])
    (found,) = differences(first, second)
    assert (found.path, found.first) == ("versions[2]", ABSENT)
    assert found.second["effective_from"] == "2026-02-01"
    assert differences(second, first) == [Difference(found.path, found.second, ABSENT)]


@given(st.dictionaries(st.sampled_from("ab"), plain), st.dictionaries(st.sampled_from("ab"), plain))
def test_there_is_none_exactly_when_both_say_the_same(
    mine: dict[str, Any], yours: dict[str, Any]
) -> None:
    """And from the other side it is the same differences, turned round."""
    first, second = of(mine), of(yours)
    found = differences(first, second)
    assert (not found) == (msgspec.json.encode(full(first)) == msgspec.json.encode(full(second)))
    turned = {(each.path, str(each.second), str(each.first)) for each in found}
    assert {(e.path, str(e.first), str(e.second)) for e in differences(second, first)} == turned
    assert differences(first, copy.deepcopy(first)) == []


@pytest.mark.parametrize(
    ("mine", "yours"),
    [
        ({"[a]": {"version": "a"}}, [{"version": "a"}]),
        ({"a": ABSENT}, {}),
        ([{"version": "a"}, {"version": "a", "x": 1}], [{"version": "a", "x": 1}]),
        ([], {}),
        (1, True),
        (None, ABSENT),
    ],
)
def test_what_only_looks_alike_differs(mine: object, yours: object) -> None:
    """A list and a mapping, a name that stands twice, a word that is also ours."""
    assert differences(of({"p": mine}), of({"p": yours}))
    assert differences(of({"p": yours}), of({"p": mine}))


def test_shipped_feeds_differ_from_each_other_and_not_from_themselves() -> None:
    """Whatever is in them, it is compared."""
    feeds = [registry.load_feed(name) for name in registry.names()]
    for first, second in itertools.combinations(feeds, 2):
        assert {"name", "venue"} <= {each.path for each in differences(first, second)}
    for each in feeds:
        again = msgspec.convert(msgspec.to_builtins(each, str_keys=True), FeedConfig)
        assert differences(each, again) == []


def test_everything_that_is_left_to_defaults_is_written_out() -> None:
    """What is shown loads again, and is the same feed."""
    written = full(feed())
    assert written["status"] == "active"
    assert written["versions"][0]["limits"]["silence_s"] is None
    assert msgspec.convert(written, FeedConfig) == msgspec.convert(feed_tree(), FeedConfig)
