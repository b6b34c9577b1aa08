"""feed.yaml: one named, configured capture of a venue."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from ssmd.feeds.defaults import Defaults
from ssmd.feeds.universe import Universe
from ssmd.feeds.values import Day, Name, Section, Text
from ssmd.feeds.version import LimitOverrides, Version
from ssmd.model.errors import ConfigError
from ssmd.model.subscription import Limits


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

    identifier_field: Text | None = None
    timestamp_field: Text | None = None
    timestamp_format: Literal["unix_seconds", "epoch_millis", "rfc3339", "pipeline"] | None = None
    sequenced: bool = False
    sequence_field: Text | None = None
    sequence_scope: Literal["per_subscription", "per_product"] | None = None
    sequence_group_by: Text | None = None
    fanout: Text | None = None

    def __post_init__(self) -> None:
        if self.sequenced and self.sequence_field is None:
            raise ValueError("`sequenced: true` needs a sequence_field")


class FeedConfig(Section, frozen=True, kw_only=True):
    """One named, configured capture of a venue.

    Attributes:
        name: The feed's name; part of subjects, paths and labels.
        venue: Which venue it captures.
        category: The feed's division, when the feed is categorised.
        display_name: Its name for people; empty stands for `name`.
        type: How the venue hands out data; only `websocket` is supported so far.
        status: A `disabled` feed is not recorded.
        capture_locations: Where it is captured from.
        versions: How the venue is reached, by effective dates.
        calendar: When the market is open.
        message_types: What is known of each message type.
        universe: What is captured.
        defaults: How its components are deployed.
    """

    name: Name
    venue: Name
    category: Name | None = None
    display_name: str = ""
    type: Literal["websocket", "rest", "multicast"] = "websocket"
    status: Literal["active", "deprecated", "disabled"] = "active"
    capture_locations: tuple[CaptureLocation, ...] = ()
    versions: Annotated[tuple[Version, ...], Meta(min_length=1)]
    calendar: Calendar = Calendar()
    message_types: dict[str, MessageType] = field(default_factory=dict)
    universe: Universe
    defaults: Defaults = Defaults()

    def __post_init__(self) -> None:
        if self.type != "websocket":
            raise ValueError(f"type `{self.type}` is not supported yet: only `websocket` is")
        _refuse_twice("version", (version.version for version in self.versions))
        _refuse_twice(
            "effective_from", (version.effective_from.isoformat() for version in self.versions)
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
            ranges = ", ".join(
                f"{v.version} from {v.effective_from} to {v.effective_to or 'now'}"
                for v in self.versions
            )
            raise ConfigError(
                f"No version of the feed {self.name!r} is effective on {at}: {ranges}.",
                remedy="Add a version to its feed.yaml whose dates include that day.",
            )
        return max(holding, key=lambda version: version.effective_from)

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

    def with_symbols(self, symbols: Iterable[str]) -> "FeedConfig":
        """The same feed for these symbols, and no others: nothing is discovered."""
        universe = Universe(symbols=tuple(symbols), channels=self.universe.channels)
        return msgspec.structs.replace(self, universe=universe)

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
