"""What the pages show works: every block of Python, every doctest, every cell of the notebook."""

import doctest
import importlib.util
import json
import pkgutil
import re
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from ssmd import access
from tests.access.world import Truth
from tests.shared import REPOSITORY

HOW_TO = REPOSITORY / "docs/how-to"
NOTEBOOK = REPOSITORY / "docs/research.ipynb"
DRAWS = ".plot."


def blocks(page: str) -> list[str]:
    """The blocks of Python on a page."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(r"(?ms)^```python\n(.*?)^```", text)


def cells() -> list[str]:
    """The cells of code of the notebook."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def needs_altair(parts: list[str]) -> None:
    """Skip what draws where nothing can draw; said aloud."""
    if any(DRAWS in part for part in parts) and importlib.util.find_spec("altair") is None:
        pytest.skip("altair is not installed: what draws was not run (pip install altair)")


@pytest.fixture
def beside_data(
    played: tuple[Path, dict[str, list[Truth]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A folder in which `data` is an archive of all venues' simulations."""
    (tmp_path / "data").symlink_to(played[0])
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", access.Incomplete)
        yield


def run(parts: list[str], name: str) -> dict[str, object]:
    """Run parts of Python one after the other, in one place."""
    names: dict[str, object] = {"__name__": "__main__"}
    for number, part in enumerate(parts, 1):
        exec(compile(part, f"{name}, part {number}", "exec"), names)  # noqa: S102 - our own pages
    return names


@pytest.mark.usefixtures("beside_data")
def test_the_cookbook_is_right() -> None:
    """Ten questions; whoever copies an answer gets one."""
    parts = blocks("cookbook.md")
    numbers = re.findall(r"(?m)^## (\d+)\. ", (HOW_TO / "cookbook.md").read_text(encoding="utf-8"))
    assert numbers == [str(number) for number in range(1, 11)]
    names = run([part for part in parts if DRAWS not in part], "cookbook.md")
    for answer in ("last", "spread", "bars", "book", "minutes", "settled", "both"):
        assert len(names[answer]), answer  # type: ignore[arg-type] # a frame
    assert Path("btc.parquet").stat().st_size
    assert "0.0000000000" not in Path("btc.csv").read_text(encoding="utf-8").splitlines()[1][:60]


@pytest.mark.usefixtures("beside_data")
def test_the_cookbook_draws(capsys: pytest.CaptureFixture[str]) -> None:
    """The drawing is made; it is the one answer that needs a package of its own."""
    parts = blocks("cookbook.md")
    needs_altair(parts)
    run([parts[0], *(part for part in parts if DRAWS in part)], "cookbook.md")
    assert '"close"' in Path("close.html").read_text(encoding="utf-8")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("beside_data")
def test_the_page_on_python_is_right() -> None:
    """Every block of it runs."""
    assert len(blocks("python.md")) >= 3
    with warnings.catch_warnings():
        run(blocks("python.md"), "python.md")


@pytest.mark.usefixtures("beside_data")
def test_the_notebook_runs() -> None:
    """From top to bottom; and it is committed without what it once put out."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    needs_altair(cells())
    run(cells(), "research.ipynb")


@pytest.mark.usefixtures("beside_data")
def test_the_examples_in_docstrings_are_right(root: Path) -> None:
    """Of every file of the room, against an archive of known trades."""
    Path("data").unlink()
    Path("data").symlink_to(root)
    tried = failed = 0
    for module in pkgutil.iter_modules(access.__path__, f"{access.__name__}."):
        found = doctest.testmod(import_module(module.name), optionflags=doctest.ELLIPSIS)
        tried += found.attempted
        failed += found.failed
    assert failed == 0
    assert tried >= 12
