"""Reading a part of a stream, against a real nats-server: by subject, from a time on, at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ssmd.bus import reader
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.errors import BusAway, StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.connector.heritage import Heritage, scanner
from ssmd.connector.spool.lives import Life, Lives
from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.share import WHOLE
from ssmd.model.envelope import CONNECTION, CONTROL, Envelope
from ssmd.model.records import Closed, encode
from tests.integration.bus import CLOCK, GENEROUS_S, PREFIX, STREAM, Sender, stream
from tests.integration.bus import CONNECTION as ONE
from tests.integration.bus import envelope as a_frame

CLOSED = encode(Closed(last_ordinal=0, last_record=1, by="connector", reason="lost"))
OTHER = ONE.replace("-0-", "-1-")


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[BusSettings]:
    """A server of this test."""
    nats = EmbeddedServer(tmp_path / "nats", CLOCK)
    url = await nats.start()
    try:
        yield BusSettings(url)
    finally:
        await nats.stop()


def a_sign(ordinal: int) -> Envelope:
    return msgspec.structs.replace(a_frame(ordinal), type=CONTROL, symbols=())


async def test_a_part_of_a_stream_is_read_alone(settings: BusSettings) -> None:
    """By subject, with payloads, from a time of the server's on."""
    await stream(settings)
    async with Sender(settings) as sender:
        await sender.publish([a_frame(0), a_sign(1)])
        await sender.drained()
        since = CLOCK.wall()
        await CLOCK.sleep(0.01)
        await sender.publish([a_frame(2), a_sign(3), a_frame(4)])
        await sender.drained()

    async def ordinals(**asked: object) -> list[int | None]:
        found = reader.scan(settings, CLOCK, STREAM, 1, **asked)  # type: ignore[arg-type]
        return [each.ordinal async for _, each in found]

    signs = (f"{PREFIX}.json.{CONTROL}.>", f"{PREFIX}.json.{CONNECTION}.>")
    assert await ordinals() == [0, 1, 2, 3, 4]
    assert await ordinals(subjects=signs) == [1, 3]
    assert await ordinals(since=since) == [2, 3, 4]
    assert await ordinals(subjects=signs, since=since) == [3]
    assert await ordinals(subjects=(f"{PREFIX}.json.book.>",)) == []
    told = reader.scan(settings, CLOCK, STREAM, 1, subjects=signs, payloads=True)
    assert [each.payload async for _, each in told] == [b'{"n":1}', b'{"n":3}']


async def test_who_is_not_patient_is_told_at_once_that_nobody_is_there() -> None:
    """As soon as the address was tried, not when the time is over."""
    nowhere = BusSettings("nats://127.0.0.1:1")
    told = reader.scan(nowhere, CLOCK, STREAM, 1, timeout_s=10 * GENEROUS_S, patient=False)
    async with asyncio.timeout(GENEROUS_S):
        with pytest.raises(BusAway):
            await anext(told)


async def test_what_another_process_has_is_learned_from_the_bus(settings: BusSettings) -> None:
    """One lives, one was closed; where there is no stream there is nothing to learn."""
    one, other = Life(ONE, "kraken", None), Life(OTHER, "kraken", None)
    scan = scanner(settings, CLOCK, STREAM, PREFIX)
    lives = Lives()
    await Heritage(WHOLE, lives, scan, CLOCK, Telemetry("kraken")).learn()
    assert lives.latest == {}
    with pytest.raises(StreamUnfit):
        await anext(scan((CONNECTION,), None))
    await stream(settings)
    async with Sender(settings) as sender:
        await sender.publish(
            [
                one.say(CONNECTION, b"{}", 1),
                other.say(CONNECTION, b"{}", 1),
                a_sign(0),
                other.say(CONNECTION, CLOSED, 2),
            ]
        )
        await sender.drained()
    await Heritage(WHOLE, lives, scan, CLOCK, Telemetry("kraken")).learn()
    assert lives.before("kraken-0", "start") == (ONE, "handover")
    assert lives.before("kraken-1", "start") == (OTHER, "start")
