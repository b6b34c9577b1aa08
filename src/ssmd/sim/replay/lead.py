"""What a client must be told first, so that it can read what follows: recorded, never made up."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ssmd.sim.replay import slots
from ssmd.sim.replay.listener import Begin, Listener, Subject
from ssmd.sim.replay.taped import Key, Taped

MOST_BYTES: Final = 64 << 20
"""A state with more recorded messages than this is begun with its next snapshot instead, bytes."""


def lead_in(
    root: Path, feed: str, listener: Listener, wanted: Iterable[Subject], since: int, upto: Key
) -> tuple[list[Taped], dict[Subject, Begin]]:
    """The recorded messages from the last snapshot of each state up to a place.

    Reads back slot by slot until every snapshot is found, or the archive begins.

    Args:
        root: The archive.
        feed: The feed's name.
        listener: Knows what tells of what.
        wanted: The states.
        since: Where the served range begins, ns: what was received before is past.
        upto: Everything up to here is past too.

    Returns:
        The messages by time, and where each state begins; one without a snapshot is left out.

    Raises:
        Damaged: A segment cannot be read.
    """
    left = set(wanted)
    begins: dict[Subject, Begin] = {}
    tellers: dict[Subject, str] = {}
    found: dict[Key, Taped] = {}
    size = 0
    for slot in reversed(slots.slots(root, feed, None, max(since, upto[0] + 1))):
        past = [
            frame
            for frame in slots.frames(root, slot, slots.strands(root, slot))
            if (frame.key <= upto or (frame.pieces[0].ts_recv or 0) < since)
            and any(listener.concerns(frame, subject) for subject in left)
        ]
        size += sum(len(piece.payload) for frame in past for piece in frame.pieces)
        for subject in tuple(left):
            begin = _newest(past, listener, subject, tellers)
            if begin is not None:
                begins[subject] = begin
                left.remove(subject)
        found.update((frame.key, frame) for frame in past)
        if not left or size > MOST_BYTES:
            break
    return [found[key] for key in sorted(found)], begins


def _newest(
    past: list[Taped], listener: Listener, subject: Subject, tellers: dict[Subject, str]
) -> Begin | None:
    """The last snapshot of whoever told of it last."""
    for frame in reversed(past):
        if not listener.concerns(frame, subject):
            continue
        teller = tellers.setdefault(subject, frame.connection)
        if frame.connection == teller and listener.begins(frame, subject):
            return Begin(frame.key, teller)
    return None
