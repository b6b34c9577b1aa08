"""What strangers send on purpose, on real sockets: nothing of it harms others, or tells too much."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from ssmd.api import parts
from ssmd.api.routing import router
from ssmd.feeds.api import RequestLimits
from ssmd.runtime import api_metrics
from tests.api.world import app_of, serving

flood = router("flood")
_PIECE = b"x" * 65_536


@flood.get("/v1/flood")
async def endless() -> StreamingResponse:
    async def pieces() -> AsyncGenerator[bytes, None]:
        while True:
            yield _PIECE

    return StreamingResponse(pieces(), media_type="application/octet-stream")


@flood.post("/v1/echo")
async def echo(word: str) -> dict[str, str]:
    return {"word": word}


@pytest.fixture(autouse=True)
def _flooded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The applications of this file have an answer without an end."""
    routers: list[APIRouter] = [*parts.PARTS, flood]
    monkeypatch.setattr("ssmd.api.app.PARTS", routers)


class Wire(NamedTuple):
    """A connection whose every byte is ours."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Send these bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Everything until the other side ends the connection."""
        return await self.reader.read()

    async def head(self) -> bytes:
        """The head of an answer."""
        return await self.reader.readuntil(b"\r\n\r\n")


@asynccontextmanager
async def wired(url: str) -> AsyncGenerator[Wire, None]:
    """A connection to a server."""
    host, _, port = url.removeprefix("http://").partition(":")
    wire = Wire(*await asyncio.open_connection(host, int(port)))
    try:
        yield wire
    finally:
        wire.writer.close()


async def well(url: str) -> bool:
    """Whether somebody else is answered meanwhile."""
    async with httpx2.AsyncClient(base_url=url) as client:
        return (await client.get("/health")).text == '{"status":"ok"}'


def cut(reason: str) -> float:
    """How often that was a reason to end something."""
    return float(api_metrics.CUT.labels(reason)._value.get())


async def test_slow_loris_is_cut_off(tmp_path: Path) -> None:
    """A head that comes byte by byte, or never, has an end; others are answered meanwhile."""
    before = cut("head")
    async with (
        serving(app_of(tmp_path, limits=RequestLimits(head_s=0.3))) as url,
        wired(url) as silent,
        wired(url) as slow,
    ):
        ended = asyncio.ensure_future(slow.rest())
        for byte in b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n" * 10:
            slow.writer.write(bytes([byte]))
            if ended.done():
                break
            await asyncio.sleep(0.02)
        assert await well(url)
        assert await silent.rest() == b""
        assert await ended == b""
    assert cut("head") == before + 2


async def test_a_second_slow_head_on_a_connection_is_cut_off_too(tmp_path: Path) -> None:
    """A good request first buys no patience for the next."""
    async with (
        serving(app_of(tmp_path, limits=RequestLimits(head_s=0.3))) as url,
        wired(url) as wire,
    ):
        await wire.say(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /heal")
        told = await wire.rest()
    assert told.startswith(b"HTTP/1.1 200")
    assert told.endswith(b'{"status":"ok"}')


async def test_an_oversized_head_is_cut_off(tmp_path: Path) -> None:
    """Headers without an end take a bounded place."""
    limits = RequestLimits(head_bytes=8192, head_s=600)
    async with serving(app_of(tmp_path, limits=limits)) as url, wired(url) as wire:
        await wire.say(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 20_000)
        assert await wire.rest() == b""
        assert await well(url)


async def test_a_slow_body_is_refused(tmp_path: Path) -> None:
    """A body that was announced and does not come is not waited for."""
    async with serving(app_of(tmp_path, limits=RequestLimits(head_s=0.3))) as url:
        async with wired(url) as wire:
            await wire.say(
                b"POST /v1/echo?word=a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
                b"Content-Type: application/json\r\nConnection: close\r\n\r\n{"
            )
            told = await wire.head()
        assert await well(url)
    assert told.startswith((b"HTTP/1.1 200", b"HTTP/1.1 408"))


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 999999999999\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"X: a\x00b\r\n",
        b"X\r\n",
        b" folded: yes\r\n",
    ],
)
async def test_a_body_nobody_can_delimit_is_refused(tmp_path: Path, head: bytes) -> None:
    """Oversized, doubled and contradictory lengths, and broken headers, are refused, not guessed."""
    async with serving(app_of(tmp_path)) as url:
        async with wired(url) as wire:
            request = b"POST /v1/echo?word=a HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n"
            await wire.say(request)
            told = await wire.reader.readline()
        assert await well(url)
    assert told.split()[1] in {b"400", b"413"}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/..\\..\\app.py",
        "/v1/../../etc/passwd",
        "//etc/passwd",
        "/%00",
        "/static/%00.js",
        "/v1/datasets/feeds/..%2f..%2fsecret",
    ],
)
async def test_path_traversal_finds_nothing(tmp_path: Path, path: str) -> None:
    """No spelling of a path leaves the folder of the page, or names a file of the archive."""
    (tmp_path / "secret").write_text("secret")
    async with serving(app_of(tmp_path / "data")) as url, wired(url) as wire:
        await wire.say(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )
        told = await wire.rest()
    assert told.split()[1] in {b"400", b"404"}
    assert b"secret\n" not in told
    assert b"root:" not in told
    assert b"import " not in told


async def test_header_injection_splits_no_answer(tmp_path: Path) -> None:
    """Line ends in paths, words and headers come back as text of a body, never as a header."""
    async with serving(app_of(tmp_path)) as url, wired(url) as wire:
        await wire.say(
            b"GET /v1/version?a%0d%0aSet-Cookie:%20x=1=b HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Origin: x%0d%0aSet-Cookie: y=1\r\nConnection: close\r\n\r\n"
        )
        told = await wire.rest()
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"set-cookie" not in head.lower()
    assert b"Set-Cookie" in body


async def test_a_reader_that_takes_nothing_is_let_go(tmp_path: Path) -> None:
    """An answer that nobody takes holds neither memory nor a place for ever."""
    before = cut("idle")
    async with (
        serving(app_of(tmp_path, limits=RequestLimits(idle_s=0.3))) as url,
        wired(url) as wire,
    ):
        await wire.say(b"GET /v1/flood HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while cut("idle") == before:
            await asyncio.sleep(0.01)
        assert await well(url)
        taken = await wire.rest()
    assert not taken.endswith(b"0\r\n\r\n")  # it is told as broken off, not as whole
    assert len(taken) < 16 << 20


async def test_more_connections_than_allowed_are_refused(tmp_path: Path) -> None:
    """Those who are served stay served."""
    ask = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with (
        serving(app_of(tmp_path, limits=RequestLimits(connections=3))) as url,
        wired(url) as first,
        wired(url) as second,
        wired(url) as third,
    ):
        for wire in (third, second):
            await wire.say(ask)
            assert (await wire.head()).startswith(b"HTTP/1.1 200")
        async with wired(url) as late:
            assert (await late.rest()).startswith(b"HTTP/1.1 503")
        await first.say(ask)
        assert (await first.head()).startswith(b"HTTP/1.1 200")


async def test_rubbish_is_refused(tmp_path: Path) -> None:
    """What is no HTTP at all is told so, and ended."""
    async with serving(app_of(tmp_path)) as url:
        for rubbish in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\r\n\r\n\x00", b"GET\r\n\r\n"):
            async with wired(url) as wire:
                await wire.say(rubbish + b"\r\n\r\n")
                assert (await wire.rest()).startswith(b"HTTP/1.1 400")
        assert await well(url)
