"""feed.yaml: one named, configured capture of a venue."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from ssmd.feeds import division
from ssmd.feeds.defaults import Defaults
from ssmd.feeds.quality import FeedQuality
from ssmd.feeds.universe import Universe
from ssmd.feeds.values import Day, Name, Section, Text
from ssmd.feeds.version import LimitOverrides, Version
from ssmd.model.errors import ConfigError
from ssmd.model.filters import Word
from ssmd.model.subscription import Limits
from ssmd.runtime.unknown import did_you_mean


class CaptureLocation(Section, frozen=True, kw_only=True):
    """Where the feed is captured from.

    Attributes:
        site: Name of the place.
        type: What kind of place it is.
        provider: Who runs it.
        region: The provider's name of the region.
        clock: What disciplines the clock there (`ntp`, `ptp`, `gps`).
    """

    site: Text
    type: Literal["cloud", "colo", "on_prem"]
    provider: Text | None = None
    region: Text | None = None
    clock: Text | None = None


class Calendar(Section, frozen=True, kw_only=True):
    """When the market is open.

    Attributes:
        timezone: IANA name of its time zone.
        holiday_calendar: Name of its holidays, if it has any.
        open_time: When it opens; None for around the clock.
        close_time: When it closes.
    """

    timezone: Text = "UTC"
    holiday_calendar: Text | None = None
    open_time: Day | None = None
    close_time: Day | None = None


_FIELD = r"^[A-Za-z_$@][A-Za-z0-9_$@-]*(\.[A-Za-z0-9_$@-]+|\[\])*$"
FieldPath = Annotated[str, Meta(pattern=_FIELD, max_length=200)]
"""Where a value stands in a message: keys with dots between; `[]` for every element of a list."""


class MessageType(Section, frozen=True, kw_only=True):
    """What is known of one message type.

    Attributes:
        identifier_field: Where the instrument stands.
        timestamp_field: Where the venue's time stands.
        timestamp_format: How it is written; `pipeline` when only our own receipt is known.
        sequenced: Whether messages carry the venue's counter.
        sequence_field: Where it stands.
        sequence_scope: What it counts.
        sequence_group_by: Field that names the counted group.
        fanout: Field of the list whose elements are messages of their own.
    """

    identifier_field: FieldPath | None = None
    timestamp_field: FieldPath | None = None
    timestamp_format: Literal["unix_seconds", "epoch_millis", "rfc3339", "pipeline"] | None = None
    sequenced: bool = False
    sequence_field: FieldPath | None = None
    sequence_scope: Literal["per_subscription", "per_product"] | None = None
    sequence_group_by: FieldPath | None = None
    fanout: FieldPath | None = None

    def __post_init__(self) -> None:
        if self.sequenced and self.sequence_field is None:
            raise ValueError("`sequenced: true` needs a sequence_field")
        if not self.sequenced and (self.sequence_field or self.sequence_scope):
            raise ValueError(
                "a sequence_field or sequence_scope has no meaning without `sequenced: true`"
            )
        if self.timestamp_field is not None and self.timestamp_format in {None, "pipeline"}:
            raise ValueError(
                "a timestamp_field needs the timestamp_format in which it is written: unix_seconds,"
                " epoch_millis or rfc3339"
            )
        if self.timestamp_field is None and self.timestamp_format not in {None, "pipeline"}:
            raise ValueError(f"timestamp_format `{self.timestamp_format}` needs a timestamp_field")


class FeedConfig(Section, frozen=True, kw_only=True):
    """One named, configured capture of a venue.

    Attributes:
        name: The feed's name; part of subjects, paths and labels.
        venue: Which venue it captures.
        category: The feed's division, when all of it is one.
        categories: The feed's divisions when there are several, each with the venue's categories
            in it: each is recorded by itself, into a stream of its own.
        display_name: Its name for people; empty stands for `name`.
        type: How the venue hands out data; only `websocket` is supported so far.
        status: A `disabled` feed is not recorded.
        capture_locations: Where it is captured from.
        versions: How the venue is reached, by effective dates.
        calendar: When the market is open.
        message_types: What is known of each message type.
        universe: What is captured.
        defaults: How its components are deployed.
        quality: How the quality of what it records is judged.
    """

    name: Name
    venue: Name
    category: Name | None = None
    categories: dict[Name, Annotated[tuple[Word, ...], Meta(min_length=1)]] = field(
        default_factory=dict
    )
    display_name: str = ""
    type: Literal["websocket", "rest", "multicast"] = "websocket"
    status: Literal["active", "deprecated", "disabled"] = "active"
    capture_locations: tuple[CaptureLocation, ...] = ()
    versions: Annotated[tuple[Version, ...], Meta(min_length=1)]
    calendar: Calendar = Calendar()
    message_types: dict[str, MessageType] = field(default_factory=dict)
    universe: Universe
    defaults: Defaults = Defaults()
    quality: FeedQuality = FeedQuality()

    def __post_init__(self) -> None:
        if self.type != "websocket":
            raise ValueError(f"type `{self.type}` is not supported yet: only `websocket` is")
        _refuse_twice("version", (version.version for version in self.versions))
        _refuse_twice(
            "effective_from", (version.effective_from.isoformat() for version in self.versions)
        )
        if self.categories:
            if self.category is not None:
                raise ValueError("`category` and `categories` exclude each other: remove one")
            division.check(self.categories, self.universe)
            transport = self.defaults.transport
            if len(self.categories) > 1 and (transport.stream or transport.subject_prefix):
                raise ValueError(
                    "`defaults` names one stream or prefix, and the feed has several divisions with"
                    " one each: remove it"
                )

    def effective(self, at: date) -> Version:
        """The version that holds on a day, UTC: of those whose dates include it, the newest.

        Raises:
            ConfigError: None does, or the feed is disabled.
        """
        if self.status == "disabled":
            raise ConfigError(
                f"The feed {self.name!r} is disabled.", remedy="Set `status: active` to record it."
            )
        holding = [
            version
            for version in self.versions
            if version.effective_from <= at
            and (version.effective_to is None or at <= version.effective_to)
        ]
        if not holding:
            raise ConfigError(
                f"No version of the feed {self.name!r} is effective on {at}:"
                f" {', '.join(self.timeline)}.",
                remedy="Add a version to its feed.yaml whose dates include that day.",
            )
        return max(holding, key=lambda version: version.effective_from)

    @property
    def timeline(self) -> tuple[str, ...]:
        """Every version with its dates, the oldest first, in words."""
        ordered = sorted(self.versions, key=lambda version: version.effective_from)
        return tuple(
            f"{v.version} from {v.effective_from} to {v.effective_to or 'now'}" for v in ordered
        )

    def endpoint(self, at: date) -> str:
        """Address of the WebSocket on a day, UTC.

        Raises:
            ConfigError: No version is effective.
        """
        return self.effective(at).endpoint

    def parameters(self, at: date) -> Mapping[str, object]:
        """The venue's own parameters of a session on a day, UTC.

        Raises:
            ConfigError: No version is effective.
        """
        return self.effective(at).parser_config

    def limits(self, venue: Limits, at: date) -> Limits:
        """The venue's limits with the feed's overrides of that day, UTC.

        Raises:
            ConfigError: No version is effective, or an override is above what the venue tolerates.
        """
        version = self.effective(at)
        overrides = {
            name: value
            for name in LimitOverrides.__struct_fields__
            if (value := getattr(version.limits, name)) is not None
        }
        if version.rate_limit_per_second:
            overrides["sends_per_second"] = version.rate_limit_per_second
        for name in ("subscriptions_per_connection", "sends_per_second", "connections"):
            if overrides.get(name, 0) > getattr(venue, name):
                raise ConfigError(
                    f"The feed {self.name!r} asks for {name} {overrides[name]:g}; the venue "
                    f"tolerates {getattr(venue, name):g}.",
                    remedy="Lower the override, or remove it.",
                )
        limits = msgspec.structs.replace(venue, **overrides)
        if version.max_symbols_per_connection is None:
            return limits
        most = version.max_symbols_per_connection * len(set(self.universe.channels))
        return msgspec.structs.replace(
            limits, subscriptions_per_connection=min(limits.subscriptions_per_connection, most)
        )

    def divided(self, category: str) -> "FeedConfig":
        """One of the feed's divisions, as a feed: its category, its stream, its instruments.

        Args:
            category: The division's name.

        Raises:
            ConfigError: The feed has no such division.
        """
        if category not in self.categories:
            raise self._no_division(category)
        return msgspec.structs.replace(
            self,
            category=category,
            categories={},
            universe=division.narrowed(self.universe, self.categories[category], self.categories),
        )

    def divisions(self) -> tuple["FeedConfig", ...]:
        """What is recorded by itself: every division, or the feed itself when it has none."""
        return tuple(self.divided(name) for name in self.categories) or (self,)

    def require_whole(self) -> None:
        """Refuse to take several divisions for one: none of their messages would have a category.

        Raises:
            ConfigError: The feed has divisions.
        """
        if self.categories:
            names = ", ".join(self.categories)
            raise ConfigError(
                f"The feed {self.name!r} is recorded by its categories, each by itself: {names}.",
                remedy=f"Name one: --category {next(iter(self.categories))}.",
            )

    def _no_division(self, category: str) -> ConfigError:
        if not self.categories:
            return ConfigError(
                f"The feed {self.name!r} is not divided: it has no category {category!r} to record"
                " by itself.",
                remedy="Leave --category out, or write `categories` into its feed.yaml.",
            )
        return ConfigError(
            f"The feed {self.name!r} has no category {category!r}."
            f"{did_you_mean(category, self.categories)}",
            remedy=f"Use one of: {', '.join(self.categories)}.",
        )

    def with_symbols(self, symbols: Iterable[str]) -> "FeedConfig":
        """The same feed for these symbols, and no others: nothing is discovered.

        Raises:
            ConfigError: The feed has divisions; symbols say nothing of theirs.
        """
        if self.categories:
            raise ConfigError(
                f"The feed {self.name!r} is recorded by its categories, and symbols that are named"
                " one by one are in none.",
                remedy="Give the symbols a feed.yaml of their own, without `categories`.",
            )
        universe = Universe(symbols=tuple(symbols), channels=self.universe.channels)
        return msgspec.structs.replace(self, universe=universe)

    def with_limits(self, limits: LimitOverrides) -> "FeedConfig":
        """The same feed with other figures, on whatever day: at a simulated venue, say."""
        versions = tuple(
            msgspec.structs.replace(version, limits=limits) for version in self.versions
        )
        return msgspec.structs.replace(self, versions=versions)

    def rest(self, at: date) -> Mapping[str, str]:
        """Addresses of REST services that differ from the venue's own, on a day, UTC.

        Raises:
            ConfigError: No version is effective.
        """
        return self.effective(at).rest

    def with_endpoint(self, url: str, rest: Mapping[str, str] | None = None) -> "FeedConfig":
        """The same feed at another address, on whatever day: a simulated venue, say.

        Args:
            url: Of the WebSocket.
            rest: Of the REST services, by name; None keeps what they are.

        Raises:
            ConfigError: The address is not acceptable.
        """
        try:
            versions = tuple(
                msgspec.structs.replace(
                    version, endpoint=url, rest=version.rest if rest is None else dict(rest)
                )
                for version in self.versions
            )
        except ValueError as error:
            raise ConfigError(f"Feed {self.name!r}: {error}.", remedy="Give another.") from error
        return msgspec.structs.replace(self, versions=versions)


def _refuse_twice(what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"two versions have the {what} {value}")
        seen.add(value)
