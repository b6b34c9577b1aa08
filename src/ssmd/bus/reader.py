"""Reading a stream without a durable: a scan for recovery and counts, a tail for people."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from ssmd.bus import api, chunks, codec, telemetry, wire
from ssmd.bus.errors import BusAway, Foreign, Rebuilt, StreamUnfit
from ssmd.bus.link import Link
from ssmd.bus.pull import Puller, PullSettings
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime.clock import Clock

_IDLE_NS: Final = 60 * api.NS
_FETCH_S: Final = 5.0
_FAILURES: Final = 5
_PIECES: Final = 64 << 20


async def scan(
    settings: BusSettings,
    clock: Clock,
    stream: str,
    from_sequence: int,
    *,
    timeout_s: float = 10.0,
    patient: bool = True,
    subjects: tuple[str, ...] = (),
    since: int | None = None,
    payloads: bool = False,
) -> AsyncIterator[tuple[int, Envelope]]:
    """Every envelope from a sequence to the stream's end as of now.

    A message in pieces is given once, with its last piece, when all of them are there.

    Args:
        settings: Where the bus is and how we are let in.
        clock: What time it is.
        stream: Name of the stream.
        from_sequence: First stream sequence to read.
        timeout_s: Longest wait for the bus to answer at first, in seconds.
        patient: Whether to wait so long for a bus of which every address was tried in vain.
        subjects: Only messages on these; empty for all.
        since: Only messages that the bus stored from this time of the server's on, ns.
        payloads: Whether payloads are wanted, of messages in one piece; without, they are empty,
            and the bus sends a fraction of the bytes.

    Raises:
        BusAway: The bus does not answer.
        StreamUnfit: There is no such stream.
        Rebuilt: Reading failed again and again.
    """
    link = Link(settings, clock, name=f"scan-{stream}")
    try:
        await link.open(timeout_s, patient=patient)
        answer = await link.ask(api.StreamAnswer, f"STREAM.INFO.{stream}")
        _check(stream, answer.error)
        last = answer.state.last_seq
        joiner = chunks.Joiner(float("inf"), _PIECES)
        at, failures = max(1, from_sequence), 0
        while at <= last and failures < _FAILURES:
            timed = since is not None and at <= max(1, from_sequence)
            config = api.ConsumerConfig(
                deliver_policy="by_start_time" if timed else "by_start_sequence",
                opt_start_seq=0 if timed else at,
                opt_start_time=format_rfc3339(since) if timed and since is not None else "",
                filter_subjects=subjects,
                ack_policy="none",
                headers_only=not payloads,
                inactive_threshold=_IDLE_NS,
                mem_storage=True,
                num_replicas=1,
            )
            try:
                found = _messages(link, clock, stream, config)
                async with contextlib.aclosing(found):  # before the link is
                    async for sequence, pending, message in found:
                        if sequence > last:
                            return
                        at, failures = sequence + 1, 0
                        envelope = _read(message, sequence, joiner, payloads=payloads)
                        if envelope is not None:
                            yield sequence, envelope
                        if pending == 0:
                            return
            except (Rebuilt, BusAway):
                failures += 1
                await link.open(timeout_s)
            else:
                return
        if failures:
            raise Rebuilt(stream, f"reading failed {failures} times at sequence {at}")
    finally:
        await link.close()


async def tail(
    settings: BusSettings,
    clock: Clock,
    stream: str,
    filter: str = "",  # noqa: A002 - the word of the protocol
    *,
    timeout_s: float = 10.0,
    payloads: bool = True,
) -> AsyncIterator[Envelope]:
    """What is published from now on, for people to look at; ends when nobody asks any more.

    After a lost connection it goes on with what is new then: nothing durable hangs on it.

    Args:
        settings: Where the bus is and how we are let in.
        clock: What time it is.
        stream: Name of the stream.
        filter: Subjects wanted; empty for all.
        timeout_s: Longest wait for the bus to answer at first, in seconds.
        payloads: Whether payloads are wanted; without, they are empty, and the bus sends a
            fraction of the bytes.

    Raises:
        BusAway: The bus does not answer.
        StreamUnfit: There is no such stream.
    """
    link = Link(settings, clock, name=f"tail-{stream}")
    joiner = chunks.Joiner(_FETCH_S, _PIECES)
    config = api.ConsumerConfig(
        deliver_policy="new",
        ack_policy="none",
        filter_subject=filter,
        headers_only=not payloads,
        inactive_threshold=_IDLE_NS,
        mem_storage=True,
        num_replicas=1,
    )
    try:
        while True:
            await link.open(timeout_s)
            found = _messages(link, clock, stream, config)
            with contextlib.suppress(Rebuilt):
                async with contextlib.aclosing(found):
                    async for _, _, message in found:
                        payload = message.payload
                        try:
                            if message.headers.find(chunks.CHUNK) >= 0:
                                joined = joiner.add(message.headers, payload, 0, clock.mono())
                                joiner.abandon(clock.mono())
                                if joined is None:
                                    continue
                                payload = joined.payload
                            envelope = codec.decode(message.subject, message.headers, payload)
                        except (Foreign, ValueError) as error:
                            telemetry.foreign_message(message.subject.decode(), str(error))
                            continue
                        yield envelope
    finally:
        await link.close()


def _read(
    message: wire.Msg, sequence: int, joiner: chunks.Joiner, *, payloads: bool
) -> Envelope | None:
    """The envelope of a message, once all its pieces were read."""
    try:
        if message.headers.find(chunks.CHUNK) >= 0 and not joiner.add(
            message.headers, b"", sequence, 0.0
        ):
            return None
        payload = message.payload if payloads else b""
        return codec.decode(message.subject, message.headers, payload)
    except (Foreign, ValueError) as error:
        telemetry.foreign_message(message.subject.decode(errors="replace"), str(error))
        return None


async def _messages(
    link: Link, clock: Clock, stream: str, config: api.ConsumerConfig
) -> AsyncGenerator[tuple[int, int, wire.Msg], None]:
    """Stream sequence, messages still to come, and message, of a consumer made for the purpose."""
    create = f"CONSUMER.CREATE.{stream}"
    answer = await link.ask(api.ConsumerAnswer, create, api.CreateConsumer(stream, config))
    _check(stream, answer.error)
    if config.deliver_policy != "new" and answer.num_pending == 0:
        return
    puller = Puller(link, stream, answer.name, PullSettings(), clock)
    expected = 1
    try:
        while True:
            for message in await puller.fetch(_FETCH_S):
                words = message.reply.split(b".")
                if int(words[-3]) != expected:
                    raise Rebuilt(answer.name, "messages were missed")
                expected += 1
                yield int(words[-4]), int(words[-1]), message
            if puller.failure is not None:
                raise Rebuilt(answer.name, puller.failure.reason)
    finally:
        puller.close()
        if link.connected:
            with contextlib.suppress(BusAway):
                await link.ask(api.Done, f"CONSUMER.DELETE.{stream}.{answer.name}", timeout_s=1.0)


def _check(stream: str, error: api.Error | None) -> None:
    if error is not None and error.err_code == api.NO_STREAM:
        raise StreamUnfit(stream, "it does not exist", remedy="Start a connector for it.")
    api.check(stream, error)
