"""Connector: one feed, recorded by as many processes as it needs. Pure."""

from typing import Annotated, Literal

from msgspec import Meta

from ssmd.operator.spec.workload import (
    Categories,
    DnsName,
    FeedName,
    Part,
    Quantity,
    Workload,
    refuse_twice,
)


class SpoolVolume(Part, frozen=True, kw_only=True):
    """Where a pod keeps what the bus has not confirmed.

    Attributes:
        type: `emptyDir` lives as long as its pod; `persistentVolumeClaim` survives pod and node.
        size: Most it holds; the spool's own bound in env.yaml must be below.
        storage_class_name: Class of the claim; without it, the cluster's default.
        on_delete: Whether the claims stay when the resource is deleted: a spool may hold what the
            bus never got.
    """

    type: Literal["emptyDir", "persistentVolumeClaim"] = "emptyDir"
    size: Quantity = "10Gi"
    storage_class_name: DnsName | None = None
    on_delete: Literal["retain", "delete"] = "retain"


class Rollout(Part, frozen=True, kw_only=True):
    """How a new revision takes over: the old one records until the new one does.

    Attributes:
        ready_s: So long must the new one have been ready before the old one drains, in seconds.
        deadline_s: One that is not ready after so long is taken back, in seconds; the old goes on.
        backoff_s: Pause before it is tried again, in seconds; it doubles, up to an hour.
        attempts: So many tries; after that, only a change of the configuration tries again.
    """

    ready_s: Annotated[int, Meta(ge=0, le=3600)] = 5
    deadline_s: Annotated[int, Meta(ge=1, le=86_400)] = 300
    backoff_s: Annotated[int, Meta(ge=1, le=3600)] = 30
    attempts: Annotated[int, Meta(ge=1, le=100)] = 5


class ConnectorSpec(Workload, frozen=True, kw_only=True):
    """One feed, recorded by as many processes as it needs.

    Attributes:
        feed: The feed: its feed.yaml is in the ConfigMap `feed-{feed}`.
        environment: The environment: its env.yaml is in the ConfigMap `env-{environment}`.
        categories: Which of the feed's categories are recorded, each on a stream of its own; all
            of them when empty. Only for a feed that has categories.
        replicas: So many processes share the instruments of the feed (of each category), disjoint
            and complete.
        spool: Where a pod keeps what the bus has not confirmed.
        rollout: How a new revision takes over.
    """

    feed: FeedName
    environment: FeedName
    categories: Categories = ()
    replicas: Annotated[int, Meta(ge=0, le=64)] = 1
    spool: SpoolVolume = SpoolVolume()
    rollout: Rollout = Rollout()

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_twice("the category", self.categories)
