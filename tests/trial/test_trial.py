"""A fifth venue, which does not exist, is added to a copy of the repository: one folder and its tests.

What it took is written down in docs/decisions/0015-trial-of-a-fifth-venue.md.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.shared import REPOSITORY
from tests.test_house import NOT_OURS, RULES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(590)]

NAME: Final = "atlantis"
HERE: Final = Path(__file__).parent
PLACES: Final = {
    HERE / NAME: Path("src/ssmd/venues") / NAME,
    HERE / f"{NAME}_tests": Path("tests/venues") / NAME,
}
"""What is added, and where to."""
BIN: Final = Path(sys.prefix) / "bin"
MADE_BY_TOOLS: Final = shutil.ignore_patterns(*NOT_OURS, "*_cache", "*.egg-info")


def tree(root: Path) -> dict[str, bytes]:
    """Every file of a repository, less what tools make."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for top in root.iterdir()
        if not MADE_BY_TOOLS("", [top.name])
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.is_file() and not MADE_BY_TOOLS("", list(path.relative_to(root).parts))
    }


def run(copy: Path, *command: str | Path) -> str:
    """A command in the copy, which must succeed; what it said."""
    paths = [str(copy / "src"), os.environ.get("PYTHONPATH", "")]
    # What the runner of this very test tells its workers is not meant for another runner.
    env = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=copy,
        env=env | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def passes(copy: Path, *arguments: str) -> None:
    """Tests of the copy, which must pass; none at all is a failure too."""
    scratch = copy.parent / "scratch"
    run(copy, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", scratch, *arguments)  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with one venue more."""
    root = tmp_path_factory.mktemp("trial") / "copy"
    shutil.copytree(REPOSITORY, root, ignore=MADE_BY_TOOLS)
    for source, place in PLACES.items():
        shutil.copytree(source, root / place, ignore=MADE_BY_TOOLS)
    return root


def test_the_difference_is_one_folder_and_its_tests(copy: Path) -> None:
    """No list of names is kept anywhere: neither in code nor in tests, settings or documents."""
    before, after = tree(REPOSITORY), tree(copy)
    added = sorted(after.keys() - before.keys())
    assert added
    assert [path for path in added if Path(path).parent not in PLACES.values()] == []
    assert {path: before[path] for path in before if after.get(path) != before[path]} == {}


def test_it_is_linted_typed_and_keeps_the_arrows(copy: Path) -> None:
    """The contracts of imports reach a new folder by wildcard."""
    places = [str(place) for place in PLACES.values()]
    run(copy, "ruff", "format", "--no-cache", "--check", *places)
    run(copy, "ruff", "check", "--no-cache", *places)
    run(copy, "mypy", *places)
    run(copy, "lint-imports", "--no-logo", "--no-cache")


def test_it_keeps_the_rules_of_the_house(copy: Path) -> None:
    """Nothing of the house outgrows them, and nothing in `src/` speaks of it but itself."""
    judged = {path: text.decode() for path, text in tree(copy).items() if f"/{NAME}/" in path}
    complaints = [
        each
        for check, tops, ending, _ in RULES
        for path, text in judged.items()
        if path.startswith(tops) and path.endswith(ending)
        for each in check(path, text)
    ]
    assert complaints == []
    passes(copy, "tests/test_house.py", "-k", "keeps_its_rule and name_a_venue")


def test_it_is_what_every_venue_owes(copy: Path) -> None:
    """The contracts find it by themselves; its own tests are beside them."""
    contracts = sorted(path.name for path in (copy / "tests/venues").glob("test_contract*.py"))
    assert len(contracts) > 1
    passes(copy, *(f"tests/venues/{name}" for name in [*contracts, NAME]), "-k", NAME)


def test_the_command_line_knows_it(copy: Path) -> None:
    """Its feed is listed, and found well as a file."""
    listed = json.loads(
        run(copy, "python", "-m", "ssmd", "feed", "list", "--json").splitlines()[-1]
    )
    (found,) = [each for each in listed if each["name"] == NAME]
    assert (found["venue"], found["status"], found["source"]) == (NAME, "active", "shipped")
    file = Path("src/ssmd/venues") / NAME / "feed.yaml"
    told = json.loads(run(copy, "python", "-m", "ssmd", "feed", "validate", file, "--json"))
    assert (told["ok"], told["feeds"][0]["feed"]) == (True, NAME)


def test_what_it_said_under_faults_is_archived(copy: Path) -> None:
    """With an account, by discovery, through fourteen faults; its ledger and the archive agree."""
    passes(copy, "tests/e2e/test_venues.py", "-k", f"{NAME} and faults")


@pytest.mark.full
@pytest.mark.parametrize(
    "arguments",
    [
        ("tests/test_house.py", "tests/test_documents.py", "tests/feeds", "tests/cli"),
        ("tests/e2e/test_demo.py",),
        ("tests/e2e/test_venues.py", "-k", f"{NAME} and universe"),
        ("tests/e2e/test_venue_trouble.py", "tests/e2e/test_liveness.py", "-k", NAME),
    ],
    ids=["house", "demo", "universe", "trouble"],
)
def test_everything_that_looks_at_all_venues_is_content(
    copy: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One venue more breaks no test, and is in each that goes through all of them."""
    monkeypatch.setenv("SSMD_TEST_TIER", "full")
    passes(copy, *arguments)
