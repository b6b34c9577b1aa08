"""Every import contract is seen to bite: a copy of the tree breaks each of them once."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.shared import REPOSITORY

SINS = {
    "arrows": ("model/errors.py", "import ssmd.runtime.clock"),
    "venues-apart": ("venues/intruder/__init__.py", "import ssmd.venues.neighbour"),
    "venues-model-only": ("venues/intruder/__init__.py", "import ssmd.runtime.clock"),
    "pure": ("archive/layout.py", "import os"),
    "door-nats": ("connector/__init__.py", "import nats"),
    "door-websocket": ("bus/__init__.py", "import picows"),
    "door-http": ("bus/__init__.py", "import aiohttp"),
    "door-prometheus": ("bus/__init__.py", "import prometheus_client"),
    "pure-manifests": ("operator/manifests/facts.py", "import os"),
    "operator-below": ("operator/__init__.py", "import ssmd.secmaster.statuses"),
    "door-kubernetes": ("feeds/__init__.py", "import lightkube"),
    "door-zstandard": ("bus/__init__.py", "import zstandard"),
    "door-arrow": ("feeds/__init__.py", "import pyarrow"),
    "door-frames": ("archive/reader.py", "import polars"),
    "door-object-stores": ("archive/reader.py", "import obstore"),
    "door-postgres": ("feeds/__init__.py", "import psycopg"),
    "door-migrations": ("secmaster/database.py", "import sqlalchemy"),
    "door-yaml": ("feeds/__init__.py", "import yaml"),
    "door-terminal": ("runtime/__init__.py", "import rich.table"),
    "door-pictures": ("feeds/__init__.py", "import matplotlib"),
    "door-uvloop": ("bus/__init__.py", "import uvloop"),
    "door-web": ("quality/__init__.py", "import starlette.requests"),
    "door-agents": ("api/__init__.py", "import mcp"),
    "door-cryptography": ("feeds/__init__.py", "import cryptography.fernet"),
}
"""What breaks each contract: a line, and the file of `src/ssmd` it is added to."""

SIBLINGS = ("connector/__init__.py", "import ssmd.archive.layout")
UNDECLARED = "annexe/__init__.py"


def lint(root: Path, *arguments: str) -> tuple[int, str]:
    """Run import-linter over a copy of the tree."""
    done = subprocess.run(
        [Path(sys.prefix) / "bin/lint-imports", "--no-logo", "--no-cache", *arguments],
        cwd=root,
        env={"PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def add(root: Path, file: str, line: str) -> None:
    """Add a line to a file of the copy."""
    path = root / "src/ssmd" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree, to be spoilt."""
    shutil.copytree(
        REPOSITORY / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_bites(copy: Path) -> None:
    """A contract that cannot break, or a new one nobody broke, proves nothing."""
    settings = tomllib.loads((copy / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["id"]: each["name"] for each in settings["tool"]["importlinter"]["contracts"]}
    assert set(SINS) == set(contracts)
    add(copy, "venues/neighbour/__init__.py", "")
    for file, line in SINS.values():
        add(copy, file, line)
    code, said = lint(copy)
    assert code == 1
    assert [name for name in contracts.values() if f"{name} BROKEN" not in said] == [], said


@pytest.mark.parametrize("sin", [SIBLINGS, (UNDECLARED, "")], ids=["siblings", "undeclared room"])
def test_the_arrows_know_neighbours_and_strangers(copy: Path, sin: tuple[str, str]) -> None:
    """Rooms on one line are apart, and a room that no layer names does not pass unnoticed."""
    assert lint(copy, "--contract", "arrows")[0] == 0
    add(copy, *sin)
    assert lint(copy, "--contract", "arrows")[0] == 1


def test_a_contract_that_holds_says_so(copy: Path) -> None:
    """The contracts above are broken by the sins alone."""
    code, said = lint(copy)
    assert code == 0, said
