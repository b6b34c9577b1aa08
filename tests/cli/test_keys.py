"""`ssmd keys`: made, listed, changed, ended; the secret is printed once, and refusals are sentences."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ssmd.api.keys import token
from ssmd.cli.keys import keys
from ssmd.model.errors import ConfigError, Unavailable
from tests.secmaster.conftest import server
from tests.secmaster.server import Server

__all__ = ["server"]

Run = Callable[..., Result]


@pytest.fixture
def run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command about keys of a database of this test alone."""
    address = server.migrated()
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def invoke(*words: str) -> Result:
        more = ("--database", address.url, "--dir", str(tmp_path))
        return CliRunner().invoke(keys, [*words, *more])

    yield invoke
    server.drop(address)


def told(result: Result) -> Any:  # noqa: ANN401 - what a command ends with
    """The result for a program."""
    assert result.exception is None, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_a_key_from_its_beginning_to_its_end(run: Run) -> None:
    """Each command does what it says, and the audit tells it."""
    options = ("--scope", "datasets:read", "--feed", "one", "--since", "2026-01-01")
    made = told(run("create", "ann", *options, "--expires", "90d", "--json"))
    key = made["key"]["id"]
    shown = token.parse(made["token"])
    assert shown is not None
    assert (made["key"]["feeds"], made["key"]["since"]) == (["one"], "2026-01-01")
    listed = run("list", "--json")
    assert [each["id"] for each in told(listed)] == [key]
    assert shown.secret not in listed.output
    lifting = ("--all-feeds", "--all-days", "--never-expires", "--rate", "5", "--name", "bob")
    changed = told(run("update", key, *lifting, "--disable", "--json"))
    fields = ("feeds", "since", "expires_at", "rate", "name", "state")
    assert [changed[name] for name in fields] == [None, None, None, 5.0, "bob", "disabled"]
    again = told(run("rotate", key, "--grace", "1h", "--json"))
    assert again["token"] != made["token"]
    assert token.parse(again["token"]) is not None
    assert told(run("usage", key, "--json")) == []
    assert told(run("revoke", key, "--json"))["state"] == "revoked"
    assert told(run("list", "--json")) == []
    assert [each["state"] for each in told(run("list", "--all", "--json"))] == ["revoked"]
    acts = told(run("audit", "--key", key, "--json"))
    assert [each["action"] for each in acts] == [
        "key.revoke",
        "key.rotate",
        "key.update",
        "key.create",
    ]
    assert {(each["key"], each["kind"]) for each in acts} == {(None, "act")}


def test_what_is_printed_for_a_script_is_the_token_alone(run: Run) -> None:
    """`KEY=$(ssmd keys create ...)` takes stdout; everything else goes to stderr."""
    made = run("create", "ann", "--scope", "live:read")
    assert token.parse(made.stdout.strip()) is not None
    assert "shown once" in made.stderr
    listed = run("list")
    assert "live:read" in listed.stdout
    assert "Nothing" not in run("audit").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "a", "--scope", "*"), "is no scope"),
        (("create", "a", "--scope", "secmaster:*"), "is no scope"),
        (("create", "a", "--scope", "admin:keys"), "is no scope"),
        (("create", "a"), "without a scope"),
        (("create", "a\nb", "--scope", "live:read"), "no name"),
        (("create", "a", "--scope", "admin:*", "--feed", "one"), "cannot be restricted"),
        (("create", "a", "--scope", "live:read", "--rate", "nan"), "`rate`"),
        (("create", "a", "--scope", "live:read", "--expires", "2020-01-01"), "have expired"),
        (("update", "x" * 12, "--disable"), "There is no key"),
        (("revoke", "x" * 12), "There is no key"),
        (("rotate", "x" * 12), "There is no key"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    run: Run, words: tuple[str, ...], sentence: str
) -> None:
    """Exit code 2, what is wrong, and what to do."""
    error = run(*words).exception
    assert isinstance(error, ConfigError)
    assert (error.exit_code, bool(error.remedy)) == (2, True)
    assert sentence in str(error)


@pytest.mark.parametrize(
    "words",
    [
        ("update", "x" * 12),
        ("update", "x" * 12, "--feed", "one", "--all-feeds"),
        ("create", "a", "--expires", "soon"),
        ("create", "a", "--since", "yesterday"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(run: Run, words: tuple[str, ...]) -> None:
    """Nothing is guessed."""
    assert run(*words).exit_code == 2


def test_where_there_are_no_keys_none_are_made_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `create` makes a database; a misspelt --dir is told."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    error = CliRunner().invoke(keys, ["list", "--dir", str(tmp_path)]).exception
    assert isinstance(error, Unavailable)
    assert "ssmd keys create" in error.remedy
    assert list(tmp_path.iterdir()) == []
