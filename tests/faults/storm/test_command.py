"""`ssmd sim storm` as a user meets it: what it refuses, what it lists, and what it says at the end."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ssmd.runtime.children import Child
from ssmd.runtime.clock import SystemClock, within
from ssmd.sim.storm.catalog import BY_NAME

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def ssmd(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One `ssmd sim storm ...` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ssmd", "sim", "storm", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--faults", "kill_conector"), 'Did you mean "kill_connector"?'),
        (("--faults", "gap,earthquake"), "A storm knows no fault 'earthquake'."),
        (("--venue", "nowhere"), "'nowhere' is not one of"),
        (("--venue", "polymarket", "--faults", "flood,gap"), "No effect of 'gap' can be seen"),
        (("--seconds", "nan"), "'nan' is not a finite number"),
        (("--schedules", "0"), "0 is not in the range"),
        (("--seed", "one"), "'one' is not a valid integer"),
    ],
)
def test_what_it_cannot_do_it_says(arguments: tuple[str, ...], sentence: str) -> None:
    """In a sentence, before anything is started, and with exit code 2."""
    refused = ssmd(*arguments)
    assert sentence in refused.stderr
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_it_writes_into_nothing_that_is_there(tmp_path: Path) -> None:
    """What lies in a directory is somebody's."""
    (tmp_path / "mine").write_text("mine")
    refused = ssmd("--dir", str(tmp_path))
    assert "is not empty" in refused.stderr
    assert refused.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_it_lists_its_faults() -> None:
    """For people and for programs."""
    assert json.loads(ssmd("--list", "--json").stdout) == list(BY_NAME)
    assert "kill -9 of the connector" in ssmd("--list").stdout


def test_it_tells_every_strike_and_the_verdict(tmp_path: Path) -> None:
    """The last line is for programs; what passed leaves no archive behind."""
    done = ssmd(
        *("--seed", "5", "--strikes", "1", "--seconds", "2", "--faults", "goodbye"),
        *("--dir", str(tmp_path / "storm"), "--json"),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["ok"]
    assert result["passed"] == 1
    (outcome,) = result["outcomes"]
    (struck,) = outcome["struck"]
    assert (outcome["seed"], struck["fault"], struck["seen"]) == (5, "goodbye", True)
    assert outcome["verdict"]["books"] > 0
    assert "goodbye: seen:" in done.stderr
    assert list((tmp_path / "storm").iterdir()) == []


def alive(process: psutil.Process) -> bool:
    """Whether it is there and nobody's zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_whoever_kills_it_leaves_no_process_behind(tmp_path: Path) -> None:
    """Not even one that a strike had stopped: nobody would ever wake it."""
    clock = SystemClock()
    argv = [sys.executable, "-m", "ssmd", "sim", "storm", "--dir", str(tmp_path / "storm")]
    argv += ["--strikes", "1", "--faults", "flood", "--seconds", "3600"]
    storm = Child.spawn("storm", argv, log=tmp_path / "storm.log")
    below: list[psutil.Process] = []

    async def all_there() -> None:
        while len(below) < 4:  # venue, bus, connector, archiver
            await clock.sleep(0.02)
            below[:] = psutil.Process(storm.pid).children()

    async def all_gone() -> None:
        while any(map(alive, below)):
            await clock.sleep(0.02)

    try:
        await within(clock, 120, all_there())
        for process in below:
            process.suspend()
        storm.kill()
        await storm.wait()
        await within(clock, 60, all_gone())
    finally:
        storm.kill()
        for process in filter(alive, below):
            process.kill()
