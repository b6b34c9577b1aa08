"""What a pod's status keeps of a job: small, whole JSON, also when the job failed."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ssmd.cli.root import root
from ssmd.cli.verdict_file import MOST_BYTES, encode, leave, of_report, verdict_file_option
from ssmd.model.errors import ConfigError
from ssmd.quality.finding import FeedReport, Report
from ssmd.runtime.secrets import Secrets


def invoke(path: Path, *words: str) -> Result:
    """Run `ssmd` with a file for the verdict that is there already, as a pod's is."""
    path.write_bytes(b"what was there before, and is longer than anything" * 200)
    env = dict.fromkeys(("DATABASE_URL", "NATS_URL", "PROMETHEUS_URL", "SSMD_ARCHIVE"), None)
    return CliRunner().invoke(root, [*words, "--verdict-file", str(path)], env=env)


def report(feeds: int, **more: object) -> Report:
    """A verdict over many feeds with long names, each one point better than the one before."""
    made = {
        f"{'a-rather-long-name-of-a-feed'}-{number:04}": FeedReport(
            score=min(100, number), weight=1.0, checks=()
        )
        for number in range(feeds)
    }
    fields: dict[str, Any] = {
        "date": "2027-01-15",
        "running": False,
        "feeds": made,
        "composite": 50,
        "grade": "RED",
        "issues": (),
        "prometheus_degraded": True,
    }
    return Report(**(fields | more))


def test_a_day_without_an_archive_leaves_its_error(tmp_path: Path) -> None:
    """The sentence that the log tells stands in the status too, and the exit code stays 2."""
    path = tmp_path / "log"
    (tmp_path / "data").mkdir()
    answer = invoke(path, "dq", "daily", str(tmp_path / "data"), "--prometheus", "none")
    assert isinstance(answer.exception, ConfigError)
    found = json.loads(path.read_bytes())
    assert found == {"error": str(answer.exception)}


def test_a_wrong_option_of_the_question_is_left_too(tmp_path: Path) -> None:
    """A schedule with a typing error fails every morning: its status says why."""
    path = tmp_path / "log"
    answer = invoke(path, "dq", "daily", "--wait-until", "06:00Z", "--date", "today")
    assert answer.exit_code == 2
    assert "--wait-until judges yesterday" in json.loads(path.read_bytes())["error"]


def test_a_round_of_listings_leaves_its_error(tmp_path: Path) -> None:
    """`secmaster sync` writes one by the same option."""
    path = tmp_path / "log"
    answer = invoke(path, "secmaster", "sync", "--every", "1h", "--dry-run")
    assert answer.exit_code == 2
    assert "--every goes with neither" in json.loads(path.read_bytes())["error"]


def test_few_feeds_are_all_there_the_worst_first() -> None:
    """Score and grade of each; one that does not count has neither."""
    told = report(2)
    told.feeds["idle"] = FeedReport(score=None, weight=0.0, checks=())
    found = json.loads(encode(of_report(told, lambda score: f"G{score}"), "feeds"))
    assert [(name[-4:], each) for name, each in found["feeds"].items()] == [
        ("0000", {"score": 0, "grade": "G0"}),
        ("0001", {"score": 1, "grade": "G1"}),
        ("idle", {"score": None, "grade": None}),
    ]
    assert (found["date"], found["composite"], found["grade"]) == ("2027-01-15", 50, "RED")
    assert "feeds_left_out" not in found


@given(feeds=st.integers(0, 400), issues=st.lists(st.text(max_size=900), max_size=6))
def test_it_always_fits_and_says_what_it_left_out(feeds: int, issues: list[str]) -> None:
    """Whole JSON of at most 4,096 bytes; the worst feeds stay, the number of the others is told."""
    told = report(feeds, issues=tuple(issues))
    content = encode(of_report(told, lambda _score: "RED"), "feeds")
    found = json.loads(content)
    assert len(content) <= MOST_BYTES
    assert len(found["feeds"]) + found.get("feeds_left_out", 0) == feeds
    assert list(found["feeds"]) == sorted(told.feeds)[: len(found["feeds"])]
    assert found["issues_in_all"] == len(issues)


def test_the_longest_sentences_fit() -> None:
    """Even where every character takes six bytes as JSON."""
    told = report(50, issues=("\x01" * 900,) * 9)
    assert len(encode(of_report(told, lambda _score: "RED"), "feeds")) <= MOST_BYTES


@click.command()
@verdict_file_option
@click.option("--code", type=int, default=0)
@click.option("--leaves", is_flag=True)
def job(code: int, leaves: bool) -> None:
    """A command that ends in any way."""
    if leaves:
        leave({"done": True})
    if code > 2:
        raise RuntimeError("hunter2-hunter2 did it" * 999)
    click.get_current_context().exit(code)


@pytest.mark.parametrize("code", [0, 1])
def test_an_exit_code_is_no_error_of_its_own(tmp_path: Path, code: int) -> None:
    """Who judged a day RED left a verdict, and exits 1 with it."""
    path = tmp_path / "log"
    arguments = ["--leaves", "--code", str(code), "--verdict-file", str(path)]
    assert CliRunner().invoke(job, arguments).exit_code == code
    assert json.loads(path.read_bytes()) == {"done": True}


def test_a_surprise_is_left_without_its_secrets(tmp_path: Path) -> None:
    """A pod's status is read by more people than its log."""
    Secrets({"password": "hunter2-hunter2"})  # pragma: allowlist secret
    path = tmp_path / "log"
    CliRunner().invoke(job, ["--code", "3", "--verdict-file", str(path)])
    said = json.loads(path.read_bytes())["error"]
    assert said.startswith("RuntimeError: [secret] did it")
    assert "hunter2" not in said
    assert path.stat().st_size <= MOST_BYTES


def test_what_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    """A full or missing place costs a line on stderr; without the option nothing is written."""
    arguments = ["--leaves", "--verdict-file", str(tmp_path / "no" / "log")]
    answer = CliRunner().invoke(job, arguments)
    assert answer.exit_code == 0
    assert "No such file" in answer.stderr
    assert CliRunner().invoke(job, ["--leaves"]).exit_code == 0
