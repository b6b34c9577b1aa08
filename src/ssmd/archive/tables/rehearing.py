"""Frames that no session understood when they came, asked of today's. Pure."""

from collections.abc import Iterator
from typing import Final

import msgspec

from ssmd.archive.hearing import hear
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Frame, Now
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions, Venue

_OURS: Final = "_"


def reheard(envelope: Envelope, venue: Venue) -> Iterator[Envelope]:
    """A frame that is archived as unread, as it would be archived today.

    A session that never heard anything is asked, so that the answer depends on these bytes alone.
    A frame that would be split today gives several envelopes, each with a payload of its own.

    Args:
        envelope: The frame.
        venue: Whose it is.

    Returns:
        Its data, in pieces; nothing when it is no data today either.
    """
    at = envelope.ts_recv or 0
    session = venue.session(
        Shard(envelope.feed, 0, frozenset()), SessionOptions(limits=venue.limits, passive=True)
    )
    session.open(Now(at, 0.0))
    heard = hear(session, Frame(envelope.payload, envelope.opcode, envelope.ts_recv, 0.0))
    for piece in heard.pieces:
        if not piece.type.startswith(_OURS):
            yield msgspec.structs.replace(
                envelope,
                type=piece.type,
                symbols=piece.symbols,
                sequence=piece.sequence,
                ts_event=piece.ts_event,
                payload=envelope.payload if piece.payload is None else piece.payload,
            )
