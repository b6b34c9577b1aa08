"""Streams against a real nats-server: made, judged, purged; and the embedded server itself."""

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.bus import api
from ssmd.bus.consumer import Consumer
from ssmd.bus.embedded import EmbeddedServer, find_program
from ssmd.bus.errors import ServerMissing, StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from tests.integration.bus import (
    CLOCK,
    FAST,
    FILTER,
    PREFIX,
    STREAM,
    Sender,
    collect,
    envelope,
    server,
    until,
)


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    embedded = server(tmp_path)
    await embedded.start()
    yield embedded
    await embedded.stop()


@pytest.fixture
async def streams(nats: EmbeddedServer) -> AsyncIterator[Streams]:
    async with await Streams.connect(BusSettings(nats.url), CLOCK) as found:
        yield found


async def make(streams: Streams, **config: object) -> None:
    """A stream as somebody else might have made it."""
    body = {"name": STREAM, "subjects": [FILTER], "storage": "file", "discard": "new"}
    answer = await streams._link.ask(api.StreamAnswer, f"STREAM.CREATE.{STREAM}", body | config)
    assert answer.error is None


async def test_a_stream_is_made_so_that_it_forgets_nothing(streams: Streams) -> None:
    """Twice is fine; every limit that throws away is off, every setting explicit."""
    first = await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
    again = await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
    assert first.created == again.created
    assert (first.last, first.messages) == (0, 0)
    answer = await streams._link.ask(api.StreamAnswer, f"STREAM.INFO.{STREAM}")
    config = answer.config
    assert config is not None
    assert (config.storage, config.discard, config.max_age) == ("file", "new", 0)
    assert (config.max_bytes, config.duplicate_window) == (1 << 20, 10 * api.NS)
    assert config.subjects == (FILTER,)


async def test_a_stream_is_made_again_at_once(streams: Streams) -> None:
    """Deleting the last one and making it can fail with 10049 [ran]; it is tried again."""
    for _ in range(15):
        await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
        await streams.delete(STREAM)
    await streams.delete(STREAM)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"max_age": 3600 * api.NS}, "max_age 3600 s"),
        ({"discard": "old", "max_bytes": 1 << 20}, "discard=old"),
        ({"max_msgs_per_subject": 5}, "max_msgs_per_subject"),
        ({"retention": "workqueue"}, "retention=workqueue"),
    ],
)
async def test_a_stream_that_forgets_is_refused_unless_allowed(
    streams: Streams, config: dict[str, object], reason: str
) -> None:
    """What is not archived yet would be gone."""
    await make(streams, **config)
    with pytest.raises(StreamUnfit, match=reason):
        await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
    with pytest.raises(StreamUnfit, match=reason):
        await streams.check_coverage(STREAM, PREFIX)
    await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20, allow_discard=True)


async def test_a_stream_that_takes_only_a_part_is_refused(streams: Streams) -> None:
    """In both directions: what we publish, and what a consumer asks for."""
    await make(streams, subjects=["test.kraken.json.trade.>"])
    with pytest.raises(StreamUnfit, match=r"not all of test\.kraken\.json"):
        await streams.check_coverage(STREAM, PREFIX)
    with pytest.raises(StreamUnfit, match="not inside its subjects"):
        await streams.check_filter(STREAM, FILTER)
    await streams.check_filter(STREAM, "test.kraken.json.trade.X")
    with pytest.raises(StreamUnfit, match="does not exist"):
        await streams.check_filter("OTHER", FILTER)


async def test_the_floor_is_the_slowest_archives(nats: EmbeddedServer, streams: Streams) -> None:
    """Purging below it must cost no archive anything."""
    settings = BusSettings(nats.url)
    await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
    assert await streams.archived_floor(STREAM) == 0
    async with Sender(settings) as sender:
        await sender.publish(envelope(n) for n in range(30))
        await sender.drained()
    for durable, floor in (("archive-a", 20), ("archive-b", 12), ("somebody", 3)):
        async with Consumer(CLOCK, FAST) as consumer:
            await consumer.open(settings, STREAM, durable, FILTER, 0)
            await collect(consumer, 30)
            assert await consumer.ack(floor)
    assert await streams.archived_floor(STREAM) == 12
    assert await streams.purge_below(STREAM, 12) == 11
    state = await streams.state(STREAM)
    assert (state.first, state.last, state.messages) == (12, 30, 19)


async def test_a_crashed_server_comes_back_on_its_port(tmp_path: Path) -> None:
    """Clients know no other address; the store is the old one."""
    nats = server(tmp_path)
    url = await nats.start()
    supervising = asyncio.create_task(nats.supervise())
    async with await Streams.connect(BusSettings(url), CLOCK) as streams:
        before = await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
        first = nats.pid
        nats.kill()
        await until(lambda: nats.pid not in {0, first})
        await until(lambda: streams._link.connected)
        assert (await streams.state(STREAM)).created == before.created
    assert nats.url == url
    await nats.stop()
    await supervising
    assert nats.pid == 0


async def test_the_server_listens_on_loopback_alone(nats: EmbeddedServer, tmp_path: Path) -> None:
    """Nobody on the network may read or fill our bus."""
    (ports,) = (tmp_path / "nats").glob("*.ports")
    listening = json.loads(ports.read_text())["nats"]
    assert {urllib.parse.urlsplit(url).hostname for url in listening} == {"127.0.0.1"}


def test_a_missing_program_is_one_sentence(tmp_path: Path) -> None:
    """With what to do: set NATS_URL."""
    with pytest.raises(ServerMissing, match="NATS_URL"):
        find_program({"SSMD_NATS_BIN": str(tmp_path / "none")})
    assert find_program({}).name == "nats-server"
