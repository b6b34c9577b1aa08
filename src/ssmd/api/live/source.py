"""The streams of a feed on the bus, read as one, with a mark after every message."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Self

from ssmd.access.stream import Noted, Seam, history, merged, names_of, note
from ssmd.api.live.message import Mark, Message, Position
from ssmd.bus.follow import Follower
from ssmd.bus.settings import BusSettings
from ssmd.model import subject
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import Clock


class Source:
    """The streams of a feed.

    Used as `async with Source(...) as source:`.

    Args:
        root: The archive.
        feed: Of which feed.
        bus: Where its streams are.
        environment: Of which environment they are, when the archive does not tell.
        clock: What time it is.

    Attributes:
        mark: Where somebody goes on who has everything so far.
    """

    def __init__(
        self, root: Path, feed: str, bus: BusSettings, environment: str, clock: Clock
    ) -> None:
        self._root = root
        self._feed = feed
        self._bus = bus
        self._environment = environment
        self._clock = clock
        self._stack = contextlib.AsyncExitStack()
        self._followers: list[Follower] = []
        self._noted: list[Noted] = []
        self._given: dict[int, int] = {}
        self._seam = Seam()
        self._ts = 0

    async def __aenter__(self) -> Self:
        for name in await asyncio.to_thread(self._names):
            follower = Follower(self._bus, self._clock, name)
            self._followers.append(await self._stack.enter_async_context(follower))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def mark(self) -> Mark:
        """Where somebody goes on who has everything so far."""
        positions = (
            Position(noted.created, self._given.get(index, noted.begin))
            for index, noted in enumerate(self._noted)
        )
        return Mark(self._ts, tuple(positions))

    @property
    def problem(self) -> str:
        """Why nothing comes at this moment; empty while the bus is there."""
        return "; ".join(each.problem for each in self._followers if each.problem)

    async def at_end(self) -> None:
        """Go on with what comes after this moment.

        Raises:
            BusAway: The bus does not answer.
            StreamUnfit: There is no such stream.
        """
        self._noted, self._given = [], {}
        for follower in self._followers:
            state = await follower.look()
            self._noted.append(Noted(state.last + 1, state.created))

    async def at_mark(self, mark: Mark) -> bool:
        """Go on where somebody was; False when the bus does not hold that any more.

        Raises:
            BusAway: The bus does not answer.
            StreamUnfit: There is no such stream.
        """
        if len(mark.positions) != len(self._followers):
            return False
        noted = []
        for follower, position in zip(self._followers, mark.positions, strict=True):
            state = await follower.look()
            if (
                state.created != position.created
                or not state.first <= position.sequence <= state.last + 1
            ):
                return False
            noted.append(Noted(position.sequence, position.created))
        self._noted, self._given, self._ts = noted, {}, mark.ts
        return True

    async def past(self, start: int) -> AsyncGenerator[Message, None]:
        """What is archived from a time on; what the bus holds after it then follows by `follow`.

        Raises:
            BusAway: The bus does not answer.
            StreamUnfit: There is no such stream.
        """
        self._seam = Seam(start)
        self._given = {}
        self._noted = await note(self._root, self._feed, self._followers)
        with contextlib.suppress(ConfigError):  # nothing is archived yet: the bus has all of it
            async for envelope in history(self._root, self._feed, start, self._seam):
                yield self._message(envelope)

    async def follow(self) -> AsyncGenerator[Message | None, None]:
        """Everything that comes, of all streams, each message once; None for what had passed before.

        Raises:
            Behind: A stream does not hold what comes next.
        """
        async with contextlib.aclosing(merged(self._followers, self._noted)) as found:
            async for index, envelope, position in found:
                self._given[index] = position
                yield self._message(envelope) if self._seam.take(envelope) else None

    def _message(self, envelope: Envelope) -> Message:
        self._ts = envelope.ts_recv or self._ts
        return Message(envelope, self.mark)

    def _names(self) -> Sequence[str]:
        try:
            return names_of(self._root, self._feed)
        except ConfigError:  # nothing of it is archived yet
            return [subject.stream(self._environment, self._feed)]
