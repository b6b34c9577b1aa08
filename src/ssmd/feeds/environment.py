"""env.yaml: where a feed is recorded: its bus, its credentials, its bounds."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from msgspec import Meta, field

from ssmd.feeds.capture import ConnectorSettings, SpoolSettings
from ssmd.feeds.values import (
    Day,
    Name,
    Prefix,
    Section,
    Text,
    Token,
    check_bus_url,
    check_database_url,
)
from ssmd.model import subject
from ssmd.model.errors import ConfigError
from ssmd.runtime import secrets

__all__ = ["ConnectorSettings", "EnvironmentConfig", "KeyConfig", "SpoolSettings", "Transport"]

Pause = Annotated[int, Meta(ge=0, le=600_000)]


class Transport(Section, frozen=True, kw_only=True):
    """The bus, and the feed's stream on it.

    Attributes:
        type: What kind of bus; only `nats` is supported so far.
        url: Its address, or several with commas; None takes `NATS_URL`.
        stream: Name of the stream; None derives it from environment, feed and category.
        subject_prefix: First tokens of the subjects; None derives it likewise.
        storage: Where the stream keeps its messages; `memory` is not supported: it forgets.
        max_bytes: Most the stream may hold, in bytes; a full stream holds the spool back.
        replicas: Copies the bus keeps of it.
        window: Most publishes outstanding, summed over all publishers of the stream.
        allow_discard: Accept a stream that throws away what is not archived.
    """

    type: Literal["nats", "mqtt", "memory"] = "nats"
    url: Text | None = None
    stream: Token | None = None
    subject_prefix: Prefix | None = None
    storage: Literal["file", "memory"] = "file"
    max_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 50)] = 64 << 30
    replicas: Annotated[int, Meta(ge=1, le=5)] = 1
    window: Annotated[int, Meta(ge=1, le=4000)] = 2000
    allow_discard: bool = False

    def __post_init__(self) -> None:
        if self.type != "nats":
            raise ValueError(f"transport type `{self.type}` is not supported yet: use `nats`")
        if self.storage != "file":
            raise ValueError("a stream in memory forgets what is not archived: use `file`")
        if self.url is not None:
            check_bus_url(self.url)


class Storage(Section, frozen=True, kw_only=True):
    """Where the archive rests.

    Attributes:
        type: What kind of place; only `local` is supported so far.
        path: The archive's root.
        bucket: For `s3`: the bucket.
        region: For `s3`: its region.
    """

    type: Literal["local", "s3"] = "local"
    path: Text | None = None
    bucket: Text | None = None
    region: Text | None = None

    def __post_init__(self) -> None:
        if self.type != "local" or self.bucket or self.region:
            raise ValueError("storage `s3` is not supported yet: use `type: local` with a `path`")


class Schedule(Section, frozen=True, kw_only=True):
    """When the earlier system recorded. Not supported: SSMD records around the clock.

    Attributes:
        timezone: IANA name of a time zone.
        day_start: When a day began.
        day_end: When it ended.
        auto_roll: Whether the next began by itself.
    """

    timezone: Text = "UTC"
    day_start: Day | None = None
    day_end: Day | None = None
    auto_roll: bool = True


class KeyConfig(Section, frozen=True, kw_only=True):
    """A credential, or several that belong together.

    Attributes:
        type: What it opens.
        description: For people.
        required: Whether its absence is an error.
        fields: Names of its values, as their user knows them.
        source: Where they are: `env:NAME,NAME` or `file:/path,/path`, one place per field.
        rotation_days: How often it ought to be replaced.
    """

    type: Literal["api_key", "transport", "storage", "tls", "webhook"]
    description: str = ""
    required: bool = True
    fields: Annotated[tuple[Text, ...], Meta(min_length=1)]
    source: Annotated[str, Meta(pattern=r"^(env|file):[^,]+(,[^,]+)*$")]
    rotation_days: Annotated[int, Meta(ge=1, le=3650)] | None = None

    def __post_init__(self) -> None:
        places = len(self.source.split(","))
        if places != len(self.fields):
            raise ValueError(
                f"source names {places} places for {len(self.fields)} fields: name one for each"
            )
        if len(set(self.fields)) != len(self.fields):
            raise ValueError("a field stands twice")


class Secmaster(Section, frozen=True, kw_only=True):
    """Where the security master is, for universes that follow it.

    Attributes:
        database_url: The PostgreSQL, without a password; None takes `DATABASE_URL`, else the
            embedded one below the archive's root.
        stream: The stream of its changes; None derives it from the environment's name.
    """

    database_url: Text | None = None
    stream: Token | None = None

    def __post_init__(self) -> None:
        if self.database_url is not None:
            check_database_url(self.database_url)


class SubscriptionPacing(Section, frozen=True, kw_only=True):
    """How the earlier system paced its subscribing. Not supported: the venue's limits do.

    Attributes:
        batch_size: Symbols per request.
        batch_delay_ms: Pause between requests, in milliseconds.
        retry_attempts: Tries of a refused request.
        retry_delay_ms: Pause between tries, in milliseconds.
    """

    batch_size: Annotated[int, Meta(ge=1, le=256)] = 100
    batch_delay_ms: Pause = 1000
    retry_attempts: Annotated[int, Meta(ge=0, le=100)] = 3
    retry_delay_ms: Pause = 1000


class Cdc(Section, frozen=True, kw_only=True):
    """How the earlier system followed changes. Not supported: see `universe` of feed.yaml.

    Attributes:
        enabled: Whether they drive subscriptions.
        nats_url: Their bus; None takes the transport's.
        stream_name: Their stream.
        consumer_name: Our durable on it.
    """

    enabled: bool = False
    nats_url: Text | None = None
    stream_name: Token = "SECMASTER_CDC"
    consumer_name: Token | None = None


class Lifecycle(Section, frozen=True, kw_only=True):
    """The venue's lifecycle events as a feed of their own. Not supported yet.

    Attributes:
        enabled: Whether they are captured.
        series: Of which series.
        secmaster_url: Where the security master answers.
        secmaster_api_key: Name of the key that opens it.
    """

    enabled: bool = False
    series: tuple[Text, ...] = ()
    secmaster_url: Text | None = None
    secmaster_api_key: Text | None = None


class Cache(Section, frozen=True, kw_only=True):
    """A cache of latest values. Not supported yet.

    Attributes:
        type: What kind.
        max_size: Most entries.
        url: Its address, for `redis`.
    """

    type: Literal["memory", "redis"] = "memory"
    max_size: Annotated[int, Meta(ge=1)] | None = None
    url: Text | None = None


class EnvironmentConfig(Section, frozen=True, kw_only=True):
    """Where a feed is recorded.

    Attributes:
        name: The environment's name; first token of subjects.
        feed: The feed meant; None for any.
        schema: Not supported: an archive keeps what came, whatever its schema.
        transport: The bus, and the feed's stream on it.
        connector: The connector's timers and bounds.
        spool: The spool's bounds.
        storage: Where the archive rests.
        keys: Credentials by name.
        schedule: Not supported: SSMD records around the clock.
        secmaster: Where the security master is, for universes that follow it.
        subscription: Not supported: pacing follows the venue's limits.
        cdc: Not supported: see `universe` of feed.yaml.
        lifecycle: Not supported yet.
        cache: Not supported yet.
    """

    name: Name
    feed: Name | None = None
    schema: Text | None = None
    transport: Transport = Transport()
    connector: ConnectorSettings = ConnectorSettings()
    spool: SpoolSettings = SpoolSettings()
    storage: Storage = Storage()
    keys: dict[str, KeyConfig] = field(default_factory=dict)
    schedule: Schedule | None = None
    secmaster: Secmaster = Secmaster()
    subscription: SubscriptionPacing | None = None
    cdc: Cdc | None = None
    lifecycle: Lifecycle | None = None
    cache: Cache | None = None

    def __post_init__(self) -> None:
        refused = {
            "schema": "`schema` has no meaning here: remove it",
            "schedule": "`schedule` is not supported, SSMD records around the clock: remove it",
            "subscription": "`subscription` is not supported, pacing follows the venue's limits: "
            "override them under `versions` of feed.yaml",
            "cache": "`cache` is not supported yet: remove it",
        }
        for name, sentence in refused.items():
            if getattr(self, name) is not None:
                raise ValueError(sentence)
        if self.cdc is not None and self.cdc.enabled:
            raise ValueError(
                "`cdc` is not supported: write `source: secmaster` under `universe` of feed.yaml"
            )
        if self.lifecycle is not None and self.lifecycle.enabled:
            raise ValueError("`lifecycle` is not supported yet: set `enabled: false`")

    def require_feed(self, feed: str) -> None:
        """Refuse to record another feed than this environment is for.

        Raises:
            ConfigError: It is for another feed.
        """
        if self.feed is not None and self.feed != feed:
            raise ConfigError(
                f"The environment {self.name!r} is for the feed {self.feed!r}, not {feed!r}.",
                remedy="Give the feed.yaml and env.yaml that belong together.",
            )

    def changes_stream(self) -> str:
        """Name of the stream of the security master's changes."""
        return self.secmaster.stream or subject.stream(self.name, "secmaster")

    def secrets(
        self,
        kind: str = "api_key",
        *,
        environ: Mapping[str, str] | None = None,
        without: Collection[str] = (),
    ) -> secrets.Secrets:
        """The credentials of one type of key, by field name.

        Args:
            kind: Which type (`api_key` opens the venue, `transport` the bus).
            environ: The environment; this process's own when None.
            without: Names of keys that are for somebody else.

        Raises:
            ConfigError: One that is required cannot be fetched, or two keys give the same field.
        """
        values: dict[str, str] = {}
        for name, key in self.keys.items():
            if key.type != kind or name in without:
                continue
            try:
                found = secrets.resolve(name, key.source, key.fields, environ=environ)
            except ConfigError:
                if key.required:
                    raise
                continue
            if twice := sorted(values.keys() & found.keys()):
                raise ConfigError(
                    f"Two keys of type {kind!r} give the field {twice[0]!r}.",
                    remedy="Remove one of them from env.yaml.",
                )
            values.update(found)
        return secrets.Secrets(values)
