"""`ssmd dq daily`: what it asks, what it prints, what it keeps, and its exit code."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ssmd.cli.configured import Plan, load_plan
from ssmd.cli.dq_daily import Asked, _perform
from ssmd.cli.output import Output
from ssmd.cli.root import root as command
from ssmd.feeds.policy import load_policy, shipped_policy
from ssmd.model.errors import SsmdError
from ssmd.quality.window import begin, of
from ssmd.runtime.clock import SystemClock, turn
from ssmd.sim.manual_clock import ManualClock
from tests.quality.truth.made import DAY_NS, HOUR_NS, Line, day_of, write
from tests.secmaster.server import Server, running

FEED = "kraken"
YESTERDAY = of(SystemClock().wall() - DAY_NS)
DAY = YESTERDAY.isoformat()
DEAD = "http://127.0.0.1:9"
ENVIRON = dict.fromkeys(
    (
        "DATABASE_URL",
        "NATS_URL",
        "PROMETHEUS_URL",
        "PROMETHEUS_USER",
        "PROMETHEUS_PASSWORD",
        "PROMETHEUS_TOKEN",
        "SSMD_ARCHIVE",
        "SSMD_NOTIFY",
    )
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets an ssmd.yaml, or a ./data, that happens to be here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good day of one feed: yesterday."""
    folder = tmp_path_factory.mktemp("archive")
    window = day_of(DAY)
    assert window.since == begin(YESTERDAY)
    write(folder, Line(FEED, window.since).open().live(window.until).close().out)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL for these tests."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


def run(*words: str | Path, env: dict[str, str] | None = None) -> Result:
    """Run the command; a refusal is what `ssmd` would make of it."""
    told_ = ["dq", "daily", *map(str, words)]
    return CliRunner().invoke(command, told_, env={**ENVIRON, **(env or {})})


def judged(archive: Path, *words: str | Path, env: dict[str, str] | None = None) -> Result:
    return run(archive, "--date", DAY, *words, env=env)


def told(answer: Result) -> dict[str, Any]:
    """The result for a program."""
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def check(answer: Result, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = told(answer)["feeds"][FEED]["checks"]
    return next(each for each in found if each["name"] == name)


def refusal(answer: Result) -> SsmdError:
    assert isinstance(answer.exception, SsmdError), answer
    return answer.exception


def test_a_program_gets_the_verdict_as_its_last_line(archive: Path) -> None:
    """Exit 0, the keys that were asked for, and what became of keeping it."""
    answer = judged(archive, "--prometheus", "none", "--json")
    found = told(answer)
    assert answer.exit_code == 0
    assert (found["date"], found["running"], found["grade"]) == (DAY, False, "GREEN")
    assert (found["prometheus_degraded"], found["issues"]) == (False, [])
    assert found["composite"] == found["feeds"][FEED]["score"] >= 85
    assert found["kept"] == "no database"
    assert "DATABASE_URL" in answer.stderr


def test_a_pod_keeps_the_verdict(archive: Path, tmp_path: Path) -> None:
    """Date, composite, and each feed's score and grade, in a file that is there already."""
    (tmp_path / "log").write_bytes(b"x" * 9000)
    answer = judged(archive, "--prometheus", "none", "--verdict-file", tmp_path / "log", "--json")
    found = json.loads((tmp_path / "log").read_bytes())
    assert (found["date"], found["grade"], found["issues"]) == (DAY, "GREEN", [])
    assert found["composite"] == told(answer)["composite"]
    assert found["feeds"] == {FEED: {"score": found["composite"], "grade": "GREEN"}}


def test_a_person_gets_it_in_words(archive: Path) -> None:
    """Checks with evidence, and the grade at the end."""
    answer = judged(archive, "--prometheus", "none")
    assert answer.exit_code == 0
    assert answer.stdout.startswith(f"Quality of {DAY} (UTC)\n")
    assert "conservation" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("GREEN: composite ")


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_dead_prometheus_degrades(archive: Path, by: str) -> None:
    """Exit 0: the cap, the flag, and the reason on the way."""
    words = ["--prometheus", DEAD] if by == "option" else []
    env = {"PROMETHEUS_URL": DEAD} if by == "environment" else {}
    answer = judged(archive, "--json", *words, env=env)
    found = told(answer)
    assert answer.exit_code == 0
    assert found["prometheus_degraded"] is True
    assert check(answer, "ws_connected")["score"] == 50
    assert any("Connection refused" in note for note in found["notes"])


def test_a_dead_bus_is_unknown(archive: Path) -> None:
    """Exit 0: a laptop's stopped bus says nothing about a day that is over."""
    env = {"NATS_URL": "nats://127.0.0.1:9"}
    answer = judged(archive, "--prometheus", "none", "--json", env=env)
    stream = check(answer, "stream_has_data")
    assert (answer.exit_code, stream["state"], stream["weight"]) == (0, "unknown", 0)
    assert "127.0.0.1:9" in stream["evidence"]


def test_a_dead_database_is_said_and_not_fatal(archive: Path) -> None:
    """Exit 0: the verdict is not kept, and nothing is learned from days before."""
    dead = "postgresql://joe:s3cret@127.0.0.1:9/db"  # pragma: allowlist secret
    answer = judged(archive, "--prometheus", "none", "--json", "--database", dead)
    assert answer.exit_code == 0
    assert told(answer)["kept"] == "no database"
    assert "127.0.0.1:9" in answer.stderr
    assert "s3cret" not in answer.output


def test_a_verdict_is_kept_and_teaches(archive: Path, server: Server) -> None:
    """Once it is there, `ssmd dq scores` shows it; one over some feeds only is not kept."""
    address = server.migrated()
    words = ("--prometheus", "none", "--json", "--database", address.url)
    assert told(judged(archive, *words, "--no-save"))["kept"] == "not asked for"
    assert told(judged(archive, *words, "--feed", FEED))["kept"] == "not asked for"
    first = judged(archive, *words)
    assert told(first)["kept"] == "saved"
    assert told(judged(archive, *words))["kept"] == "saved"
    shown = CliRunner().invoke(
        command, ["dq", "scores", "--database", address.url, "--date", DAY, "--json"], env=ENVIRON
    )
    assert shown.exit_code == 0, shown
    assert DAY in shown.stdout
    server.drop(address)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--date", "soon"), "is no day"),
        (("--date", "2999-01-01"), "has not begun"),
        (("--feed", "nobody"), "There is no feed 'nobody'"),
        (("--prometheus", "localhost:9090"), "http://host:port"),
        (("--prometheus", "http://joe@host"), "needs a password"),
        (("--nats", "http://x"), "nats://host:port"),
        (("--database", "mysql://x"), "--database"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_is_done(
    archive: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit 2, with what is wrong."""
    error = refusal(run(archive, *words))
    assert error.exit_code == 2
    assert said in error.message
    assert error.remedy


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--wait-until", "25:00Z"), "06:00Z"),
        (("--wait-until", "06:00Z", "--date", "today"), "leave --date out"),
        (("--policy", "nowhere.yaml"), "does not exist"),
        (("--config", "nowhere.yaml"), "does not exist"),
    ],
)
def test_bad_usage_is_refused(archive: Path, words: tuple[str, ...], said: str) -> None:
    """Exit 2, as for every command."""
    answer = run(archive, *words)
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_an_archive_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt path is no empty archive."""
    assert run(tmp_path / "nothing").exit_code == 2
    error = refusal(run())
    assert error.exit_code == 2
    assert "no archive" in error.message
    assert refusal(run(tmp_path, "--prometheus", "none")).exit_code == 2


def test_a_policy_of_ones_own_decides(archive: Path, tmp_path: Path) -> None:
    """Weights, bounds and the cap are the file's; a wrong one is refused."""
    path = tmp_path / "quality.yaml"
    path.write_text(
        shipped_policy().replace("prometheus_cap: 50", "prometheus_cap: 7")
        + "\ngrades: {green: 100, yellow: 100}\n"
    )
    answer = judged(archive, "--prometheus", DEAD, "--policy", path, "--json")
    assert check(answer, "ws_connected")["score"] == 7
    assert told(answer)["grade"] == "RED"
    path.write_text("families: {signls: 1}\nchecks: {}\n")
    assert refusal(judged(archive, "--policy", path)).exit_code == 2


def test_the_exit_code_follows_the_grade_only_when_asked(archive: Path, tmp_path: Path) -> None:
    """`--strict`: RED is 1."""
    path = tmp_path / "quality.yaml"
    path.write_text(shipped_policy() + "\ngrades: {green: 100, yellow: 100}\n")
    words = ("--prometheus", DEAD, "--policy", path)
    assert judged(archive, *words).exit_code == 0
    assert judged(archive, *words, "--strict").exit_code == 1
    assert judged(archive, "--prometheus", "none", "--strict").exit_code == 0


def test_a_day_of_nothing_cannot_be_judged(archive: Path) -> None:
    """Exit 1: the only feed was not to be recorded the day before it began."""
    before = of(SystemClock().wall() - 3 * DAY_NS).isoformat()
    answer = run(archive, "--date", before, "--prometheus", "none", "--json")
    found = told(answer)
    assert (answer.exit_code, found["composite"], found["grade"]) == (1, None, "RED")
    assert found["feeds"][FEED]["note"] == "Nothing of it was to be recorded that day."


def test_a_configuration_says_which_feeds(archive: Path, tmp_path: Path) -> None:
    """A feed that it names and nobody recorded is judged too; without one, those archived are."""
    config = tmp_path / "own.yaml"
    config.write_text(f"dir: {archive}\nfeeds: [{{feed: kraken}}, {{feed: polymarket}}]\n")
    answer = run("--config", config, "--date", DAY, "--prometheus", DEAD, "--json")
    assert set(told(answer)["feeds"]) == {"kraken", "polymarket"}
    assert set(told(judged(archive, "--prometheus", DEAD, "--json"))["feeds"]) == {"kraken"}


def test_without_files_live_services_are_enough(tmp_path: Path) -> None:
    """Where only Prometheus is at hand, what somebody names is judged by it, and that is said."""
    answer = run("--feed", FEED, "--date", DAY, "--prometheus", DEAD, "--json")
    assert answer.exit_code == 0
    assert told(answer)["composite"] == 50
    assert "judged by live services alone" in answer.stderr


def test_the_verdict_as_metrics(archive: Path, tmp_path: Path) -> None:
    """For a collector of files."""
    path = tmp_path / "dq.prom"
    assert judged(archive, "--prometheus", "none", "--metrics-file", path).exit_code == 0
    assert f'ssmd_dq_score{{feed="{FEED}"}}' in path.read_text()


async def test_it_waits_and_then_judges_the_day_that_is_over(archive: Path) -> None:
    """What runs when it begins to wait is closed when it judges; where things are is looked up then."""
    window = day_of(DAY)
    clock = ManualClock(window.until - HOUR_NS)
    looked: list[int] = []

    def planned() -> Plan:
        looked.append(clock.wall())
        return load_plan(archive, None, ())

    asked = Asked(
        date=None,
        feeds=(),
        database_url=None,
        prometheus=None,
        nats=None,
        policy=load_policy(),
        saves=False,
        whom=(),
        metrics_file=None,
        wait_s=6 * 3600,
    )
    waiting = asyncio.create_task(_perform(Output(quiet=True), planned, asked, clock))
    await turn()
    await clock.advance(6 * 3600)
    assert not waiting.done()
    await clock.advance(3601)
    report, _ = await waiting
    assert (report.date, report.running, report.grade) == (DAY, False, "GREEN")
    assert len(looked) == 1
    assert looked[0] >= window.until + 6 * HOUR_NS
