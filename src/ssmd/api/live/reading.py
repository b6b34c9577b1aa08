"""A live stream from its first event to its last: history, the seam, what comes, and why it ends."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

import msgspec

from ssmd.api.callers import Caller
from ssmd.api.context import Context
from ssmd.api.live.hub import Hub, Reader, covers
from ssmd.api.live.message import Mark, Message
from ssmd.api.live.source import Source
from ssmd.bus.follow import Behind
from ssmd.model.timestamp import format_rfc3339

_PLACED: Final = frozenset({"seam", "heartbeat"})
"""Events that tell where somebody goes on: they have everything up to there."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to read.

    Attributes:
        types: Only these message types; none for all data.
        names: Only messages about these; None for all.
        mark: Go on where they were; None for no such place.
        start: From this time on, ns; None for what comes now.
    """

    types: tuple[str, ...] = ()
    names: frozenset[str] | None = None
    mark: Mark | None = None
    start: int | None = None


class Stream:
    """One live stream.

    Args:
        context: Of the application.
        caller: Whose.
        hub: Of which feed.
        wish: What they want.
        reader: Them.
    """

    def __init__(
        self, context: Context, caller: Caller, hub: Hub, wish: Wish, reader: Reader
    ) -> None:
        self._context = context
        self._limits = context.config.live
        self._clock = context.clock
        self._caller = caller
        self._hub = hub
        self._wish = wish
        self._reader = reader
        self._checked = self._clock.mono()
        self._is_whole = False

    async def events(self) -> AsyncGenerator[bytes, None]:
        """All of it, as bytes, as fast as they are taken; the last event says why it ends."""
        reason = "gone"
        try:
            async with aclosing(self._history()) as history:
                async for piece in history:
                    yield piece
            while not self._reader.reason:
                taken = await self._reader.take(self._limits.heartbeat_s)
                yield taken or self._say("heartbeat", at=format_rfc3339(self._clock.wall()))
                await self._check()
            reason = self._reader.reason
            yield self._reader.line.take() + self._say("closed", reason=reason)
        finally:
            self._hub.remove(self._reader, reason)

    async def _check(self) -> None:
        """Ask now and then whether they may read on."""
        now = self._clock.mono()
        if now - self._checked > self._limits.recheck_s:
            self._checked = now
            if not await self._context.doorkeeper.still(self._caller):
                self._reader.end("key")
        if self._context.ending.is_set():
            self._reader.end("ending")

    async def _history(self) -> AsyncGenerator[bytes, None]:
        """What was before, up to where the hub is; then the reader is put in line, and told so.

        Between the look at the hub's mark and being put in line nothing happens: what the hub gives
        after that is what comes after it. What was read beyond it is not given twice.
        """
        wish = self._wish
        if wish.mark is None and wish.start is None:
            self._hub.add(self._reader)
            yield self._say("seam", at=format_rfc3339(self._clock.wall()))
            return
        async with self._hub.source() as source, aclosing(self._before(wish, source)) as found:
            async for piece in found:
                if piece:
                    yield piece
                if (
                    self._hub.mark is not None
                    and self._is_whole
                    and covers(source.mark, self._hub.mark)
                ):
                    self._hub.add(self._reader, source.mark)
                    break
                await self._check()
                if self._reader.reason:
                    return
        yield self._say("seam", at=format_rfc3339(self._clock.wall()))

    async def _before(self, wish: Wish, source: Source) -> AsyncGenerator[bytes, None]:
        """What was before, as bytes; nothing where only the place moved on."""
        start = wish.start
        if wish.mark is not None:
            start = wish.mark.ts or None
            if await source.at_mark(wish.mark):
                async with aclosing(self._followed(source)) as followed:
                    async for piece in followed:
                        yield piece
            yield self._reset("the bus does not hold that place any more")
            if start is None:
                await source.at_end()
        while True:
            if start is not None:
                self._is_whole = False
                async with aclosing(source.past(start)) as past:
                    async for message in past:
                        start = max(start, message.mark.ts)
                        yield self._spelled(message)
            async with aclosing(self._followed(source)) as followed:
                async for piece in followed:
                    yield piece
            yield self._reset("the bus does not hold what comes next")

    async def _followed(self, source: Source) -> AsyncGenerator[bytes, None]:
        """What the bus has from a place on, until it does not hold what comes next."""
        self._is_whole = True
        yield b""
        with suppress(Behind):
            async with aclosing(source.follow()) as found:
                async for message in found:
                    yield b"" if message is None else self._spelled(message)

    def _spelled(self, message: Message) -> bytes:
        return self._reader.spell(message) if self._reader.wants(message) else b""

    def _reset(self, reason: str) -> bytes:
        return self._say("reset", reason=reason)

    def _say(self, event: str, **data: object) -> bytes:
        """Something about the stream itself; with it the place where somebody goes on later."""
        mark = self._hub.mark if event in _PLACED and self._reader in self._hub.readers else None
        if (
            mark is not None
            and self._reader.beyond is not None
            and covers(self._reader.beyond, mark)
        ):
            mark = self._reader.beyond
        text = None if mark is None else mark.text()
        return self._reader.encode(event, text, msgspec.json.encode(data))
