"""Alerts are code: current, about metrics that exist, and each seen to fire and to be silent."""

import concurrent.futures
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripts import observability
from scripts.observe import alerts, expressions, rules
from scripts.observe.alert import Alert
from scripts.observe.catalog import catalog

from tests import tier
from tests.observability.server import promtool
from tests.shared import REPOSITORY

FOLDER = observability.FOLDER
PAGES = REPOSITORY / "docs" / "runbooks"
KNOWN = alerts.queryable()
HEADINGS = ("## What it means", "## See it", "## Do", "## It ends")
each_alert = pytest.mark.parametrize("alert", alerts.every(), ids=lambda alert: alert.name)


def cases_of(name: str) -> list[dict[str, Any]]:
    """The committed tests of a file of rules."""
    told: dict[str, Any] = yaml.safe_load((FOLDER / "tests" / name).read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = told["tests"]
    return found


def fires(test: dict[str, Any]) -> bool:
    """Whether a test wants its alert to fire in the end."""
    return any(each["exp_alerts"] for each in test["alert_rule_test"])


def unproved(tests: list[dict[str, Any]], names: set[str]) -> set[str]:
    """The alerts that no test sees firing, or none sees silent."""
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    for test in tests:
        seen[fires(test)] |= {each["alertname"] for each in test["alert_rule_test"]}
    return names - (seen[True] & seen[False])


def test_what_is_committed_is_what_is_made() -> None:
    """Rules of yesterday's metrics never fire."""
    made = observability.files()
    kept = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for folder in ("rules", "tests", "dashboards")
        for path in (FOLDER / folder).iterdir()
    }
    stale = {name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name)}
    assert not stale, "run: .venv/bin/python -m scripts.observability"


@each_alert
def test_an_alert_names_what_there_is(alert: Alert) -> None:
    """Prometheus answers a misspelt name with nothing, which looks like peace."""
    assert expressions.complaints(alert.expr, KNOWN) == []
    labels = set(re.findall(r"\$labels\.(\w+)", alert.summary))
    assert labels <= alert.fires.labels.keys(), "a label of its summary is not one of the alert's"
    assert ("$value" in alert.summary) == bool(alert.fires.shown)
    assert (alert.hold > 0) == (alert.fires.since is not None), "nobody sees that it waits"


def test_what_is_recorded_names_what_there_is() -> None:
    """A recorded rate of nothing draws an empty picture."""
    assert [c for each in alerts.RECORDINGS for c in expressions.complaints(each.expr, KNOWN)] == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("ssmd_connector_framse_total > 0", "there is no metric ssmd_connector_framse_total"),
        ('ssmd_spool_full{shard="0"} == 1', "ssmd_spool_full has no label shard"),
        (
            'rate(ssmd_publisher_acks_total{result=~"stored|kept"}[5m])',
            "result of ssmd_publisher_acks_total is never kept",
        ),
        ("sum by (feed, symbol) (ssmd_spool_full)", "no metric here has a label symbol"),
        (
            "ssmd_spool_full unless on (job) ssmd_nothing offset 1d",
            "there is no metric ssmd_nothing",
        ),
        ('up{job="a b (c) or ssmd_x"} == 0 or ssmd_x', "there is no metric ssmd_x"),
    ],
)
def test_what_there_is_not_is_found(expression: str, said: str) -> None:
    """The check above can fail."""
    assert expressions.complaints(expression, KNOWN) == [said]


def test_the_catalog_is_the_registry() -> None:
    """Labels and closed words are those the services have."""
    known = catalog()
    assert known["ssmd_publisher_acks_total"].words == {"result": ("stored", "duplicate")}
    assert known["ssmd_spool_bytes"].labels == ("feed", "category", "job", "instance")
    assert "le" in known["ssmd_connector_venue_latency_seconds_bucket"].labels
    assert "le" not in known["ssmd_connector_venue_latency_seconds_count"].labels
    assert len(known) > 150


@each_alert
def test_an_alert_has_its_page(alert: Alert) -> None:
    """Whoever is woken at night reads what it means, how to see it, what to do, when it is over."""
    page = (REPOSITORY / alert.page).read_text(encoding="utf-8")
    assert page.startswith(f"# {alert.name}\n\n**{alert.severity}**")
    places = [page.find(f"\n{heading}\n") for heading in HEADINGS]
    assert places == sorted(places)
    assert places[0] > 0
    assert "ssmd " in page[places[1] :], "no command to type"


def test_no_page_is_left_over_and_all_are_listed() -> None:
    """A page of an alert that is gone misleads; one that is not listed is not found."""
    names = {alert.name for alert in alerts.every()}
    assert len(names) == len(alerts.every())
    assert {path.stem for path in PAGES.glob("Ssmd*.md")} == names
    listed = (PAGES / "README.md").read_text(encoding="utf-8")
    rows = [f"| [{alert.name}]({alert.name}.md) | {alert.severity} |" for alert in alerts.every()]
    assert [row for row in rows if row not in listed] == []


@pytest.mark.parametrize("name", list(alerts.GROUPS))
def test_every_alert_is_seen_firing_and_silent(name: str) -> None:
    """An alert nobody saw firing is a hope."""
    names = {alert.name for alert in alerts.GROUPS[name]}
    assert unproved(cases_of(f"{name}.yml"), names) == set()


def test_an_alert_without_its_case_is_found() -> None:
    """The check above can fail, on either side."""
    tests = cases_of("services.yml")
    for firing in (True, False):
        kept = [test for test in tests if fires(test) != firing]
        assert unproved(kept, {"SsmdTargetDown"}) == {"SsmdTargetDown"}


def test_promtool_accepts_rules_and_configuration(tmp_path: Path) -> None:
    """What a user copies is loaded by a real Prometheus."""
    checked = promtool("check", "config", FOLDER / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr
    assert f"{len(alerts.GROUPS) + 1} rule files found" in checked.stdout
    # Debian builds its Prometheus without the discovery of Kubernetes: all but that is checked.
    pods = yaml.safe_load((FOLDER / "prometheus-kubernetes.yml").read_text(encoding="utf-8"))
    (job,) = pods["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    assert re.fullmatch("ssmd.*", job["job_name"])
    pods["rule_files"] = [str(FOLDER / each) for each in pods["rule_files"]]
    (tmp_path / "pods.yml").write_text(yaml.safe_dump(pods), encoding="utf-8")
    checked = promtool("check", "config", tmp_path / "pods.yml")
    assert checked.returncode == 0, checked.stderr


def test_every_alert_fires_in_its_case_and_in_no_other() -> None:
    """Each is fed what it is for, and what merely looks like it."""
    files = sorted((FOLDER / "tests").iterdir())
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        done = list(pool.map(lambda file: promtool("test", "rules", file), files))
    assert [each.stderr + each.stdout for each in done if each.returncode] == []


def test_no_alert_fires_in_peace(tmp_path: Path) -> None:
    """Healthy days, quiet nights, a venue's maintenance, a start: nobody is woken."""
    file = tmp_path / "worlds.yml"
    step = tier.scale(gate=5, full=1)
    file.write_text(rules.world_file(KNOWN | catalog(), FOLDER / "rules", step))
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stderr + done.stdout


def test_promtool_finds_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    """The two tests above can fail."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    text = (FOLDER / "rules" / "quality.yml").read_text(encoding="utf-8")
    broken = text.replace("ssmd_dq_score < 85", "ssmd_dq_score < 8")
    assert broken != text
    (tmp_path / "rules" / "quality.yml").write_text(broken)
    file = tmp_path / "tests" / "quality.yml"
    file.write_text((FOLDER / "tests" / "quality.yml").read_text(encoding="utf-8"))
    done = promtool("test", "rules", file)
    assert done.returncode != 0
    assert "SsmdQualityLow" in done.stderr + done.stdout
