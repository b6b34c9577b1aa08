"""The list of what can be scraped is what a Prometheus wants, and always whole."""

import json
from pathlib import Path

from ssmd.archive import layout
from ssmd.cli.targets import Targets


def listed(root: Path) -> dict[str, str]:
    """Addresses by instance, as the file tells them."""
    groups = json.loads(layout.prometheus_targets(root).read_bytes())
    assert all(each["labels"]["archive"] == str(root.resolve()) for each in groups)
    return {each["labels"]["instance"]: target for each in groups for target in each["targets"]}


def test_a_service_keeps_its_name_whatever_its_port(tmp_path: Path) -> None:
    """A restart at another port must not look like another service."""
    targets = Targets(tmp_path)
    targets.clear()
    assert listed(tmp_path) == {}
    targets.add("archiver", "http://127.0.0.1:1234")
    targets.add("connector-a", "http://[::1]:99")
    targets.add("archiver", "http://127.0.0.1:4321")
    assert listed(tmp_path) == {"archiver": "127.0.0.1:4321", "connector-a": "[::1]:99"}
    targets.drop("archiver")
    targets.drop("archiver")
    assert listed(tmp_path) == {"connector-a": "[::1]:99"}
    targets.clear()
    assert listed(tmp_path) == {}
    assert [each.name for each in layout.prometheus_targets(tmp_path).parent.iterdir()] == [
        "targets.json"
    ]


def test_a_list_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """A full disk is no reason to end a recording."""
    (tmp_path / ".run").write_text("in the way")
    Targets(tmp_path).add("archiver", "http://127.0.0.1:1234")
    assert (tmp_path / ".run").read_text() == "in the way"
