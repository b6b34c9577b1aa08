"""`ssmd dq secmaster`: what it says, to whom, and with which exit code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ssmd.cli.root import root as command
from ssmd.feeds.policy import load_policy, shipped_policy
from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import open_database
from tests.quality.secmaster.conftest import world
from tests.secmaster.server import Server, finish


@pytest.fixture
def address(server: Server) -> Address:
    """A security master that was just synchronised."""
    made = server.migrated()

    async def fill() -> None:
        async with open_database(made.url, Path(), SystemClock()) as database:
            await world("kraken").sync(database)

    finish(fill())
    return made


def run(directory: Path, *more: str, address: Address | None = None) -> Result:
    """Run the command."""
    named = () if address is None else ("--database", address.url)
    words = ["dq", "secmaster", str(directory), *more, *named]
    return CliRunner().invoke(command, words, env={"DATABASE_URL": ""})


def told(answer: Result) -> dict[str, Any]:
    """The result for a program."""
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def spoil(address: Address) -> None:
    """Let two pairs have one name."""

    async def change() -> None:
        async with (
            open_database(address.url, Path(), SystemClock()) as database,
            database.writing("sql") as session,
        ):
            await session.execute("UPDATE alias SET value = 'SAME' WHERE scheme = 'altname'")

    finish(change())


def test_a_good_one(address: Address, tmp_path: Path) -> None:
    """Exit 0, every check with value, score, threshold and evidence."""
    answer = run(tmp_path, "--json", address=address)
    found = told(answer)
    assert (answer.exit_code, found["ok"], found["bad"]) == (0, True, [])
    for each in found["checks"]:
        assert each["evidence"]
        assert each["threshold"]
        assert (each["value"] is None) == (each["score"] is None) == (each["state"] != "known")
    text = run(tmp_path, address=address)
    assert text.stdout.splitlines()[-1] == "Nothing is bad."
    assert re.search(r"^ok  staleness: 0(\.\d+)?, score 100$", text.stdout, re.MULTILINE)


def test_a_bad_one(address: Address, tmp_path: Path) -> None:
    """Exit 1, and which check it is, with the scale it is measured by."""
    spoil(address)
    answer = run(tmp_path, "--json", address=address)
    assert (answer.exit_code, told(answer)["bad"]) == (1, ["alias_collisions"])
    text = run(tmp_path, address=address)
    assert text.exit_code == 1
    assert "BAD alias_collisions: 1, score 0" in text.stdout
    assert "bad below a score of 60" in text.stdout
    assert text.stdout.splitlines()[-1] == "1 of 10 checks are bad."


def test_another_policy(address: Address, tmp_path: Path) -> None:
    """Scales are configured, not coded; a policy that does not speak of it leaves the shipped one."""
    spoil(address)
    mild = shipped_policy().replace(
        "    alias_collisions:  # names of one instrument that name several active ones\n"
        "      scale: {tiers: [{below: 1, score: 100}]}",
        "    alias_collisions:\n      scale: {zero: 1000, full: 0}",
    )
    (tmp_path / "mild.yaml").write_text(mild)
    assert run(tmp_path, "--policy", str(tmp_path / "mild.yaml"), address=address).exit_code == 0
    silent = shipped_policy().partition("\nsecmaster:")[0]
    (tmp_path / "silent.yaml").write_text(silent)
    assert load_policy(tmp_path / "silent.yaml").secmaster is None
    assert run(tmp_path, "--policy", str(tmp_path / "silent.yaml"), address=address).exit_code == 1


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("staleness:", "stalenes:", "Did you mean"),
        ("grace_s: 900", "grace: 900", "grace_s"),
        ("noise: 3", "noise: -3", ">= 0"),
    ],
)
def test_a_wrong_policy_is_refused(
    address: Address, tmp_path: Path, was: str, becomes: str, words: str
) -> None:
    """Exit 2, and what is wrong."""
    file = tmp_path / "wrong.yaml"
    file.write_text(shipped_policy().replace(was, becomes))
    answer = run(tmp_path, "--policy", str(file), address=address)
    assert isinstance(answer.exception, SsmdError)
    assert (answer.exception.exit_code, words in str(answer.exception)) == (2, True)


def test_no_security_master(server: Server, tmp_path: Path) -> None:
    """None, one that is away, one that is empty: exit 1, a sentence, and what to do."""
    away = Address("postgresql://nobody@127.0.0.1:1/none")
    for address, words in ((None, "sync"), (away, "answer"), (server.migrated(), "sync")):
        answer = run(tmp_path, address=address)
        assert isinstance(answer.exception, SsmdError)
        assert (answer.exception.exit_code, words in str(answer.exception)) == (1, True)


def test_wrong_input_is_refused(tmp_path: Path) -> None:
    """Exit 2."""
    assert run(tmp_path, "--policy", "nowhere.yaml").exit_code == 2
    assert run(tmp_path, "--nonsense").exit_code == 2
