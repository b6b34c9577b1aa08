"""What is told of services that run, of one that was killed, and of what lies in the archive."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx2
import msgspec

from ssmd.api.lookout.folding import breaks
from ssmd.archive import layout
from ssmd.archive.ledger.entries import Ledger, Outage
from tests.api.world import Only, app_of, asked

_SERVICE = """
import asyncio, sys
from pathlib import Path
from ssmd.runtime import metrics, service
from ssmd.runtime.health import Health

async def main(stop):
    metrics.touch("kraken", None, 0)
    health.set("socket", ok=True)
    await stop.wait()

async def run():
    global health
    health = Health()
    return await service.run(
        "connector-kraken", main, health=health, run_dir=Path(sys.argv[1]), details={"feed": "kraken"}
    )

asyncio.run(run())
"""


async def told(client: httpx2.AsyncClient, *, up: bool) -> dict[str, object]:
    """The feed, once it stands so."""
    async with asyncio.timeout(20):
        while True:
            answer = (await client.get("/v1/operations/status")).json()
            for feed in answer["feeds"]:
                if feed["up"] is up and feed["feed"] == "kraken":
                    return dict(feed)
            await asyncio.sleep(0.05)


async def test_a_killed_connector_is_told_within_seconds(tmp_path: Path) -> None:
    """Its run file stays when the kernel ends it: nobody may take it for alive."""
    run = layout.run_folder(tmp_path)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _SERVICE, str(run))
    try:
        async with asked(app_of(tmp_path)) as client:
            assert (await told(client, up=True))["shards"] == 0
            os.kill(process.pid, signal.SIGKILL)
            async with asyncio.timeout(3):
                feed = await told(client, up=False)
            assert "is gone" in str(feed["reasons"])
            status = (await client.get("/v1/operations/status")).json()
            assert [each["ok"] for each in status["services"]] == [False]
            assert not status["ok"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_every_route_tells_of_an_archive_that_nobody_writes(
    client: httpx2.AsyncClient,
) -> None:
    """What nobody told is null, and what lies there is counted."""
    status = (await client.get("/v1/operations/status")).json()
    assert [(each["feed"], each["up"], each["frames"]) for each in status["feeds"]] == [
        ("kraken", False, None)
    ]
    held = (await client.get("/v1/operations/archive")).json()
    assert held["feeds"][0]["segments"] == held["feeds"][0]["manifests"] == 10
    assert held["feeds"][0]["table_bytes"] > 0
    for path in ("", "/shards", "/rates", "/reconnects"):
        answer = await client.get(f"/v1/operations/feeds/kraken{path}")
        assert answer.status_code == 200, answer.text
    assert (await client.get("/v1/operations/feeds/nope")).status_code == 404
    assert (await client.get("/v1/operations/streams")).json()["streams"] is None


async def test_a_restricted_key_sees_its_feeds_alone(root: Path) -> None:
    """Lists are filtered, what is named is refused."""
    app = app_of(root, doorkeeper=Only(feeds=frozenset({"other"})))
    async with asked(app) as client:
        assert (await client.get("/v1/operations/status")).json()["feeds"] == []
        assert (await client.get("/v1/operations/archive")).json()["feeds"] == []
        assert (await client.get("/v1/operations/feeds/kraken")).status_code == 403


def test_one_connection_that_ends_is_one_reconnect() -> None:
    """Twenty thousand subscriptions of a connection are one line, down until the last is back."""
    outages = [
        Outage(
            feed="f", since=10, until=until, reason="silence", connection=f"f-3-{'0' * 36}",
            record=None, file="", channel="trade", symbol=str(until), ended_by="",
        )
        for until in range(20, 20_020)
    ]  # fmt: skip
    ledger = Ledger(feed="f", venue="v", since=0, until=99, entries=tuple(outages), activity=())
    found = breaks(ledger)
    assert [(each.shard, each.until, each.subscriptions) for each in found] == [
        ("3", 20_019, 20_000)
    ]
    assert len(msgspec.json.encode(found)) < 1_000
