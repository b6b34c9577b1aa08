"""What the operator says about a resource: conditions, and how each pod's shards are. Pure."""

from typing import Final, Literal

import msgspec

ConditionType = Literal[
    "Ready",
    "FeedConfigValid",
    "StreamReady",
    "Connected",
    "Lagging",
    "Degraded",
    "Progressing",
]
Truth = Literal["True", "False", "Unknown"]
CONDITIONS: Final[dict[ConditionType, bool]] = {
    "Ready": True,
    "FeedConfigValid": True,
    "StreamReady": True,
    "Connected": True,
    "Lagging": False,
    "Degraded": False,
    "Progressing": False,
}
"""Every condition, and whether its holding is the healthy state."""


class Told(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True
):  # unknown fields are let through: an older operator reads what a newer one wrote
    """What every part of a status is."""


class Condition(Told, frozen=True, kw_only=True):
    """One answer about a resource, as Kubernetes spells conditions.

    Attributes:
        type: The question.
        status: The answer.
        reason: Why, in one CamelCase word.
        message: Why, in a sentence that says where and what to do.
        observed_generation: The spec's generation that was looked at.
        last_transition_time: Since when the answer is what it is, RFC 3339, UTC.
    """

    type: str
    status: Truth
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""

    @property
    def is_trouble(self) -> bool:
        """Whether it is not as it should be; what nobody knows, and a take-over, are none."""
        wanted = {str(kind): str(well) for kind, well in CONDITIONS.items()}
        fine = {wanted.get(self.type, self.status), "Unknown"}
        return self.type != "Progressing" and self.status not in fine


class ShardStatus(Told, frozen=True, kw_only=True):
    """One connection's share, as the pod itself tells it.

    Attributes:
        name: `{feed}-{shard}`.
        pod: The pod.
        connected: Whether it has a live connection.
        messages: Messages since the pod started.
        last_message_time: When the last one came, RFC 3339, UTC.
    """

    name: str
    pod: str
    connected: bool = False
    messages: int = 0
    last_message_time: str | None = None


class PlaceStatus(Told, frozen=True, kw_only=True):
    """One process's place, and what is in it.

    Attributes:
        name: Its Deployment.
        replica: Which share of the feed, from 0.
        slot: `a` or `b`.
        revision: Digest of what it is configured by.
        phase: `Starting`, `Ready`, `Draining`, `NotReady` or `CrashLooping`.
        category: The feed's division, if any.
        pod: The pod, once there is one.
        restarts: So often its container was started again.
    """

    name: str
    replica: int
    slot: str
    revision: str
    phase: str
    category: str | None = None
    pod: str | None = None
    restarts: int = 0


class RolloutStatus(Told, frozen=True, kw_only=True):
    """How a take-over stands; it survives the operator.

    Attributes:
        revision: What is being brought up.
        attempts: So many tries failed.
        next_attempt_time: Not tried again before, RFC 3339, UTC.
        reason: Why the last try failed.
    """

    revision: str = ""
    attempts: int = 0
    next_attempt_time: str | None = None
    reason: str = ""


class ConnectorStatus(Told, frozen=True, kw_only=True):
    """How a Connector is.

    Attributes:
        observed_generation: The spec's generation this is about.
        conditions: The answers.
        phase: In one word: `Pending`, `Running`, `Degraded`, `Rolling`, `Paused`, `Draining`.
        replicas: Processes there are.
        wanted_replicas: Shares there should be: replicas times categories.
        ready_replicas: Shares that are recorded by a process that is ready.
        selector: Finds the pods, as text: what the scale subresource needs.
        messages: Messages of all pods since they started.
        last_message_time: When the last one came, RFC 3339, UTC.
        connection_state: `Connected`, `Partial`, `Disconnected` or `Unknown`.
        revision: Digest of the configuration that is wanted.
        places: Where it runs.
        shards: The connections of all pods; the first 200.
        rollout: How a take-over stands.
    """

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    phase: str = "Pending"
    replicas: int = 0
    wanted_replicas: int = 0
    ready_replicas: int = 0
    selector: str = ""
    messages: int = 0
    last_message_time: str | None = None
    connection_state: str = "Unknown"
    revision: str = ""
    places: tuple[PlaceStatus, ...] = ()
    shards: tuple[ShardStatus, ...] = ()
    rollout: RolloutStatus = RolloutStatus()


class SourceStatus(Told, frozen=True, kw_only=True):
    """One stream that is archived.

    Attributes:
        feed: The feed.
        stream: Its stream.
        messages: Messages since the pod started.
        last_message_time: When the last one came, RFC 3339, UTC.
    """

    feed: str
    stream: str
    messages: int = 0
    last_message_time: str | None = None


class ArchiverStatus(Told, frozen=True, kw_only=True):
    """How an Archiver is.

    Attributes:
        observed_generation: The spec's generation this is about.
        conditions: The answers.
        phase: In one word: `Pending`, `Running`, `Degraded`, `Paused`, `Draining`, `Drained`.
        ready_replicas: Pods that are ready.
        selector: Finds the pods, as text.
        claim: The claim that holds the archive.
        messages: Messages since the pod started.
        last_message_time: When the last one came, RFC 3339, UTC.
        sources: The streams.
        drain: What the drain does, in a sentence.
    """

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    phase: str = "Pending"
    ready_replicas: int = 0
    selector: str = ""
    claim: str = ""
    messages: int = 0
    last_message_time: str | None = None
    sources: tuple[SourceStatus, ...] = ()
    drain: str = ""


class ApiStatus(Told, frozen=True, kw_only=True):
    """How an Api is.

    Attributes:
        observed_generation: The spec's generation this is about.
        conditions: The answers.
        phase: In one word: `Pending`, `Running`, `Degraded`, `Rolling`, `Paused`.
        replicas: Processes there are.
        ready_replicas: Those of them that answer.
        selector: Finds the pods, as text: what the scale subresource needs.
        claim: The claim with the archive.
        url: Where the cluster's pods reach it.
    """

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    phase: str = "Pending"
    replicas: int = 0
    ready_replicas: int = 0
    selector: str = ""
    claim: str = ""
    url: str = ""


class ScheduledStatus(Told, frozen=True, kw_only=True):
    """How what runs by the clock is.

    Attributes:
        observed_generation: The spec's generation this is about.
        conditions: The answers.
        phase: In one word: `Pending`, `Scheduled`, `Running`, `Failed`, `Paused`.
        last_schedule_time: When it last began, RFC 3339, UTC.
        last_successful_time: When it last ended well, RFC 3339, UTC.
        last_result: What the last run said, in a few words.
        grade: For a QualityCheck: the last grade.
        score: For a QualityCheck: the last composite score, 0 to 100.
    """

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    phase: str = "Pending"
    last_schedule_time: str | None = None
    last_successful_time: str | None = None
    last_result: str = ""
    grade: str = ""
    score: float | None = None
