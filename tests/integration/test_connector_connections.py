"""Connections replaced, divided, encrypted: the venue's own ledger judges what arrived."""

import asyncio
import ssl
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
import trustme

from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.runtime.health import serve
from ssmd.runtime.scrape import complaints_of, scrape
from tests.integration.bus import CLOCK, STREAM
from tests.integration.connector_inside import inside, lives

pytestmark = pytest.mark.integration


async def test_several_shards_share_a_process_and_nothing_else(tmp_path: Path) -> None:
    """One loses its connection; the others keep theirs, and nothing is missing of any."""
    async with inside(tmp_path, per_shard=3) as scene:
        await scene.until(lambda: scene.ready and scene.venue.sockets > 2)
        shards = scene.venue.sockets
        await scene.emit(500)
        scene.happen("abort:socket=1")
        await scene.emit(200)
        await scene.until(lambda: scene.ready and scene.venue.sockets == shards)
        await scene.emit(500)
        envelopes = await scene.end()
        result = scene.judge(envelopes)
    assert result.ok, result.problems
    assert result.connections == shards + 1
    assert result.received == result.archived > 1000
    opened, closed = lives(envelopes)
    assert len({record.shard for record in opened}) == shards
    assert sorted(record.reason for record in closed) == ["lost", *["shutdown"] * shards]


async def test_a_planned_reconnect_overlaps_and_misses_nothing(tmp_path: Path) -> None:
    """Make before break: what both connections received is overlap, not duplicates."""
    async with inside(tmp_path, planned_reconnect_s=1.0) as scene:
        await scene.until(lambda: scene.ready)
        await scene.until(lambda: len(list((tmp_path / "ledger").glob("socket-*.jsonl"))) >= 3)
        await scene.emit(200)
        envelopes = await scene.end()
        result = scene.judge(envelopes)
    assert result.ok, result.problems
    assert result.connections >= 3
    assert result.overlap > 0
    assert result.holes == result.duplicates == result.mismatches == result.declared_lost == 0
    opened, closed = lives(envelopes)
    assert [record.reason for record in opened] == ["start"] + ["planned"] * (len(opened) - 1)
    assert {record.reason for record in closed} == {"planned", "shutdown"}
    assert all(record.previous for record in opened[1:])


async def test_a_stream_made_anew_is_given_everything_still_in_the_spool(tmp_path: Path) -> None:
    """Somebody deletes the stream under a running connector: nothing was archived yet."""
    async with inside(tmp_path) as scene:
        await scene.until(lambda: scene.ready)
        await scene.emit(1000)
        async with await Streams.connect(BusSettings(scene.nats.url), CLOCK) as streams:
            await streams.delete(STREAM)
            await streams.ensure(STREAM, "test.kraken", max_bytes=256 << 20)
        await scene.emit(1000)
        result = scene.judge(await scene.end())
    assert result.ok, result.problems
    assert result.connections == 1
    assert result.received == result.archived > 2000


async def test_tls_with_an_authority_of_ones_own_is_the_same_path(tmp_path: Path) -> None:
    """`wss://` and a connection lost in the middle: judged like everything else."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with inside(tmp_path, serving=serving, ca_file=str(ca_file)) as scene:
        await scene.until(lambda: scene.ready)
        await scene.emit(500)
        scene.happen("abort")
        await scene.emit(500)
        await scene.until(lambda: scene.ready)
        envelopes = await scene.end()
        result = scene.judge(envelopes)
    assert result.ok, result.problems
    assert result.connections == 2
    assert result.received == result.archived > 1000
    opened, _ = lives(envelopes)
    assert all(record.endpoint.startswith("wss://") for record in opened)


async def test_what_people_look_at_is_current(tmp_path: Path) -> None:
    """Frames within a second, lag until archived, and a disk that is nearly full."""
    async with inside(tmp_path, low_disk_bytes=1 << 60) as scene:
        address = await serve(scene.connector.health, "127.0.0.1", 0)
        try:
            await scene.until(lambda: scene.ready)
            (warning,) = await complaints_of(address.url)
            assert warning.startswith("spool: disk space is low")
            await scene.emit(500)
            samples = await scrape(address.url)
            async with asyncio.timeout(20):
                while samples.total("ssmd_spool_records", feed="kraken") < 300:
                    samples = await scrape(address.url)
            assert samples.total("ssmd_connector_frames_total", feed="kraken") > 0
            assert samples.total("ssmd_connector_venue_latency_seconds_count", feed="kraken") > 0
            assert samples.total("ssmd_connector_ws_process_duration_seconds_count") > 0
            assert samples.total("ssmd_spool_oldest_age_seconds", feed="kraken") > 0
        finally:
            await address.close()


async def test_a_quiet_market_is_well_and_a_lost_venue_is_not(tmp_path: Path) -> None:
    """Alive either way; ready only while connected, and never `ok` without."""
    async with inside(tmp_path, rate=0.001) as scene:
        address = await serve(scene.connector.health, "127.0.0.1", 0)
        try:
            await scene.until(lambda: scene.ready)
            assert await asked(address.url) == {"health": (200, "ok"), "ready": (200, "ok")}
            await scene.venue.stop()
            while (answers := await asked(address.url))["ready"][0] == HTTPStatus.OK:
                await CLOCK.sleep(0.02)
            assert answers == {"health": (200, "degraded"), "ready": (503, "degraded")}
            (reason, *_) = await complaints_of(address.url)
            assert reason.startswith("shards: not connected: kraken-0 to ws://")
            samples = await scrape(address.url)
            assert samples.total("ssmd_connector_websocket_connected", feed="kraken") == 0
            assert samples.total("ssmd_ready") == 0
        finally:
            await address.close()


async def asked(url: str) -> dict[str, tuple[int, str]]:
    """HTTP status and word of both questions, asked one after the other."""
    found = {}
    async with aiohttp.ClientSession() as session:
        for path in ("ready", "health"):
            async with session.get(f"{url}/{path}") as answer:
                found[path] = answer.status, (await answer.json())["status"]
    return found
