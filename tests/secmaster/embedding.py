"""What tests of the embedded server share."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

import psutil
import psycopg

from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.embedded import EmbeddedPostgres
from tests.secmaster.server import HURRIED
from tests.shared import REPOSITORY

CLOCK = SystemClock()
ROOT = os.geteuid() == 0


def forget(folder: Path) -> None:
    """Take away what a server leaves outside its folder."""
    note = folder / "socket"
    if note.exists():
        shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server of a folder for as long as this lasts."""
    server = EmbeddedPostgres(folder, CLOCK, settings=HURRIED)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def answer(server: EmbeddedPostgres) -> int:
    """What it says to a question; its uid where we may see it."""
    with psycopg.connect(server.address.url) as connection:
        found = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert found is not None
    return int(found[0])


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the test's own limit ends a wait that is in vain."""
    while not condition():
        await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended; one whose end nobody asks about stays as a zombie."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def opening(folder: Path, name: str, *before: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that opens the database of a folder."""
    argv = [*before, sys.executable, "-m", "tests.secmaster.opening", str(folder), name]
    process = subprocess.Popen(
        argv, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def say(process: subprocess.Popen[str], word: str) -> str:
    """Tell another process something, and hear the answer."""
    pipe: IO[str] | None = process.stdin
    assert pipe is not None
    pipe.write(f"{word}\n")
    pipe.flush()
    return hear(process)


def hear(process: subprocess.Popen[str]) -> str:
    """The next thing another process says, logs apart."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() in {"open", "attached", "written", "closed"}:
            return line.strip()
    return "nothing more"
