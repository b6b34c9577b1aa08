"""What `ssmd dq scores` prints, and how it refuses."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ssmd.cli.dq_scores import NothingJudged
from ssmd.cli.root import root
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality import history, window
from ssmd.quality.finding import FeedReport
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster import migrate
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import open_database
from tests.quality.made import finding, report
from tests.secmaster.server import Server, finish, running

NOW = 1_773_144_000 * SECOND_NS
"""Noon of a day: whatever the machine's clock says, and though midnight passes while tests run."""
TODAY = window.of(NOW)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands are told the time that the database was filled for."""
    monkeypatch.setattr(SystemClock, "wall", lambda _: NOW)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL for these tests."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


async def _fill(address: Address) -> None:
    """Nine days before yesterday that were well, yesterday that was not, and half of today."""
    async with open_database(address.url, Path(), SystemClock()) as database:
        for days in range(10, -1, -1):
            score = {0: 33, 1: 40}.get(days, 90 + days % 3)
            flow = finding("message_flow", 1_000.0 + score, family="signals")
            checks = (flow, finding("coverage", 0.9, evidence=f"[red]{days}[/red]"))
            made = report(
                TODAY - timedelta(days=days),
                score,
                grade="RED" if days < 2 else "GREEN",
                running=days == 0,
                issues=("beta: it broke",) if days == 1 else (),
                feeds={
                    "beta": FeedReport(score=score, weight=0.5, checks=checks),
                    "alpha": FeedReport(score=95, weight=0.5, checks=checks[:1]),
                },
            )
            await history.save(database, made, at=NOW)


@pytest.fixture(scope="module")
def filled(server: Server) -> Address:
    """A database with verdicts that nobody here writes to."""
    made = server.migrated()
    finish(_fill(made))
    return made


def run(*words: str) -> Result:
    given = {"COLUMNS": "120", "DATABASE_URL": "", "SSMD_ARCHIVE": ""}
    return CliRunner().invoke(root, ["dq", "scores", *words], env=given)


def told(address: Address, *words: str) -> Any:  # noqa: ANN401 - JSON
    answer = run("--database", address.url, "--json", *words)
    assert answer.exit_code == 0, (answer.output, answer.exception)
    return json.loads(answer.stdout.splitlines()[-1])


def test_days_feeds_and_trends(filled: Address) -> None:
    """A person sees where it goes at a glance."""
    answer = run("--database", filled.url)
    assert answer.exit_code == 0, answer.exception
    for words in ("alpha", "beta", "composite", "degrading", "stable", "not over", "█▄▃"):
        assert words in answer.stdout, words
    assert str(YESTERDAY) in answer.stdout


def test_the_same_for_a_program(filled: Address) -> None:
    """Days by date, trends with their numbers; a running day takes no part in them."""
    found = told(filled)
    assert [day["date"] for day in found["days"]][-1] == TODAY.isoformat()
    assert len(found["days"]) == 11
    last = found["days"][-1]
    assert (last["running"], last["feeds"]) == (True, {"beta": 33, "alpha": 95})
    assert found["composite"]["direction"] == "degrading"
    beta = found["feeds"]["beta"]
    assert (beta["value"], beta["direction"], beta["recent"]["number"]) == (40.0, "degrading", 7)
    assert beta["recent"]["z"] < -3.5
    assert found["feeds"]["alpha"]["direction"] == "stable"
    one = told(filled, "--feed", "alpha", "--days", "3")
    assert (len(one["days"]), one["composite"], set(one["feeds"])) == (3, None, {"alpha"})
    assert one["feeds"]["alpha"]["recent"]["number"] == 7


def test_one_check(filled: Address) -> None:
    """Its own values, whatever they score."""
    found = told(filled, "--check", "message_flow", "--days", "5", "--feed", "beta")
    assert found["days"][YESTERDAY.isoformat()] == {"beta": 1040.0}
    assert set(found["feeds"]) == {"beta"}
    assert TODAY.isoformat() not in found["days"]
    answer = run("--database", filled.url, "--check", "message_flow")
    assert "1040" in answer.stdout
    assert TODAY.isoformat() not in answer.stdout
    assert "trends" in answer.stdout


def test_one_day(filled: Address) -> None:
    """Everything that was said of it, evidence as it stands."""
    answer = run("--database", filled.url, "--date", "yesterday")
    for words in (
        "RED, for 1 issue(s): composite 40/100",
        "beta: it broke",
        "[red]1[/red]",
        "alpha: 95/100",
    ):
        assert words in answer.stdout, words
    found = told(filled, "--date", YESTERDAY.isoformat(), "--feed", "beta")
    assert list(found["feeds"]) == ["beta"]
    assert found["grade"] == "RED"


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (("--date", "2020-01-01"), NothingJudged, "Nothing was judged of 2020-01-01"),
        (("--feed", "gamma"), NothingJudged, "of gamma"),
        (("--date", "yesterday", "--feed", "gamma"), NothingJudged, "and gamma"),
        (("--check", "rejects"), NothingJudged, "a value of rejects"),
        (("--check", "mesage_flow"), ConfigError, "message_flow"),
        (("--date", "yesterdy"), ConfigError, "is no day"),
    ],
)
def test_what_is_not_there_is_said(
    filled: Address, words: tuple[str, ...], kind: type[Exception], said: str
) -> None:
    """With what to do about it: nothing judged is 1, a slip of the hand 2."""
    answer = run("--database", filled.url, *words)
    assert isinstance(answer.exception, kind), answer.exception
    assert said in str(answer.exception)
    assert "Remedy: " in str(answer.exception)


def test_bad_usage(filled: Address) -> None:
    """Two questions at once, and no days at all."""
    both = run("--database", filled.url, "--date", "today", "--check", "coverage")
    assert both.exit_code == 2
    assert run("--days", "0").exit_code == 2


def test_no_database(tmp_path: Path) -> None:
    """None is made by looking; one that is away is named; one of an older version says what to do."""
    answer = run(str(tmp_path))
    assert isinstance(answer.exception, Unavailable)
    assert f"There is no security master in {tmp_path}" in str(answer.exception)
    assert "ssmd dq daily" in str(answer.exception)
    assert list(tmp_path.iterdir()) == []
    answer = run("--database", "postgresql://anna:pass-word@127.0.0.1:1/x")
    assert isinstance(answer.exception, Unavailable)
    assert "127.0.0.1" in str(answer.exception)
    assert "pass-word" not in str(answer.exception)


def test_a_database_of_the_version_before(server: Server) -> None:
    """Nobody's database is migrated by looking at it."""
    made = server.empty()
    migrate.migrate(made, "pre", to="p0001")
    migrate.migrate(made, "post")
    answer = run("--database", made.url)
    assert isinstance(answer.exception, ConfigError)
    assert "ssmd secmaster migrate" in str(answer.exception)
