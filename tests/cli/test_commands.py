"""The contract of the command line: what it prints, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ssmd import __version__
from ssmd.cli import sim
from ssmd.cli.root import root
from ssmd.feeds import registry


def ssmd(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ssmd", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    """Every command there is, as the words that name it."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found += commands(command, *path, name)
        else:
            found.append((*path, name))
    return found


def test_bare_command_shows_three_things_to_do() -> None:
    """Somebody who types only the name learns what to type next."""
    answer = ssmd()
    assert answer.returncode == 0
    assert answer.stdout.count("  ssmd ") == 3


def test_version_is_the_packages() -> None:
    """Bug reports name the version: it must be right."""
    assert __version__ in ssmd("--version").stdout


@pytest.mark.parametrize("path", commands(root), ids=" ".join)
def test_every_help_has_examples(path: tuple[str, ...]) -> None:
    """Nobody should have to guess how a command is typed."""
    answer = CliRunner().invoke(root, [*path, "--help"])
    assert answer.exit_code == 0
    assert "Examples:" in answer.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("verify", "--nonsense"),
        ("verify", "/no/such/place"),
        ("up", "--feed", "no-such-feed"),
        ("feed", "validate", "/no/such/file.yaml"),
        ("sim", "run", "--venue", "nowhere"),
        ("connector", "run", "--feed", "x"),
        ("demo", "--seconds", "soon"),
    ],
    ids=" ".join,
)
def test_bad_usage_ends_with_2_and_a_reason(arguments: tuple[str, ...]) -> None:
    """Scripts tell bad usage from failure by the code, people by the sentence."""
    answer = ssmd(*arguments)
    assert answer.returncode == 2, answer
    assert "Error" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


def test_the_old_spelling_of_the_transport_is_answered_with_the_new(tmp_path: Path) -> None:
    """Configurations of the earlier system said `transport_type`; the answer must teach."""
    name = root_feed()
    env = tmp_path / "env.yaml"
    env.write_text("name: dev\ntransport: {transport_type: nats}\n")
    answer = ssmd("connector", "run", "--feed", name, "--env", str(env), "--dir", str(tmp_path))
    assert answer.returncode == 2
    assert 'Did you mean "type"?' in answer.stderr
    assert str(env) in answer.stderr


def test_a_feed_file_can_be_shown_changed_and_validated(tmp_path: Path) -> None:
    """`feed show` is where a user's own feed begins, so what it prints must be accepted."""
    shown = ssmd("feed", "show", root_feed())
    file = tmp_path / "feed.yaml"
    file.write_text(shown.stdout)
    assert ssmd("feed", "validate", str(file)).returncode == 0
    file.write_text(shown.stdout.replace("universe:", "univers:"))
    answer = ssmd("feed", "validate", str(file))
    assert answer.returncode == 2
    assert "universe" in answer.stderr


def test_json_results_are_the_last_line(tmp_path: Path) -> None:
    """Programs read the last line of stdout and nothing else."""
    answer = ssmd("feed", "list", "--json")
    assert {item["name"] for item in json.loads(answer.stdout.splitlines()[-1])} >= {root_feed()}
    written = ssmd("init", "--json", "--file", str(tmp_path / "ssmd.yaml"))
    assert json.loads(written.stdout.splitlines()[-1])["file"] == str(tmp_path / "ssmd.yaml")


def test_init_refuses_to_overwrite(tmp_path: Path) -> None:
    """A configuration somebody worked on is not replaced by an example."""
    assert ssmd("init", cwd=tmp_path).returncode == 0
    before = (tmp_path / "ssmd.yaml").read_text()
    again = ssmd("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert (tmp_path / "ssmd.yaml").read_text() == before


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell: str) -> None:
    """A script for another program would complete nothing."""
    answer = ssmd("completion", shell)
    assert answer.returncode == 0
    assert "_SSMD_COMPLETE" in answer.stdout


def root_feed() -> str:
    """A feed that is shipped."""
    answer = ssmd("feed", "list", "--json")
    name: str = json.loads(answer.stdout.splitlines()[-1])[0]["name"]
    return name


def test_a_simulated_venue_lists_what_its_shipped_feed_names() -> None:
    """Practice begins with the shipped feed: none of its symbols may be refused."""
    for name in registry.names():
        universe = registry.load_feed(name).universe
        assert sim.usual(name) == universe.symbols
    assert sim.usual("no such venue") == ()
