"""The publisher against a real nats-server."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.bus.api import StreamAnswer
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from tests.integration.bus import (
    CLOCK,
    FILTER,
    PREFIX,
    STREAM,
    Sender,
    envelope,
    everything,
    server,
    stream,
    until,
)


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    embedded = server(tmp_path)
    await embedded.start()
    yield embedded
    await embedded.stop()


async def test_everything_published_is_acknowledged_once_within_the_window(
    nats: EmbeddedServer,
) -> None:
    """The server drops silently what floods it, so the window is the promise's other half."""
    settings = BusSettings(nats.url)
    await stream(settings)
    async with Sender(settings, window=100) as sender:
        await sender.publish(envelope(n) for n in range(5000))
        await sender.drained()
    assert sender.most == 100
    assert sorted(sender.acknowledged) == list(range(5000))
    assert [sender.acknowledged[n] for n in range(5000)] == [(n + 1, False) for n in range(5000)]
    assert not sender.refused
    assert not sender.changes


async def test_a_delayed_flush_sends_everything_too(nats: EmbeddedServer) -> None:
    """Gathering for 5 ms saves CPU and must cost no message."""
    settings = BusSettings(nats.url)
    await stream(settings)
    async with Sender(settings, flush_delay_s=0.005) as sender:
        await sender.publish(envelope(n) for n in range(1000))
        await sender.drained()
    assert len(sender.acknowledged) == 1000


async def test_a_killed_server_loses_no_message(nats: EmbeddedServer) -> None:
    """Kill -9 in the middle of publishing: what was acknowledged is kept, the rest comes again."""
    settings = BusSettings(nats.url)
    await stream(settings)
    total, chance = 6000, random.Random(7)
    async with Sender(settings, window=500) as sender:
        publishing = asyncio.create_task(sender.publish(envelope(n) for n in range(total)))
        for _ in range(3):
            mark = len(sender.acknowledged) + chance.randrange(300, 1200)
            await sender.reached(min(mark, total - 600))
            assert sender.publisher.outstanding, "the kill would hit an idle server"
            nats.kill()
            await nats.restart()
        await publishing
        await sender.drained()
    assert sorted(sender.acknowledged) == list(range(total))
    assert not sender.changes
    assert await everything(settings, total) == set(range(total))


async def test_a_server_that_is_away_costs_nothing_but_time(nats: EmbeddedServer) -> None:
    """While it is away there is no room; what is outstanding goes again when it is back."""
    settings = BusSettings(nats.url)
    await stream(settings)
    async with Sender(settings, window=200) as sender:
        await sender.publish(envelope(n) for n in range(100))
        await sender.drained()
        await nats.stop()
        await until(lambda: not sender.publisher.connected)
        assert sender.publisher.room == 0
        for n in range(100, 200):  # a caller who does not look loses nothing either
            sender.publisher.publish(n, envelope(n))
        assert not await sender.publisher.drain(0.2)
        await nats.start()
        await sender.drained()
    assert sorted(sender.acknowledged) == list(range(200))


async def test_a_full_stream_is_back_pressure_and_flows_again(nats: EmbeddedServer) -> None:
    """A full stream refuses; nothing is set aside, and a purge sets it going."""
    settings = BusSettings(nats.url)
    await stream(settings, max_bytes=200_000)
    async with Sender(settings, window=100) as sender:
        publishing = asyncio.create_task(sender.publish(envelope(n) for n in range(2000)))
        purges = 0
        async with await Streams.connect(settings, CLOCK) as streams:
            while len(sender.acknowledged) < 2000:
                await until(
                    lambda: (
                        len(sender.acknowledged) == 2000
                        or "maximum bytes" in sender.publisher.problem
                    )
                )
                if sender.publisher.problem:
                    assert sender.publisher.room == 0
                    state = await streams.state(STREAM)
                    await streams.purge_below(STREAM, state.last + 1)
                    purges += 1
                    await until(lambda: not sender.publisher.problem)
        await publishing
    assert purges >= 2
    assert sorted(sender.acknowledged) == list(range(2000))
    assert not sender.refused


async def test_what_can_never_be_stored_is_set_aside(nats: EmbeddedServer) -> None:
    """One message beyond the stream's own limit stands in nobody's way."""
    settings = BusSettings(nats.url)
    await stream(settings)
    async with await Streams.connect(settings, CLOCK) as streams:
        await streams._link.ask(
            StreamAnswer,
            f"STREAM.UPDATE.{STREAM}",
            {
                "name": STREAM,
                "subjects": [FILTER],
                "storage": "file",
                "discard": "new",
                "max_bytes": 256 << 20,
                "duplicate_window": 10_000_000_000,
                "max_msg_size": 1000,
            },
        )
    async with Sender(settings) as sender:
        sizes = {5: b"x" * 2000}
        await sender.publish(envelope(n, sizes.get(n)) for n in range(10))
        await sender.drained()
    assert sorted(sender.acknowledged) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert list(sender.refused) == [5]
    assert "message size exceeds maximum" in sender.refused[5]


async def test_a_missing_stream_is_waited_for(nats: EmbeddedServer) -> None:
    """No stream takes the subject yet: that passes, so nothing may be set aside."""
    settings = BusSettings(nats.url)
    async with Sender(settings) as sender:
        await until(lambda: sender.publisher.connected)
        await sender.publish(envelope(n) for n in range(50))
        await until(lambda: "no stream" in sender.publisher.problem)
        await stream(settings)
        await sender.drained()
    assert sorted(sender.acknowledged) == list(range(50))


async def test_a_stream_made_again_is_noticed(nats: EmbeddedServer) -> None:
    """What was acknowledged is gone with it, so the spool has to publish again."""
    settings = BusSettings(nats.url)
    await stream(settings)
    async with Sender(settings) as sender:
        await sender.publish(envelope(n) for n in range(100))
        await sender.drained()
        before = sender.publisher.memory.created
        async with await Streams.connect(settings, CLOCK) as streams:
            await streams.delete(STREAM)
            await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
        assert not sender.changes
        await sender.publish((envelope(n) for n in range(100, 110)), first_key=100)
        await sender.drained()
        await until(lambda: sender.changes)
        assert sender.changes == [sender.publisher.memory.created]
        assert sender.publisher.memory.created != before


async def test_a_stream_made_again_while_we_were_away_is_noticed(nats: EmbeddedServer) -> None:
    """Seen when the connection is back, before anything is sent."""
    settings = BusSettings(nats.url)
    await stream(settings)
    async with Sender(settings) as sender:
        await sender.publish(envelope(n) for n in range(10))
        await sender.drained()
        async with await Streams.connect(settings, CLOCK) as streams:
            await streams.delete(STREAM)
            await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
        nats.kill()
        await nats.restart()
        await until(lambda: sender.changes)
        assert len(sender.changes) == 1


async def test_a_payload_above_the_limit_travels_in_pieces(nats: EmbeddedServer) -> None:
    """The server's max_payload is no limit for a frame; its key comes back once, at the end."""
    settings = BusSettings(nats.url)
    await stream(settings)
    big = os.urandom(3_500_000)
    async with Sender(settings, window=10) as sender:
        await sender.publish([envelope(0), envelope(1, big), envelope(2)])
        await sender.drained()
    assert sender.acknowledged[0] == (1, False)
    assert sender.acknowledged[1] == (5, False)
    assert sender.acknowledged[2] == (6, False)


async def test_a_repeated_publish_is_reported_as_duplicate(nats: EmbeddedServer) -> None:
    """The id is the envelope's own, so a retry after a crash is known to the server."""
    settings = BusSettings(nats.url)
    await stream(settings)
    async with Sender(settings) as sender:
        await sender.publish([envelope(0)])
        await sender.drained()
        await sender.publish([envelope(0)], first_key=1)
        await sender.drained()
    assert sender.acknowledged == {0: (1, False), 1: (1, True)}


DENIED = """
authorization {
  users = [
    { user: "all", password: "all" }
    { user: "some", password: "some", permissions: {
        publish: { allow: ["$JS.API.>", "test.kraken.json.>"], deny: ["*.*.json.*.secret"] } } }
    { user: "none", password: "none", permissions: { publish: { allow: ["$JS.API.>"] } } }
  ]
}
"""


async def test_a_message_denied_alone_is_set_aside(tmp_path: Path) -> None:
    """Others pass, so waiting would not help this one."""
    embedded = server(tmp_path, DENIED)
    url = await embedded.start()
    try:
        await stream(BusSettings(url, user="all", password="all"))
        async with Sender(BusSettings(url, user="some", password="some")) as sender:
            await sender.publish(
                [envelope(0), envelope(1, symbol="secret"), *(envelope(n) for n in range(2, 9))]
            )
            await sender.drained()
        assert sorted(sender.acknowledged) == [0, 2, 3, 4, 5, 6, 7, 8]
        assert "Permissions Violation" in sender.refused[1]
    finally:
        await embedded.stop()


async def test_a_publisher_denied_altogether_keeps_everything(tmp_path: Path) -> None:
    """Wrong permissions are mended by people; until then nothing is declared lost."""
    embedded = server(tmp_path, DENIED)
    url = await embedded.start()
    try:
        await stream(BusSettings(url, user="all", password="all"))
        async with Sender(BusSettings(url, user="none", password="none")) as sender:
            await sender.publish([envelope(0)])
            waiting = sender.publisher._outstanding.items
            await until(lambda: 1 not in waiting or waiting[1].denials > 4)
            assert sender.publisher.outstanding == 1
            assert "Permissions Violation" in sender.publisher.problem
            assert not sender.refused
            assert sender.publisher.room == 0
    finally:
        await embedded.stop()
