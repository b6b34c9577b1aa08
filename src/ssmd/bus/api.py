"""JetStream's JSON API: subjects, requests and answers, and which refusals may pass."""

from typing import Final

import msgspec

from ssmd.bus.errors import ApiRefused
from ssmd.model.timestamp import parse_rfc3339

PREFIX: Final = "$JS.API."
NS: Final = 1_000_000_000

NO_STREAM: Final = 10059
NO_CONSUMER: Final = 10014
NO_MESSAGE: Final = 10037
NO_PEERS: Final = 10005
"""The cluster has too few servers at this moment."""
NO_CLUSTER: Final = 10074
"""One server keeps one copy."""
STREAM_EXISTS: Final = 10058
STREAM_CREATE_FAILED: Final = 10049
"""Deleting the last file stream and making one at once can fail so; it passes [ran]."""
SUBJECTS_OVERLAP: Final = 10065
STREAM_SEALED: Final = 10109

_SERVER_SIDE: Final = 500
_IN_PROCESS: Final = 10158
"""In a cluster: the same id was proposed a moment ago and is not stored yet, so ask again."""
_PASSING: Final = frozenset(
    {NO_STREAM, STREAM_SEALED, STREAM_CREATE_FAILED, _IN_PROCESS, 10052, 10077}
)
"""Refusals that speak of the stream's state, not of the message, whatever their code says."""


class Error(msgspec.Struct, frozen=True):
    """What an answer holds instead of a result.

    Attributes:
        code: As in HTTP.
        err_code: JetStream's own, 5 digits.
        description: In words.
    """

    code: int
    err_code: int = 0
    description: str = ""

    @property
    def is_passing(self) -> bool:
        """Whether the same request can succeed later: no room, no leader, stream offline."""
        return self.code >= _SERVER_SIDE or self.err_code in _PASSING


class Receipt(msgspec.Struct, frozen=True):
    """The answer to a publish."""

    error: Error | None = None
    stream: str = ""
    seq: int = 0
    duplicate: bool = False


class StreamConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a stream's configuration we set or judge; durations in ns, 0 = none."""

    name: str
    subjects: tuple[str, ...] = ()
    retention: str = "limits"
    storage: str = ""
    discard: str = ""
    max_age: int = 0
    max_bytes: int = -1
    max_msgs: int = -1
    max_msgs_per_subject: int = -1
    duplicate_window: int = 0
    num_replicas: int = 1


class RawState(msgspec.Struct, frozen=True):
    """A stream's counters."""

    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    last_ts: str = ""


class Replica(msgspec.Struct, frozen=True):
    """A server that follows a stream's leader.

    Attributes:
        name: Its name.
        current: Whether it has everything the leader has.
        offline: Whether the leader does not hear from it.
    """

    name: str
    current: bool = False
    offline: bool = False


class Placement(msgspec.Struct, frozen=True):
    """Which servers of a cluster hold a stream.

    Attributes:
        leader: Name of the one that takes messages; empty while there is none.
        replicas: The others.
    """

    leader: str = ""
    replicas: tuple[Replica, ...] = ()


class WholeConfig(msgspec.Struct, frozen=True):
    """A stream's configuration with everything in it: an update must name it all."""

    error: Error | None = None
    config: dict[str, object] = {}


class StreamAnswer(msgspec.Struct, frozen=True):
    """The answer about one stream."""

    error: Error | None = None
    config: StreamConfig | None = None
    created: str = ""
    ts: str = ""
    state: RawState = RawState()
    cluster: Placement = Placement()


class RawMessage(msgspec.Struct, frozen=True):
    """A message as the stream keeps it, base64, without its payload."""

    hdrs: str = ""
    time: str = ""


class MessageAnswer(msgspec.Struct, frozen=True):
    """The answer about one message."""

    error: Error | None = None
    message: RawMessage = RawMessage()


class StreamState(msgspec.Struct, frozen=True):
    """A stream at one moment.

    Attributes:
        created: When it was made, ns since the Unix epoch: another value means another stream,
            whatever its name.
        first: Sequence of its first message; `last + 1` when it is empty.
        last: Sequence of the last message it ever held; 0 when there was none.
        messages: How many it holds.
        bytes: Their size on disk.
        last_ts: When the last one came, ns; None when the server knows of none.
    """

    created: int
    first: int
    last: int
    messages: int
    bytes: int
    last_ts: int | None = None


class Position(msgspec.Struct, frozen=True):
    """Where a consumer is in its stream.

    Attributes:
        stream_seq: Up to which stream sequence.
        last_active: When it last moved, of the server's process that answers; empty when it did
            not move since that began or since the consumer was reset [ran].
    """

    stream_seq: int = 0
    last_active: str = ""


class Group(msgspec.Struct, frozen=True):
    """Who holds a consumer with `pinned_client` policy; empty when nobody does."""

    group: str = ""
    pinned_client_id: str = ""


class ConsumerConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """A consumer's configuration, as far as we set it; durations in ns."""

    deliver_policy: str
    ack_policy: str
    durable_name: str = ""
    name: str = ""
    opt_start_seq: int = 0
    opt_start_time: str = ""
    ack_wait: int = 0
    filter_subject: str = ""
    filter_subjects: tuple[str, ...] = ()
    max_ack_pending: int = 0
    headers_only: bool = False
    inactive_threshold: int = 0
    mem_storage: bool = False
    num_replicas: int = 0
    priority_groups: tuple[str, ...] = ()
    priority_policy: str = ""
    priority_timeout: int = 0


class CreateConsumer(msgspec.Struct, frozen=True):
    """The request that makes a consumer."""

    stream_name: str
    config: ConsumerConfig


class ConsumerAnswer(msgspec.Struct, frozen=True):
    """The answer about one consumer."""

    error: Error | None = None
    name: str = ""
    config: ConsumerConfig | None = None
    ack_floor: Position = Position()
    num_pending: int = 0
    priority_groups: tuple[Group, ...] = ()


class ConsumerNames(msgspec.Struct, frozen=True):
    """One page of the names of a stream's consumers."""

    error: Error | None = None
    total: int = 0
    consumers: tuple[str, ...] | None = None


class Done(msgspec.Struct, frozen=True):
    """An answer of which only success matters."""

    error: Error | None = None
    purged: int = 0


class Pull(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request for messages; durations in ns.

    Attributes:
        batch: Most messages wanted.
        expires: When the server forgets the request.
        idle_heartbeat: Longest silence of the server while the request lives.
        max_bytes: Most bytes wanted; 0 sets no limit.
        group: Priority group asked as.
        id: The pin we hold; empty when we hold none.
    """

    batch: int
    expires: int
    idle_heartbeat: int
    max_bytes: int = 0
    group: str = ""
    id: str = ""


_receipt = msgspec.json.Decoder(Receipt)


def read_receipt(payload: bytes) -> Receipt:
    """The answer to a publish.

    Raises:
        msgspec.DecodeError: It is no such answer.
    """
    receipt: Receipt = _receipt.decode(payload)
    return receipt


def check(subject: str, error: Error | None) -> None:
    """Raise what an answer complains of.

    Raises:
        ApiRefused: It complains.
    """
    if error is not None:
        raise ApiRefused(subject, error.code, error.err_code, error.description)


def state(answer: StreamAnswer) -> StreamState:
    """The counters of a stream out of an answer."""
    return StreamState(
        created=parse_rfc3339(answer.created),
        first=answer.state.first_seq,
        last=answer.state.last_seq,
        messages=answer.state.messages,
        bytes=answer.state.bytes,
        last_ts=_last_ts(answer.state),
    )


def _last_ts(found: RawState) -> int | None:
    """A server writes the year 1 where there was no message."""
    if not found.last_ts or found.last_ts.startswith("0001-"):
        return None
    return parse_rfc3339(found.last_ts)
