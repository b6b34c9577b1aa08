"""Reading a stream from a place on, for ever, without leaving anything out or hiding that it did."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final, Self

from ssmd.bus import api, chunks, codec, telemetry, wire
from ssmd.bus.api import StreamState
from ssmd.bus.errors import ApiRefused, BusAway, Foreign, Rebuilt, StreamUnfit
from ssmd.bus.link import Link
from ssmd.bus.present import Place, Present, info, stored
from ssmd.bus.pull import Puller, PullSettings
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import Envelope
from ssmd.runtime.clock import Clock

_IDLE_NS: Final = 300 * api.NS
_FETCH_S: Final = 1.0
_RETRY_S: Final = 0.2
_PIECES: Final = 256 << 20


class Behind(Exception):
    """The stream no longer holds, or never held, what was to be read next."""


class Follower:
    """Reads one stream; goes on by itself through every loss of the connection.

    Nothing is acknowledged and no durable is made: whoever archives is not disturbed.

    Args:
        settings: Where the bus is and how we are let in.
        clock: What time it is.
        stream: Name of the stream.
        timeout_s: Longest wait for the bus to answer at first, in seconds.
        filters: Subjects that are wanted; none for all. What lies between them is not seen, so that
            only its own end tells whether something was purged.

    Attributes:
        stream: Name of the stream.
        position: From which sequence on somebody goes on who has all that was given so far.
    """

    def __init__(
        self,
        settings: BusSettings,
        clock: Clock,
        stream: str,
        *,
        timeout_s: float = 10.0,
        filters: Sequence[str] = (),
    ) -> None:
        self.stream = stream
        self.position = 0
        self._filters = tuple(filters)
        self._clock = clock
        self._timeout_s = timeout_s
        self._link = Link(settings, clock, name=f"follow-{stream}")
        self._seen = Place()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._link.close()

    @property
    def problem(self) -> str:
        """Why nothing comes at this moment, for people; empty while the bus is there."""
        return "" if self._link.connected else self._link.problem

    async def look(self) -> StreamState:
        """The stream as it is now.

        Raises:
            BusAway: The bus does not answer.
            StreamUnfit: There is no such stream.
        """
        await self._link.open(self._timeout_s)
        try:
            return api.state(await info(self._link, self.stream))
        except ApiRefused as error:
            if error.err_code != api.NO_STREAM:
                raise
            remedy = "Start a connector for it, or leave the bus out."
            raise StreamUnfit(self.stream, "it does not exist", remedy=remedy) from error

    async def holds(self, place: Place) -> bool:
        """Whether a message still stands where it stood; call after `look`.

        Raises:
            BusAway: The bus does not answer.
            ApiRefused: It refuses to say.
        """
        found = await stored(self._link, self.stream, place.sequence)
        return found is not None and found.ts == place.ts

    async def follow(self, begin: int, created: int) -> AsyncGenerator[Envelope, None]:
        """Every envelope from a sequence on, as it comes; some twice after a lost connection.

        Args:
            begin: The first stream sequence wanted.
            created: When the stream was made, ns: another stream of the same name will not do.

        Raises:
            Behind: What stands at the next sequence is not, or no longer, what should be there.
        """
        self._seen = Place()
        at = self.position = begin
        while True:
            joiner = chunks.Joiner(float("inf"), _PIECES)
            try:
                await self._check(at, created)
                found = self._messages(at)
                async with contextlib.aclosing(found):
                    following = at
                    async for place, message in found:
                        if place.sequence != following and not self._filters:
                            raise Behind  # purged, after the consumer was made
                        following = place.sequence + 1
                        envelope = self._read(message, place.sequence, joiner)
                        self._seen = place
                        low = joiner.low
                        at = place.sequence + 1 if low is None else low
                        self.position = at
                        if envelope is not None:
                            yield envelope
            except (Rebuilt, BusAway, ApiRefused):
                await self._clock.sleep(_RETRY_S)

    async def _check(self, at: int, created: int) -> None:
        """See that nothing was purged, lost or made anew.

        Raises:
            Behind: It was.
        """
        await self._link.open(self._timeout_s)
        try:
            state = api.state(await info(self._link, self.stream))
        except ApiRefused as error:
            raise Behind from error
        present = Present(self._link, self.stream, state)
        if (
            state.created != created
            or at < state.first
            or at > state.last + 1
            or await present.lacks(self._seen)
        ):
            raise Behind

    async def _messages(self, begin: int) -> AsyncGenerator[tuple[Place, wire.Msg], None]:
        """Messages with their places, of a consumer made for the purpose.

        Raises:
            Rebuilt: Some may have been missed, or none come any more.
            BusAway: The bus does not answer.
        """
        link, stream = self._link, self.stream
        config = api.ConsumerConfig(
            deliver_policy="by_start_sequence",
            opt_start_seq=begin,
            filter_subjects=self._filters,
            ack_policy="none",
            inactive_threshold=_IDLE_NS,
            mem_storage=True,
            num_replicas=1,
        )
        create = f"CONSUMER.CREATE.{stream}"
        answer = await link.ask(api.ConsumerAnswer, create, api.CreateConsumer(stream, config))
        api.check(create, answer.error)
        puller = Puller(link, stream, answer.name, PullSettings(), self._clock)
        expected = 1
        try:
            while True:
                for message in await puller.fetch(_FETCH_S):
                    words = message.reply.split(b".")
                    sequence, number, ts = map(int, words[-4:-1])
                    if number != expected:
                        raise Rebuilt(answer.name, "messages were missed")
                    expected += 1
                    yield Place(sequence, ts), message
                if puller.failure is not None:
                    raise Rebuilt(answer.name, puller.failure.reason)
        finally:
            puller.close()
            if link.connected:
                with contextlib.suppress(BusAway):
                    gone = f"CONSUMER.DELETE.{stream}.{answer.name}"
                    await link.ask(api.Done, gone, timeout_s=1.0)

    def _read(self, message: wire.Msg, sequence: int, joiner: chunks.Joiner) -> Envelope | None:
        """The envelope of a message; None for a piece, or for what is not ours."""
        payload = message.payload
        try:
            if message.headers.find(chunks.CHUNK) >= 0:
                joined = joiner.add(message.headers, payload, sequence, self._clock.mono())
                if joined is None:
                    return None
                payload = joined.payload
            return codec.decode(message.subject, message.headers, payload)
        except (Foreign, ValueError) as error:
            telemetry.foreign_message(message.subject.decode(errors="replace"), str(error))
            return None
