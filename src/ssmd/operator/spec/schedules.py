"""SecmasterSync and QualityCheck: what runs by the clock. Pure."""

from typing import Annotated, Literal

from msgspec import Meta

from ssmd.operator.spec.workload import (
    Cron,
    DnsName,
    FeedName,
    Feeds,
    Key,
    Part,
    Workload,
    refuse_twice,
)


class Scheduled(Workload, frozen=True, kw_only=True):
    """What runs by the clock.

    Attributes:
        schedule: When, UTC.
        time_zone: Another time zone for the schedule.
        deadline_s: A run that takes longer is ended, in seconds.
        retries: So often a failed run is tried again.
        keep: So many finished runs, good and failed each, stay to be looked at.
        suspend: Runs nothing, meanwhile.
    """

    schedule: Cron
    time_zone: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_+/-]+\Z", max_length=64)] = "Etc/UTC"
    deadline_s: Annotated[int, Meta(ge=10, le=604_800)] = 3600
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    keep: Annotated[int, Meta(ge=0, le=100)] = 3
    suspend: bool = False


class Changes(Part, frozen=True, kw_only=True):
    """The security master's changes, told on the bus as they happen.

    Attributes:
        enabled: Whether a process tells them; a feed with `source: secmaster` needs it.
        replicas: Copies the bus keeps of them.
    """

    enabled: bool = False
    replicas: Annotated[int, Meta(ge=1, le=5)] = 1


class SecmasterSyncSpec(Scheduled, frozen=True, kw_only=True):
    """What venues list, into the security master.

    Attributes:
        environment: The environment: its env.yaml is in the ConfigMap `env-{environment}`.
        feeds: The feeds whose venues are asked.
        mode: A whole round, or what changed since the last; `auto` lets SSMD choose.
        changes: The changes, told on the bus as they happen.
    """

    environment: FeedName
    feeds: Feeds
    mode: Literal["auto", "full", "incremental"] = "auto"
    changes: Changes = Changes()

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_twice("the feed", self.feeds)


class ArchiveReference(Part, frozen=True, kw_only=True):
    """The archive that is judged: exactly one of these.

    Attributes:
        archiver: An Archiver of the same namespace, whose claim is mounted.
        claim: A claim with an archive.
    """

    archiver: DnsName | None = None
    claim: DnsName | None = None

    def __post_init__(self) -> None:
        if (self.archiver is None) == (self.claim is None):
            raise ValueError("name an `archiver` or a `claim`: one of them")


class PolicyReference(Part, frozen=True, kw_only=True):
    """A quality.yaml of your own.

    Attributes:
        config_map: The ConfigMap.
        key: Its key.
    """

    config_map: DnsName
    key: Key = "quality.yaml"


class QualityCheckSpec(Scheduled, frozen=True, kw_only=True):
    """How good yesterday was.

    Attributes:
        environment: The environment: its env.yaml is in the ConfigMap `env-{environment}`.
        feeds: The feeds that are judged.
        archive: The archive that is judged.
        prometheus_url: Where the signals are; without it, they are not judged.
        policy: A quality.yaml of your own; without it, the shipped one.
        notify: Whether those whom the policy names are told.
    """

    environment: FeedName
    feeds: Feeds
    archive: ArchiveReference
    prometheus_url: Annotated[str, Meta(pattern=r"^https?://[!-~]+\Z", max_length=1000)] | None = (
        None
    )
    policy: PolicyReference | None = None
    notify: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_twice("the feed", self.feeds)
