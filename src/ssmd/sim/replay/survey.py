"""What a range holds, found by reading it once: what is served must be known before it begins."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import files, layout, manifest, reader
from ssmd.model.envelope import CONNECTION, CONTROL, Envelope
from ssmd.model.errors import ConfigError, Damaged
from ssmd.model.records import Opened, decode_connection
from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime.unknown import did_you_mean
from ssmd.sim.replay import slots
from ssmd.sim.replay.slots import Slot, Strand
from ssmd.sim.replay.taped import Lag, Taped, is_data, is_readable

_SAMPLES: Final = 10_000
"""Most recorded answers that are kept."""


class Span(msgspec.Struct):
    """From when to when a connection was heard in the range, ns."""

    first: int
    last: int


class Survey(msgspec.Struct, kw_only=True):
    """What the range of one feed holds.

    Attributes:
        feed: The feed's name.
        venue: Whose messages they are.
        since: From when on, ns.
        until: Before when, ns.
        frames: How many messages can be subscribed to.
        unread: Pieces nobody understood.
        untimed: Frames of imports whose time nobody noted: they have no place in a range.
        first: Receipt of the first, ns.
        last: Receipt of the last, ns.
        symbols: Every instrument they speak of.
        connections: Every connection they came on.
        begun: Those of them that began in it.
        answers: Recorded messages that later answers must agree with.
        slots: Where they rest, and how to put them in order.
    """

    feed: str
    venue: str = ""
    since: int
    until: int
    frames: int = 0
    unread: int = 0
    untimed: int = 0
    first: int = 0
    last: int = 0
    symbols: dict[str, None] = {}
    connections: dict[str, Span] = {}
    begun: set[str] = set()
    answers: list[Envelope] = []
    slots: list[tuple[Slot, tuple[Strand, ...]]] = []


def survey(
    root: Path,
    feed: str,
    since: int | None,
    until: int | None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Survey:
    """Look through a range.

    Args:
        root: The archive.
        feed: The feed's name.
        since: From when on, ns; None from the beginning.
        until: Before when, ns; None up to what is committed now.
        progress: Told the slots done, and how many there are.

    Raises:
        ConfigError: There is no archive, no such feed in it, nothing in the range, or nobody can
            tell whose messages they are.
        Damaged: A segment cannot be read.
    """
    files.check(root)
    _check_feed(root, feed)
    chosen = slots.slots(root, feed, since, until)
    found = Survey(feed=feed, since=since or 0, until=until or (1 << 63) - 1)
    seen: set[tuple[str, str]] = set()
    for number, slot in enumerate(chosen, 1):
        found.slots.append((slot, _look(root, slot, found, seen)))
        progress(number, len(chosen))
    if not found.frames:
        raise _empty(root, found, since, until)
    found.until = min(found.until, found.last + 1)
    for envelope in _beginnings(root, feed, found):
        _learn(found, envelope)
    if not found.venue:
        message = f"No record in {root} says of which venue {feed!r} is."
        raise ConfigError(message, remedy="Take in the segment in which a connection begins.")
    return found


def tape(root: Path, known: Survey) -> Iterator[Taped]:
    """The messages of a surveyed range, in the order of their receipt."""
    for slot, strands in known.slots:
        yield from slots.frames(root, slot, strands, known.since, known.until)


def _look(root: Path, slot: Slot, found: Survey, seen: set[tuple[str, str]]) -> tuple[Strand, ...]:
    """Read one slot into the survey."""
    strands = []
    for segments in slot.writers:
        lag, counts = Lag(), []
        for segment in segments:
            count = 0
            for envelope in slots.lines(root, segment):
                count += 1
                if slots.is_within(envelope.ts_recv, found.since, found.until):
                    _count(found, envelope, lag, seen)
                elif envelope.ts_recv is None and is_data(envelope):
                    found.untimed += 1
            counts.append(count)
        strands.append(Strand(tuple(counts), lag.ns, frozenset(lag.disordered)))
    return tuple(strands)


def _count(found: Survey, envelope: Envelope, lag: Lag, seen: set[tuple[str, str]]) -> None:
    if not is_data(envelope):
        _learn(found, envelope)
        return
    lag.see(envelope)
    if not is_readable(envelope):
        found.unread += 1
        return
    ts = envelope.ts_recv or 0
    found.frames += envelope.part == 0
    found.first = min(found.first or ts, ts)
    found.last = max(found.last, ts)
    span = found.connections.setdefault(envelope.connection, Span(ts, ts))
    span.first, span.last = min(span.first, ts), max(span.last, ts)
    for symbol in envelope.symbols:
        found.symbols[symbol] = None
    kind = (envelope.connection, envelope.type)
    if kind not in seen:
        seen.add(kind)
        found.answers.append(envelope)


def _learn(found: Survey, envelope: Envelope) -> None:
    """Keep what tells whose messages they are, and how requests were answered then."""
    if envelope.type == CONTROL and len(found.answers) < _SAMPLES:
        found.answers.append(envelope)
    elif envelope.type == CONNECTION:
        record = decode_connection(envelope.payload)
        if isinstance(record, Opened):
            found.begun.add(envelope.connection)
            found.venue = found.venue or record.venue


def _beginnings(root: Path, feed: str, found: Survey) -> Iterator[Envelope]:
    """How the connections began that were there before the range: records and answers."""
    left = set(found.connections) - found.begun
    if not left:
        return
    for slot in reversed(slots.slots(root, feed, None, found.until)):
        for segment in (each for segments in slot.writers for each in segments):
            begun = left & _begun(root, segment)
            if begun:
                left -= begun
                for envelope in slots.lines(root, segment):
                    if envelope.connection in begun and envelope.type in {CONNECTION, CONTROL}:
                        yield envelope
        if not left:
            return


def _begun(root: Path, segment: slots.Segment) -> set[str]:
    """Which connections begin in a segment."""
    place, kind = segment
    name = place.name("manifest")
    if kind == "sealed":
        try:
            known = manifest.decode((root / name).read_bytes(), name)
        except (FileNotFoundError, Damaged):
            return set()
        return {id_ for id_, held in known.contents.connections.items() if held.opened is not None}
    return {
        envelope.connection
        for envelope in slots.lines(root, segment)
        if envelope.type == CONNECTION and envelope.record == 0
    }


def _check_feed(root: Path, feed: str) -> None:
    known = sorted({place.feed for place, _ in reader.segments(root)})
    if feed in known:
        return
    near = did_you_mean(feed, known)
    have = ", ".join(known) if known else "none"
    raise ConfigError(f"{root} holds no feed {feed!r}.{near}", remedy=f"It holds: {have}.")


def _empty(root: Path, found: Survey, since: int | None, until: int | None) -> ConfigError:
    """Why there is nothing to serve, with what there is."""
    if found.untimed:
        message = f"The {found.untimed} frames of {found.feed!r} have no time of receipt."
        return ConfigError(message, remedy="Import a capture whose lines have `ts_recv`.")
    all_of_it = slots.slots(root, found.feed, None, None)
    begin = layout.start(all_of_it[0].writers[0][0][0]) if all_of_it else None
    latest = max(filter(None, (_last(root, slot) for slot in all_of_it[-1:])), default=None)
    message = f"{root} holds no message of {found.feed!r} in this range."
    if since is None and until is None:
        return ConfigError(message, remedy="Record first: `ssmd up`.")
    return ConfigError(message, remedy=f"It was recorded from {_shown(begin)} to {_shown(latest)}.")


def _last(root: Path, slot: Slot) -> int | None:
    times = (
        envelope.ts_recv
        for segments in slot.writers
        for segment in segments
        for envelope in slots.lines(root, segment)
        if envelope.ts_recv is not None
    )
    return max(times, default=None)


def _shown(ts: int | None) -> str:
    return "?" if ts is None else format_rfc3339(ts)
