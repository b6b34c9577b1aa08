"""A real Prometheus for tests: on a free loopback port, told what to scrape, gone afterwards."""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from ssmd.runtime.children import Child
from ssmd.runtime.clock import SystemClock

CLOCK = SystemClock()
NO_PROMETHEUS = "there is no `{}` here: run `make tools` (Debian's package `prometheus`)"
"""The reason of a skip; the summary of the tests says it aloud."""
PATIENCE_S = 60.0
"""No test waits longer than this for one thing."""
ALWAYS = "100y"
"""How long it keeps what it is given: a test may tell of any year."""
_LOOK_S = 0.05

Labels = Mapping[str, str]


def program(name: str) -> str:
    """Where `prometheus` or `promtool` lies; skips the test, loudly, where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(NO_PROMETHEUS.format(name))
    return found


def promtool(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What `promtool` says."""
    argv = [program("promtool"), *map(str, words)]
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=90, check=False)


class Prometheus:
    """One that runs.

    Attributes:
        url: Its address, as `PROMETHEUS_URL` wants it.
        folder: Where its configuration, its data and its log lie.
    """

    def __init__(self, url: str, folder: Path, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.folder = folder
        self._session = session

    async def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON is what it is
        """The `data` of an answer of `/api/v1/{path}`; fails with its error."""
        async with self._session.get(f"{self.url}/api/v1/{path}", params=parameters) as answer:
            told = json.loads(await answer.text())
            assert told["status"] == "success", told
            return told["data"]

    async def query(self, expression: str, at: float | None = None) -> list[tuple[Labels, float]]:
        """Every series of an expression's value, with its labels.

        Args:
            expression: An instant vector.
            at: When, Unix seconds; now when None.
        """
        when = {} if at is None else {"time": repr(at)}
        told = await self.get("query", query=expression, **when)
        return [(each["metric"], float(each["value"][1])) for each in told["result"]]

    async def targets(self) -> dict[str, str]:
        """The health of every target (`up`, `down`, `unknown`), by its address."""
        told = await self.get("targets", state="active")
        return {each["labels"]["instance"]: each["health"] for each in told["activeTargets"]}

    async def alerts(self) -> dict[str, set[str]]:
        """The states (`pending`, `firing`) of the alerts that are active, by name."""
        found: dict[str, set[str]] = {}
        for each in (await self.get("alerts"))["alerts"]:
            found.setdefault(each["labels"]["alertname"], set()).add(each["state"])
        return found

    async def until(
        self, true: Callable[[], Awaitable[object]], what: str, *, patience_s: float = PATIENCE_S
    ) -> float:
        """Wait for something; how long that took, in seconds."""
        began = CLOCK.mono()
        while not await true():
            waited = CLOCK.mono() - began
            assert waited < patience_s, f"waited {waited:.0f} s in vain for: {what}"
            await CLOCK.sleep(_LOOK_S)
        return CLOCK.mono() - began


@asynccontextmanager
async def running(
    folder: Path,
    *,
    targets: Sequence[str] = (),
    files: Sequence[Path] = (),
    rules: Sequence[Path] = (),
    history: str = "",
    interval_s: float = 0.2,
) -> AsyncIterator[Prometheus]:
    """A Prometheus for as long as this lasts.

    Args:
        folder: Where it may write.
        targets: Base URLs of health servers, or `host:port`, to scrape.
        files: Lists of targets (`file_sd`) to follow; they need not be there yet.
        rules: Files of rules to load.
        history: What it is to know from before, in OpenMetrics text with times (Unix seconds) and
            `# EOF` at its end.
        interval_s: Pause between two scrapes, and two looks at the rules, in seconds.
    """
    binary = program("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    if history:
        _remember(folder, history)
    scrape = {
        "job_name": "ssmd",
        "static_configs": [{"targets": [re.sub(r"^https?://", "", each) for each in targets]}],
        "file_sd_configs": [{"files": [str(each)], "refresh_interval": "1s"} for each in files],
    }
    every = f"{round(interval_s * 1000)}ms"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(each) for each in rules],
        "scrape_configs": [scrape],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    argv = [binary, f"--config.file={folder / 'prometheus.yml'}"]
    argv += [f"--storage.tsdb.path={folder / 'data'}", f"--storage.tsdb.retention.time={ALWAYS}"]
    argv += ["--web.listen-address=127.0.0.1:0"]
    child = Child.spawn(
        "prometheus", argv, log=folder / "prometheus.log", death_signal=signal.SIGKILL
    )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            yield await _ready(child, folder, session)
    finally:
        await child.end()


def _remember(folder: Path, history: str) -> None:
    """Make blocks of what is told in words."""
    text = folder / "history.txt"
    text.write_text(history, encoding="utf-8")
    made = promtool("tsdb", "create-blocks-from", "openmetrics", text, folder / "data")
    assert made.returncode == 0, made


async def _ready(child: Child, folder: Path, session: aiohttp.ClientSession) -> Prometheus:
    """Wait until it says where it listens, and then that it is ready."""
    found: list[str] = []

    async def listens() -> bool:
        said = child.log.read_text(encoding="utf-8")
        found[:] = re.findall(r'msg="Listening on" address=(\S+)', said)
        return bool(found)

    await child.ready(listens, timeout_s=PATIENCE_S, clock=CLOCK)
    server = Prometheus(f"http://{found[-1]}", folder, session)

    async def answers() -> bool:
        try:
            async with session.get(f"{server.url}/-/ready") as answer:
                return answer.status == 200
        except (TimeoutError, aiohttp.ClientError):
            return False

    await child.ready(answers, timeout_s=PATIENCE_S, clock=CLOCK)
    return server
