"""ssmd.yaml: everything on one machine."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, field

from ssmd.feeds.api import Port
from ssmd.feeds.archiver import ArchiverConfig, ArchiveStorage, Commit, Rotation, Source
from ssmd.feeds.capture import MIB, ConnectorSettings, SpoolSettings
from ssmd.feeds.environment import EnvironmentConfig, KeyConfig, Secmaster, Transport
from ssmd.feeds.upload import UploadSettings
from ssmd.feeds.values import Name, Section, Symbol, Text, check_bus_url, check_database_url


class FeedChoice(Section, frozen=True, kw_only=True):
    """A feed to record.

    Attributes:
        feed: A known name, or the path of a feed.yaml.
        symbols: Other symbols than the feed's own; None keeps those.
    """

    feed: Text
    symbols: Annotated[tuple[Symbol, ...], Meta(min_length=1)] | None = None


class ArchiveSettings(Section, frozen=True, kw_only=True):
    """The archive's settings: as in archiver.yaml.

    Attributes:
        rotation: When a segment is sealed.
        commit: When what was taken from the bus is made durable.
        keep_s: How long the bus keeps what is archived, in seconds.
    """

    rotation: Rotation = Rotation()
    commit: Commit = Commit()
    keep_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 172_800


class MasterSettings(Section, frozen=True, kw_only=True):
    """The security master of this machine: what the venues list, and how that changes.

    Attributes:
        enabled: Whether one is kept; feeds that follow it need it.
        venues: Of which venues; None takes those of the feeds.
        interval_s: Pause between two rounds of asking a venue, in seconds.
        database_url: The PostgreSQL, without a password; None takes `DATABASE_URL`, and without
            that starts one below `dir`.
    """

    enabled: bool = True
    venues: Annotated[tuple[Name, ...], Meta(min_length=1)] | None = None
    interval_s: Annotated[float, Meta(ge=10, le=604_800)] = 3600.0
    database_url: Text | None = None

    def __post_init__(self) -> None:
        if self.database_url is not None:
            check_database_url(self.database_url)


class ApiSettings(Section, frozen=True, kw_only=True):
    """The HTTP API and the status page of this machine: for whoever sits here, without keys.

    Attributes:
        enabled: Whether they are served.
        port: The port on 127.0.0.1; 0 takes a free one.
    """

    enabled: bool = True
    port: Port = 0


class MachineConfig(Section, frozen=True, kw_only=True):
    """Everything on one machine.

    Attributes:
        dir: The archive's root; bus and spools live in `.run` below it.
        environment: The environment's name; first token of subjects.
        feeds: What to record.
        nats_url: A bus to use; None starts one.
        replicas: Copies the bus keeps of a stream; more than one needs a cluster at `nats_url`.
        connector: The connectors' timers and bounds.
        spool: The bounds of each spool.
        archive: The archive's settings.
        tables: Whether tables are made of what is sealed; without, readers decode raw.
        upload: Where sealed files go besides; None leaves them here.
        secmaster: The security master.
        api: The HTTP API and the status page.
        keys: Credentials by name, for venues that want them.
    """

    dir: Text = "./data"
    environment: Name = "local"
    feeds: Annotated[tuple[FeedChoice, ...], Meta(min_length=1)]
    nats_url: Text | None = None
    replicas: Annotated[int, Meta(ge=1, le=5)] = 1
    connector: ConnectorSettings = ConnectorSettings()
    spool: SpoolSettings = SpoolSettings()
    archive: ArchiveSettings = ArchiveSettings()
    tables: bool = True
    upload: UploadSettings | None = None
    secmaster: MasterSettings = MasterSettings()
    api: ApiSettings = ApiSettings()
    keys: dict[str, KeyConfig] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.nats_url is not None:
            check_bus_url(self.nats_url)
        names = [choice.feed for choice in self.feeds]
        if len(set(names)) != len(names):
            raise ValueError("a feed stands twice under `feeds`")
        if self.upload is not None and not self.tables:
            raise ValueError("`upload` is done by whoever makes tables: `tables` must be true")

    def environment_config(self, url: str | None = None) -> EnvironmentConfig:
        """The env.yaml that this stands for.

        Args:
            url: Address of the bus that was started; None takes `nats_url`.
        """
        return EnvironmentConfig(
            name=self.environment,
            transport=Transport(url=url or self.nats_url, replicas=self.replicas),
            connector=self.connector,
            spool=self.spool,
            keys=self.keys,
            secmaster=Secmaster(database_url=self.secmaster.database_url),
        )

    def archiver_config(self, sources: Iterable[Source], url: str | None = None) -> ArchiverConfig:
        """The archiver.yaml that this stands for.

        Args:
            sources: The streams to archive.
            url: Address of the bus that was started; None takes `nats_url`.
        """
        return ArchiverConfig(
            sources=tuple(sources),
            url=url or self.nats_url,
            storage=ArchiveStorage(path=self.dir),
            rotation=self.archive.rotation,
            commit=self.archive.commit,
            keep_s=self.archive.keep_s,
        )


def example(
    feeds: Sequence[str],
    directory: str = "./data",
    *,
    closed: Sequence[str] = (),
    accounts: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Text of a commented ssmd.yaml that records these feeds; it loads as it stands.

    Args:
        feeds: Names of feeds, at least one.
        directory: The archive's root.
        closed: Feeds to mention only, because nobody is let in without an account.
        accounts: Names of the credentials of feeds that need some, by feed.
    """
    spool = SpoolSettings()
    archive = ArchiveSettings()
    choices = "\n".join(
        [
            *(_CHOICE.format(feed=_quoted(feed)) for feed in feeds),
            *(_CLOSED.format(feed=_quoted(feed)) for feed in closed),
        ]
    )
    keys = "".join(
        _KEY.format(
            feed=feed, fields=", ".join(fields), files=",".join(f"/path/to/{f}" for f in fields)
        )
        for feed, fields in (accounts or {}).items()
    )
    return _EXAMPLE.format(
        choices=choices,
        dir=_quoted(directory),
        spool_mib=spool.max_bytes // MIB,
        spool_bytes=spool.max_bytes,
        interval_s=archive.rotation.interval_s,
        commit_s=archive.commit.interval_s,
        keep_s=archive.keep_s,
        master_s=MasterSettings().interval_s,
        keys=_KEYS.format(keys=keys) if keys else "",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_CHOICE = """\
  - feed: {feed}
    # symbols: ['A/B', 'C/D']     # instead of the feed's own; see `ssmd feed show`"""

_CLOSED = """\
  # - feed: {feed}     # needs an account, see `keys` below"""

_KEYS = """
# Accounts. What stands here comes first; a credential that does not is looked for in the
# environment variable of its venue and name. Files are for you alone: chmod 600.
# keys:
{keys}"""

_KEY = """\
#   {feed}:
#     type: api_key
#     fields: [{fields}]
#     source: file:{files}
"""

_EXAMPLE = """\
# Everything SSMD does on this machine: `ssmd up` reads this file.
# `ssmd feed list` names the feeds; `ssmd verify` proves what was recorded.

# Where the archive rests. The bus and the spools live in .run below it.
dir: {dir}

# What to record: a feed's name, or the path of your own feed.yaml.
feeds:
{choices}

# A NATS server of your own. Without this line one is started here.
# nats_url: nats://127.0.0.1:4222

# What was received waits here until it is archived; beyond this bound loss is declared.
spool:
  max_bytes: {spool_bytes}     # {spool_mib} MiB

archive:
  rotation:
    interval_s: {interval_s}          # one file per feed and this many seconds
  commit:
    interval_s: {commit_s}          # at most this many seconds rest on the bus alone
  keep_s: {keep_s}             # the bus keeps what is archived this long

# Typed tables (Parquet) of what is sealed, made by a process of their own.
tables: true

# What the venues list, as it changes: a PostgreSQL below `dir`, asked for anew this often.
secmaster: {{enabled: true, interval_s: {master_s:g}}}

# The status page and the HTTP API, on this machine alone and without keys; port 0 takes a free one.
api: {{enabled: true, port: 0}}

# Sealed files go to an object store as well; see docs/how-to/object-storage.md.
# upload: {{url: 's3://bucket/prefix'}}
{keys}"""
