"""How a service begins and ends: real processes, real signals."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from ssmd.model.errors import ConfigError
from ssmd.runtime.children import Child
from ssmd.runtime.clock import turn
from ssmd.runtime.health import Health
from ssmd.runtime.service import RunFile, Stop, read_run_file, run

pytestmark = pytest.mark.integration

Start = Callable[[str], Child]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a scripted service; whatever still runs at the end is killed."""
    children: list[Child] = []

    def made(how: str) -> Child:
        argv = [sys.executable, "-m", "tests.runtime.scripted", how, str(tmp_path)]
        child = Child.spawn(how, argv, log=tmp_path / f"{how}.log", cwd=Path.cwd())
        children.append(child)
        return child

    yield made
    for child in children:
        child.kill()
        await child.wait()


def run_files(run_dir: Path) -> list[str]:
    return [path.name for path in run_dir.glob("*.json*")]


async def ready(child: Child, tmp_path: Path) -> RunFile:
    told = await child.ready(tmp_path / f"a-{child.name}.json")
    assert told is not None
    return told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_the_service(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    """It says where it is when ready, ends with 0 when asked, and leaves no run file behind."""
    child = start("obeys")
    told = await ready(child, tmp_path)
    assert (told.name, told.pid) == ("a-obeys", child.pid)
    assert told.details == {"how": "obeys", "url": "known late"}
    async with aiohttp.ClientSession() as session, session.get(f"{told.health}/ready") as answer:
        assert answer.status == 200
    child.terminate(number)
    assert await child.wait(30) == 0
    assert run_files(tmp_path) == []
    events = [json.loads(line)["event"] for line in child.log.read_text().splitlines()]
    assert events == ["service.started", "service.ready", "service.stopping", "service.ended"]


async def test_a_second_signal_ends_at_once(start: Start, tmp_path: Path) -> None:
    """A drain that hangs must not hold a person, nor a pod, for ever."""
    child = start("hangs")
    await ready(child, tmp_path)
    child.terminate()
    with pytest.raises(TimeoutError):
        await child.wait(0.3)
    child.terminate(signal.SIGINT)
    assert await child.wait(30) == -signal.SIGINT
    assert read_run_file(tmp_path / "a-hangs.json") is not None


@pytest.mark.parametrize(("how", "code"), [("refuses", 2), ("crashes", 1), ("task-dies", 1)])
async def test_the_return_code_tells_the_truth(
    start: Start, tmp_path: Path, how: str, code: int
) -> None:
    """Abnormal ends are never 0, and a wrong configuration is 2."""
    child = start(how)
    assert await child.wait(30) == code
    assert run_files(tmp_path) == []


async def test_what_broke_decides_how_the_service_ends() -> None:
    """An error that carries an exit code comes out; any other is 1; the drain is done first."""
    drained: list[str] = []

    async def main(stop: Stop) -> None:
        await stop.wait()
        drained.append(stop.reason)

    def broken(error: Exception) -> Callable[[Stop], Awaitable[None]]:
        async def life(stop: Stop) -> None:
            stop.fail(error)
            stop.fail(OSError("a consequence"))
            await main(stop)

        return life

    assert await run("x", broken(OSError("disk")), health=Health()) == 1
    with pytest.raises(ConfigError, match="wrong"):
        await run("x", broken(ConfigError("wrong", remedy="correct it")), health=Health())
    assert drained == ["OSError: disk", "ConfigError: wrong Remedy: correct it"]


async def test_a_service_that_is_not_ready_has_no_run_file(start: Start, tmp_path: Path) -> None:
    """Whoever waits for the file may rely on it."""
    child = start("mute")

    async def up() -> bool:
        return "service.started" in child.last_words()

    await child.ready(up)
    assert run_files(tmp_path) == []
    child.terminate()
    assert await child.wait(30) == 0


async def test_the_run_file_of_somebody_else_stays(tmp_path: Path) -> None:
    """Two services of one name: the one that ends first must not take the other's file."""
    theirs = b'{"name":"x","pid":1,"started_at":"","health":""}'

    async def main(stop: Stop) -> None:
        (tmp_path / "x.json").write_bytes(theirs)
        stop.request("done")

    assert await run("x", main, health=Health(), run_dir=tmp_path) == 0
    assert (tmp_path / "x.json").read_bytes() == theirs


async def test_one_signal_within_this_process_asks_main_to_end() -> None:
    """The handlers are taken back afterwards: a Ctrl-C is the shell's again."""
    before = signal.getsignal(signal.SIGTERM)
    health = Health()

    async def main(stop: Stop) -> None:
        health.set("socket", ok=True)
        health.look()
        assert health.ready() == (True, [])
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        assert stop.reason == "SIGTERM"
        health.look()
        assert health.status == "degraded", "who drains is alive, and takes no more"
        assert health.ready()[1] == ["service: it ends: SIGTERM"]

    assert await run("x", main, health=health) == 0
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_torn_or_foreign_run_file_is_no_run_file(tmp_path: Path) -> None:
    """A reader that comes too early, or to the wrong file, sees nothing rather than half."""
    path = tmp_path / "x.json"
    assert read_run_file(path) is None
    for body in (b"", b'{"name":', b"[]", b'{"name":"x"}', b'{"name":1,"pid":"","health":2}'):
        path.write_bytes(body)
        assert read_run_file(path) is None


async def test_a_service_that_waits_for_somebody_says_where_it_listens(tmp_path: Path) -> None:
    """A connector without a network is never ready, and must be found all the same."""
    health = Health()
    seen: list[RunFile] = []

    async def main(stop: Stop) -> None:
        health.set("venue", ok=False, reason="away")
        while (told := read_run_file(tmp_path / "waiting.json")) is None:
            await turn()
        seen.append(told)

    code = await run("waiting", main, health=health, run_dir=tmp_path, announce="listening")
    assert code == 0
    assert seen[0].health.startswith("http://127.0.0.1:")
