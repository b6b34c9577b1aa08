"""Child processes: none is left behind, none of others is touched."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from ssmd.model.errors import ConfigError
from ssmd.runtime.children import Child, ChildFailed

pytestmark = pytest.mark.integration


async def gone(pid: int) -> None:
    """Wait until a process runs no more; a zombie nobody reaped counts as gone."""
    while psutil.pid_exists(pid):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        await asyncio.sleep(0.01)


def scripted(how: str, tmp_path: Path) -> Child:
    argv = [sys.executable, "-m", "tests.runtime.scripted", how, str(tmp_path)]
    return Child.spawn(how, argv, log=tmp_path / f"{how}.log")


async def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    """Even kill -9 of the parent must not leave a bus or a connector running."""
    parent = scripted("parent", tmp_path)
    told = await parent.ready(tmp_path / "a-parent.json")
    assert told is not None
    grandchild = told.details["child"]
    assert isinstance(grandchild, int)
    assert psutil.pid_exists(grandchild)
    parent.kill()
    assert await parent.wait(30) == -signal.SIGKILL
    await asyncio.wait_for(gone(grandchild), 30)


async def test_a_run_file_of_another_life_is_not_readiness(tmp_path: Path) -> None:
    """After kill -9 the old run file lies there: only this pid's own counts."""
    path = tmp_path / "a-mute.json"
    path.write_text('{"name":"a-mute","pid":1,"started_at":"","health":"http://127.0.0.1:1"}')
    child = scripted("mute", tmp_path)
    try:
        with pytest.raises(ChildFailed, match="was not ready after"):
            await child.ready(path, timeout_s=0.5)
    finally:
        assert await child.end() in {0, -signal.SIGTERM}


async def test_a_child_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """The log's end is in the message: nobody should have to search for it."""
    log = tmp_path / "x.log"
    log.write_text("of another life\n")
    child = Child.spawn("x", ["sh", "-c", "echo it is broken >&2; exit 3"], log=log)
    with pytest.raises(ChildFailed, match="ended with 3 before it was ready") as caught:
        await child.ready(tmp_path / "x.json")
    assert "it is broken" in str(caught.value)
    assert "another life" not in str(caught.value)
    assert str(log) in caught.value.remedy
    assert child.returncode == 3


async def test_a_question_may_decide_readiness(tmp_path: Path) -> None:
    """A foreign program writes no run file."""
    child = Child.spawn("x", ["sleep", "600"], log=tmp_path / "x.log")
    answers = [False, False, True]

    async def asked() -> bool:
        return answers.pop(0)

    assert await child.ready(asked) is None
    assert answers == []
    with pytest.raises(TimeoutError):
        await child.wait(0.05)
    assert await child.end() == -signal.SIGTERM


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    """The grace has an end; then it is over, and only for this child."""
    child = Child.spawn(
        "x",
        ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 600 & wait; done"],
        log=tmp_path / "x.log",
    )

    async def up() -> bool:
        return child.last_words() == "up"

    await child.ready(up)
    inner = psutil.Process(child.pid).children()
    try:
        assert await child.end(grace_s=0.2) == -signal.SIGKILL
    finally:
        for process in inner:
            process.kill()
    child.terminate()
    child.kill()


async def test_a_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    """A Ctrl-C in our terminal is ours to pass on, in our order."""
    child = Child.spawn("x", ["sleep", "600"], log=tmp_path / "x.log")
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
    finally:
        child.kill()
        await child.wait()


def test_children_are_spawned_from_the_main_thread_only(tmp_path: Path) -> None:
    """Linux would end the child with the thread that started it."""
    raised: list[Exception] = []

    def spawn() -> None:
        try:
            Child.spawn("x", ["true"], log=tmp_path / "x.log")
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=spawn)
    thread.start()
    thread.join()
    assert [str(error) for error in raised] == ["children are spawned from the main thread"]


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A sentence with the program's name, not a traceback."""
    with pytest.raises(ConfigError, match="/nowhere/at-all cannot be started"):
        Child.spawn("x", ["/nowhere/at-all"], log=tmp_path / "x.log")


async def test_a_long_log_makes_room(tmp_path: Path) -> None:
    """Restarts for a year must not fill the disk with one file."""
    log = tmp_path / "x.log"
    with log.open("wb") as stream:
        stream.truncate((16 << 20) + 1)
    child = Child.spawn("x", ["echo", "new"], log=log)
    assert await child.wait(30) == 0
    assert child.last_words() == "new"
    assert (tmp_path / "x.log.1").stat().st_size > 16 << 20
