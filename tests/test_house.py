"""The rules of the house hold, and each check is seen to bite on a bad sample."""

import functools
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import house
from tests.shared import REPOSITORY, shared

Check = Callable[[str, str], list[str]]

NOT_OURS = frozenset(
    {".git", ".venv", ".state", ".hypothesis", "__pycache__", "data", "dist", "build"}
)
"""Folders that tools and recordings make."""


@functools.cache
def files() -> dict[str, str]:
    """Every text file of the repository, by its path from the root; what git ignores left out."""
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [
            n for n in folders if n not in NOT_OURS and not n.endswith(("_cache", ".egg-info"))
        ]
        for name in names:
            path = Path(folder, name)
            try:
                found[path.relative_to(REPOSITORY).as_posix()] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return found


def below(*tops: str, ending: str = ".py") -> dict[str, str]:
    """The files under some folders."""
    return {p: t for p, t in files().items() if p.startswith(tops) and p.endswith(ending)}


def venues() -> frozenset[str]:
    """The venues there are: the folders, and nothing but the folders."""
    return frozenset(path.parent.name for path in (REPOSITORY / "src/ssmd/venues").glob("*/*.py"))


def name_a_venue(path: str, text: str) -> list[str]:
    """The venues' check, with the venues there are."""
    return house.names_a_venue(path, text, venues())


def rooms_on_disk() -> set[str]:
    """The rooms there are: folders with code in them."""
    return {path.parent.name for path in (REPOSITORY / "src/ssmd").glob("*/*.py")}


def layers() -> list[str]:
    """The layers of the import contract."""
    settings = tomllib.loads(files()["pyproject.toml"])
    contracts = settings["tool"]["importlinter"]["contracts"]
    return next(list(each["layers"]) for each in contracts if each["id"] == "arrows")


SOURCE = ("src/",)
PYTHON = ("src/", "tests/", "scripts/", "benchmarks/")
EVERYWHERE = ("",)

RULES: list[tuple[Check, tuple[str, ...], str, tuple[str, str]]] = [
    (house.is_too_long, PYTHON, ".py", ("src/ssmd/bus/a.py", "x = 1\n" * 401)),
    (house.is_nameless, PYTHON, ".py", ("src/ssmd/bus/utils.py", "")),
    (name_a_venue, SOURCE, "", ("src/ssmd/bus/a.py", f"# as {max(venues()).upper()} does")),
    (house.reads_the_clock, SOURCE, ".py", ("src/ssmd/bus/a.py", "from time import time as t")),
    (
        house.reads_the_clock,
        SOURCE,
        ".py",
        ("src/ssmd/bus/a.py", "from datetime import datetime as d\nd.now()"),
    ),
    (house.exits, SOURCE, ".py", ("src/ssmd/bus/a.py", "raise SystemExit(1)")),
    (house.exits, SOURCE, ".py", ("src/ssmd/bus/a.py", "from sys import exit as leave\nleave()")),
    (house.builds_archive_paths, SOURCE, ".py", ("src/ssmd/bus/a.py", "p = f'raw/{feed}'")),
    (
        house.parses_a_payload,
        SOURCE,
        ".py",
        ("src/ssmd/archive/a.py", "import json\nbody = json.loads(envelope.payload)"),
    ),
    (
        house.lacks_a_docstring,
        ("src/", "scripts/", "benchmarks/"),
        ".py",
        ("src/ssmd/bus/a.py", "x = 1"),
    ),
    (house.tests_without_a_reason, ("tests/",), ".py", ("tests/a.py", "def test_a(): pass")),
    (house.names_this_machine, EVERYWHERE, "", ("docs/a.md", "see /" + "home/anna/ssmd")),
    (house.names_a_registry, EVERYWHERE, "", ("a.txt", "--" + "index-url https://x")),
    (house.is_unfinished, PYTHON, ".py", ("src/ssmd/bus/a.py", "# TO" + "DO: later")),
    (
        house.skips_quietly,
        ("tests/",),
        ".py",
        ("tests/a.py", "import pytest\n@pytest.mark.skip\ndef test_a(): ..."),
    ),
    (house.is_recorded_data, EVERYWHERE, "", ("tests/capture-v2.jsonl.gz", "")),
    (house.unlocked, ("requirements/",), ".txt", ("requirements/a.txt", "click==8.1 ; x\nrich")),
]
IDS = [f"{check.__name__}-{number}" for number, (check, *_) in enumerate(RULES)]


@pytest.mark.parametrize(("check", "tops", "ending", "sample"), RULES, ids=IDS)
def test_the_house_keeps_its_rule(
    check: Check, tops: tuple[str, ...], ending: str, sample: tuple[str, str]
) -> None:
    """A convention nobody enforces is gone within a month."""
    tree = below(*tops, ending=ending)
    assert tree, "the rule looks at no file at all"
    complaints = [each for path, text in tree.items() for each in check(path, text)]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(("check", "tops", "ending", "sample"), RULES, ids=IDS)
def test_the_rule_bites(
    check: Check, tops: tuple[str, ...], ending: str, sample: tuple[str, str]
) -> None:
    """A check that cannot fail proves nothing."""
    assert check(*sample)


def test_nothing_names_where_this_repository_lies() -> None:
    """A path that works here works nowhere else."""
    parent = str(REPOSITORY.parent)
    if parent in {"/", tempfile.gettempdir()}:
        return  # every absolute path would be a match
    assert [path for path, text in files().items() if f"{parent}/" in text] == []


def test_one_venue_may_extend_the_name_of_another() -> None:
    """A folder is not blamed for holding its own name, nor for a shorter one inside it."""
    both = frozenset({"alpha", "alpha_futures", "beta"})
    assert not house.names_a_venue("src/ssmd/venues/alpha_futures/a.py", "# alpha-futures", both)
    assert house.names_a_venue("src/ssmd/venues/alpha/a.py", "# AlphaFutures", both)
    assert house.names_a_venue("src/ssmd/venues/alpha/a.py", "# Beta", both)


@pytest.mark.parametrize(
    "text",
    [
        "import msgspec\nmsgspec.json.decode(envelope.payload, type=dict)",
        "from json import loads as read\nread(line.envelope.payload.decode())",
        "from msgspec.json import Decoder\nread = Decoder().decode\nread(bytes(frame.payload))",
        "class A:\n  def a(self):\n    self._r = json.loads\n    self._r(self.frame.payload)",
        "text = frame.payload.decode()\nbody = json.loads(text)",
        "from ssmd.model import fields\nfields.decode(envelope.payload)",
        "from x import decode_connection\ndecode_connection(envelope.payload)",
    ],
)
def test_a_payload_read_by_another_name_is_found(text: str) -> None:
    """Who parses a frame beside the venue's folder does not see what the venue changes next."""
    assert house.parses_a_payload("src/ssmd/bus/a.py", text)
    assert not house.parses_a_payload("src/ssmd/venues/a/rows.py", text)


@pytest.mark.parametrize(
    "text",
    [
        "text = envelope.payload.decode(errors='replace')",
        "rows = venue.rows(envelope)",
        "from ssmd.model.records import decode_ledger\nrecord = decode_ledger(envelope.payload)",
        "from ssmd.model import records\nrecords.decode_connection(line.envelope.payload)",
        "import msgspec\nmsgspec.json.decode(path.read_bytes())",
    ],
)
def test_what_is_ours_may_be_read(text: str) -> None:
    """Our own records, bytes as text, and files are no frames of a venue."""
    assert not house.parses_a_payload("src/ssmd/bus/a.py", text)


def test_every_exception_of_ours_is_needed() -> None:
    """An exception nobody uses any more is a hole."""
    tree = below(*SOURCE)
    for each in house.OF_OURS:
        rest = house.OF_OURS - {each}
        assert any(house.parses_a_payload(p, t, rest) for p, t in tree.items()), each


def test_rooms_arrows_and_architecture_agree() -> None:
    """The page, the contract and the folders are the same house."""
    architecture = files()["ARCHITECTURE.md"]
    assert rooms_on_disk() == set(house.rooms_in_layers(layers()))
    assert house.rooms_in_text(architecture) == house.rooms_in_layers(layers())
    assert house.arrows_in_text(architecture) == layers()


def test_a_room_nobody_declared_is_found() -> None:
    """The comparison above reads what it should: a room or an arrow less is seen."""
    page = "| `cli/` | x |\n| `bus/` | y |\n```arrows\ncli\nbus | venues\n```"
    assert house.rooms_in_text(page) == ["cli", "bus"]
    assert house.rooms_in_layers(["cli", "bus | venues"]) == ["cli", "bus", "venues"]
    assert house.arrows_in_text(page) == ["cli", "bus | venues"]


def test_readme_names_what_a_user_can_make() -> None:
    """The first page shows every target that is for users, CONTRIBUTING the others."""
    makefile = files()["Makefile"]
    users, maintainers = house.targets(makefile, "##"), house.targets(makefile, "#:")
    assert {"demo", "test"} <= set(users)
    assert maintainers
    assert [name for name in users if f"make {name}" not in files()["README.md"]] == []
    assert [name for name in maintainers if f"make {name}" not in files()["CONTRIBUTING.md"]] == []


def test_the_gate_is_what_a_developer_runs() -> None:
    """What the machine judges by is what a person can run: one command, the same."""
    lines = [line for line in files()[".ci/run"].splitlines() if line and not line.startswith("#")]
    assert lines[-1] == "make test"
    assert "set -euo pipefail" in lines
    assert os.access(REPOSITORY / ".ci/run", os.X_OK)


def test_the_changelog_follows_the_version() -> None:
    """A user reads there what a version asks of them."""
    version: dict[str, str] = {}
    exec(files()["src/ssmd/__init__.py"], version)  # noqa: S102 - one assignment of ours
    assert f"## [{version['__version__']}]" in files()["CHANGELOG.md"]


def test_every_dependency_has_its_reason() -> None:
    """Nothing is depended upon that nobody argued for (docs/decisions/0002)."""
    settings = tomllib.loads(files()["pyproject.toml"])
    wanted = [*settings["project"]["dependencies"]]
    for group in settings["dependency-groups"].values():
        wanted += [each for each in group if isinstance(each, str)]
    page = files()["docs/decisions/0002-dependencies.md"].lower()
    names = {_locked(each) for each in wanted}
    assert [name for name in sorted(names) if f"| {name} |" not in page] == []


def _locked(wanted: str) -> str:
    """A package as the lock names it."""
    return wanted.split(">", maxsplit=1)[0].split("[", maxsplit=1)[0].lower()


def test_the_lock_is_of_these_dependencies() -> None:
    """A dependency added without `make lock` would be missing on the next machine."""
    settings = tomllib.loads(files()["pyproject.toml"])
    runtime = files()["requirements/runtime.txt"].lower().replace("_", "-")
    dev = files()["requirements/dev.txt"].lower().replace("_", "-")
    for each in settings["project"]["dependencies"]:
        assert f"\n{_locked(each)}==" in runtime
    for group in ("dev", "build"):
        for each in settings["dependency-groups"][group]:
            assert isinstance(each, dict) or f"\n{_locked(each)}==" in dev


def test_the_package_carries_its_data(tmp_path: Path) -> None:
    """A wheel without feed.yaml or py.typed works here and nowhere else."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    listing = zipfile.ZipFile(wheel).namelist()
    for venue in venues():
        assert f"ssmd/venues/{venue}/feed.yaml" in listing
    assert "ssmd/py.typed" in listing
    assert {name.partition("/")[0].partition("-")[0] for name in listing} == {
        "ssmd",
        "ssmd_recorder",
    }


def recorded_frames() -> frozenset[str]:
    """The first long frames of every recording, verbatim and as they look inside a JSON string."""
    frames: set[str] = set()
    for capture in sorted(shared("data").glob("*/capture-*.jsonl.gz")):
        with gzip.open(capture, "rt", encoding="utf-8") as lines:
            for _, line in zip(range(40), lines, strict=False):
                raw = json.loads(line)["raw"].strip()
                if len(raw) >= 200:
                    frames |= {raw[:400], json.dumps(raw[:400])[1:-1]}
    return frozenset(frames)


def test_no_recorded_frame_is_committed() -> None:
    """The recordings carry no licence; what looks like a fixture may be somebody's property."""
    frames = recorded_frames()
    assert frames
    complaints = [each for p, t in files().items() for each in house.quotes(p, t, frames)]
    assert not complaints, "\n".join(complaints)


def test_a_recorded_frame_would_be_found() -> None:
    """The check sees a frame inside a longer file."""
    frame = hashlib.sha256(b"x").hexdigest() * 4
    assert house.quotes("tests/a.jsonl", f'{{"raw":"{frame}"}}', frozenset({frame}))
