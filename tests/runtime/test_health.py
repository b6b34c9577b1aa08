"""What a service says about itself over HTTP."""

import json

import aiohttp
import pytest

from ssmd.model.errors import Busy, ConfigError
from ssmd.runtime.health import Health, serve
from ssmd.runtime.scrape import complaints_of


async def answer(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def said(status: str, *reasons: str) -> str:
    return json.dumps({"status": status, "reasons": reasons, "warnings": []}, separators=(",", ":"))


async def test_a_service_is_ready_when_all_its_conditions_hold() -> None:
    """Each that does not is named with its reason: `why not` is the question people have."""
    health = Health()
    assert health.ready() == (False, ["starting"])
    health.set("bus", ok=False, reason="connecting")
    health.set("disk", ok=True)
    assert health.ready() == (False, ["bus: connecting"])
    health.set("bus", ok=True)
    assert health.ready() == (True, [])
    await health.wait_ready()
    health.set("shard-1", ok=False)
    assert health.ready() == (False, ["shard-1: not ok"])
    health.drop("shard-1")
    assert health.ready() == (True, [])


async def test_alive_and_ready_are_two_answers() -> None:
    """A service that waits for its bus is alive; ending it would help nobody."""
    health = Health()
    address = await serve(health, "127.0.0.1", 0)
    try:
        assert address.port > 0
        assert await answer(f"{address.url}/health") == (200, said("degraded", "starting"))
        assert await answer(f"{address.url}/ready") == (503, said("degraded", "starting"))
        health.set("bus", ok=True)
        for path in ("health", "ready"):
            assert await answer(f"{address.url}/{path}") == (200, said("ok"))
        health.set("bus", ok=False, reason="gone")
        assert await answer(f"{address.url}/health") == (200, said("degraded", "bus: gone"))
        assert await answer(f"{address.url}/ready") == (503, said("degraded", "bus: gone"))
        status, text = await answer(f"{address.url}/metrics")
        assert status == 200
        assert "ssmd_ready 0.0" in text
        health.set("bus", ok=True)
        assert "ssmd_ready 1.0" in (await answer(f"{address.url}/metrics"))[1]
    finally:
        await address.close()
    with pytest.raises(aiohttp.ClientError):
        await answer(f"{address.url}/health")


async def test_a_dead_service_is_neither_alive_nor_ready() -> None:
    """Whoever supervises it reads one word; whoever looks why reads a sentence."""
    health = Health()
    health.set("bus", ok=True)
    health.alive = False
    address = await serve(health, "127.0.0.1", 0)
    try:
        for path in ("health", "ready"):
            status, text = await answer(f"{address.url}/{path}")
            assert status == 503
            assert json.loads(text)["status"] == "not_ok"
            assert json.loads(text)["reasons"], "it says why"
        assert "ssmd_ready 0.0" in (await answer(f"{address.url}/metrics"))[1]
    finally:
        await address.close()


@pytest.mark.parametrize("path", ["health", "ready", "metrics"])
async def test_no_answer_is_older_than_its_question(path: str) -> None:
    """A condition is looked at when somebody asks: a second after a loss nobody hears `ok`."""
    health = Health()
    health.set("bus", ok=True)
    is_there = True
    address = await serve(health, "127.0.0.1", 0)
    try:
        with health.looking(lambda: health.set("bus", ok=is_there, reason="gone")):
            text = (await answer(f"{address.url}/{path}"))[1]
            assert '"ok"' in text or "ssmd_ready 1.0" in text
            is_there = False
            text = (await answer(f"{address.url}/{path}"))[1]
            assert '"degraded"' in text or "ssmd_ready 0.0" in text
        is_there = True
        assert "ssmd_ready 0.0" in (await answer(f"{address.url}/metrics"))[1], "nobody looks now"
    finally:
        await address.close()


async def test_a_warning_is_shown_and_leaves_the_service_ready() -> None:
    """A disk that fills up is to be seen before it is full; nothing is wrong yet."""
    health = Health()
    health.set("spool", ok=True)
    health.warn("spool", "disk space is low")
    assert health.ready() == (True, [])
    address = await serve(health, "127.0.0.1", 0)
    try:
        status, text = await answer(f"{address.url}/ready")
        assert (status, json.loads(text)) == (
            200,
            {"status": "ok", "reasons": [], "warnings": ["spool: disk space is low"]},
        )
        health.set("bus", ok=False, reason="away")
        assert await complaints_of(address.url) == ["bus: away", "spool: disk space is low"]
        health.warn("spool", "")
        assert await complaints_of(address.url) == ["bus: away"]
    finally:
        await address.close()


async def test_a_taken_port_is_refused_with_a_remedy() -> None:
    """Two services on one port: the second says so instead of a traceback."""
    first = await serve(Health(), "127.0.0.1", 0)
    try:
        with pytest.raises(Busy, match=f"Port {first.port} on 127.0.0.1 is taken"):
            await serve(Health(), "127.0.0.1", first.port)
        with pytest.raises(ConfigError, match="Cannot listen on 127\\.0\\.0\\.1:70000"):
            await serve(Health(), "127.0.0.1", 70000)
    finally:
        await first.close()


async def test_a_service_that_listens_everywhere_is_reached_by_loopback() -> None:
    """The run file's address is for processes of this machine."""
    address = await serve(Health(), "127.0.0.1", 0)
    await address.close()
    address.host = "0.0.0.0"  # noqa: S104 - nothing listens any more
    assert address.url == f"http://127.0.0.1:{address.port}"
    address.host = "::1"
    assert address.url == f"http://[::1]:{address.port}"
