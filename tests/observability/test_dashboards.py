"""Dashboards are code: Grafana can import them, and every expression is one Prometheus reads."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripts import observability
from scripts.observe import alerts, expressions
from scripts.observe.board import Board
from scripts.observe.boards import BOARDS

from tests.observability.server import promtool

KNOWN = alerts.queryable()
CHOSEN = re.compile(r"\$(?!__)(\w+)")
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def imported(board: Board) -> dict[str, Any]:
    """A dashboard as Grafana gets it."""
    path = observability.FOLDER / "dashboards" / f"{board.uid}.json"
    told: dict[str, Any] = json.loads(path.read_bytes())
    return told


def plain(expression: str) -> str:
    """An expression with what Grafana puts in for its own variables."""
    return CHOSEN.sub(".*", expression.replace("$__rate_interval", "1m"))


def read_by_prometheus(found: list[str], folder: Path) -> str:
    """What promtool says against expressions: each stands in a rule of its own."""
    named = [{"record": f"ssmd:of:{at}", "expr": plain(each)} for at, each in enumerate(found)]
    file = folder / "expressions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": named}]}))
    done = promtool("check", "rules", file)
    return "" if done.returncode == 0 else done.stderr + done.stdout


@each_board
def test_grafana_can_import_it(board: Board) -> None:
    """Ids are unique, every panel has a place of its own, the source is the reader's choice."""
    told = imported(board)
    assert told["schemaVersion"] >= 36
    assert told["uid"] == board.uid
    names = [each["name"] for each in told["templating"]["list"]]
    assert names[0] == "datasource"
    text = json.dumps(told)
    assert text.count('"type": "prometheus"') == text.count('"uid": "${datasource}"')
    panels = told["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 5
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not own & cells, panel["title"]
        cells |= own
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["title"]
            assert len({each["refId"] for each in panel["targets"]}) == len(panel["targets"]) > 0
    used = {name for each in board.expressions() for name in CHOSEN.findall(each)}
    assert used == set(names[1:]), "a variable nobody uses, or one nobody declares"


@each_board
def test_its_expressions_name_what_there_is(board: Board) -> None:
    """A renamed metric leaves an empty picture, which looks like peace."""
    found = [c for each in board.expressions() for c in expressions.complaints(each, KNOWN)]
    assert found == []
    for label, metric in board.variables:
        assert label in KNOWN[metric].labels
    for row in board.rows:
        for panel in row.panels:
            for expression, legend in panel.queries:
                labels = {n for use in expressions.uses(expression) for n in KNOWN[use.name].labels}
                assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels, panel.title


def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    """A bracket too few is seen here, not on a wall."""
    found = [each for board in BOARDS for each in board.expressions()]
    assert len(found) > 80
    assert read_by_prometheus(found, tmp_path) == ""
    assert read_by_prometheus(["sum by (feed (ssmd_ready)"], tmp_path)


def test_every_alert_can_be_seen_somewhere() -> None:
    """What wakes somebody is in a picture: at least the metric it is about."""
    drawn = {
        use.name
        for board in BOARDS
        for each in board.expressions()
        for use in expressions.uses(each)
    }
    recorded = {each.name: each.expr for each in alerts.RECORDINGS}
    drawn |= {
        use.name for name in drawn & recorded.keys() for use in expressions.uses(recorded[name])
    }
    unseen = [
        alert.name
        for alert in alerts.every()
        if not drawn & {use.name for use in expressions.uses(alert.expr)}
    ]
    assert unseen == []
