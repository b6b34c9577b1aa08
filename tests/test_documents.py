"""The documents say what is so: generated pages are current, links lead somewhere, commands exist."""

import re
import shlex
from pathlib import Path

import click
import pytest
from scripts import metrics_page, tables_page

from ssmd.cli.root import root
from ssmd.model.errors import SsmdError
from tests.shared import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
READERS = [path for path in PAGES if "decisions" not in path.parts]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def broken_links(page: Path, text: str) -> list[str]:
    """The relative links of a page that lead nowhere."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    return [target for target in targets if not (page.parent / target).exists()]


def commands(text: str) -> list[str]:
    """Every call of `ssmd` shown in a fenced block or between backticks."""
    fenced = re.findall(r"(?ms)^```\w*\n(.*?)^```", text)
    lines = [line.partition("  #")[0] for block in fenced for line in block.splitlines()]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text))
    calls = (re.sub(r"^(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?", "", line) for line in lines + inline)
    return [call.partition(" | ")[0].rstrip(" &") for call in calls if call.startswith("ssmd ")]


def refusal(call: str) -> str | None:
    """Why the command line does not know a call; None when it does. Nothing is run."""
    group: click.Command = root
    words = shlex.split(call)[1:]
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        found = group.get_command(click.Context(group), words.pop(0))
        if found is None:
            return f"no such command: {call}"
        group = found
    parameters = group.get_params(click.Context(group))
    known = {name for each in parameters for name in (*each.opts, *each.secondary_opts)}
    known |= {"-h", "--help"}
    unknown = [word for word in words if word.startswith("--") and word not in known]
    return f"{call}: no option {', '.join(unknown)}" if unknown else None


def test_the_page_of_metrics_is_current() -> None:
    """An alarm is written from the page; a name that is not there any more never fires."""
    shown = metrics_page.PAGE.read_text(encoding="utf-8")
    assert shown == metrics_page.page(), "run: .venv/bin/python scripts/metrics_page.py"


def test_the_page_of_tables_is_current() -> None:
    """People write SQL from the page; a column that is not there any more is an error."""
    shown = tables_page.PAGE.read_text(encoding="utf-8")
    assert shown == tables_page.page(), "run: .venv/bin/python scripts/tables_page.py"


def test_the_page_of_metrics_holds_every_metric() -> None:
    """The generator leaves nothing out."""
    page = metrics_page.page()
    names = [name for name, *_ in metrics_page.rows()]
    assert len(names) == len(set(names)) > 50
    assert [name for name in names if f"| `{name}` |" not in page] == []


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    """A page is moved, and whoever follows the link is lost."""
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", READERS, ids=lambda path: path.name)
def test_commands_that_are_shown_exist(page: Path) -> None:
    """A reader types what stands there; options are renamed more easily than documents."""
    calls = commands(page.read_text(encoding="utf-8"))
    assert [said for call in calls if (said := refusal(call)) is not None] == []


def test_the_front_page_shows_commands() -> None:
    """The check above looks at something."""
    calls = commands((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert {"verify", "tail", "import", "sim"} <= {call.split()[1] for call in calls}


def test_the_checks_of_documents_bite() -> None:
    """A check that cannot fail proves nothing."""
    assert broken_links(PAGES[0], "see [this](docs/nowhere.md)") == ["docs/nowhere.md"]
    assert commands("```\n.venv/bin/ssmd verify data  # prove\n```\nand `ssmd up`") == [
        "ssmd verify data",
        "ssmd up",
    ]
    assert refusal("ssmd verfy data")
    assert refusal("ssmd verify --jsn data")
    assert refusal("ssmd sim run --venue any --speed 2") is None


def test_errors_of_the_table_exit_as_it_says() -> None:
    """`docs/reference/commands.md` tells programs what to expect."""
    page = (REPOSITORY / "docs/reference/commands.md").read_text(encoding="utf-8")
    kinds = [k for k in SsmdError.__subclasses__() if k.__module__ == SsmdError.__module__]
    assert len(kinds) >= 4
    rows = [f"| `{kind.__name__}` | {kind.exit_code} |" for kind in kinds]
    assert [row for row in rows if row not in page] == []
