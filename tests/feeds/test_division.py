"""A feed's divisions: disjoint, complete, and each a feed of its own."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig, Transport
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.universe import Discovery, Master
from ssmd.model import filters
from ssmd.model.errors import ConfigError
from ssmd.model.instrument import Instrument
from tests.feeds.made import feed, feed_tree, written

CRYPTO = {"crypto": ["Crypto"], "rest": ["Politics", "Sports"]}
PROD = EnvironmentConfig(name="prod")


def universe(source: str = "discovery", **wanted: object) -> dict[str, Any]:
    """One that is found."""
    return {"source": source, "channels": ["trade"], source: {"filters": wanted}}


def a_divided(**changes: object) -> FeedConfig:
    """A feed of two divisions."""
    return feed(**{"categories": CRYPTO, "universe": universe(), **changes})


def wanted(part: FeedConfig) -> tuple[str, ...]:
    """Which of the venue's categories a feed wants."""
    section: Discovery | Master | None = part.universe.discovery or part.universe.secmaster
    assert section is not None
    return section.filters.categories


@pytest.mark.parametrize("source", ["discovery", "secmaster"])
def test_a_division_is_a_feed_with_its_categories_alone(source: str) -> None:
    """Its category is set, and its universe wants what is in it; all else stays."""
    whole = a_divided(universe=universe(source, keywords=["x"]))
    part = whole.divided("rest")
    assert (part.name, part.category, part.categories) == ("a-feed", "rest", {})
    assert wanted(part) == ("Politics", "Sports")
    section = part.universe.discovery or part.universe.secmaster
    assert section is not None
    assert section.filters.keywords == ("x",)
    assert part.divisions() == (part,)
    assert [each.category for each in whole.divisions()] == ["crypto", "rest"]


def test_a_filter_that_is_there_already_is_kept() -> None:
    """What the whole feed does not want, no division wants; case does not matter."""
    whole = a_divided(universe=universe(categories=["crypto", "SPORTS"]))
    assert wanted(whole.divided("crypto")) == ("crypto",)
    assert wanted(whole.divided("rest")) == ("SPORTS",)


words = st.sampled_from(["a", "B", "c", "D", "e", "F"])


@given(st.lists(st.sets(words, min_size=1), min_size=1, max_size=4), st.sets(words), st.data())
def test_divisions_are_disjoint_and_complete(
    groups: list[set[str]], own: set[str], data: st.DataObject
) -> None:
    """Every instrument that the whole feed would want is in exactly one division, or it is refused."""
    categories = {f"d{number}": sorted(group) for number, group in enumerate(groups)}
    try:
        whole = feed(categories=categories, universe=universe(categories=sorted(own)))
    except ConfigError:
        known = set().union(*groups)
        overlaps = len(known) != sum(map(len, groups))
        assert overlaps or own - known or any(own and not own & group for group in groups)
        return
    item = Instrument(
        venue="v",
        symbol="S",
        status="active",
        title="t",
        kind="spot",
        category=data.draw(words),
        payload=b"",
    )
    holders = [
        part.category
        for part in whole.divisions()
        if part.universe.discovery
        and filters.select([item], part.universe.discovery.filters, 0).kept
    ]
    assert whole.universe.discovery is not None
    all_of_it = filters.select([item], whole.universe.discovery.filters, 0).kept
    divided = any(item.category in group for group in groups)
    assert len(holders) == (1 if all_of_it and divided else 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"category": "spot"}, "`category` and `categories` exclude each other"),
        ({"categories": {"a": ["x"], "b": ["y", "X"]}}, "is in two divisions, `a` and `b`"),
        ({"categories": {"a": ["x", "X"]}}, "stands twice in the division `a`"),
        ({"categories": {"a": []}}, "categories"),
        ({"categories": {"Not A Name": ["x"]}}, "categories"),
        ({"categories": {"a": [""]}}, "categories"),
        (
            {"universe": {"symbols": ["A"], "channels": ["t"]}},
            "symbols that are named one by one have no category",
        ),
        ({"universe": universe(categories=["Culture"])}, "`culture`, which is in no division"),
        (
            {"universe": universe(categories=["Crypto"])},
            "wants none of the categories of the division `rest`",
        ),
        (
            {"defaults": {"connector": {"transport": {"stream": "ONE"}}}},
            "names one stream or prefix",
        ),
    ],
)
def test_divisions_that_cannot_be_are_refused(changes: dict[str, Any], expected: str) -> None:
    """What would be recorded twice, or by nobody, is known before."""
    with pytest.raises(ConfigError) as caught:
        a_divided(**changes)
    assert expected in str(caught.value)


def test_an_unknown_division_is_answered_with_those_there_are() -> None:
    """The nearest, and all of them; a feed without says so."""
    with pytest.raises(
        ConfigError, match=r"no category 'cripto'\. Did you mean \"crypto\""
    ) as told:
        a_divided().divided("cripto")
    assert "crypto, rest" in told.value.remedy
    with pytest.raises(ConfigError, match="'a-feed' is not divided") as told:
        feed().divided("crypto")
    assert "Leave --category out" in told.value.remedy


def test_a_feed_with_divisions_is_not_taken_for_one() -> None:
    """Undivided, its messages would have no category, and fill a stream that nobody expects."""
    with pytest.raises(ConfigError, match="each by itself: crypto, rest") as told:
        a_divided().require_whole()
    assert "--category crypto" in told.value.remedy
    a_divided().divided("crypto").require_whole()
    feed().require_whole()
    with pytest.raises(ConfigError, match="by its categories"):
        registry.stream_of(a_divided(), PROD)


def test_symbols_of_ones_own_are_refused_where_there_are_divisions() -> None:
    """They say nothing of theirs."""
    with pytest.raises(ConfigError, match="named one by one are in none"):
        a_divided().with_symbols(["A"])
    assert feed().with_symbols(["A"]).universe.symbols == ("A",)


def test_every_division_fills_a_stream_of_its_own() -> None:
    """Subjects may not overlap: there is no stream for the whole."""
    found = registry.streams_of(a_divided(), PROD)
    assert [(each.stream, each.subject_prefix, each.category) for each in found] == [
        ("PROD_A_FEED_CRYPTO", "prod.a-feed.crypto", "crypto"),
        ("PROD_A_FEED_REST", "prod.a-feed.rest", "rest"),
    ]
    (one,) = registry.streams_of(feed(), PROD)
    assert (one.stream, one.subject_prefix, one.category) == ("PROD_A_FEED", "prod.a-feed", None)
    part = registry.stream_of(a_divided().divided("rest"), PROD)
    assert part == found[1]


@pytest.mark.parametrize("name", ["stream", "subject_prefix"])
def test_an_environment_with_one_stream_is_refused_for_several_divisions(name: str) -> None:
    """Two divisions in one stream are one."""
    transport = msgspec.convert({name: "ONE"}, Transport)
    one = EnvironmentConfig(name="prod", transport=transport)
    with pytest.raises(ConfigError, match=f"one `transport.{name}`"):
        registry.streams_of(a_divided(), one)
    alone = a_divided(categories={"crypto": ["Crypto"]})
    (found,) = registry.streams_of(alone, one)
    assert "ONE" in (found.stream, found.subject_prefix)


def test_names_come_from_the_environment_then_from_the_feed() -> None:
    """What neither says is made of their names."""
    own = feed(defaults={"archiver": {"transport": {"stream": "OWN", "subject_prefix": "own.x"}}})
    found = registry.stream_of(own, PROD)
    assert (found.stream, found.subject_prefix) == ("OWN", "own.x")
    named = EnvironmentConfig(name="prod", transport=Transport(stream="MINE"))
    found = registry.stream_of(own, named)
    assert (found.stream, found.subject_prefix) == ("MINE", "own.x")


def test_a_venue_that_states_no_category_cannot_be_divided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would ever be recorded, and no round of discovery would say why."""
    venue = next(each for each in map(venues.load, venues.names()) if each.account is None)
    tree = feed_tree(
        venue=venue.id,
        categories=CRYPTO,
        universe=universe() | {"channels": [min(venue.channels)]},
    )
    path = written(tmp_path / "feed.yaml", yaml.safe_dump(tree))
    assert len(registry.load_feed(path).divisions()) == 2
    silent = msgspec.structs.replace(venue, categories="none")
    monkeypatch.setattr(registry, "venue", lambda _: silent)
    with pytest.raises(ConfigError, match="listings state no category"):
        registry.load_feed(path)


def test_divisions_ask_the_venue_for_the_same() -> None:
    """Where an instrument is in several categories, each division must find it in the same one."""
    every = ("Crypto", "Politics", "Sports")
    for part in a_divided().divisions():
        assert part.universe.discovery is not None
        assert part.universe.discovery.among == every
    own = a_divided(universe=universe(categories=["crypto", "SPORTS"]))
    for part in own.divisions():
        assert part.universe.discovery is not None
        assert part.universe.discovery.among == ("crypto", "SPORTS")
    followed = a_divided(universe=universe("secmaster")).divided("crypto")
    assert followed.universe.secmaster is not None
