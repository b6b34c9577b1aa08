"""Whether a publisher may go on where the stream ends, or must begin again with a snapshot. Pure."""

import msgspec

from ssmd.secmaster.changes.frames import Mark, lsn_text


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A replication slot as the database shows it.

    Attributes:
        plugin: What decodes for it.
        here: Whether it belongs to our database.
        active: Whether somebody reads from it.
        wal_status: `reserved`, `extended`, `unreserved` or `lost`.
        confirmed: LSN up to which its reader has everything.
        behind_bytes: How much was written since.
        safe_bytes: How much may be written before it is lost; None when there is no limit.
    """

    plugin: str
    here: bool
    active: bool
    wal_status: str
    confirmed: int
    behind_bytes: int
    safe_bytes: int | None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says when a publisher begins.

    Attributes:
        system: PostgreSQL's id of the cluster.
        generation: The last generation begun from this database; 0 before the first.
        slot: The slot; None when there is none.
        flushed: LSN up to which the database's log is on disk.
    """

    system: str
    generation: int
    slot: Slot | None
    flushed: int


def reason_to_begin_anew(known: Known, mark: Mark | None) -> str:
    """Why the stream cannot be gone on with; empty when it can.

    A slot is confirmed only up to what the stream holds. So one that is confirmed beyond the
    stream's end is another slot of the same name, or the stream lost its end: either way something
    is missing in between.

    Args:
        known: What the database says.
        mark: What the stream's last message says of its place; None when it holds none.
    """
    slot = known.slot
    if mark is None:
        return "stream_lost" if known.generation else "first"
    end = mark.end or mark.commit
    reasons = {
        "other_system": mark.system != known.system,
        "slot_missing": slot is None,
        "slot_lost": slot is not None and slot.wal_status == "lost",
        "slot_foreign": slot is not None and not (slot.here and slot.plugin == "pgoutput"),
        "other_generation": mark.generation != known.generation,
        "interrupted": mark.snapshot,
        "went_back": end > known.flushed,
        "hole": slot is not None and slot.confirmed > end,
    }
    return next((name for name, holds in reasons.items() if holds), "")


def beyond(mark: Mark, commit_lsn: int, n: int) -> bool:
    """Whether a change comes after what the stream holds.

    Args:
        mark: Of the stream's last message.
        commit_lsn: LSN of the commit of the change's transaction.
        n: Its number within it.
    """
    if commit_lsn == mark.commit:
        return not mark.end and n > mark.n
    return commit_lsn > mark.commit


def describe(mark: Mark | None) -> str:
    """A place in the stream, for logs."""
    if mark is None:
        return "none"
    return f"generation {mark.generation}, {lsn_text(mark.commit)} change {mark.n}"
