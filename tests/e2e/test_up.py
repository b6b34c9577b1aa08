"""`ssmd up`: records until told to stop, survives its children's deaths, and goes on next time."""

import json
import logging
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from ssmd.archive import layout
from ssmd.archive.conservation import Connection
from ssmd.archive.verify import verify
from ssmd.feeds import registry
from ssmd.runtime.service import read_run_file
from ssmd.secmaster.changes.settings import FEED as CHANGES
from ssmd.sim import oracle
from tests.e2e.acts import CLOCK, FEED
from tests.e2e.command import Command, feed_file, last, run_file, running, ssmd

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

SAY_S = 5.0
"""What is recorded, and where, is said within this time; a busy machine may take ten times that."""


@asynccontextmanager
async def venue(folder: Path, *arguments: str) -> AsyncIterator[tuple[Path, Path]]:
    """A simulated venue that runs: its ledger, and a feed.yaml that leads there."""
    feed = registry.load_feed(FEED)
    ledger, runs = folder / "ledger", folder / "runs"
    words = ["sim", "run", "--venue", feed.venue, "--ledger", str(ledger), "--run-dir", str(runs)]
    for symbol in feed.universe.symbols:
        words += ["--symbol", symbol]
    with running(folder / "sim", *words, "--rate", "300", *arguments) as sim:
        told = await run_file(sim, runs / f"sim-{feed.venue}.json")
        yield ledger, feed_file(folder, str(told["url"]))
        sim.signal(signal.SIGTERM)


def connector_pid(root: Path) -> int:
    """The pid of the running connector; 0 while there is none."""
    told = read_run_file(layout.run_folder(root) / f"connector-{FEED}.json")
    return 0 if told is None else told.pid


def live(feed: Path, root: Path, count: int) -> list[dict[str, object]]:
    """Live messages of whatever records there."""
    answer = ssmd(
        "tail", "--feed", feed, "--dir", root, "--type", "book", "--count", str(count), "--json"
    )
    assert answer.returncode == 0, answer
    return [json.loads(line) for line in answer.stdout.splitlines()]


def live_rows(root: Path, count: int) -> list[dict[str, object]]:
    """Live rows of the books of whatever records there."""
    answer = ssmd("tail", "--dir", root, "--type", "book", "--count", str(count), "--rows")
    assert answer.returncode == 0, answer
    rows: list[dict[str, object]] = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(rows) == count
    return rows


def are_typed_rows(rows: list[dict[str, object]]) -> None:
    """Levels of books, each with where it came from; no number lost a digit on the way."""
    assert {(row["table"], row["feed"]) for row in rows} == {("book", FEED)}
    assert all(isinstance(row["price"], str) and Decimal(row["price"]) > 0 for row in rows)
    assert all(row["connection"] and row["ts_recv"] for row in rows)
    assert all(isinstance(row["ordinal"], int) and row["part"] == 0 for row in rows)


def stopped_words(up: Command) -> str:
    """What it said at the end; the command to go on is in it."""
    return up.out[up.out.index("Stopped.") :]


def recorded(root: Path) -> list[Connection]:
    """The connections to the venue, each proved; so are the changes of what it lists."""
    found = verify(root)
    assert found.ok, found.problems
    assert {each.feed for each in found.connections} == {FEED, CHANGES}
    streams = [each for each in found.connections if each.feed == FEED]
    return [each for each in streams if "-rest-" not in each.connection]


async def stopped(up: Command) -> float:
    """Ctrl-C; how long the end took, in seconds."""
    began = CLOCK.mono()
    up.signal(signal.SIGINT)
    assert await up.ended(120.0) == 0, up.err
    assert up.orphans() == []
    return CLOCK.mono() - began


async def test_a_machine_records_survives_a_crash_stops_and_resumes(tmp_path: Path) -> None:
    """The life of an installation: start, look, something dies, Ctrl-C, and on again tomorrow."""
    root = tmp_path / "data"
    async with venue(tmp_path) as (ledger, feed):
        with running(tmp_path / "up", "up", "--feed", str(feed), "--dir", str(root)) as up:
            took = await up.until(lambda: "Logs:" in up.out, "what is recorded")
            log.info("said what is recorded, and where, after %.2f s", took)
            assert took < 10 * SAY_S
            took += await up.until(lambda: "Volume:" in up.out, "the estimate")
            log.info("said how much that will be after %.2f s", took)
            said = up.out
            assert f"Recording {FEED}" in said
            assert str(root) in said
            assert re.search(r"Metrics: +http://127\.0\.0\.1:\d+/metrics +\(connector", said)
            assert re.search(r"Volume: +about [\d.]+ \wB a day", said), said

            second = ssmd("up", "--feed", feed, "--dir", root)
            assert second.returncode == 2
            assert f"pid {up.pid}" in second.stderr
            assert second.stdout == ""

            messages = live(feed, root, 5)
            assert len(messages) == 5
            assert {message["type"] for message in messages} == {"book"}
            assert all(json.loads(str(message["text"]))["data"] for message in messages)

            are_typed_rows(live_rows(root, 7))

            before = connector_pid(root)
            psutil.Process(before).kill()
            took = await up.until(
                lambda: connector_pid(root) not in {0, before}, "the connector's successor"
            )
            log.info("the connector was back %.2f s after kill -9", took)
            assert f"connector-{FEED} ended with -9" in up.err
            assert len(live(feed, root, 5)) == 5
            log.info("Ctrl-C: ended after %.2f s", await stopped(up))
            words = stopped_words(up)
        assert re.search(r"Stopped\. \d+ frames received; \d+ envelopes archived", words), words
        resume = re.search(r"Resume: +ssmd (.+)", words)
        assert resume is not None, words
        assert ssmd("verify", root).returncode == 0
        first = recorded(root)
        assert [each.closed_by for each in first] == ["recovery", "connector"]

        with running(tmp_path / "again", *resume[1].split()) as again:
            await again.until(lambda: "Logs:" in again.out, "what is recorded")
            assert len(live(feed, root, 5)) == 5
            await stopped(again)
    both = recorded(root)
    assert len(both) == len(first) + 1
    assert both[-1].previous == first[-1].connection
    assert sum(each.archived for each in both) > sum(each.archived for each in first)
    found = oracle.compare(ledger, root)
    log.info("%s", found)
    assert found.ok, found.problems
    assert found.holes == found.declared_lost == 0


async def test_a_venue_that_is_away_is_said_and_stops_nothing(tmp_path: Path) -> None:
    """A laptop without internet: it says where it would record, why it does not, and stops.

    There is no PostgreSQL either: what is recorded does not hang on that.
    """
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes it meanwhile
        feed = feed_file(tmp_path, f"ws://127.0.0.1:{closed.getsockname()[1]}")
        root = tmp_path / "data"
        words, none = ["--feed", str(feed), "--dir", str(root)], str(tmp_path)
        with running(tmp_path / "up", "up", *words, SSMD_POSTGRES_BIN=none) as up:
            took = await up.until(lambda: "Logs:" in up.out, "what is to be recorded")
            assert "No security master is kept. There is no PostgreSQL here to start." in up.err
            log.info("said what is to be recorded after %.2f s, the venue away", took)
            assert took < 10 * SAY_S
            await up.until(lambda: "Volume:" in up.out, "the estimate")
            await up.until(lambda: "not connected" in up.err, "why nothing is recorded")
            assert "nothing received yet" in up.out
            log.info("Ctrl-C: ended after %.2f s", await stopped(up))
            assert "Stopped. 0 frames" in up.out
    assert verify(root).ok


@pytest.mark.parametrize("bus", ["here", "away"])
async def test_ctrl_c_while_it_starts_is_obeyed_and_leaves_nothing(
    bus: str, tmp_path: Path
) -> None:
    """Somebody who changes their mind at once is obeyed, whatever the start waits for."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        words = ["--feed", str(feed_file(tmp_path, f"ws://{address}"))]
        words += ["--dir", str(tmp_path / "data")]
        env = {"NATS_URL": f"nats://{address}"} if bus == "away" else {}
        with running(tmp_path / "up", "up", *words, **env) as up:
            await up.until(lambda: len(up.offspring()) >= 2, "two children")
            began = CLOCK.mono()
            up.signal(signal.SIGINT)
            assert await up.ended(30.0) == 130
            log.info("bus %s: ended after %.2f s", bus, CLOCK.mono() - began)
            assert "Interrupted." in up.err
            assert "Traceback" not in up.err
            assert up.orphans() == []


def test_a_wrong_ssmd_yaml_is_refused_by_name(tmp_path: Path) -> None:
    """A misspelt key must not record something else than was meant."""
    assert ssmd("init", cwd=tmp_path).returncode == 0
    file = tmp_path / "ssmd.yaml"
    file.write_text(file.read_text().replace("rotation:", "rotatoin:"))
    answer = ssmd("up", "--config", file, cwd=tmp_path)
    assert answer.returncode == 2
    assert str(file) in answer.stderr
    assert "rotation" in answer.stderr
    assert "archive" in answer.stderr
    assert not (tmp_path / "data").exists()
    listed = ssmd("feed", "list", "--json")
    assert FEED in {item["name"] for item in last(listed)}
