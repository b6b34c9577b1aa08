"""A real Prometheus beside a real recording: it finds the services, knows the alerts, judges the day."""

import json
import logging
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from scripts import observability
from scripts.observe import alerts
from scripts.observe.boards import BOARDS

from ssmd.archive import layout
from ssmd.feeds import registry
from tests import tier
from tests.e2e.acts import FEED
from tests.e2e.command import feed_file, last, run_file, running, ssmd
from tests.observability import server
from tests.observability.server import Prometheus
from tests.observability.test_dashboards import plain

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
log = logging.getLogger(__name__)

SERVICES = {f"connector-{FEED}", "archiver", "compactor"}
RULES = observability.FOLDER / "rules"
KNOWN = {alert.name for alert in alerts.every()} | {each.name for each in alerts.RECORDINGS}
LOST = "SsmdShardDisconnected"
UNREAD = 'ssmd_connector_messages_total{message_type="_unread"}'
"""A series that is to exist before there is any such frame."""
MACHINE = {"SsmdDiskLow", "SsmdDiskFilling", "SsmdClockOffset", "SsmdVenueLatency", "SsmdIncident"}
"""What a busy machine, or a full one, may be told of while the recording is well."""


def hurried(folder: Path) -> list[Path]:
    """The rules as they are committed, but nobody waits for an alert: it fires at once."""
    made = []
    for path in sorted(RULES.iterdir()):
        text, _ = re.subn(r"for: \d+m", "for: 0s", path.read_text(encoding="utf-8"))
        made.append(folder / path.name)
        made[-1].parent.mkdir(exist_ok=True)
        made[-1].write_text(text, encoding="utf-8")
    return made


async def loaded(prometheus: Prometheus) -> set[str]:
    """The rules that are evaluated, and well."""
    groups = (await prometheus.get("rules"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return {rule["name"] for rule in rules if rule["health"] != "err"}


async def drawn(prometheus: Prometheus) -> set[str]:
    """The dashboards' expressions that have something to show; all of them are accepted."""
    found = set()
    for expression in {each for board in BOARDS for each in board.expressions()}:
        if await prometheus.query(plain(expression).replace("[1m]", "[5m]")):
            found.add(expression)
    return found


def judged(root: Path, url: str) -> dict[str, Any]:
    """The verdict of the running day, for a program."""
    answer = ssmd("dq", "daily", root, "--date", "today", "--no-save", "--json", PROMETHEUS_URL=url)
    assert answer.returncode == 0, answer
    verdict: dict[str, Any] = last(answer)
    return verdict


def value(verdict: dict[str, Any], check: str) -> float | None:
    """What a check of the feed measured."""
    found: dict[str, float | None] = {
        each["name"]: each["value"] for each in verdict["feeds"][FEED]["checks"]
    }
    return found[check]


async def test_prometheus_follows_a_recording_and_the_day_is_judged_by_it(tmp_path: Path) -> None:
    """What an operator has: services are found by themselves, a lost venue is an alert and a verdict."""
    server.program("prometheus")  # skips, loudly, before anything is started
    root, runs = tmp_path / "data", tmp_path / "runs"
    feed = registry.load_feed(FEED)
    sim_words = ["sim", "run", "--venue", feed.venue, "--rate", "300"]
    sim_words += ["--ledger", str(tmp_path / "ledger"), "--run-dir", str(runs)]
    for symbol in feed.universe.symbols:
        sim_words += ["--symbol", symbol]
    listed = layout.prometheus_targets(root)
    async with server.running(
        tmp_path / "prometheus", files=[listed], rules=hurried(tmp_path / "rules"), interval_s=0.5
    ) as prometheus:
        with running(tmp_path / "sim", *sim_words) as sim:
            told = await run_file(sim, runs / f"sim-{feed.venue}.json")
            up_words = ["--feed", str(feed_file(tmp_path, str(told["url"]))), "--dir", str(root)]
            none = str(tmp_path)  # no PostgreSQL: it is not what this is about
            with running(tmp_path / "up", "up", *up_words, SSMD_POSTGRES_BIN=none) as up:

                async def watched() -> bool:
                    targets = await prometheus.targets()
                    return targets == dict.fromkeys(SERVICES, "up")

                took = await prometheus.until(watched, "the services to be found")
                log.info("found by Prometheus after %.1f s", took)

                async def flows() -> bool:
                    flow = await prometheus.query(
                        f'rate(ssmd_connector_frames_total{{feed="{FEED}"}}[5m])'
                    )
                    kept = await prometheus.query("ssmd_archiver_commits_total > 5")
                    return bool(flow and flow[0][1] > 0 and kept)

                await prometheus.until(flows, "a rate of frames, and commits")
                assert await loaded(prometheus) >= KNOWN
                assert [number for _, number in await prometheus.query(UNREAD)] == [0]

                async def peace() -> bool:
                    return not (await prometheus.alerts()).keys() - MACHINE

                took = await prometheus.until(peace, "no alert at all")
                log.info("no alert, after %.1f s more", took)
                shown = await drawn(prometheus)
                log.info("%d pictures have something to show", len(shown))
                assert len(shown) > 60

                verdict = judged(root, prometheus.url)
                log.info("judged: %s", json.dumps(verdict)[:600])
                assert verdict["prometheus_degraded"] is False
                assert value(verdict, "ws_connected") == 1
                assert (value(verdict, "message_flow") or 0) > 0
                assert value(verdict, "markets_subscribed")

                sim.signal(signal.SIGKILL)

                async def fires() -> bool:
                    return "firing" in (await prometheus.alerts()).get(LOST, set())

                took = await prometheus.until(fires, LOST)
                log.info("%s after %.1f s", LOST, took)
                if tier.FULL:
                    verdict = judged(root, prometheus.url)
                    assert value(verdict, "ws_connected") == 0
                    assert verdict["grade"] == "RED"
                    assert any(FEED in str(issue) for issue in verdict["issues"])

                up.signal(signal.SIGINT)
                assert await up.ended(120.0) == 0, up.err
                assert json.loads(listed.read_bytes()) == []

        async def forgotten() -> bool:
            return await prometheus.targets() == {}

        await prometheus.until(forgotten, "the services to be forgotten")
