"""Writes what is installed beside this interpreter as a bill of materials, CycloneDX 1.6 as JSON.

python scripts/sbom.py FILE

It needs nothing but Python, so that it runs in an image. The same installation gives the same bytes:
the time in it is SOURCE_DATE_EPOCH, and is left out where there is none.
"""

import json
import os
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

ROOT: Final = "ssmd-recorder"
"""The package whose image this is; everything else is there for it."""
_SPEC: Final = "1.6"
_NAMESPACE: Final = uuid.UUID("5f0c2a53-7a42-5d1c-9a1f-6d2f35f0c001")
_CLASSIFIER: Final = "License :: "
_LONGEST: Final = 100
"""A longer text under `License` is the licence itself, not its name."""


def normal(name: str) -> str:
    """A package's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(installed: Iterable[Distribution], epoch: str | None = None) -> dict[str, Any]:
    """The bill of materials.

    Args:
        installed: What is installed.
        epoch: The time that stands in it, in seconds since the Unix epoch.

    Raises:
        LookupError: The package whose bill it is is not installed.
    """
    known = {normal(each.metadata["Name"]): each for each in installed}
    if ROOT not in known:
        message = f"{ROOT} is not installed here."
        raise LookupError(message)
    references = {name: purl(name, each.version) for name, each in sorted(known.items())}
    metadata: dict[str, Any] = {"component": _component(ROOT, known[ROOT], kind="application")}
    if epoch is not None:
        metadata["timestamp"] = f"{datetime.fromtimestamp(int(epoch), UTC):%Y-%m-%dT%H:%M:%SZ}"
    made: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC,
        "version": 1,
        "metadata": metadata,
        "components": [_component(name, known[name]) for name in references if name != ROOT],
        "dependencies": [
            {
                "ref": reference,
                "dependsOn": sorted(
                    {references[needed] for needed in _needs(known[name]) if needed in known}
                ),
            }
            for name, reference in references.items()
        ],
    }
    content = json.dumps(made, sort_keys=True)
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, content)}", **made}


def purl(name: str, version: str) -> str:
    """How others name a package."""
    return f"pkg:pypi/{name}@{version}"


def _component(name: str, installed: Distribution, kind: str = "library") -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind,
        "bom-ref": purl(name, installed.version),
        "name": name,
        "version": installed.version,
        "purl": purl(name, installed.version),
    }
    if summary := _told(installed, "Summary"):
        found["description"] = summary
    if licences := _licences(installed):
        found["licenses"] = licences
    return found


def _licences(installed: Distribution) -> list[dict[str, Any]]:
    """An expression where there is one, else the names that it goes by."""
    if expression := _told(installed, "License-Expression"):
        return [{"expression": expression}]
    names = [
        text.rpartition(" :: ")[2]
        for text in installed.metadata.get_all("Classifier") or []
        if text.startswith(_CLASSIFIER) and text.count(" :: ") > 1
    ]
    short = _told(installed, "License").strip()
    if not names and short and len(short) <= _LONGEST and "\n" not in short:
        names = [short]
    return [{"license": {"name": name}} for name in sorted(set(names))]


def _told(installed: Distribution, field: str) -> str:
    values: list[str] = installed.metadata.get_all(field) or [""]
    return values[0]


def _needs(installed: Distribution) -> Iterator[str]:
    """What it wants installed, its extras apart."""
    for wanted in installed.requires or []:
        requirement, _, marker = wanted.partition(";")
        name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
        if name and "extra" not in marker:
            yield normal(name[1])


def main(arguments: list[str]) -> int:
    """Write the file that is named."""
    if len(arguments) != 1:
        print("Usage: python scripts/sbom.py FILE", file=sys.stderr)
        return 2
    made = bill(distributions(), os.environ.get("SOURCE_DATE_EPOCH") or None)
    Path(arguments[0]).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
