"""The embedded server starts again after any end, dies with us, and is never pulled away."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest

from ssmd.secmaster.database import open_database
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.errors import ServerTaken
from tests.secmaster.embedding import (
    CLOCK,
    answer,
    forget,
    gone,
    hear,
    opening,
    running,
    say,
    until,
)
from tests.secmaster.server import HURRIED


async def test_it_is_made_started_and_found_again(tmp_path: Path) -> None:
    """Data, password and address survive a stop; the folder is closed to others."""
    place = tmp_path / "postgres"
    async with running(place) as server:
        first = server.address
        assert server.serving()
        assert server.pid
        with psycopg.connect(first.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    assert not server.serving()
    assert (place / "password").stat().st_mode & 0o777 == 0o600
    assert (place / "data").stat().st_mode & 0o777 == 0o700
    async with running(place) as server:
        assert server.address == first
        with psycopg.connect(first.url) as connection:
            assert connection.execute("SELECT * FROM kept").fetchone() == (7,)
    forget(place)


async def test_nobody_else_gets_in(folder: Path) -> None:
    """It listens on a socket alone, and asks for the password there too."""
    async with running(folder) as server:
        wrong = server.address.url.replace(":", ":x", 2).replace(":x//", "://")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert psutil.Process(server.pid).net_connections("tcp") == []


async def test_another_may_not_start_it_too(folder: Path) -> None:
    """Two servers on one cluster would destroy it."""
    async with running(folder) as server:
        with pytest.raises(ServerTaken, match="Another process"):
            await EmbeddedPostgres(folder, CLOCK).start()
        assert answer(server)


async def test_after_a_crash_it_starts_again(folder: Path) -> None:
    """Killed under a session that writes, it comes back with what was committed, at the same place."""
    server = EmbeddedPostgres(folder, CLOCK)
    address = await server.start()
    with psycopg.connect(address.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        server.kill()
        await until(lambda: not server.is_running)
        assert (folder / "data" / "postmaster.pid").exists()
    assert await server.restart() == address
    with psycopg.connect(address.url) as connection:
        assert connection.execute("SELECT * FROM kept").fetchone() == (7,)
    await server.stop()


@pytest.mark.parametrize("whose", ["ours", "another PostgreSQL's", "nobody's"])
async def test_a_number_left_behind_is_no_server(folder: Path, whose: str) -> None:
    """After a crash of the machine the number in postmaster.pid is anybody's."""
    stranger = tempfile.mkdtemp()
    body = "import sys; sys.stdin.read()"
    argv = [sys.executable, "-c", body, *(["postgres"] if "PostgreSQL" in whose else [])]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, cwd=stranger) as other:  # noqa: ASYNC220 - it starts at once
        pid = {"ours": os.getpid(), "nobody's": 2**22 + 1}.get(whose, other.pid)
        left = f"{pid}\n{folder}/data\n1\n5432\n{stranger}\n\n 1 2\nready   \n"
        (folder / "data" / "postmaster.pid").write_text(left, encoding="utf-8")
        server = EmbeddedPostgres(folder, CLOCK, settings=HURRIED)
        assert not server.serving()
        await server.start()
        assert answer(server)
        await server.stop()
        assert other.poll() is None
        other.kill()
    shutil.rmtree(stranger)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_it_dies_with_who_started_it(folder: Path, number: signal.Signals) -> None:
    """Even kill -9 of us leaves no server behind, and the next one starts at once."""
    with opening(folder, "a") as process:
        assert hear(process) == "open"
        pid = int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        process.send_signal(number)
        process.wait()
        async with running(folder) as server:  # it waits for its predecessor
            assert answer(server)
        assert gone(pid)


async def test_two_open_it_at_once_and_neither_pulls_it_away(folder: Path) -> None:
    """One starts it, the other uses it; it ends when both are done, whoever was first."""
    for first_to_end in (0, 1):
        with opening(folder, "a") as one, opening(folder, "b") as two:
            both = [one, two]
            await asyncio.gather(*(asyncio.to_thread(hear, each) for each in both))
            early, late = both[first_to_end], both[1 - first_to_end]
            assert early.stdin is not None
            early.stdin.write("end\n")
            early.stdin.flush()
            for word in ("one", "two", "three"):
                assert say(late, f"{word}{first_to_end}") == "written"
            assert say(late, "end") == "closed"
            assert hear(early) == "closed"
            assert one.wait() == two.wait() == 0
    assert not EmbeddedPostgres(folder, CLOCK).serving()


async def test_who_waits_for_others_gives_up_in_the_end(folder: Path) -> None:
    """A service that uses our server for ever does not keep us for ever."""
    async with running(folder) as server:
        other = EmbeddedPostgres(folder, CLOCK)
        with other.in_use(), server.in_use() as held:
            await server.alone(held, 0.05)
            with other.in_use():  # nobody is kept from beginning
                pass
        with server.in_use() as held:
            await server.alone(held, 60.0)
            with pytest.raises(BlockingIOError), other.in_use():
                pass


async def test_a_second_opening_of_one_process_uses_the_first(folder: Path) -> None:
    """Two parts of a service open what they need, each for itself."""
    async with open_database(None, folder, CLOCK, environ={}) as one:
        async with open_database(None, folder, CLOCK, environ={}) as two:
            assert one.address == two.address
        async with one.session() as session:
            await session.execute("SELECT 1")
    assert not EmbeddedPostgres(folder, CLOCK).serving()
