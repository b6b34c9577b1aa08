"""The one place that knows feeds: those shipped with the venues, and those in files."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec

from ssmd import venues
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.version import Version
from ssmd.model import subject
from ssmd.model.errors import ConfigError
from ssmd.model.venue import Venue
from ssmd.runtime import settings
from ssmd.runtime.unknown import did_you_mean

_FILE = "feed.yaml"


class FeedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream on the bus that a feed, or one division of it, fills.

    Attributes:
        stream: Its name.
        subject_prefix: First tokens of its subjects.
        category: The division; None when the feed has none.
    """

    stream: str
    subject_prefix: str
    category: str | None


class FeedFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file that a feed's name stands for.

    Attributes:
        name: The name.
        path: The file.
        shipped: Whether it came with this package.
        hides: Whether it stands before a shipped feed of the same name.
    """

    name: str
    path: Path
    shipped: bool
    hides: bool


def files(search: Sequence[Path] = ()) -> list[FeedFile]:
    """The file of every known feed, sorted by name.

    Args:
        search: As of `load_feed`.
    """
    shipped = _paths(())
    return [
        FeedFile(
            name=name,
            path=path,
            shipped=path == shipped.get(name),
            hides=name in shipped and path != shipped[name],
        )
        for name, path in sorted(_paths(search).items())
    ]


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
    path = path_of(name_or_path, search)
    text = str(name_or_path)
    feed = settings.load(path, FeedConfig)
    return _checked(feed, str(path), text if text in _paths(search) else feed.name)


def parse_feed(text: str | bytes, where: str, name: str | None = None) -> FeedConfig:
    """Read a feed that is not in a file of ours, and check it against its venue.

    Args:
        text: A feed.yaml.
        where: What messages call it.
        name: Under which name it is found; None takes the one it has.

    Raises:
        ConfigError: It is not acceptable.
    """
    feed = settings.parse(text, FeedConfig, where=where)
    return _checked(feed, where, feed.name if name is None else name)


def _checked(feed: FeedConfig, where: str, name: str) -> FeedConfig:
    if feed.name != name:
        raise ConfigError(
            f"{where}: `name` is {feed.name!r}, but it is found as {name!r}.",
            remedy="Give the file and the feed one name.",
        )
    if complaints := check(feed):
        raise ConfigError(
            f"{where}: {' '.join(complaints)}", remedy="Correct the file; see `ssmd feed show`."
        )
    return feed


def path_of(name_or_path: str | Path, search: Sequence[Path] = ()) -> Path:
    """The file of a feed.

    Args:
        name_or_path: As of `load_feed`.
        search: As of `load_feed`.

    Raises:
        ConfigError: It is neither the name of a feed nor like the path of a file.
    """
    text = str(name_or_path)
    known = _paths(search)
    if text in known:
        return known[text]
    path = Path(text)
    looks_like_a_file = path.suffix in {".yaml", ".yml", ".json"} or path.name != text
    if not looks_like_a_file and not path.is_file():
        raise ConfigError(
            f"There is no feed {text!r}.{did_you_mean(text, known)}",
            remedy=f"Use one of: {', '.join(sorted(known))}; or give a feed.yaml.",
        )
    return path


def streams_of(feed: FeedConfig, environment: EnvironmentConfig) -> tuple[FeedStream, ...]:
    """Every stream that a feed fills in an environment: one, or one for each division.

    What the environment names comes first, then the feed's own `defaults`; what neither names is
    made of their names.

    Raises:
        ConfigError: The environment names one stream, or one prefix, for a feed of several
            divisions: they would be recorded as one.
    """
    transport = environment.transport
    for name in ("stream", "subject_prefix"):
        if len(feed.categories) > 1 and getattr(transport, name) is not None:
            raise ConfigError(
                f"The environment {environment.name!r} names one `transport.{name}`, and the feed"
                f" {feed.name!r} has {len(feed.categories)} divisions with one each.",
                remedy="Remove it from env.yaml: each division then has its own.",
            )
    usual = feed.defaults.transport
    return tuple(
        FeedStream(
            stream=transport.stream
            or usual.stream
            or subject.stream(environment.name, feed.name, part.category),
            subject_prefix=transport.subject_prefix
            or usual.subject_prefix
            or subject.prefix(environment.name, feed.name, part.category),
            category=part.category,
        )
        for part in feed.divisions()
    )


def stream_of(feed: FeedConfig, environment: EnvironmentConfig) -> FeedStream:
    """The one stream that a feed without divisions, or one division of it, fills.

    Raises:
        ConfigError: The feed has divisions, and none was chosen.
    """
    feed.require_whole()
    (found,) = streams_of(feed, environment)
    return found


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
    for kind, told in feed.message_types.items():
        if kind not in facts.types:
            yield (
                f"`message_types`: the venue has no type {kind!r}.{did_you_mean(kind, facts.types)}"
            )
        if told.sequenced and not facts.numbered:
            yield f"`message_types.{kind}`: the venue numbers no messages: `sequenced` is wrong."
    yield from _credentials(feed, facts)
    if feed.categories and facts.categories == "none":
        yield "`categories`: the venue's listings state no category: nothing would be recorded."
    for index, version in enumerate(feed.versions):
        yield from _complaints_of(feed, facts, version, f"versions[{index}]")


def _credentials(feed: FeedConfig, facts: Venue) -> Iterator[str]:
    """What is wrong with how the door is opened."""
    names = [] if facts.account is None else [each.name for each in facts.account.credentials]
    for index, version in enumerate(feed.versions):
        if bool(names) != (version.auth_method == "api_key"):
            right = "api_key" if names else "none"
            door = "lets nobody in without an account" if names else "is open to all"
            yield f"`versions[{index}].auth_method`: the venue {door}: write `{right}`."
    auth = feed.defaults.connector.auth
    if auth is None:
        return
    if not names:
        yield "`defaults.connector.auth`: the venue is open to all: remove it."
        return
    for name in auth.fields.values():
        if name not in names:
            yield (
                f"`defaults.connector.auth.fields`: the venue takes no credential {name!r}."
                f"{did_you_mean(name, names)}"
            )


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
