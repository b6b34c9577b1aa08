"""What `ssmd doctor` makes of a real Prometheus: does it scrape us, and all of our feeds."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ssmd.cli.configured import Plan
from ssmd.cli.doctor_check import Check
from ssmd.cli.doctor_prometheus import look
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.runtime.clock import SystemClock
from tests.observability.server import Prometheus, running

CLOCK = SystemClock()
FEEDS = registry.names()[:2]


@pytest.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[Prometheus]:
    """One that has scraped the first feed, a minute ago and since."""
    at = CLOCK.wall() // 1_000_000_000
    name = "ssmd_connector_websocket_connected"
    lines = [
        f'{name}{{feed="{FEEDS[0]}",category="",shard="0"}} 1 {at + step}'
        for step in range(-60, 600, 60)
    ]
    history = "\n".join([f"# TYPE {name} gauge", *lines, "# EOF\n"])
    async with running(tmp_path / "prometheus", history=history) as server:
        yield server


async def asked(root: Path, *names: str, running: bool = False) -> Check:
    """What is found for these feeds."""
    feeds = tuple(registry.load_feed(name) for name in names)
    plan = Plan(source="x", root=root, environment=EnvironmentConfig(name="test"), feeds=feeds)
    if running:
        told = {"name": "archiver", "pid": os.getpid(), "started_at": "", "health": ""}
        (root / ".run").mkdir()
        (root / ".run" / "archiver.json").write_bytes(msgspec.json.encode(told))
    (check,) = await look(plan, CLOCK, 10.0).look()
    return check


async def test_series_of_every_feed_are_looked_for(
    prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed that nobody scrapes is judged as if it had been silent all day."""
    monkeypatch.setenv("PROMETHEUS_URL", prometheus.url)
    check = await asked(tmp_path, FEEDS[0])
    assert (check.state, check.remedy) == ("ok", "")
    check = await asked(tmp_path, *FEEDS)
    assert check.state == "warn"
    assert check.seen.endswith(f"has now no series of {FEEDS[1]}.")
    assert "/metrics" in check.remedy
    check = await asked(tmp_path, FEEDS[1])
    assert check.state == "warn"


async def test_one_that_never_heard_of_us_while_we_run_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there, it is healthy, and it watches somebody else."""
    async with running(tmp_path / "prometheus") as server:
        monkeypatch.setenv("PROMETHEUS_URL", server.url)
        assert (await asked(tmp_path, FEEDS[0])).state == "warn"
        check = await asked(tmp_path, FEEDS[0], running=True)
    assert check.state == "fail"
    assert check.seen.endswith("has no series of ours, though we run.")
