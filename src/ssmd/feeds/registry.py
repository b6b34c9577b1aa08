"""The one place that knows feeds: those shipped with the venues, and those in files."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from ssmd import venues
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.version import Version
from ssmd.model.errors import ConfigError
from ssmd.model.venue import Venue
from ssmd.runtime import settings
from ssmd.runtime.unknown import did_you_mean

_FILE = "feed.yaml"


def names(search: Sequence[Path] = ()) -> list[str]:
    """Names of all known feeds, sorted: those shipped and those in the folders given."""
    return sorted(_paths(search))


def load_feed(name_or_path: str | Path, search: Sequence[Path] = ()) -> FeedConfig:
    """Load a feed by its name, or from a file, and check it against its venue.

    Args:
        name_or_path: A shipped or configured name, or the path of a file.
        search: Folders with further feeds, as `{name}.yaml` or `{name}/feed.yaml`; they win over
            what is shipped.

    Raises:
        ConfigError: There is no such feed, or it is not acceptable.
    """
    text = str(name_or_path)
    known = _paths(search)
    path = known.get(text)
    if path is None:
        path = Path(text)
        looks_like_a_file = path.suffix in {".yaml", ".yml", ".json"} or path.name != text
        if not looks_like_a_file and not path.is_file():
            raise ConfigError(
                f"There is no feed {text!r}.{did_you_mean(text, known)}",
                remedy=f"Use one of: {', '.join(sorted(known))}; or give a feed.yaml.",
            )
    feed = settings.load(path, FeedConfig)
    if text in known and feed.name != text:
        raise ConfigError(
            f"{path}: `name` is {feed.name!r}, but it is found as {text!r}.",
            remedy="Give the file and the feed one name.",
        )
    if complaints := check(feed):
        raise ConfigError(
            f"{path}: {' '.join(complaints)}", remedy="Correct the file; see `ssmd feed show`."
        )
    return feed


def venue(feed: FeedConfig) -> Venue:
    """The venue a feed captures.

    Raises:
        ConfigError: There is no such venue.
    """
    return venues.load(feed.venue)


def check(feed: FeedConfig) -> list[str]:
    """What the feed's venue has to say against it, one sentence each; empty when all is well."""
    if feed.venue not in venues.names():
        known = ", ".join(venues.names())
        near = did_you_mean(feed.venue, venues.names())
        return [f"`venue`: there is no venue {feed.venue!r}.{near} There are: {known}."]
    facts = venue(feed)
    return list(_complaints(feed, facts))


def _complaints(feed: FeedConfig, facts: Venue) -> Iterator[str]:
    for channel in feed.universe.channels:
        if channel not in facts.channels:
            yield (
                f"`universe.channels`: the venue has no channel {channel!r}."
                f"{did_you_mean(channel, facts.channels)}"
            )
    for kind in feed.message_types:
        if kind not in facts.types:
            yield (
                f"`message_types`: the venue has no type {kind!r}.{did_you_mean(kind, facts.types)}"
            )
    for index, version in enumerate(feed.versions):
        yield from _complaints_of(feed, facts, version, f"versions[{index}]")


def _complaints_of(feed: FeedConfig, facts: Venue, version: Version, where: str) -> Iterator[str]:
    for name in version.rest:
        if name not in facts.rest.services:
            near = did_you_mean(name, facts.rest.services)
            known = ", ".join(sorted(facts.rest.services)) or "none"
            yield (
                f"`{where}.rest`: the venue has no REST service {name!r}.{near} There are: {known}."
            )
    for complaint in facts.check(version.parser_config):
        yield f"`{where}.parser_config`: {complaint}"
    day: date = version.effective_from
    if feed.status != "disabled" and feed.effective(day) is version:
        try:
            feed.limits(facts.limits, day)
        except ConfigError as error:
            yield f"`{where}.limits`: {error.message}"


def _paths(search: Sequence[Path]) -> dict[str, Path]:
    """The file of every feed, by name; the first folder of `search` wins, then what is shipped."""
    found: dict[str, Path] = {}
    for folder in search:
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
        for path in sorted(folder.glob(f"*/{_FILE}")):
            found.setdefault(path.parent.name, path)
    shipped = Path(venues.__path__[0])
    for path in sorted(shipped.glob(f"*/{_FILE}")):
        found.setdefault(path.parent.name.replace("_", "-"), path)
    return found
