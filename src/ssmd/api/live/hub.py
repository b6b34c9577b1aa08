"""One follower of a feed, and everybody who reads it live."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from ssmd.api.context import Context
from ssmd.api.live import telemetry
from ssmd.api.live.line import Encode, Line
from ssmd.api.live.message import Mark, Message, wanted
from ssmd.api.live.source import Source
from ssmd.bus.errors import StreamUnfit
from ssmd.bus.follow import Behind
from ssmd.bus.settings import BusSettings
from ssmd.feeds.api import LiveLimits
from ssmd.model.errors import Unavailable
from ssmd.runtime.clock import Clock

_LOOK_S: Final = 0.25
_AGAIN_S: Final = 0.5
_GRACE_S: Final = 1.0
"""How long a reader that is let go may take to be told so, in seconds."""


class Reader:
    """Somebody who reads a feed.

    Args:
        limits: How much may wait for them.
        types: Only these message types; none for all data.
        names: Only messages about these; None for all.
        encode: Makes bytes of events.
        spell: Gives the bytes of a message.
        cut: Ends their connection at once: they take nothing, not even that they are let go.

    Attributes:
        line: What waits for them.
        reason: Why they are let go; empty while they are not.
        beyond: What they have already: nothing up to it is put in line.
    """

    def __init__(
        self,
        limits: LiveLimits,
        types: tuple[str, ...],
        names: frozenset[str] | None,
        encode: Encode,
        spell: Callable[[Message], bytes],
        cut: Callable[[], object],
    ) -> None:
        self.line = Line(limits, encode)
        self.reason = ""
        self.beyond: Mark | None = None
        self.types = types
        self.names = names
        self.encode = encode
        self.spell = spell
        self.cut = cut
        self._came = asyncio.Event()

    def wants(self, message: Message) -> bool:
        """Whether a message is for them, and new to them."""
        if not wanted(message.type, message.symbols, self.types, self.names):
            return False
        return self.beyond is None or not covers(self.beyond, message.mark)

    def put(self, message: Message, now: float) -> bool:
        """Let it wait for them; False when there was no room."""
        fits = self.line.put(self.spell(message), now)
        self._came.set()
        return fits

    def say(self, event: str, **data: object) -> None:
        """Tell them something about the stream."""
        self.line.say(self.encode(event, None, msgspec.json.encode(data)))
        self._came.set()

    def end(self, reason: str) -> None:
        """Let them go: they are told why, if they still read."""
        if not self.reason:
            self.reason = reason
            self._came.set()

    async def take(self, longest_s: float) -> bytes:
        """What waits, as soon as something does; nothing after that long, or when they are let go."""
        if not len(self.line) and not self.reason:
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(longest_s):
                    await self._came.wait()
        return self.line.take()


def covers(mark: Mark, other: Mark) -> bool:
    """Whether who is at a mark has everything up to another of the same streams."""
    if len(mark.positions) != len(other.positions):
        return False
    pairs = zip(mark.positions, other.positions, strict=True)
    return all(a.created == b.created and a.sequence >= b.sequence for a, b in pairs)


class Hub:
    """A feed, followed once for everybody who reads it.

    Args:
        context: Of the application.
        feed: Of which feed.
        bus: Where it is.

    Attributes:
        readers: Who reads it now.
        mark: Up to where it came; None before it began.
    """

    def __init__(self, context: Context, feed: str, bus: BusSettings) -> None:
        self.readers: set[Reader] = set()
        self.mark: Mark | None = None
        self._root = context.root
        self._environment = context.environment
        self._ending = context.ending
        self._limits = context.config.live
        self._clock: Clock = context.clock
        self._feed = feed
        self._bus = bus
        self._began = asyncio.Event()
        self._failure: Unavailable | None = None
        self._source: Source | None = None
        self._dying: dict[Reader, float] = {}
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._watch())]
        telemetry.following(feed)

    def source(self) -> Source:
        """Another follower of the same streams."""
        return Source(self._root, self._feed, self._bus, self._environment, self._clock)

    async def begun(self) -> None:
        """Wait until it knows where the streams are.

        Raises:
            Unavailable: The bus does not answer, or there is no such stream.
        """
        await self._began.wait()
        if self._failure is not None:
            raise self._failure

    def add(self, reader: Reader, beyond: Mark | None = None) -> None:
        """Let somebody read from this moment on."""
        reader.beyond = beyond
        self.readers.add(reader)
        telemetry.joined(self._feed, len(self.readers))

    def remove(self, reader: Reader, reason: str) -> None:
        """Somebody left."""
        self.readers.discard(reader)
        self._dying.pop(reader, None)
        telemetry.left(self._feed, len(self.readers), reason, skipped=reader.line.skipped)

    async def stop(self) -> None:
        """End; whoever reads is told so first."""
        for reader in self.readers:
            reader.end("ending")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        """Follow the streams; what the bus does not hold any more is told, and gone on after."""
        while True:
            try:
                async with self.source() as source:
                    await source.at_end()
                    self._source, self.mark = source, source.mark
                    self._began.set()
                    async for message in source.follow():
                        if message is not None:
                            self._pass(message)
            except Behind:
                reason = "the bus does not hold what came next, or was made anew"
                telemetry.reset(self._feed, reason)
                self._say("reset", reason=reason)
            except Exception as error:  # noqa: BLE001 - readers are told of whatever it is
                if not isinstance(error, Unavailable | StreamUnfit):
                    telemetry.crashed(self._feed, error=error)
                    error = Unavailable(f"It failed: {error!r}.", remedy="The log says why.")
                if not self._began.is_set():
                    self._failure = Unavailable(error.message, remedy=error.remedy)
                    self._began.set()
                    return
                self._say("trouble", reason=error.message)
            await self._clock.sleep(_AGAIN_S)

    def _pass(self, message: Message) -> None:
        self.mark = message.mark
        now = self._clock.mono()
        fits = skipped = 0
        for reader in self.readers:
            if not reader.reason and reader.wants(message):
                if reader.put(message, now):
                    fits += 1
                else:
                    skipped += 1
        telemetry.passed(self._feed, fits, skipped)

    async def _watch(self) -> None:
        """Let go of who is too slow, and say what is the matter with the bus."""
        said = ""
        while True:
            await self._clock.sleep(_LOOK_S)
            now = self._clock.mono()
            if self._ending.is_set():
                for reader in self.readers:
                    reader.end("ending")
            for reader in self.readers:
                if reader.line.is_slow(now):
                    reader.end("slow")
                if reader.reason:
                    self._dying.setdefault(reader, now)
            for reader, since in list(self._dying.items()):
                if now - since > _GRACE_S:
                    self._dying[reader] = float("inf")
                    reader.cut()
            problem = "" if self._source is None else self._source.problem
            if problem and problem != said:
                telemetry.trouble(self._feed, problem)
                self._say("trouble", reason=problem)
            said = problem

    def _say(self, event: str, **data: object) -> None:
        for reader in self.readers:
            reader.say(event, **data)


class Hubs:
    """The feeds that are read live, and how many read them.

    Args:
        context: Of the application.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hubs: dict[str, Hub] = {}
        self._keys: dict[str | None, int] = {}
        self._users: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many live streams are open."""
        return sum(self._keys.values())

    def of_key(self, key: str | None) -> int:
        """How many of them are a key's."""
        return self._keys.get(key, 0)

    @contextlib.asynccontextmanager
    async def hub(self, feed: str, bus: BusSettings, key: str | None) -> AsyncIterator[Hub]:
        """The hub of a feed, for as long as somebody reads it.

        Args:
            feed: Of which feed.
            bus: Where it is.
            key: Whose stream it is.

        Raises:
            Unavailable: The bus does not answer, or has no such stream.
        """
        self._keys[key] = self._keys.get(key, 0) + 1
        self._users[feed] = self._users.get(feed, 0) + 1
        hub = self._hubs.get(feed)
        if hub is None:
            hub = self._hubs[feed] = Hub(self._context, feed, bus)
        try:
            await hub.begun()
            yield hub
        finally:
            self._keys[key] -= 1
            self._users[feed] -= 1
            if not self._users[feed] and self._hubs.get(feed) is hub:
                del self._hubs[feed]
                await hub.stop()

    async def aclose(self) -> None:
        """End all of them."""
        for hub in list(self._hubs.values()):
            await hub.stop()
