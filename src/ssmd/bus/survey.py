"""How a bus stands: its server, its streams, and who consumes them. Nothing is changed by looking."""

from collections.abc import Mapping

import msgspec

from ssmd.bus import api
from ssmd.bus.errors import StreamUnfit
from ssmd.bus.link import Link
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import DURABLE_PREFIX, Streams
from ssmd.runtime.clock import Clock


class Durable(msgspec.Struct, frozen=True, kw_only=True):
    """An archiver's place in a stream.

    Attributes:
        name: The consumer's name.
        behind: How many messages of the stream it has not archived.
        is_held: Whether somebody consumes through it now.
    """

    name: str
    behind: int
    is_held: bool


class StreamFound(msgspec.Struct, frozen=True, kw_only=True):
    """A stream as it stands.

    Attributes:
        stream: Its name.
        messages: How many messages it holds.
        bytes: Their size on disk.
        max_bytes: Most it may hold, in bytes; -1 sets no bound.
        unfit: Why it cannot be trusted with what is published; None when it can.
        durables: The archivers' consumers.
    """

    stream: str
    messages: int = 0
    bytes: int = 0
    max_bytes: int = -1
    unfit: StreamUnfit | None = None
    durables: tuple[Durable, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A bus as it stands.

    Attributes:
        server: The server that answered, and its version.
        asked_s: How long one question took, in seconds.
        store_bytes: What all streams of the account hold on disk.
        store_limit: Most they may hold, in bytes; -1 sets no bound.
        streams: Those that were asked about; one that does not exist is unfit.
    """

    server: str
    asked_s: float
    store_bytes: int
    store_limit: int
    streams: tuple[StreamFound, ...]


class _Limits(msgspec.Struct, frozen=True):
    """What an account may keep."""

    max_storage: int = -1


class _Account(msgspec.Struct, frozen=True):
    """The answer about our account."""

    error: api.Error | None = None
    storage: int = 0
    limits: _Limits = _Limits()


class _Configured(msgspec.Struct, frozen=True):
    """The bound of a stream; unlike in a request, what is absent has none."""

    max_bytes: int = -1


class _Answer(msgspec.Struct, frozen=True):
    """The answer about one stream, as far as its bound is concerned."""

    error: api.Error | None = None
    config: _Configured = _Configured()


async def survey(
    settings: BusSettings,
    clock: Clock,
    wanted: Mapping[str, str],
    *,
    timeout_s: float,
    allow_discard: bool = False,
) -> Found:
    """Look at a bus.

    Args:
        settings: Where it is and how we are let in.
        clock: What time it is.
        wanted: The prefix of the subjects that each stream must take, by stream.
        timeout_s: Longest wait for a connection, in seconds.
        allow_discard: Whether a stream may throw old messages away.

    Raises:
        BusAway: No server answers, or none lets us in, or JetStream is off.
        ApiRefused: JetStream does not tell.
        ConfigError: The settings cannot work.
    """
    link = Link(settings, clock, name="survey")
    try:
        await link.open(timeout_s)
        began = clock.mono()
        account = await link.ask(_Account, "INFO")
        asked_s = clock.mono() - began
        api.check("INFO", account.error)
        streams = Streams(link, clock)
        found = [
            await _stream(link, streams, *each, allow_discard=allow_discard)
            for each in wanted.items()
        ]
        return Found(
            server=f"nats-server {link.info.version}",
            asked_s=asked_s,
            store_bytes=account.storage,
            store_limit=account.limits.max_storage or -1,
            streams=tuple(found),
        )
    finally:
        await link.close()


async def _stream(
    link: Link, streams: Streams, stream: str, prefix: str, *, allow_discard: bool
) -> StreamFound:
    unfit: StreamUnfit | None = None
    try:
        await streams.check_coverage(stream, prefix, allow_discard=allow_discard)
    except StreamUnfit as error:
        unfit = error
    try:
        state = await streams.state(stream)
    except StreamUnfit as error:
        return StreamFound(stream=stream, unfit=error)
    answer = await link.ask(_Answer, f"STREAM.INFO.{stream}")
    return StreamFound(
        stream=stream,
        messages=state.messages,
        bytes=state.bytes,
        max_bytes=answer.config.max_bytes,
        unfit=unfit,
        durables=tuple(await _durables(link, stream, state.last)),
    )


async def _durables(link: Link, stream: str, last: int) -> list[Durable]:
    """The archivers' consumers; one that goes while we look is not told of."""
    found: list[Durable] = []
    offset, subject = 0, f"CONSUMER.NAMES.{stream}"
    while True:
        page = await link.ask(api.ConsumerNames, subject, {"offset": offset})
        api.check(subject, page.error)
        names = page.consumers or ()
        for name in names:
            if not name.startswith(DURABLE_PREFIX):
                continue
            told = await link.ask(api.ConsumerAnswer, f"CONSUMER.INFO.{stream}.{name}")
            if told.error is None:
                held = any(group.pinned_client_id for group in told.priority_groups)
                behind = max(0, last - told.ack_floor.stream_seq)
                found.append(Durable(name=name, behind=behind, is_held=held))
        offset += len(names)
        if not names or offset >= page.total:
            return found
