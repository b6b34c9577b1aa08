"""Live streams over a real bus and real sockets: nothing lost, nothing twice, nobody harmed."""

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ssmd.api.callers import Caller
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.feeds.api import LiveLimits
from ssmd.model.envelope import Envelope
from ssmd.runtime import live_metrics
from tests.api.world import Only, app_of, asked, serving
from tests.archive.made import Talk
from tests.integration.bus import Sender, until
from tests.integration.test_archive_service import Running
from tests.integration.test_stream import CONFIG, server, settings
from tests.tier import scale

__all__ = ["server", "settings"]
pytestmark = pytest.mark.integration
PATH = "/v1/live/kraken"
BRISK = LiveLimits(heartbeat_s=0.2, recheck_s=0.05)


class Listener:
    """Somebody who reads server-sent events for as long as the test lasts."""

    def __init__(self, url: str, path: str = PATH, **headers: str) -> None:
        self.events: list[tuple[str, str | None, Any]] = []
        self.over = False
        self._task = asyncio.ensure_future(self._read(url, path, headers))

    async def _read(self, url: str, path: str, headers: dict[str, str]) -> None:
        async with (
            httpx2.AsyncClient(base_url=url, timeout=60) as client,
            client.stream("GET", path, headers=headers) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            event: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name:
                    event[name] = value
                    continue
                self.events.append((event["event"], event.get("id"), json.loads(event["data"])))
                event = {}
        self.over = True

    def of(self, event: str) -> list[Any]:
        """The data of all events of a kind."""
        return [data for name, _, data in self.events if name == event]

    @property
    def ordinals(self) -> list[int]:
        """Of the messages, in the order they came, as the payload itself says."""
        return [data["payload"]["n"] for data in self.of("message")]

    @property
    def last(self) -> str:
        """The id of the last event that had one."""
        return next(str(mark) for _, mark, _ in reversed(self.events) if mark)

    async def until(self, event: str, count: int = 1) -> None:
        """Wait for so many events of a kind."""
        await until(lambda: self._task.done() or len(self.of(event)) >= count)
        if self._task.done():
            self._task.result()
        assert len(self.of(event)) >= count

    async def end(self) -> None:
        """Read no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def numbers(sent: list[Envelope]) -> list[int]:
    """The ordinals of the data."""
    return [each.ordinal for each in sent if each.ordinal is not None]


async def test_what_comes_is_given_to_everybody_in_order(
    tmp_path: Path, settings: BusSettings
) -> None:
    """Every message once, as bytes; those of others, and our own records, are left out."""
    sent = Talk().life(300)
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=BRISK)) as url,
        Sender(settings) as sender,
    ):
        readers = [Listener(url) for _ in range(3)]
        other = Listener(url, f"{PATH}?instrument=kraken:ETH/USD")
        records = Listener(url, f"{PATH}?type=_connection")
        for each in (*readers, other, records):
            await each.until("seam")
        await sender.publish(sent)
        for each in readers:
            await each.until("message", 300)
            assert each.ordinals == numbers(sent)
        await records.until("message", 2)
        await other.until("heartbeat")
        assert other.of("message") == []
        first = readers[0].of("message")[0]
        assert first["connection"] == sent[1].connection
        assert first["symbols"] == ["BTC/USD"]
        for each in (*readers, other, records):
            await each.end()


async def test_a_reader_goes_on_where_it_was(tmp_path: Path, settings: BusSettings) -> None:
    """By the id of the last event, at any place, while more comes: none lost, none twice."""
    sent = Talk().life(scale(gate=600, full=20_000))
    got: list[int] = []
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=BRISK)) as url,
        Sender(settings) as sender,
    ):
        reader = Listener(url)
        await reader.until("seam")
        publishing = asyncio.ensure_future(sender.publish(sent))
        goal = len(numbers(sent))
        while True:
            await reader.until("message", min(goal - len(got), goal // 5))
            got += reader.ordinals
            last = reader.last
            await reader.end()
            if len(got) >= goal:
                break
            reader = Listener(url, **{"Last-Event-ID": last})
        await publishing
    assert got == numbers(sent)


async def test_history_then_live_over_the_seam(tmp_path: Path, settings: BusSettings) -> None:
    """From a time on, by the archive and then the bus, while an archiver works and purges."""
    root = tmp_path / "archive"
    talk = Talk()
    sent = talk.life(1_200)
    archiver = Running(root, settings, CONFIG)
    async with (
        serving(app_of(root, bus=settings, environment="test", live=BRISK)) as url,
        Sender(settings) as sender,
    ):
        await sender.publish(sent[:600])
        await sender.drained()
        await archiver.archived(300)
        start = sent[1].ts_recv
        readers = [Listener(url, f"{PATH}?start={start}") for _ in range(3)]
        await sender.publish(sent[600:], 600)
        for each in readers:
            await each.until("message", 1_200)
            await each.until("seam")
            assert sorted(each.ordinals) == numbers(sent)
            await each.end()
    await archiver.end()


async def test_a_reader_that_stopped_reading_is_dropped_and_harms_no_one(
    tmp_path: Path, settings: BusSettings
) -> None:
    """It is let go with a reason, its memory with it; the others have every message."""
    limits = LiveLimits(
        queue_bytes=1 << 18, queue_messages=256, slow_s=0.5, heartbeat_s=0.5, recheck_s=60
    )
    sent = Talk().frames(scale(gate=3_000, full=20_000), size=2_000)
    before = live_metrics.ENDED.labels("kraken", "slow")._value.get()
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=limits)) as url,
        Sender(settings) as sender,
    ):
        host, _, port = url.removeprefix("http://").partition(":")
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stuck.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(stuck, (host, int(port)))
        await loop.sock_sendall(stuck, f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        fast = [Listener(url) for _ in range(2)]
        for each in fast:
            await each.until("seam")
        await until(lambda: live_metrics.READERS.labels("kraken")._value.get() == 3)
        for at in range(0, len(sent), 20):
            await sender.publish(sent[at : at + 20], at)
            await sender.reached(at)
            for each in fast:
                await each.until("message", max(0, at - 20))
        await until(lambda: live_metrics.ENDED.labels("kraken", "slow")._value.get() == before + 1)
        await until(lambda: live_metrics.READERS.labels("kraken")._value.get() == 2)
        for each in fast:
            await each.until("message", len(sent))
            assert each.ordinals == numbers(sent)
            assert each.of("skipped") == []
            await each.end()
        with contextlib.suppress(ConnectionResetError):
            while await loop.sock_recv(stuck, 1 << 20):
                pass
        stuck.close()


async def test_a_slow_reader_is_told_how_much_it_missed(
    tmp_path: Path, settings: BusSettings
) -> None:
    """What found no room is counted where it would have stood; the rest is in order."""
    limits = LiveLimits(queue_bytes=65_536, queue_messages=16, slow_s=60, heartbeat_s=0.3)
    sent = Talk().frames(4_000, size=1_000)
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=limits)) as url,
        Sender(settings) as sender,
        httpx2.AsyncClient(base_url=url, timeout=60) as client,
        client.stream("GET", PATH) as answer,
    ):
        lines = answer.aiter_lines()
        while "event: seam" not in await anext(lines):
            pass
        await sender.publish(sent)
        await sender.drained()
        got = skipped = 0
        event = ""
        async with asyncio.timeout(60):
            while got + skipped < len(sent):
                line = await anext(lines)
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: ") and event == "message":
                    assert json.loads(line.removeprefix("data: "))["payload"]["n"] == got + skipped
                    got += 1
                elif line.startswith("data: ") and event == "skipped":
                    skipped += json.loads(line.removeprefix("data: "))["count"]
    assert got > 0
    assert got + skipped == len(sent)


async def test_a_websocket_says_the_same(tmp_path: Path, settings: BusSettings) -> None:
    """The same messages with the same ids; it ends with a code when the API does."""
    sent = Talk().frames(50)
    async with Sender(settings) as sender:
        async with serving(app_of(tmp_path, bus=settings, environment="test", live=BRISK)) as url:
            reader = Listener(url)
            await reader.until("seam")
            address = url.replace("http", "ws") + f"{PATH}/ws"
            async with connect(address, subprotocols=["ssmd.v1"]) as live:  # type: ignore[list-item] # a NewType of str
                assert json.loads(await live.recv())["event"] == "seam"
                await sender.publish(sent)
                got: list[Any] = []
                async with asyncio.timeout(30):
                    while len(got) < len(sent):
                        told = json.loads(await live.recv())
                        if told["event"] == "message":
                            got.append((told["id"], told["data"]))
                assert live.subprotocol == "ssmd.v1"
                await reader.until("message", len(sent))
                assert got == [(m, d) for name, m, d in reader.events if name == "message"]
                with pytest.raises(InvalidStatus) as refused:
                    await connect(address.replace("kraken", "nowhere"))
                assert refused.value.response.status_code == 404
                ending = asyncio.ensure_future(_until_closed(live))
                await asyncio.sleep(0)
            await reader.end()
        closed = await ending
    assert closed.rcvd is not None or closed.sent is not None


async def _until_closed(live: Any) -> ConnectionClosed:  # noqa: ANN401 - a connection of websockets
    try:
        while True:
            await live.recv()
    except ConnectionClosed as error:
        return error


async def test_streams_end_with_a_reason_when_the_api_does(
    tmp_path: Path, settings: BusSettings
) -> None:
    """Whoever reads is told that it was not them."""
    async with serving(app_of(tmp_path, bus=settings, environment="test", live=BRISK)) as url:
        reader = Listener(url)
        await reader.until("seam")
    await until(lambda: reader.over)
    assert reader.events[-1][0] == "closed"
    assert reader.of("closed") == [{"reason": "ending"}]


class Revocable(Only):
    """A doorkeeper whose keys can be ended."""

    holds = True

    async def still(self, caller: Caller) -> bool:
        return self.holds


async def test_a_stream_ends_with_its_key(tmp_path: Path, settings: BusSettings) -> None:
    """Within the time that is stated, and with the reason."""
    keeper = Revocable()
    app = app_of(tmp_path, bus=settings, environment="test", live=BRISK, doorkeeper=keeper)
    async with serving(app) as url:
        reader = Listener(url)
        await reader.until("heartbeat")
        keeper.holds = False
        await reader.until("closed")
        assert reader.of("closed") == [{"reason": "key"}]
        await reader.end()


async def test_a_bus_that_goes_and_comes_is_told_and_gone_on_with(
    tmp_path: Path, server: EmbeddedServer, settings: BusSettings
) -> None:
    """Readers stay, are told of the trouble, and miss nothing."""
    sent = Talk().frames(100)
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=BRISK)) as url,
        Sender(settings) as sender,
    ):
        reader = Listener(url)
        await reader.until("seam")
        await sender.publish(sent[:50])
        await reader.until("message", 50)
        await server.stop()
        await reader.until("trouble")
        await server.start()
        await sender.publish(sent[50:], 50)
        await reader.until("message", 100)
        assert reader.ordinals == numbers(sent)
        await reader.end()


async def test_a_place_that_the_bus_does_not_hold_is_told(
    tmp_path: Path, settings: BusSettings
) -> None:
    """A stream made anew is another: the reader is told, and given what there is."""
    sent = Talk().frames(20)
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=BRISK)) as url,
        Sender(settings) as sender,
    ):
        await sender.publish(sent)
        await sender.drained()
        reader = Listener(url, **{"Last-Event-ID": f"{sent[5].ts_recv}.1-6"})
        await reader.until("reset")
        await reader.until("seam")
        assert reader.ordinals == numbers(sent)[5:]
        await reader.end()


async def test_what_cannot_begin_is_refused_before_it_does(
    tmp_path: Path, settings: BusSettings
) -> None:
    """No bus, no such feed, no such place, too many streams: a problem, not a stream."""
    async with asked(app_of(tmp_path)) as client:
        answer = await client.get(PATH)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    away = BusSettings(url="nats://127.0.0.1:1")
    limits = LiveLimits(clients=1, heartbeat_s=0.2)
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=limits)) as url,
        httpx2.AsyncClient(base_url=url, timeout=60) as client,
    ):
        assert (await client.get("/v1/live/nowhere")).status_code == 404
        bad = await client.get(PATH, headers={"Last-Event-ID": "x"})
        assert (bad.status_code, bad.json()["code"]) == (400, "position")
        reader = Listener(url)
        await reader.until("seam")
        full = await client.get(PATH)
        assert (full.status_code, full.json()["code"]) == (503, "full")
        await reader.end()
    async with (
        serving(app_of(tmp_path, bus=away, environment="test")) as url,
        httpx2.AsyncClient(base_url=url, timeout=60) as client,
    ):
        gone = await client.get(PATH)
        assert (gone.status_code, gone.json()["code"]) == (503, "unavailable")
