"""What is seen of a commit: how much of what kind, how old it was, and whether it can be true."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ssmd.archive import telemetry
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS

_AHEAD_NS: Final = 60 * SECOND_NS
"""Two machines' clocks may differ; by more than this a time of receipt is wrong."""


def tell(
    stream: str,
    committed: Mapping[tuple[str, int], Sequence[Envelope]],
    *,
    seconds: float,
    segments: int,
    now: int,
) -> None:
    """Count a commit.

    Args:
        stream: Where it came from.
        committed: The envelopes, by feed and slot.
        seconds: How long it took.
        segments: How many segments are open.
        now: When it was durable, ns.
    """
    for feed in {feed for feed, _ in committed}:
        batches = [batch for (of, _), batch in committed.items() if of == feed]
        types: dict[str, int] = {}
        waits: list[int] = []
        for batch in batches:
            for envelope in batch:
                types[envelope.type] = types.get(envelope.type, 0) + 1
                if envelope.ts_recv is not None:
                    waits.append(now - envelope.ts_recv)
        telemetry.committed(feed, stream, types, seconds=seconds, segments=segments, now=now)
        telemetry.archived(feed, stream, waits)
        for batch in batches:
            telemetry.invalid(feed, stream, flaws(feed, batch, now))


def flaws(feed: str, batch: Iterable[Envelope], now: int) -> list[tuple[str, str]]:
    """Envelopes that cannot be what they say: the identity of each, and what is wrong. Pure.

    They are archived as they came; somebody makes them who should not.

    Args:
        feed: The feed's name.
        batch: Envelopes of it.
        now: ns since the Unix epoch, UTC.
    """
    latest, shards = now + _AHEAD_NS, f"{feed}-"
    return [
        (envelope.message_id, _flaw(envelope, latest))
        for envelope in batch
        if (envelope.ordinal is None) == (envelope.record is None)
        or not 0 <= envelope.part < envelope.parts
        or (envelope.ts_recv is not None and envelope.ts_recv > latest)
        or not envelope.connection.startswith(shards)
    ]


def _flaw(envelope: Envelope, latest: int) -> str:
    if (envelope.ordinal is None) == (envelope.record is None):
        return "it is neither a frame nor a record, or both"
    if not 0 <= envelope.part < envelope.parts:
        return f"it is part {envelope.part} of {envelope.parts}"
    if envelope.ts_recv is not None and envelope.ts_recv > latest:
        return "it was received after it was archived"
    return f"its connection is not one of the feed {envelope.feed}"
