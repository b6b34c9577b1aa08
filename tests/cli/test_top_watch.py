"""How `ssmd top` finds connectors: by their run files, and whatever answers there."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from ssmd.cli.top_watch import Listener, look
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.health import Health, serve

CLOCK = SystemClock()


def told(root: Path, name: str, url: str, **more: str) -> None:
    """A run file."""
    (root / ".run").mkdir(exist_ok=True)
    fields = {"name": name, "pid": 1, "started_at": "", "health": url, **more}
    (root / ".run" / f"{name}.json").write_bytes(msgspec.json.encode(fields))


@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b'{"a": 1}'])
async def test_a_stranger_on_the_port_is_no_connector(tmp_path: Path, body: bytes) -> None:
    """The number of a port that a dead process had is given to somebody else before long."""

    async def serve_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(serve_anything, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told(tmp_path, "connector-x", f"http://127.0.0.1:{port}", feed="x")
    found = await look(tmp_path, CLOCK)
    server.close()
    assert [(each.feed, each.samples) for each in found.services] == [("x", None)]


async def test_only_connectors_are_looked_at_and_each_says_what_ails_it(tmp_path: Path) -> None:
    """An archiver has no feed; a run file that is half written is none."""
    health = Health()
    health.set("shards", ok=False, reason="1 of 2 is down")
    address = await serve(health, "127.0.0.1", 0)
    try:
        told(tmp_path, "connector-x", address.url, feed="x")
        told(tmp_path, "archiver", address.url)
        (tmp_path / ".run" / "connector-y.json").write_bytes(b'{"name": "conn')
        (service,) = (await look(tmp_path, CLOCK)).services
    finally:
        await address.close()
    assert (service.name, service.feed) == ("connector-x", "x")
    assert service.samples is not None
    assert service.samples.has("ssmd_ready")
    assert service.reasons == ("shards: 1 of 2 is down",)


async def test_a_feed_whose_bus_nobody_knows_is_said(tmp_path: Path) -> None:
    """The table stays empty, and the line below it says why."""
    listener = Listener(tmp_path, "nonesuch", CLOCK)
    await listener.run()
    assert listener.trouble == "Nobody here knows the bus of nonesuch."
