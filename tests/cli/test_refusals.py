"""Wrong input is answered with 2 and one sentence, before anything is started or written."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ssmd.archive.importer import ImportedGap, ImportResult
from ssmd.cli import importing
from ssmd.cli.options import FiniteRange, check_bus, make_directory
from ssmd.cli.root import root
from ssmd.cli.up import _machine
from ssmd.feeds import registry
from ssmd.model.errors import ConfigError
from tests.cli.test_commands import ssmd

FEED = registry.names()[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--feed", FEED, "--symbol", ""),
        ("up", "--feed", FEED, "--symbol", " "),
        ("up", "--feed", "kraken", "--dir", "/proc/zz"),
        ("up", "--feed", "kraken", "--dir", "file/x"),
        ("demo", "--dir", "/proc/zz"),
        ("demo", "--dir", "file/x"),
        ("demo", "--seconds", "nan"),
        ("demo", "--rate", "nan"),
        ("demo", "--rate", "inf"),
        ("init", "--file", "nowhere/ssmd.yaml"),
        ("import", "file", "--feed", FEED, "--dir", "/proc/zz"),
        ("sim", "run", "--venue", "kraken", "--ledger", "/proc/zz"),
        ("sim", "run", "--venue", "kraken", "--rate", "nan"),
        ("sim", "run", "--venue", "kraken", "--speed", "nan"),
        ("sim", "run", "--venue", "kraken", "--fault", "close:at=nan"),
        ("sim", "run", "--venue", "kraken", "--rest", "/0/public/AssetPairs"),
        ("sim", "run", "--venue", "kraken", "--rest", "/0/public/AssetPairs=none.json"),
    ],
    ids=" ".join,
)
def test_wrong_input_is_refused_in_a_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A traceback tells a user that the program is broken, and not what to type instead."""
    (tmp_path / "file").touch()
    answer = ssmd(*arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer
    assert "Error: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_feed_named_twice_is_recorded_once() -> None:
    """Repeating a word in a command is no reason to do nothing."""
    machine = _machine(None, ("kraken", "kraken"), (), None)
    assert [choice.feed for choice in machine.feeds] == ["kraken"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nats://user:hunter2@127.0.0.1:1", "NATS_PASSWORD"),  # pragma: allowlist secret
        ("nats://hunter2@127.0.0.1:1", "NATS_TOKEN"),
        ("nats://user:changeme@127.0.0.1:1", "NATS_PASSWORD"),  # pragma: allowlist secret
        ("nats://your-host:1", "placeholder"),
        ("127.0.0.1:4222", "nats://"),
    ],
)
def test_a_bus_that_services_cannot_be_told_of_is_refused(
    url: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address goes into files that people pass on: no password may stand in it, nor be shown."""
    monkeypatch.setenv("NATS_URL", url)
    with pytest.raises(ConfigError) as caught:
        check_bus(None)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "changeme" not in str(caught.value)


def test_a_bus_with_its_credentials_beside_it_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the remedy says must work."""
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    monkeypatch.setenv("NATS_USER", "user")
    monkeypatch.setenv("NATS_PASSWORD", "hunter2")
    check_bus(None)
    check_bus("tls://bus.lan:4222")


def test_a_directory_is_made_and_may_be_there(tmp_path: Path) -> None:
    """Only what cannot be written is refused."""
    wanted = tmp_path / "a" / "b"
    assert make_directory(make_directory(wanted)) == wanted
    assert wanted.is_dir()


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1", "much"])
def test_a_number_is_finite_and_in_its_bounds(text: str) -> None:
    """No comparison keeps `nan` out, and a demo of `nan` seconds never ends."""
    with pytest.raises(click.BadParameter):
        FiniteRange(0)(text)
    assert FiniteRange(0)("1.5") == 1.5


def test_a_ctrl_c_while_starting_is_answered_like_any_other() -> None:
    """Half the start is importing: somebody who saw a typo interrupts just there."""
    script = """
import sys
class Interrupted:
    def find_spec(self, name, *rest):
        if name == "click":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from ssmd.cli import main
main()
"""
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (130, "", "Interrupted.\n")


def test_a_validated_feed_is_told_in_true_numbers(tmp_path: Path) -> None:
    """What stands twice is recorded once, and one thing is not several."""
    file = tmp_path / "mine.yaml"
    file.write_text(
        re.sub(
            r"^universe:\n(?:[ #].*\n|\n)+",
            "universe: {symbols: [A/B, C/D, A/B], channels: [trade, trade]}\n",
            ssmd("feed", "show", "kraken").stdout,
            flags=re.MULTILINE,
        )
    )
    answer = ssmd("feed", "validate", str(file))
    assert "2 symbols, 1 channel; on" in answer.stdout, answer


def test_a_capture_full_of_holes_is_told_in_ten_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal is no place for 43,000 lines; a program gets every one."""
    gaps = [
        ImportedGap(
            connection="c",
            ordinal=number,
            channel="book",
            symbols=("A/B",),
            kind="sequence",
            expected=1,
            found=3,
            subscription=None,
        )
        for number in range(25)
    ]
    monkeypatch.setattr(importing, "put_in", lambda *_, **__: ImportResult(gaps=gaps))
    capture = tmp_path / "capture.jsonl"
    capture.touch()
    words = ["import", str(capture), "--feed", FEED, "--dir", str(tmp_path / "data"), "--quiet"]
    told = CliRunner().invoke(root, words).output.splitlines()
    assert sum("gap: book" in line for line in told) == 10
    assert told[-1] == "  ... and 15 more (see --json)"
    assert CliRunner().invoke(root, [*words, "--json"]).output.count('"ordinal"') == 25
