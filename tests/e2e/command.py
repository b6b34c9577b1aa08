"""The command as a user meets it: a process with output, signals and children of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import yaml

from ssmd.feeds import registry
from tests.e2e.acts import CLOCK, FEED, until

PATIENCE_S = 60.0
"""No test waits longer than this for one thing."""
LOOK_S = 0.02
"""Pause between two looks."""


class Command:
    """One `ssmd ...` that runs.

    Attributes:
        pid: Its process id.
        stdout: The file that takes its standard output.
        stderr: The file that takes its standard error.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], env: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        self._seen: dict[int, psutil.Process] = {}
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ssmd", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **env},
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.poll()

    @property
    def out(self) -> str:
        """What it said on standard output so far."""
        return self.stdout.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """What it said on standard error so far."""
        return self.stderr.read_text(encoding="utf-8")

    @property
    def result(self) -> dict[str, Any]:
        """The last line of its standard output, as a program reads it."""
        value: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return value

    def offspring(self) -> list[psutil.Process]:
        """Every process it ever had below it and that was seen by a call of this; dead ones too."""
        try:
            for child in psutil.Process(self.pid).children(recursive=True):
                self._seen.setdefault(child.pid, child)
        except psutil.NoSuchProcess:
            pass
        return list(self._seen.values())

    def orphans(self) -> list[psutil.Process]:
        """Those of its offspring that live."""
        return [process for process in self.offspring() if lives(process)]

    async def until(
        self, true: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S
    ) -> float:
        """Wait for something while it runs; how long that took, in seconds."""
        began = CLOCK.mono()
        while not true():
            waited = CLOCK.mono() - began
            assert self.returncode is None, (what, self.returncode, self.out, self.err)
            assert waited < patience_s, f"waited {waited:.0f} s for {what}: {self.out} {self.err}"
            await CLOCK.sleep(LOOK_S)
        return CLOCK.mono() - began

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it alone, as a terminal does: its children have sessions of their own."""
        self._process.send_signal(number)

    async def ended(self, patience_s: float = PATIENCE_S) -> int:
        """Wait until it ended; its return code."""
        deadline = CLOCK.mono() + patience_s
        while (code := self.returncode) is None:
            assert CLOCK.mono() < deadline, f"runs after {patience_s:g} s: {self.out} {self.err}"
            await CLOCK.sleep(LOOK_S)
        return code

    def end(self) -> None:
        """Leave nothing behind, whatever became of the test: only what this command started."""
        living = self.orphans()
        if self.returncode is None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        for process in living:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue


@contextmanager
def running(folder: Path, *arguments: str, **env: str) -> Iterator[Command]:
    """A command that runs, and is gone afterwards."""
    command = Command(folder, arguments, env)
    try:
        yield command
    finally:
        command.end()


def ssmd(
    *arguments: str | Path, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "ssmd", *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=PATIENCE_S,
        check=False,
    )


def last(answer: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 - JSON is what it is
    """The last line of its standard output, as a program reads it."""
    return json.loads(answer.stdout.splitlines()[-1])


async def vanished(processes: Sequence[psutil.Process], patience_s: float = PATIENCE_S) -> None:
    """Wait until processes are gone; fails with those that stay."""

    async def gone() -> bool:
        return not any(map(lives, processes))

    await until(gone, f"{[str(p) for p in processes if lives(p)]} to end", patience_s=patience_s)


def lives(process: psutil.Process) -> bool:
    """Whether a process runs: a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def run_file(command: Command, path: Path) -> dict[str, Any]:
    """The run file of a service, as soon as there is one."""
    await command.until(path.exists, f"the run file {path}")
    told: dict[str, Any] = json.loads(path.read_bytes())
    return told


def feed_file(folder: Path, url: str, rest: str | None = None) -> Path:
    """The shipped feed at other addresses.

    Args:
        folder: Where its file is written.
        url: Of the WebSocket.
        rest: Base of the REST services; None takes the host of `url`, where nothing may answer.
    """
    path = folder / "feed.yaml"
    feed = registry.load_feed(FEED)
    base = rest or url.replace("ws://", "http://", 1)
    services = {name: f"{base}/{name}" for name in registry.venue(feed).rest.services}
    told = msgspec.to_builtins(feed.with_endpoint(url, services), str_keys=True)
    path.write_text(yaml.safe_dump(told, sort_keys=False))
    return path
