"""Reading envelopes back, with where each one rests."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ssmd.archive import files, layout, line
from ssmd.archive.frames import Frames
from ssmd.archive.layout import Kind, Place
from ssmd.archive.store.opening import as_store
from ssmd.archive.store.port import Store
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.timestamp import SECOND_NS


class Line(msgspec.Struct, frozen=True):
    """An envelope and where it rests.

    Attributes:
        envelope: What was recorded, byte for byte.
        file: Name of the segment, relative to the root.
        number: Line of the decompressed file, from 1.
    """

    envelope: Envelope
    file: str
    number: int


def read(
    root: Path | Store,
    feed: str | None = None,
    type: str | None = None,  # noqa: A002 - the word for it
    symbol: str | None = None,
    since: int | None = None,
    until: int | None = None,
    connection: str | None = None,
    after: tuple[Place, int] | None = None,
) -> Iterator[Line]:
    """Envelopes of an archive, sealed segments and open ones up to their last commit.

    Segments come by feed, then by time; lines as they were written. Memory does not grow with
    the archive.

    Args:
        root: The archive; of a local one, what was let go here is read where it went.
        feed: Only this feed.
        type: Only this message type.
        symbol: Only messages that speak of this symbol.
        since: Only `ts_recv` from here on, ns; envelopes without one are then left out.
        until: Only `ts_recv` before this, ns.
        connection: Only this connection.
        after: Only what stands after this line of this segment, in the order above.

    Raises:
        ConfigError: There is no archive at `root`.
        Damaged: A sealed segment cannot be read to its end.
        Unavailable: The store does not answer.
    """
    store = as_store(root)
    files.check(store)
    for place, kind in segments(store, feed):
        if not _may_hold(place, since, until) or (after is not None and place < after[0]):
            continue
        done = after[1] if after is not None and place == after[0] else 0
        for found in read_segment(store, place, kind):
            envelope = found.envelope
            if (
                found.number > done
                and (type is None or envelope.type == type)
                and (symbol is None or symbol in envelope.symbols)
                and (connection is None or envelope.connection == connection)
                and _within(envelope.ts_recv, since, until)
            ):
                yield found


def segments(root: Path | Store, feed: str | None = None) -> list[tuple[Place, Kind]]:
    """Every segment, sealed or open, by feed and time."""
    store = as_store(root)
    found: dict[Place, Kind] = {
        place: kind for place, kind in files.walk(store, feed) if kind == "open"
    }
    found.update({place: kind for place, kind in files.walk(store, feed) if kind == "sealed"})
    return sorted(found.items())


def read_segment(root: Path | Store, place: Place, kind: Kind) -> Iterator[Line]:
    """The envelopes of one segment.

    Raises:
        Damaged: It is sealed and cannot be read to its end.
    """
    name = place.name(kind)
    store = as_store(root)
    try:
        file = store.open(name)
    except FileNotFoundError:
        if kind != "open":
            raise
        name = place.name()  # sealed since it was listed
        file = store.open(name)
    with file:
        frames = Frames(file)
        for number, text in enumerate(frames.lines(), 1):
            try:
                envelope = line.decode(text, place.feed)
            except Damaged as error:
                message = f"Line {number} of {name}: {error.message}"
                raise Damaged(message, remedy=error.remedy) from error
            if envelope.type != line.COMMIT:
                yield Line(envelope, name, number)
        if kind == "sealed" and (frames.damage or frames.torn):
            message = f"{name} cannot be read to its end: {frames.damage or 'it is cut off'}."
            raise Damaged(message, remedy="Run `ssmd verify` to see what is missing.")


def _may_hold(place: Place, since: int | None, until: int | None) -> bool:
    """Whether a segment's slot can hold times in a range; its length is not known here."""
    begin = layout.start(place)
    day_end = begin - begin % layout.DAY_NS + layout.DAY_NS
    return (until is None or begin < until) and (since is None or day_end + SECOND_NS > since)


def _within(ts: int | None, since: int | None, until: int | None) -> bool:
    if since is None and until is None:
        return True
    if ts is None:
        return False
    return (since is None or ts >= since) and (until is None or ts < until)
