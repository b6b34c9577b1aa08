"""A stream as it is at this moment, and how it is recognised: by what stands at a sequence.

`created` tells a stream made anew. It does not tell one that was rolled back: an older copy of the
server's store, or a store that lost what was not synced, has the same `created` and gives its
sequences out a second time. A message's own time stamp, given by the server when it stored it, does:
streams only grow, so where one message stands as before, all before it do.
"""

import base64
import binascii
from typing import Final

import msgspec

from ssmd.bus import api, codec, telemetry, wire
from ssmd.bus.api import StreamState
from ssmd.bus.errors import ApiRefused
from ssmd.bus.link import Link
from ssmd.model.timestamp import parse_rfc3339

_TIMEOUT_S: Final = 2.0


class Stored(msgspec.Struct, frozen=True):
    """What tells a message from any other that may stand at its sequence.

    Attributes:
        ts: When the server stored it, ns since the Unix epoch, by the server's clock.
        id: Its `Nats-Msg-Id`; empty when it has none.
    """

    ts: int
    id: bytes


async def message(link: Link, stream: str, sequence: int) -> bytes | None:
    """The headers of what stands at a sequence of a stream; None when nothing does.

    Raises:
        BusAway: The bus does not answer.
        ApiRefused: It refuses to say.
    """
    found = await _raw(link, stream, sequence)
    return None if found is None else found[0]


async def stored(link: Link, stream: str, sequence: int) -> Stored | None:
    """What stands at a sequence of a stream; None when nothing does.

    Raises:
        BusAway: The bus does not answer.
        ApiRefused: It refuses to say.
    """
    found = await _raw(link, stream, sequence)
    return None if found is None else Stored(found[1], codec.header(found[0], codec.ID) or b"")


async def _raw(link: Link, stream: str, sequence: int) -> tuple[bytes, int] | None:
    """Headers of a message, and when it was stored."""
    subject = f"STREAM.MSG.GET.{stream}"
    answer = await link.ask(api.MessageAnswer, subject, {"seq": sequence}, _TIMEOUT_S)
    if answer.error is not None and answer.error.err_code == api.NO_MESSAGE:
        return None
    api.check(subject, answer.error)
    try:
        headers = base64.b64decode(answer.message.hdrs)
        return headers, parse_rfc3339(answer.message.time)
    except (ValueError, binascii.Error) as error:
        raise ApiRefused(subject, 0, 0, f"an answer that is no message: {error}") from error


async def info(link: Link, stream: str) -> api.StreamAnswer:
    """What the server says about a stream.

    Raises:
        BusAway: The bus does not answer.
        ApiRefused: It refuses to say; with `NO_STREAM` there is none.
    """
    subject = f"STREAM.INFO.{stream}"
    answer = await link.ask(api.StreamAnswer, subject, timeout_s=_TIMEOUT_S)
    api.check(subject, answer.error)
    return answer


class Place(msgspec.Struct, frozen=True):
    """Where a message stands, and what tells it from any other that may stand there.

    Attributes:
        sequence: Its stream sequence; 0 stands before the first.
        ts: When the server stored it, ns since the Unix epoch; 0 when unknown.
    """

    sequence: int = 0
    ts: int = 0


class Present:
    """A stream as it was when this was made, and what stands in it now.

    Attributes:
        state: Its counters.
    """

    def __init__(self, link: Link, stream: str, state: StreamState) -> None:
        self.state = state
        self._link = link
        self._stream = stream

    async def holds(self, place: Place) -> bool:
        """Whether a message still stands where it stood.

        Raises:
            BusAway: The bus does not answer.
            ApiRefused: It refuses to say.
        """
        found = await stored(self._link, self._stream, place.sequence)
        return found is not None and found.ts == place.ts

    async def lacks(self, place: Place) -> bool:
        """Whether a message is gone that was not purged.

        Raises:
            BusAway: The bus does not answer.
            ApiRefused: It refuses to say.
        """
        if not place.sequence or not place.ts or await self.holds(place):
            return False
        return (await info(self._link, self._stream)).state.first_seq <= place.sequence


class _Anchor(msgspec.Struct, frozen=True):
    """A message of ours the stream said it holds."""

    sequence: int
    id: bytes


_NOTHING: Final = _Anchor(0, b"")


class Memory:
    """What a publisher remembers of its stream, to see whether it is still the same.

    The last receipt is the anchor. Whatever may hide a rollback (a lost connection, a time without
    receipts) pins it: receipts that come later, of what may be another life, do not replace it.

    Attributes:
        created: When the stream was made, ns; None until it could be asked.
        since: The server's time at the last loss found, ns; 0 when there was none.
    """

    def __init__(self, stream: str) -> None:
        self.created: int | None = None
        self.since = 0
        self._stream = stream
        self._last = _NOTHING
        self._pinned: _Anchor | None = None

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to recognise the stream by."""
        return self.created is None and self._last is _NOTHING

    def acknowledged(self, receipt: wire.Ack, identity: bytes) -> bool:
        """The stream says that it holds a message; False when its sequences went back."""
        if receipt.sequence > self._last.sequence:
            self._last = _Anchor(receipt.sequence, identity)
            return True
        return receipt.duplicate

    def doubt(self) -> None:
        """The stream may be another from here on, until it was looked at."""
        if self._pinned is None:
            self._pinned = self._last

    async def recognise(self, link: Link, reason: str) -> StreamState | None:
        """Look whether everything acknowledged is still there.

        Returns:
            None when it is; else the stream as it is now, and all that was known is forgotten.

        Raises:
            BusAway: The bus does not answer.
            ApiRefused: It refuses to say; with `NO_STREAM` there is none at all.
        """
        # Taken before asking: receipts may overtake the answer.
        anchor, last = self._pinned or self._last, self._last
        answer = await info(link, self._stream)
        state = api.state(answer)
        # What came after the pin may have been lost alone: a stall, receipts, then a crash.
        if await self._is_known(link, state, anchor) and (
            last is anchor or await self._is_known(link, state, last)
        ):
            self.created = state.created
            if self._pinned is anchor:
                self._pinned = None
            return None
        telemetry.stream_changed(
            self._stream, state.created, state.last, reason, known=anchor.sequence
        )
        self.created = state.created
        self.since = parse_rfc3339(answer.ts) if answer.ts else 0
        self._last, self._pinned = _NOTHING, None
        return state

    async def _is_known(self, link: Link, state: StreamState, anchor: _Anchor) -> bool:
        if self.created not in {None, state.created} or state.last < anchor.sequence:
            return False
        if anchor.sequence < max(1, state.first):
            return True  # nothing acknowledged yet, or purged: archived, and old
        found = await stored(link, self._stream, anchor.sequence)
        return found is not None and found.id == anchor.id
