"""`ssmd demo`: what a new user runs first proves what it says, and leaves nothing behind."""

import json
import logging
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssmd.archive import layout
from ssmd.cli import conservation
from ssmd.feeds import registry
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import SECOND_NS, parse_rfc3339, shard_of
from ssmd.sim import ledger as sim_ledger
from tests.e2e.acts import CLOCK, FEED
from tests.e2e.command import Command, last, running, ssmd, vanished

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

SECONDS = 6
RUNGS = ("received", "spooled", "published", "archived")


class Performed:
    """A demo that ended.

    Attributes:
        root: Its archive.
        answer: How it ended, and what it said.
        result: The last line of its standard output.
    """

    def __init__(self, root: Path, answer: subprocess.CompletedProcess[str]) -> None:
        self.root = root
        self.answer = answer
        self.result: dict[str, Any] = last(answer)


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> Performed:
    """One short demo that all tests look at."""
    root = tmp_path_factory.mktemp("demo") / "archive"
    began = CLOCK.mono()
    answer = ssmd("demo", "--seconds", str(SECONDS), "--json", "--dir", root)
    log.info("a demo of %d s took %.1f s", SECONDS, CLOCK.mono() - began)
    assert answer.stdout, answer.stderr
    return Performed(root, answer)


@pytest.fixture
def copy(performed: Performed, tmp_path: Path) -> Path:
    """The archive of the demo, to be spoilt."""
    return Path(shutil.copytree(performed.root, tmp_path / "copy"))


def test_the_demo_ends_with_the_proof(performed: Performed) -> None:
    """Exit 0 is the promise that nothing is missing: every rung must say the same."""
    counts = performed.result["conservation"]
    log.info("%s at %s frames/s", counts, performed.result["frames_per_second"])
    assert performed.answer.returncode == 0, performed.answer
    assert counts["ok"] is True
    assert performed.result["problems"] == []
    assert len(performed.result["faults"]) >= 3
    assert (counts["holes"], counts["declared_lost"]) == (0, 0)
    assert {counts[rung] for rung in RUNGS} == {counts["received"]}
    assert counts["emitted"] == counts["received"] + counts["in_outage"]
    assert counts["received"] > 1000
    assert counts["overlap"] == 0
    assert counts["duplicates"] >= 0
    assert performed.result["open_segments"] == 0


def test_the_demo_ends_with_a_verdict(performed: Performed) -> None:
    """How good the recording is, by its files: nothing lost, and the lost connection shows."""
    quality = performed.result["quality"]
    assert (quality["running"], quality["prometheus_degraded"]) == (True, False)
    assert set(quality["feeds"]) == set(registry.names())
    for feed in quality["feeds"].values():
        scores = {check["name"]: check["score"] for check in feed["checks"]}
        assert scores["conservation"] == 100
        assert scores["coverage"] < 100
        assert feed["score"] is not None


def test_every_fault_of_the_demo_hits_work(performed: Performed) -> None:
    """A kill that finds an idle process shows nothing: each ends a connection under traffic."""
    report = json.loads(ssmd("verify", performed.root, "--json").stdout.splitlines()[-1])
    lives: dict[str, list[dict[str, Any]]] = {}
    for each in sorted(report["connections"], key=lambda each: str(each["connection"])):
        lives.setdefault(shard_of(each["connection"]), []).append(each)
        assert each["received"] > 0
    assert {f"{name}-0" for name in registry.names()} <= set(lives)
    for shard, connections in lives.items():
        assert [each["previous"] for each in connections[1:]] == [
            each["connection"] for each in connections[:-1]
        ]
        if not shard.endswith("-rest"):
            assert connections[0]["reason"] == "lost"
    killed = [
        each for connections in lives.values() for each in connections
        if each["closed_by"] == "recovery"
    ]  # fmt: skip
    (struck,) = {shard_of(each["connection"]).rpartition("-")[0] for each in killed}
    assert f"kill -9 of connector-{struck}" in performed.result["faults"]


def test_the_demo_has_no_trouble_of_its_own(performed: Performed) -> None:
    """What a new user reads while it runs is progress and the faults, never a stack."""
    assert "Traceback" not in performed.answer.stderr
    assert '"level":"error"' not in performed.answer.stderr
    assert performed.answer.stderr.count("-> ") == len(performed.result["faults"])


def test_verify_agrees_with_the_demo(performed: Performed) -> None:
    """The same proof from the files alone, in another process, an hour later."""
    answer = ssmd("verify", performed.root, "--json")
    assert answer.returncode == 0
    report = last(answer)
    assert report["ok"] is True
    assert report["frames"] == performed.result["conservation"]["archived"]
    assert report["bytes_proved"] == performed.result["bytes"]


def test_the_demo_can_be_listed(performed: Performed) -> None:
    """The first thing it tells a user to try next."""
    answer = ssmd("data", "ls", performed.root, "--json")
    assert answer.returncode == 0
    days = last(answer)
    assert {day["feed"] for day in days} == set(registry.names())
    assert sum(day["segments"] for day in days) == performed.result["segments"]
    assert sum(day["open"] for day in days) == 0


def test_the_injected_outage_is_told_to_a_tenth_of_a_second(performed: Performed) -> None:
    """`ssmd gaps` says when it began and ended as the venue's own ledger does, and why."""
    broken, again, *_ = sim_ledger.read(layout.run_folder(performed.root) / "ledger" / FEED)
    *_, last_said = broken.emitted()
    answered = {
        symbol: said.ts
        for said in again.emitted()
        if said.opcode is Opcode.TEXT
        for symbol in [msgspec.json.decode(said.payload).get("result", {}).get("symbol")]
        if symbol
    }
    answer = ssmd("gaps", performed.root, "--feed", FEED, "--json")
    assert answer.returncode == 0, answer.stderr
    lost = [each for each in last(answer) if each["reason"] == "lost"]
    assert {each["instrument"] for each in lost} == {f"{FEED}:{symbol}" for symbol in answered} | {
        None
    }
    for each in lost:
        assert each["kind"] == "outage"
        assert abs(parse_rfc3339(each["from"]) - last_said.ts) < SECOND_NS // 10
        if each["instrument"] is not None:
            ended = answered[each["instrument"].removeprefix(f"{FEED}:")]
            assert abs(parse_rfc3339(each["to"]) - ended) < SECOND_NS // 10
        assert each["evidence"]["connection"].startswith(f"{FEED}-0-")
        assert (performed.root / each["evidence"]["file"]).exists()


def test_the_demo_says_what_to_ask_next_and_the_answer_is_a_sentence(performed: Performed) -> None:
    """A person who types what the demo proposes is told what happened."""
    asked = performed.result["example"].split()
    answer = ssmd("why", *asked, performed.root)
    assert answer.returncode == 0, answer.stderr
    assert asked[0] in answer.stdout
    assert "no connection held it from" in answer.stdout
    (told,) = last(ssmd("why", *asked, performed.root, "--json"))
    assert told["condition"] in {"lost", "repaired"}
    assert told["evidence"]


def test_a_changed_byte_would_not_pass(copy: Path) -> None:
    """A proof that cannot fail proves nothing: the archive is changed."""
    path = max(copy.glob("raw/*/*/*.zst"), key=lambda each: each.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    answer = ssmd("verify", copy, "--json")
    assert answer.returncode == 1
    report = last(answer)
    assert report["ok"] is False
    assert str(path.relative_to(copy)) in {problem["file"] for problem in report["problems"]}


@pytest.mark.parametrize("lie", ["changed", "said more"])
def test_a_venue_that_said_something_else_would_not_pass(lie: str, copy: Path) -> None:
    """A proof that cannot fail proves nothing: the venue's own ledger is changed."""
    ledgers = layout.run_folder(copy) / "ledger"
    (honest,) = conservation.compared(ledgers, copy, [FEED])
    assert honest.ok
    path = ledgers / FEED / "socket-0.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    if lie == "changed":
        assert b"symbol" in lines[middle]
        lines[middle] = lines[middle].replace(b"symbol", b"SYMBOL")
    else:
        lines[middle:middle] = lines[middle : middle + 1]
    path.write_bytes(b"".join(lines))
    try:
        (found,) = conservation.compared(ledgers, copy, [FEED])
    except Exception as error:  # noqa: BLE001 - any refusal is an answer, silence is not
        log.info("%s: refused: %s", lie, error)
    else:
        log.info("%s: %s", lie, found.problems)
        assert not found.ok


def test_the_demo_records_into_an_empty_place_only(tmp_path: Path) -> None:
    """Its proof counts what is there: somebody's archive would spoil it, or be spoilt."""
    (tmp_path / "precious").write_text("mine")
    answer = ssmd("demo", "--seconds", "3", "--dir", tmp_path, "--json")
    assert answer.returncode == 2
    assert "not empty" in answer.stderr
    assert str(tmp_path) in answer.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["precious"]


def recording(demo: Command, root: Path) -> bool:
    """Whether the simulator, the bus, the archiver and the connector all run."""
    return len(demo.offspring()) >= 4 and "recording" in demo.err


@pytest.mark.parametrize("moment", ["starting", "recording"])
async def test_ctrl_c_ends_the_demo_and_all_it_started(moment: str, tmp_path: Path) -> None:
    """A demo that was enough is ended by Ctrl-C, at whatever moment, and leaves no process."""
    root = tmp_path / "archive"
    with running(tmp_path / "demo", "demo", "--seconds", "60", "--dir", str(root)) as demo:
        if moment == "starting":
            await demo.until(lambda: len(demo.offspring()) >= 2, "the first children")
        else:
            await demo.until(lambda: recording(demo, root), "the recording")
        children = demo.offspring()
        began = CLOCK.mono()
        demo.signal(signal.SIGINT)
        assert await demo.ended() == 130
        log.info("ended %.2f s after Ctrl-C, %d children", CLOCK.mono() - began, len(children))
        assert demo.orphans() == []
        assert "Interrupted." in demo.err
        assert str(root) in demo.err
        assert "Traceback" not in demo.err
        assert demo.out == ""
    if moment == "recording":
        said = (layout.run_folder(root) / "logs" / f"connector-{FEED}.log").read_text()
        assert '"event":"service.ended"' in said, "it must be given the time to drain"
        assert ssmd("verify", root).returncode == 0


async def test_a_killed_demo_leaves_no_process(tmp_path: Path) -> None:
    """Even kill -9 of what a user started ends everything that it started."""
    root = tmp_path / "archive"
    with running(tmp_path / "demo", "demo", "--seconds", "60", "--dir", str(root)) as demo:
        await demo.until(lambda: recording(demo, root), "the recording")
        children = demo.offspring()
        began = CLOCK.mono()
        demo.signal(signal.SIGKILL)
        await vanished(children)
        log.info("gone %.2f s after kill -9: %d children", CLOCK.mono() - began, len(children))
