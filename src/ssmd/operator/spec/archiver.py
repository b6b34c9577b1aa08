"""Archiver: streams of the bus, into files, tables and an object store. Pure."""

from typing import Annotated, Literal

from msgspec import Meta

from ssmd.operator.spec.workload import (
    Categories,
    DnsName,
    FeedName,
    Part,
    Plain,
    Quantity,
    Workload,
    refuse_twice,
)


class FeedSource(Part, frozen=True, kw_only=True):
    """A feed to archive, with every stream it has.

    Attributes:
        feed: The feed: its feed.yaml is in the ConfigMap `feed-{feed}`.
        categories: Only these of its categories; all of them when empty.
        stream: Name of the stream, when the environment does not derive it.
        consumer: Our durable on it, beginning with `archive-`.
    """

    feed: FeedName
    categories: Categories = ()
    stream: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\Z", max_length=128)] | None = None
    consumer: Annotated[str, Meta(pattern=r"^archive-[A-Za-z0-9_-]+\Z", max_length=128)] | None = (
        None
    )

    def __post_init__(self) -> None:
        refuse_twice("the category", self.categories)
        if (self.stream or self.consumer) and len(self.categories) > 1:
            raise ValueError("a stream or consumer of your own goes with one category at most")


class ArchiveVolume(Part, frozen=True, kw_only=True):
    """Where the archive rests in the cluster.

    Attributes:
        size: Size of the claim that is made.
        storage_class_name: Its class; without it, the cluster's default.
        access_mode: How it may be mounted.
        existing_claim: A claim to use instead; it is never deleted.
        on_delete: Whether the claim stays when the resource is deleted.
    """

    size: Quantity = "100Gi"
    storage_class_name: DnsName | None = None
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"] = "ReadWriteOnce"
    existing_claim: DnsName | None = None
    on_delete: Literal["retain", "delete"] = "retain"


class ArchiverSpec(Workload, frozen=True, kw_only=True):
    """Streams of the bus, into files, tables and an object store.

    Attributes:
        environment: The environment: its env.yaml is in the ConfigMap `env-{environment}`.
        sources: The feeds.
        storage: Where the archive rests in the cluster.
        rotation: When a segment is sealed: as `rotation` of archiver.yaml.
        commit: When what was taken is made durable: as `commit` of archiver.yaml.
        keep_s: How long the bus keeps what is archived, in seconds.
        tables: Whether tables are made of what is sealed.
        upload: Where sealed files go besides: as an upload.yaml; needs `tables`.
        drain_deadline_s: Longest that the last upload may take when the resource is deleted, in
            seconds; after that it is tried anew.
    """

    environment: FeedName
    sources: Annotated[tuple[FeedSource, ...], Meta(min_length=1, max_length=32)]
    storage: ArchiveVolume = ArchiveVolume()
    rotation: Plain = {}
    commit: Plain = {}
    keep_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 172_800
    tables: bool = True
    upload: Plain | None = None
    drain_deadline_s: Annotated[int, Meta(ge=10, le=604_800)] = 3600

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.upload is not None and not self.tables:
            raise ValueError("`upload` needs `tables: true`: one process makes and uploads them")
        for source in self.sources:
            same = [each for each in self.sources if each.feed == source.feed]
            if len(same) > 1 and any(not each.categories for each in same):
                raise ValueError(f"the feed {source.feed} stands twice: name categories, or once")
            refuse_twice(
                f"a category of {source.feed},", (name for each in same for name in each.categories)
            )
