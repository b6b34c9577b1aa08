"""Files of rules for Prometheus, and of their tests for promtool."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml
from scripts.observe.alert import DEMO, Alert, Case, Told
from scripts.observe.alerts import ALSO, GROUPS, RECORDINGS
from scripts.observe.catalog import Series
from scripts.observe.worlds import MINUTES, WORLDS

HEAD: Final = "# Made by `.venv/bin/python -m scripts.observability`; do not edit by hand.\n"
"""How every file that is made begins."""
RECORDED: Final = "recording"
"""The file of what is recorded."""


class _Dumper(yaml.SafeDumper):
    """Text of several lines as people write it."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def written(value: object) -> str:
    """A file of YAML."""
    return HEAD + yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=110)


def rule_files() -> dict[str, str]:
    """Every file of rules, by its name."""
    recorded = [{"record": each.name, "expr": each.expr} for each in RECORDINGS]
    files = {f"{RECORDED}.yml": written({"groups": [{"name": "ssmd", "rules": recorded}]})}
    for name, alerts in GROUPS.items():
        group = {"name": f"ssmd-{name}", "rules": [_rule(alert) for alert in alerts]}
        files[f"{name}.yml"] = written({"groups": [group]})
    return files


def _rule(alert: Alert) -> dict[str, object]:
    hold = {"for": f"{alert.hold}m"} if alert.hold else {}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **hold,
        "labels": {"severity": alert.severity},
        "annotations": alert.annotations,
    }


def test_files(known: Mapping[str, Series]) -> dict[str, str]:
    """The tests of every file of rules, by their name: for each alert where it fires, and where not.

    Args:
        known: Every series there is.
    """
    files = {}
    for name, alerts in GROUPS.items():
        tests = [test for alert in alerts for test in _tests(alert, known)]
        files[f"{name}.yml"] = written(
            {
                "rule_files": [f"../rules/{name}.yml"],
                "evaluation_interval": f"{_step(alerts)}m",
                "tests": tests,
            }
        )
    return files


def _step(alerts: Sequence[Alert]) -> int:
    """From one look at the rules to the next, in minutes: longer where the cases are long."""
    cases = [case for alert in alerts for case in (alert.fires, *alert.quiet)]
    longest = max(case.minute for case in cases)
    return next((step for bound, step in ((1000, 5), (200, 2)) if longest > bound), 1)


def _tests(alert: Alert, known: Mapping[str, Series]) -> list[dict[str, object]]:
    fires = [alert.fires, *([ALSO[alert.name]] if alert.name in ALSO else [])]
    found = [_test(alert, case, known, "fires", firing=True) for case in fires]
    return found + [_test(alert, case, known, "quiet", firing=False) for case in alert.quiet]


def _test(
    alert: Alert, case: Case, known: Mapping[str, Series], word: str, *, firing: bool
) -> dict[str, object]:
    labels = {**case.labels, "severity": alert.severity}
    expected = [{"exp_labels": labels, "exp_annotations": alert.rendered(case)}] if firing else []
    judged: list[tuple[int, list[dict[str, dict[str, str]]]]] = [(case.minute, expected)]
    if case.since is not None:
        judged.insert(0, (case.since + alert.hold - 1, []))
    return {
        "name": f"{alert.name} {word}: {case.why}",
        "interval": "1m",
        "input_series": inputs(case.told, known),
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": alert.name, "exp_alerts": alerts}
            for minute, alerts in judged
        ],
    }


def inputs(told: Sequence[Told], known: Mapping[str, Series]) -> list[dict[str, str]]:
    """Series as promtool wants them, with all their labels."""
    found = []
    for each in told:
        own = {label: DEMO[label] for label in known[each.name].labels if label in DEMO}
        labels = ",".join(f'{name}="{value}"' for name, value in (own | each.labels).items())
        found.append({"series": f"{each.name}{{{labels}}}", "values": each.values})
    return found


def world_file(known: Mapping[str, Series], folder: Path, step: int) -> str:
    """The test that no alert fires at any minute of any world; too long to be kept.

    Args:
        known: Every series there is.
        folder: Where the files of rules lie.
        step: From one look at the rules to the next, in minutes.
    """
    silence = {
        "expr": f'count_over_time(ALERTS{{alertstate="firing"}}[{MINUTES}m])',
        "eval_time": f"{MINUTES}m",
        "exp_samples": [],
    }
    tests = [
        {
            "name": f"no alert: {world.why}",
            "interval": "1m",
            "input_series": inputs(tuple(world.told(known)), known),
            "promql_expr_test": [silence],
        }
        for world in WORLDS
    ]
    return written(
        {
            "evaluation_interval": f"{step}m",
            "rule_files": [str(folder / f"{name}.yml") for name in GROUPS],
            "tests": tests,
        }
    )
