"""The tools of the gate keep their promises: loud skips, two tiers, dead settings found."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import dead_code

from tests import tier
from tests.shared import REPOSITORY, shared


def inner(tmp_path: Path, sample: str) -> str:
    """The output of pytest, with our conftest, over a sample of its own."""
    file = tmp_path / "test_sample.py"
    file.write_text(sample, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(file),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_missing_recordings_are_said_aloud(tmp_path: Path) -> None:
    """A fresh clone is green without the recordings, and nobody is to think that it tested them."""
    said = inner(
        tmp_path,
        "from tests.shared import shared\n"
        "import pytest\n"
        "def test_one(): shared('data/nothing/here')\n"
        "@pytest.mark.skipif(True, reason='the moon is full')\n"
        "def test_three(): pass\n"
        "def test_two(): pass\n",
    )
    assert "1 tests were SKIPPED for want of recorded data" in said
    assert "1 tests were SKIPPED: the moon is full" in said
    assert said.splitlines()[-1].startswith("1 passed, 2 skipped")


def test_recordings_are_found_beside_the_repository() -> None:
    """What is there is used, not skipped."""
    assert shared("data").is_dir()


def test_the_tier_decides_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both tiers run the same code; only numbers differ."""
    monkeypatch.setattr(tier, "FULL", False)
    assert tier.scale(gate=3, full=20) == 3
    monkeypatch.setattr(tier, "FULL", True)
    assert tier.scale(gate=3, full=20) == 20


def test_a_setting_is_no_wire_format(tmp_path: Path) -> None:
    """A field of a message may be unused; a knob that turns nothing may not."""
    code = "class A(msgspec.Struct):\n    field_s: float\nclass B(A):\n    other_s: float\n"
    trees = {tmp_path / name: ast.parse(code) for name in ("wire.py", "settings.py")}
    assert dead_code.shapes(trees) == {tmp_path / "wire.py": {2, 4}}
