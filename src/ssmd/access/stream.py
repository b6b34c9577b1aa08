"""History, then what comes: one stream of envelopes over the seam between archive and bus.

The order of the steps is what proves the seam, with S the sequence noted, and F the first message
the bus holds:

1. Note S: the files hold everything up to it, for it was written after that was durable.
2. Note F: what the bus purged before it is archived by now, for it purges nothing else.
3. Read the archive: everything below max(S + 1, F) is in it.
4. Read the bus from max(S + 1, F) on, and let pass what has not passed before.

When the bus does not hold the next message (purged meanwhile, made anew, rolled back), all steps
are taken again, and what has passed does not pass twice.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import layout, manifest, reader
from ssmd.archive.contents import Position
from ssmd.archive.scan import scan
from ssmd.archive.seen import Seen
from ssmd.bus.api import StreamState
from ssmd.bus.errors import StreamUnfit
from ssmd.bus.follow import Behind, Follower
from ssmd.bus.present import Place
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.runtime.clock import Clock, SystemClock

_BATCH: Final = 1000
_AHEAD: Final = 1000
_AGAIN_S: Final = 0.2


class Seam:
    """Lets everything that is wanted pass once, from wherever and however often it comes.

    Args:
        start: Only what was received from here on, ns; None for all.
        wanted: Which of that.
    """

    def __init__(
        self, start: int | None = None, wanted: Callable[[Envelope], bool] = lambda _envelope: True
    ) -> None:
        self._start = start
        self._wanted = wanted
        self._seen = Seen()

    def take(self, envelope: Envelope) -> bool:
        """Whether it passes; it does not a second time."""
        if self._start is not None and (envelope.ts_recv is None or envelope.ts_recv < self._start):
            return False
        return self._wanted(envelope) and self._seen.add(envelope)


class Noted(msgspec.Struct, frozen=True):
    """What was noted of a stream before its history is read.

    Attributes:
        begin: The first sequence to read from the bus.
        created: When the stream was made, ns.
    """

    begin: int
    created: int


def begin_after(position: Position | None, state: StreamState) -> int:
    """The first stream sequence to be read from the bus, when the files hold a position.

    A position of another stream of that name, or beyond its end, says nothing of this one: then
    all of it is read, and what is archived does not pass again. Pure.

    Args:
        position: Everything up to it is in the files; None when nothing is known.
        state: The stream as it is now.
    """
    if position is None or position.created != state.created or position.sequence > state.last:
        return state.first
    return max(state.first, position.sequence + 1)


def positions(root: Path, feed: str) -> dict[str, Position]:
    """Per bus stream that is archived as this feed, a position up to which the files hold all.

    It may be old by a slot: it is that of the last sealed segment, or of the first one while that
    is still open.

    Raises:
        Damaged: A file of the archive is not what was written.
    """
    found: dict[str, Position] = {}
    segments = reader.segments(root, feed)
    for writer in sorted({place.writer for place, _ in segments}):
        position = _sealed(root, writer)
        if position is None:
            mine = [place for place, kind in segments if place.writer == writer and kind == "open"]
            position = _open(root, mine)
        if position is not None:
            found[position.stream] = position
    return found


def newest(root: Path, feed: str) -> dict[str, Position]:
    """Per bus stream that is archived as this feed, up to where the files hold all at this moment.

    Segments that are still open are read for it.

    Raises:
        Damaged: A file of the archive is not what was written.
    """
    found = positions(root, feed)
    for place, kind in reader.segments(root, feed):
        position = _open(root, [place]) if kind == "open" else None
        if position is not None:
            known = found.get(position.stream)
            if known is None or known.commit < position.commit:
                found[position.stream] = position
    return found


async def stream(
    root: Path,
    feed: str,
    start: int | None = None,
    bus: BusSettings | None = None,
    *,
    types: Collection[str] | None = None,
    symbols: Collection[str] | None = None,
    records: bool = False,
    streams: Sequence[str] = (),
    clock: Clock | None = None,
) -> AsyncGenerator[Envelope, None]:
    """What was recorded of a feed, then what is being recorded: no message twice, none missing.

    History comes segment by segment, as it was written; what is live comes as the bus has it. On
    one connection that is the order of the ordinals, but for what came late.

    Args:
        root: The archive: a folder on this machine.
        feed: The feed's name.
        start: Received from here on, ns; None for everything there is.
        bus: Where the bus is and how we are let in; None ends where the archive does.
        types: Only these message types.
        symbols: Only messages that speak of one of these, in the venue's own strings.
        records: Whether our own records (openings, closings, losses) are wanted too.
        streams: Names of the bus streams; found in the archive when left out.
        clock: Tells the time; the machine's when None.

    Raises:
        ConfigError: There is no archive, or nothing in it tells the stream's name.
        Damaged: A file of the archive is not what was written.
        BusAway: The bus does not answer at first; later it is waited for.
        StreamUnfit: There is no such stream.
    """

    def wanted(envelope: Envelope) -> bool:
        return (
            (records or envelope.record is None)
            and (types is None or envelope.type in types)
            and (symbols is None or not frozenset(symbols).isdisjoint(envelope.symbols))
        )

    seam = Seam(start, wanted)
    if bus is None:
        async for envelope in history(root, feed, start, seam):
            yield envelope
        return
    times: Clock = SystemClock() if clock is None else clock
    names = streams or await asyncio.to_thread(names_of, root, feed)
    async with contextlib.AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(Follower(bus, times, name)) for name in names]
        noted = await note(root, feed, followers)
        while True:
            async for envelope in history(root, feed, start, seam):
                yield envelope
            live = merged(followers, noted)
            try:
                async with contextlib.aclosing(live):
                    async for _, envelope, _ in live:
                        if seam.take(envelope):
                            yield envelope
            except Behind:
                noted = await _note_again(root, feed, followers, times)


async def note(root: Path, feed: str, followers: Sequence[Follower]) -> list[Noted]:
    """Where each stream goes on: first what the files hold, then what the bus does.

    Args:
        root: The archive.
        feed: Of which feed.
        followers: Of its streams.

    Raises:
        BusAway: The bus does not answer.
        StreamUnfit: There is no such stream.
    """
    held = await asyncio.to_thread(positions, root, feed)
    noted = []
    for follower in followers:
        state = await follower.look()
        position = held.get(follower.stream)
        if position is not None and not await _is_of(position, follower, state):
            position = None
        noted.append(Noted(begin_after(position, state), state.created))
    return noted


async def _note_again(
    root: Path, feed: str, followers: Sequence[Follower], clock: Clock
) -> list[Noted]:
    """The same as soon as the bus answers: whoever is reading waits for it."""
    while True:
        await clock.sleep(_AGAIN_S)
        with contextlib.suppress(Unavailable, StreamUnfit):
            return await note(root, feed, followers)


async def _is_of(position: Position, follower: Follower, state: StreamState) -> bool:
    """Whether the stream still has the life in which a position was noted.

    An older copy of the server's store gives the same sequences out again; the message's own time
    tells. What is purged tells nothing, and is not needed: then all that is there is read.
    """
    if not state.first <= position.sequence <= state.last:
        return True
    place = Place(position.sequence, position.stored)
    return bool(place.ts) and await follower.holds(place)


async def history(
    root: Path, feed: str, start: int | None, seam: Seam
) -> AsyncGenerator[Envelope, None]:
    """What is archived now and has not passed yet.

    Args:
        root: The archive.
        feed: Of which feed.
        start: Received from here on, ns.
        seam: What it passes through.
    """
    found = _passing(root, feed, start, seam)
    while batch := await asyncio.to_thread(_batch, found):
        for envelope in batch:
            yield envelope


def _batch(found: Iterator[Envelope]) -> list[Envelope]:
    return list(islice(found, _BATCH))


def _passing(root: Path, feed: str, start: int | None, seam: Seam) -> Iterator[Envelope]:
    for line in reader.read(root, feed, since=start):
        if seam.take(line.envelope):
            yield line.envelope


async def merged(
    followers: Sequence[Follower], noted: Sequence[Noted]
) -> AsyncGenerator[tuple[int, Envelope, int], None]:
    """Everything from the places noted on, of all streams, as it comes.

    Yields:
        Which stream, what came, and the first sequence of that stream that was not given then.

    Raises:
        Behind: A stream does not hold what comes next.
    """
    coming: asyncio.Queue[tuple[int, Envelope, int]] = asyncio.Queue(_AHEAD)

    async def read(index: int) -> None:
        begin, follower = noted[index], followers[index]
        async with contextlib.aclosing(follower.follow(begin.begin, begin.created)) as found:
            async for envelope in found:
                await coming.put((index, envelope, follower.position))

    readers = [asyncio.ensure_future(read(index)) for index in range(len(followers))]
    ended = asyncio.Event()
    for each in readers:
        each.add_done_callback(lambda _done: ended.set())
    try:
        while True:
            next_ = asyncio.ensure_future(coming.get())
            over = asyncio.ensure_future(ended.wait())
            await asyncio.wait((next_, over), return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            if next_.done():
                yield next_.result()
                while not coming.empty():
                    yield coming.get_nowait()
                continue
            next_.cancel()
            for each in readers:
                if each.done():
                    each.result()
    finally:
        for each in readers:
            each.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


def names_of(root: Path, feed: str) -> list[str]:
    """The bus streams of a feed, as the archive tells.

    Raises:
        ConfigError: Nothing does.
    """
    found = sorted(positions(root, feed))
    if not found:
        message = f"Nothing in {root} tells the bus stream of the feed {feed!r}."
        raise ConfigError(message, remedy="Name it with `streams`, or record first: `ssmd up`.")
    return found


def _sealed(root: Path, writer: str) -> Position | None:
    """The position when the writer last sealed a segment."""
    head = manifest.read_head(root, writer)
    if head is None:
        return None
    known = [head.position] if head.position is not None else []
    place = None if head.last is None else layout.parse(head.last.name)
    if place is not None:
        name = place[0].name("manifest")
        position = manifest.decode((root / name).read_bytes(), name).position
        known += [position] if position is not None else []
    return max(known, key=lambda each: each.commit, default=None)


def _open(root: Path, places: Sequence[layout.Place]) -> Position | None:
    """The position in segments of which none is sealed yet."""
    known = []
    for place in places:
        with contextlib.suppress(FileNotFoundError):  # sealed meanwhile: nothing is lost by that
            position = scan(root / place.name("open"), place.feed).tally.position
            known += [position] if position is not None else []
    return max(known, key=lambda each: each.commit, default=None)
