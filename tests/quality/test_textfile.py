"""The last verdict as a file that node_exporter reads."""

import math
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ssmd.model.errors import ConfigError
from ssmd.quality import textfile
from ssmd.quality.finding import FeedReport, Grade
from tests.observability.server import program
from tests.quality.made import AT, report


def samples(path: Path) -> dict[str, float]:
    """What the file says, by name and feed."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_file_says_what_was_judged(tmp_path: Path) -> None:
    """Scores, grade, when, of which day: and nothing of this process."""
    path = tmp_path / "ssmd.prom"
    textfile.write(path, report(composite=88, issues=("a", "b")), at=AT + 500_000_000)
    assert samples(path) == {
        "ssmd_dq_scorealpha": 88.0,
        "ssmd_dq_scorebeta": 88.0,
        "ssmd_dq_composite": 88.0,
        "ssmd_dq_grade": 2.0,
        "ssmd_dq_issues": 2.0,
        "ssmd_dq_prometheus_degraded": 0.0,
        "ssmd_dq_day_timestamp": AT / 1e9 - 86_400,
        "ssmd_dq_last_judged_timestamp": AT / 1e9 + 0.5,
    }
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("grade", "number"), [("GREEN", 2), ("YELLOW", 1), ("RED", 0)])
def test_a_feed_that_is_gone_and_one_without_a_score_have_no_series(
    tmp_path: Path, grade: Grade, number: int
) -> None:
    """A score of yesterday must not stand for today's, and none is not 0."""
    path = tmp_path / "ssmd.prom"
    textfile.write(path, report(), at=AT)
    none = {"alpha": FeedReport(score=None, weight=0.0, checks=(), note="not recorded")}
    textfile.write(path, report(composite=None, grade=grade, feeds=none), at=AT)
    found = samples(path)
    assert not any(name.startswith("ssmd_dq_score") for name in found)
    assert math.isnan(found["ssmd_dq_composite"])
    assert found["ssmd_dq_grade"] == number


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A slip in the path is bad usage, and leaves no crumbs."""
    with pytest.raises(ConfigError, match="No such file"):
        textfile.write(tmp_path / "nowhere" / "x.prom", report(), at=AT)
    (tmp_path / "folder.prom").mkdir()
    with pytest.raises(ConfigError, match="folder"):
        textfile.write(tmp_path / "folder.prom", report(), at=AT)
    assert [each.name for each in tmp_path.iterdir()] == ["folder.prom"]


def test_prometheus_own_tool_accepts_the_file(tmp_path: Path) -> None:
    """Names, types and help as Prometheus wants them."""
    path = tmp_path / "ssmd.prom"
    textfile.write(path, report(), at=AT)
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=path.read_bytes(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
