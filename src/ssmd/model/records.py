"""What we say about a connection: the payloads of `_connection` and `_ledger` records.

Each payload is one JSON object whose `event` names its shape. The ledger is a fold over these and
the manifests, so everything it needs must stand here. Shapes only grow: a reader skips fields it
does not know, and a field once written keeps its meaning.
"""

from typing import Final, Literal

import msgspec

from ssmd.model.event import GapKind

PLANNED: Final = "planned"
"""Reason of a connection that is made before its predecessor is closed, on purpose."""
HANDOVER: Final = "handover"
"""The same, where its predecessor lives in another process, which is to end."""
MADE_FIRST: Final = frozenset({PLANNED, HANDOVER})
"""Reasons of connections whose predecessor lives on for a while."""


class ClockState(msgspec.Struct, frozen=True, kw_only=True):
    """How right the clock was that times are read from.

    Attributes:
        source: Who says so: the kernel, which a time daemon keeps; the venue, by the `Date` of its
            REST answers; or nobody.
        offset_s: The right time less ours, in seconds; None when unknown.
        error_s: By how much that may be wrong, in seconds; None when unknown.
    """

    source: Literal["kernel", "venue", "unknown"]
    offset_s: float | None = None
    error_s: float | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened", tag_field="event"):
    """A connection begins; always record 0 of its connection.

    Attributes:
        feed: The feed's name.
        venue: The venue's name.
        shard: The shard's number within the feed (replica `i` of several numbers its own from
            `i` times 1000 on); `rest` for REST requests.
        endpoint: The address asked for, without credentials.
        local: Our socket address, `host:port`; empty for imports.
        peer: The venue's socket address; empty for imports.
        previous: The shard's connection before this one, if there was one.
        reason: Why the connection was made (`start`, `reconnect`, `planned`, `handover`,
            `import`, `backfill`).
        version: Version of this software.
        host: Name of the capturing machine.
        source: The capture file an import read, with its sha256; None when captured live.
        shards: How many shards the plan had then; None where there is no plan.
        clock: How right the machine's clock was then; None in records of before this was told, and
            in imports.
    """

    feed: str
    venue: str
    shard: int | str
    endpoint: str
    local: str
    peer: str
    previous: str | None
    reason: str
    version: str
    host: str
    source: str | None = None
    shards: int | None = None
    clock: ClockState | None = None


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="closed", tag_field="event"):
    """A connection ended; the last record of its connection.

    Attributes:
        last_ordinal: The greatest ordinal given; -1 when no frame came.
        last_record: The number of this record: no greater one exists.
        by: Who says so: the connector itself, recovery after a crash, or an import.
        reason: Why it ended (a metric label).
        code: The WebSocket close code, when there was one.
        lifetime_s: How long it lived, in seconds.
        subscriptions: How many subscriptions were acknowledged when it ended.
        pong_age_s: Age of the last pong when it ended; None when none ever came.
    """

    last_ordinal: int
    last_record: int
    by: Literal["connector", "recovery", "import"]
    reason: str
    code: int | None = None
    lifetime_s: float | None = None
    subscriptions: int | None = None
    pong_age_s: float | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True, tag="wanted", tag_field="event"):
    """From now on this is to be captured on this connection."""

    channel: str
    symbol: str | None
    reason: str


class Unwanted(msgspec.Struct, frozen=True, kw_only=True, tag="unwanted", tag_field="event"):
    """From now on this is no longer to be captured on this connection."""

    channel: str
    symbol: str | None
    reason: str


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, tag="subscribed", tag_field="event"):
    """The venue confirmed a subscription, in frame `ordinal`."""

    channel: str
    symbol: str | None
    ordinal: int | None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="unsubscribed", tag_field="event"):
    """The venue confirmed the end of a subscription, in frame `ordinal`."""

    channel: str
    symbol: str | None
    ordinal: int | None


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag="refused", tag_field="event"):
    """The venue refused a subscription; `ordinal` is None when it never answered."""

    channel: str
    symbol: str | None
    reason: str
    ordinal: int | None


class GapFound(msgspec.Struct, frozen=True, kw_only=True, tag="gap", tag_field="event"):
    """The venue's counter or checksum shows that messages before frame `ordinal` are missing."""

    channel: str
    symbols: tuple[str, ...]
    kind: GapKind
    expected: int
    found: int
    ordinal: int | None
    subscription: str | None = None


class GapRepaired(msgspec.Struct, frozen=True, kw_only=True, tag="repaired", tag_field="event"):
    """A fresh snapshot in frame `ordinal` ended a gap."""

    channel: str
    symbols: tuple[str, ...]
    by: str
    ordinal: int | None


class Fetched(msgspec.Struct, frozen=True, kw_only=True, tag="fetched", tag_field="event"):
    """A REST request was answered, or not.

    Attributes:
        request: Number of the `_sent` record that holds the request.
        ordinal: The frame that holds the answer's body; None when none came.
        status: HTTP status; None when there was no answer.
        duration_s: From asking to the last byte, in seconds.
        purpose: What it was asked for (`discovery`, `witness`, `backfill`).
        error: Why there was no answer, in one phrase; None when there was one.
    """

    request: int
    ordinal: int | None
    status: int | None
    duration_s: float
    purpose: str
    error: str | None = None


Verdict = Literal["quiet", "frozen", "unknown"]
"""What a witness said of a silent instrument."""


class Judged(msgspec.Struct, frozen=True, kw_only=True, tag="judged", tag_field="event"):
    """An instrument was silent beyond its rhythm; a witness was asked, if there is one.

    Attributes:
        symbol: Which instrument; several with commas when a whole connection was asked about,
            empty for a channel about all of them.
        verdict: What came of it.
        silent_s: How long it had said nothing, in seconds.
        missed: How many messages it should have sent in that time, by its peers' rhythm.
        evidence: Which REST connection and requests show it, and why `unknown` if it is.
        action: What was done about it (`none`, `resubscribe`, `reconnect`).
    """

    symbol: str
    verdict: Verdict
    silent_s: float
    missed: float
    evidence: str
    action: str


class Backfilled(msgspec.Struct, frozen=True, kw_only=True, tag="backfilled", tag_field="event"):
    """A page of the venue's history is kept: what happened in its span is in the archive.

    Attributes:
        channel: Whose facts they are (`trade`), in the words of subscriptions.
        symbol: Which instrument.
        since: From when on the page is whole, ns, included.
        until: Up to when, ns, not included.
        facts: How many facts the page holds inside of its span.
        ordinal: The frame of type `_backfill` that holds the page's body; None when the venue
            keeps nothing that old, so that the span stays lost.
        cause: What made us ask: `{kind} {connection} r{record}` of the ledger's entry, or `asked`.
        whole: Whether the channel says nothing else than such facts: only then is nothing missing.
    """

    channel: str
    symbol: str
    since: int
    until: int
    facts: int
    ordinal: int | None
    cause: str
    whole: bool = True


class Leaving(msgspec.Struct, frozen=True, kw_only=True, tag="reconnect", tag_field="event"):
    """The session, the watchdog or a suspended machine made us give the connection up.

    Attributes:
        reason: Why.
        since: From when on nothing was heard when it was said, ns; None: the last frame was.
    """

    reason: str
    since: int | None = None


LossReason = Literal[
    "spool_full",
    "spool_bound",
    "spool_damaged",
    "oversize",
    "publish_refused",
    "bus_loss",
    "protocol",
]


class Lost(msgspec.Struct, frozen=True, kw_only=True, tag="lost", tag_field="event"):
    """Frames of this connection that were received and could not be kept.

    Attributes:
        ordinals: Inclusive ranges `[first, last]`.
        records: Inclusive ranges of our own records lost with them.
        reason: What prevented it.
    """

    ordinals: tuple[tuple[int, int], ...]
    reason: LossReason
    records: tuple[tuple[int, int], ...] = ()


ConnectionRecord = Opened | Closed
LedgerRecord = (
    Wanted
    | Unwanted
    | Acknowledged
    | Ended
    | Declined
    | GapFound
    | GapRepaired
    | Fetched
    | Judged
    | Backfilled
    | Leaving
    | Lost
)

_encoder = msgspec.json.Encoder()
_connection = msgspec.json.Decoder(ConnectionRecord)
_ledger = msgspec.json.Decoder(LedgerRecord)


def encode(record: ConnectionRecord | LedgerRecord) -> bytes:
    """The JSON payload of a record."""
    return _encoder.encode(record)


def decode_connection(payload: bytes) -> ConnectionRecord:
    """Read the payload of a `_connection` record.

    Raises:
        msgspec.DecodeError: The payload is not such a record.
    """
    record: ConnectionRecord = _connection.decode(payload)
    return record


def decode_ledger(payload: bytes) -> LedgerRecord:
    """Read the payload of a `_ledger` record.

    Raises:
        msgspec.DecodeError: The payload is not such a record.
    """
    record: LedgerRecord = _ledger.decode(payload)
    return record
