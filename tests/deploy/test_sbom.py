"""The bill of materials names what is installed, in the form that others read."""

import json
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from scripts import sbom

from ssmd import __version__

COMPONENT: dict[str, Any] = {
    "type": "object",
    "required": ["type", "name", "version", "bom-ref", "purl"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["application", "library"]},
        "bom-ref": {"type": "string", "minLength": 1},
        "name": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
        "version": {"type": "string", "minLength": 1},
        "description": {"type": "string"},
        "purl": {"type": "string", "pattern": "^pkg:pypi/[a-z0-9-]+@[A-Za-z0-9.!+_-]+$"},
        "licenses": {
            "oneOf": [
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["expression"],
                        "additionalProperties": False,
                        "properties": {"expression": {"type": "string", "minLength": 1}},
                    },
                },
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["license"],
                        "additionalProperties": False,
                        "properties": {"license": {"type": "object", "required": ["name"]}},
                    },
                },
            ]
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["bomFormat", "specVersion", "serialNumber", "version", "metadata", "components"],
    "additionalProperties": False,
    "properties": {
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.6"},
        "serialNumber": {
            "type": "string",
            "pattern": "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        },
        "version": {"type": "integer", "minimum": 1},
        "metadata": {
            "type": "object",
            "required": ["component"],
            "additionalProperties": False,
            "properties": {
                "timestamp": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                "component": COMPONENT,
            },
        },
        "components": {"type": "array", "uniqueItems": True, "items": COMPONENT},
        "dependencies": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "required": ["ref"],
                "additionalProperties": False,
                "properties": {
                    "ref": {"type": "string"},
                    "dependsOn": {"type": "array", "uniqueItems": True},
                },
            },
        },
    },
}
"""What of CycloneDX 1.6 we use, as its specification has it."""


class Shelf:
    """A folder of packages that nobody installed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def package(self, name: str, *lines: str) -> Distribution:
        """A package with these lines of metadata."""
        folder = self._folder / f"{name}.dist-info"
        folder.mkdir(exist_ok=True)
        text = "\n".join((f"Name: {name}", "Version: 1.0", *lines, "", ""))
        (folder / "METADATA").write_text(text, encoding="utf-8")
        return Distribution.at(folder)

    def bill(self, *packages: Distribution) -> dict[str, Any]:
        """The bill of us and these."""
        ours = self.package("SSMD_recorder", "License-Expression: MIT")
        return sbom.bill([ours, *packages])


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty one."""
    return Shelf(tmp_path)


def refs(made: dict[str, Any]) -> Iterable[str]:
    """How its components are called."""
    return [each["bom-ref"] for each in (made["metadata"]["component"], *made["components"])]


def test_what_is_installed_here_makes_a_sound_bill() -> None:
    """Every package once, each reference meets one, and our own stands for the whole."""
    made = sbom.bill(distributions(), "1700000000")
    jsonschema.validate(made, SCHEMA)
    known = list(refs(made))
    assert len(known) == len(set(known)) > 60
    assert {each["ref"] for each in made["dependencies"]} == set(known)
    for each in made["dependencies"]:
        assert set(each["dependsOn"]) <= set(known)
    ours = made["metadata"]["component"]
    assert (ours["name"], ours["version"]) == ("ssmd-recorder", __version__)
    needs = next(each for each in made["dependencies"] if each["ref"] == ours["bom-ref"])
    assert any(re.match("pkg:pypi/aiohttp@", ref) for ref in needs["dependsOn"])
    assert made["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_the_same_installation_gives_the_same_bytes(shelf: Shelf) -> None:
    """In whatever order they are found; another version is another bill."""
    one, two = shelf.package("One"), shelf.package("Two_more")
    assert shelf.bill(one, two) == shelf.bill(two, one)
    assert shelf.bill(one)["serialNumber"] != shelf.bill(two)["serialNumber"]
    assert "timestamp" not in shelf.bill(one)["metadata"]


@pytest.mark.parametrize(
    ("lines", "licences"),
    [
        (["License-Expression: MIT OR Apache-2.0"], [{"expression": "MIT OR Apache-2.0"}]),
        (
            ["Classifier: License :: OSI Approved :: MIT License", "License: whatever"],
            [{"license": {"name": "MIT License"}}],
        ),
        (["License: BSD"], [{"license": {"name": "BSD"}}]),
        ([f"License: {'long ' * 40}"], None),
        (["Classifier: License :: OSI Approved"], None),
        ([], None),
    ],
)
def test_a_licence_is_what_the_package_says(
    shelf: Shelf, lines: list[str], licences: object
) -> None:
    """An expression before names, names before text; nothing is guessed."""
    made = shelf.bill(shelf.package("one", *lines))
    jsonschema.validate(made, SCHEMA)
    assert made["components"][0].get("licenses") == licences


def test_needs_are_those_that_are_installed(shelf: Shelf) -> None:
    """Extras and what other systems need are left out."""
    one = shelf.package("one", "Requires-Dist: Two_More>=1; python_version > '3'",
                  "Requires-Dist: three; extra == 'x'", "Requires-Dist: absent (>=2)")  # fmt: skip
    made = shelf.bill(one, shelf.package("two.more"), shelf.package("three"))
    needs = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    assert needs["pkg:pypi/one@1.0"] == ["pkg:pypi/two-more@1.0"]


def test_the_script_writes_a_file_and_refuses_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a build step calls."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    assert sbom.main([str(tmp_path / "bill.json")]) == 0
    jsonschema.validate(json.loads((tmp_path / "bill.json").read_bytes()), SCHEMA)
    assert sbom.main([]) == 2
    with pytest.raises(LookupError, match="not installed"):
        sbom.bill([])
