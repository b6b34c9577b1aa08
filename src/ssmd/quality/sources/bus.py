"""What the bus says of the feeds' streams, through its own protocol: no monitoring port."""

from collections.abc import Mapping, Sequence
from typing import Final

from ssmd.bus.errors import StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.errors import SsmdError
from ssmd.quality.checks.told import NotHere, StreamTold
from ssmd.runtime.clock import Clock

_CONNECT_S: Final = 3.0

ABSENT: Final = NotHere(
    "No bus is known: neither NATS_URL, nor `nats_url` of ssmd.yaml, nor an `ssmd up` that runs here."
)
"""What is said where nobody names a bus."""


async def told(
    settings: BusSettings | None,
    clock: Clock,
    streams: Mapping[str, tuple[str, ...]],
    *,
    timeout_s: float = _CONNECT_S,
) -> dict[str, StreamTold | NotHere]:
    """What the bus says of each feed's stream; that it is away is an answer, and no error.

    A bus that is away says nothing about a day that is over: its messages are in the archive. So
    the check is unknown then, and the archiver's part of the day is judged by the files.

    Args:
        settings: Where the bus is; None when nobody knows.
        clock: What time it is.
        streams: The streams of each feed, by feed, at least one.
        timeout_s: Longest wait for a connection, in seconds.
    """
    if settings is None:
        return dict.fromkeys(streams, ABSENT)
    try:
        async with await Streams.connect(settings, clock, timeout_s=timeout_s) as open_streams:
            return {
                feed: _together([await _one(open_streams, stream, clock) for stream in names])
                for feed, names in streams.items()
            }
    except SsmdError as error:
        return dict.fromkeys(streams, NotHere(str(error)))


def _together(found: Sequence[StreamTold]) -> StreamTold:
    """A feed's streams as one: the first that nothing came into, or else all of them together."""
    empty = [each for each in found if each.missing or not each.stored]
    if empty or len(found) == 1:
        return (*empty, *found)[0]
    return StreamTold(
        stream=" and ".join(each.stream for each in found),
        messages=sum(each.messages for each in found),
        stored=sum(each.stored for each in found),
        last_ts=min((each.last_ts for each in found if each.last_ts is not None), default=None),
        behind=sum(each.behind for each in found),
        asked_at=max(each.asked_at for each in found),
    )


async def _one(streams: Streams, stream: str, clock: Clock) -> StreamTold:
    try:
        state = await streams.state(stream)
    except StreamUnfit:
        return StreamTold(stream=stream, missing=True, asked_at=clock.wall())
    floor = await streams.archived_floor(stream)
    return StreamTold(
        stream=stream,
        messages=state.messages,
        stored=state.last,
        last_ts=state.last_ts,
        behind=max(0, state.last - floor),
        asked_at=clock.wall(),
    )
