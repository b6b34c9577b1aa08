"""What holds for every test: loopback only, reproducible randomness, and skips said aloud."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests import tier
from tests.guard import loopback
from tests.shared import NO_RECORDINGS

GUARD = Path(__file__).parent / "guard"

# A busy machine is no reason to fail: nothing here judges speed.
settings.register_profile(
    "gate",
    derandomize=True,
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "full",
    deadline=None,
    max_examples=1000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("full" if tier.FULL else "gate")

loopback.install()


@pytest.fixture(scope="session", autouse=True)
def _guarded_children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every Python process started by a test carries the same guard and reports to this file."""
    report = tmp_path_factory.mktemp("guard") / "trespasses.txt"
    report.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(loopback.REPORT, str(report))
        paths = [str(GUARD), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        yield report


@pytest.fixture(scope="session", autouse=True)
def _nobodys_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no process it starts, reads the feeds and environments of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSMD_CONFIG", str(tmp_path_factory.mktemp("configuration")))
        yield


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that a test runs in this process makes logging quiet; the next test captures it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _loopback_only(_guarded_children: Path) -> Iterator[None]:
    """Fail the test during which somebody tried to leave, even if nobody let the error through."""
    yield
    told = _guarded_children.read_text(encoding="utf-8")
    if told:
        _guarded_children.write_text("", encoding="utf-8")
        pytest.fail(f"a socket beyond loopback was asked for:\n{told}", pytrace=False)


@pytest.fixture
def seed() -> int:
    """Where a test's random choices start; name it in every failure message."""
    return tier.SEED


def pytest_report_header() -> str:
    """Say in which tier we are, and from which seed."""
    return f"tier: {'full' if tier.FULL else 'gate'}, seed: {tier.SEED}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """State loudly what was not tested, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in skipped
        if isinstance(report.longrepr, tuple)
    ]
    if not reasons:
        return
    terminalreporter.section("NOT TESTED", sep="!", yellow=True, bold=True)
    missing = [reason for reason in reasons if reason.startswith(NO_RECORDINGS)]
    if missing:
        terminalreporter.write_line(
            f"{len(missing)} tests were SKIPPED for want of recorded data: put the recordings in "
            "../shared/data beside this repository to run them (CONTRIBUTING.md, Recorded data)."
        )
    others = Counter(reason for reason in reasons if not reason.startswith(NO_RECORDINGS))
    for reason, number in sorted(others.items()):
        terminalreporter.write_line(f"{number} tests were SKIPPED: {reason}")
