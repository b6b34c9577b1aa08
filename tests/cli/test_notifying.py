"""A command that fails tells somebody, once, with nothing secret; one that does not tells nobody."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.root import root
from ssmd.feeds.policy import shipped_policy
from ssmd.model.errors import ConfigError, SsmdError, Unavailable
from tests.cli.hook import Hook, hooked
from tests.cli.test_commands import commands

HOST = platform.node()
LONG: set[tuple[str, ...]] = {
    ("backfill",),
    ("redecode",),
    ("verify",),
    ("restore",),
    ("import",),
    ("drift",),
    ("dq", "daily"),
    ("compactor", "once"),
    ("compactor", "merge"),
    ("secmaster", "sync"),
    ("data", "export"),
}


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Somebody who is told."""
    with hooked() as made:
        yield made


def policy(folder: Path, notify: str) -> Path:
    """A policy of one's own that names somebody."""
    file = folder / "quality.yaml"
    file.write_text(f"{shipped_policy()}\nnotify: {notify}\n", encoding="utf-8")
    return file


def ssmd(*words: str, notify: str | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as cron runs it."""
    given = {key: each for key, each in os.environ.items() if not key.startswith(("SSMD_", "NATS"))}
    given.pop("DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, "-m", "ssmd", *words],
        cwd=cwd,
        env=given if notify is None else given | {"SSMD_NOTIFY": notify},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_command_that_fails_is_told(hook: Hook, tmp_path: Path) -> None:
    """What, where, why, with which code; the password of its database is in none of it."""
    database = "postgresql://anna:pass-word@127.0.0.1:1/none"  # pragma: allowlist secret
    words = ("secmaster", "sync", "kraken", "--database", database, "--notify-on-failure")
    done = ssmd(*words, notify=hook.url, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    (told,) = hook.heard
    assert told["subject"].endswith(f"secmaster sync failed on {HOST}")
    assert told["failure"]["code"] == 1
    assert told["failure"]["host"] == HOST
    assert "127.0.0.1" in told["failure"]["error"]
    assert "does not answer" in told["failure"]["error"]
    assert "pass-word" not in json.dumps(told)
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_that_succeeds_tells_nobody(hook: Hook, tmp_path: Path) -> None:
    """Silence is good news."""
    (tmp_path / "data" / "raw").mkdir(parents=True)
    done = ssmd("verify", "--notify-on-failure", notify=hook.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert hook.heard == []


def test_nobody_to_tell_is_said_before_anything_is_done(tmp_path: Path) -> None:
    """An option that does nothing in silence would be found out on the worst day."""
    (tmp_path / "data").mkdir()
    done = ssmd("verify", "--notify-on-failure", notify=None, cwd=tmp_path)
    assert done.returncode == 2
    assert "Nobody is named" in done.stderr
    assert isinstance(run("bug", "no address").exception, ConfigError)


@pytest.mark.parametrize("path", sorted(LONG), ids=" ".join)
def test_every_long_command_has_the_option(path: tuple[str, ...]) -> None:
    """Whoever runs it by night finds it."""
    assert path in commands(root)
    answer = CliRunner().invoke(root, [*path, "--help"])
    assert "--notify-on-failure" in answer.output


@click.command()
@notify_on_failure
@click.option("--end", default="well")
@click.pass_context
def work(ctx: click.Context, end: str) -> int:
    """Ends as it is told."""
    raised: dict[str, Exception] = {
        "refused": ConfigError("It is so.", remedy="Do this."),
        "away": Unavailable("It is away.", remedy="Wait."),
        "usage": click.UsageError("Not like this."),
        "interrupted": click.Abort(),
        "disk": OSError(28, "No space left on device"),
        "bug": KeyError("gone"),
    }
    if end in raised:
        raise raised[end]
    if end.startswith("exit"):
        ctx.exit(int(end.removeprefix("exit")))
    return int(end.removeprefix("return")) if end.startswith("return") else 0


def run(end: str, notify: str, *more: str) -> Result:
    words = ["--end", end, "--notify-on-failure", *more]
    return CliRunner().invoke(
        work, words, env={"SSMD_NOTIFY": notify}, prog_name="ssmd work", standalone_mode=False
    )


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        ("refused", 2, "It is so. Remedy: Do this."),
        ("away", 1, "It is away. Remedy: Wait."),
        ("usage", 2, "Not like this."),
        ("disk", 1, "[Errno 28] No space left on device"),
        ("bug", 1, "KeyError: 'gone'"),
        ("exit1", 1, "It said why where it ran."),
        ("exit3", 3, "It said why where it ran."),
        ("return1", 1, "It said why where it ran."),
    ],
)
def test_every_bad_end_is_told(hook: Hook, end: str, code: int, words: str) -> None:
    """However a command says that it failed."""
    run(end, hook.url)
    (told,) = hook.heard
    assert told["failure"] == {"command": "ssmd work", "code": code, "error": words, "host": HOST}


def test_the_policys_sinks_are_told_besides(hook: Hook, tmp_path: Path) -> None:
    """A failure is told to all of them, whatever grade they wait for."""
    file = policy(tmp_path, f"[{{kind: webhook, to: '{hook.url}', at: RED}}]")
    run("away", "", "--notify-policy", str(file))
    assert len(hook.heard) == 1
    run("away", hook.url, "--notify-policy", str(file))
    assert len(hook.heard) == 3


@pytest.mark.parametrize("end", ["well", "interrupted", "exit0", "exit130", "return130"])
def test_no_other_end_is_told(hook: Hook, end: str) -> None:
    """Who pressed Ctrl-C knows."""
    run(end, hook.url)
    assert hook.heard == []


def test_the_error_itself_goes_on(hook: Hook) -> None:
    """The exit code is decided where it always is; a hook that is down changes nothing of it."""
    hook.status = 404
    answer = run("refused", hook.url)
    assert isinstance(answer.exception, ConfigError)
    assert "Notice not sent: The webhook at http://127.0.0.1" in answer.stderr
    assert "status 404" in answer.stderr


def test_without_the_option_nobody_is_told(hook: Hook) -> None:
    """Somebody watches."""
    answer = CliRunner().invoke(work, ["--end", "refused"], env={"SSMD_NOTIFY": hook.url})
    assert isinstance(answer.exception, SsmdError)
    assert hook.heard == []


def notify_test(*words: str, **environ: str) -> Result:
    given = {"SSMD_NOTIFY": "", "TOKEN": ""} | environ
    return CliRunner().invoke(root, ["dq", "notify-test", *words], env=given)


def test_the_test_reaches_everybody(hook: Hook, tmp_path: Path) -> None:
    """Whatever grade they wait for; the answer says who was told."""
    file = policy(tmp_path, f"[{{kind: webhook, to: '{hook.url}', at: RED}}]")
    answer = notify_test("--policy", str(file), "--json", SSMD_NOTIFY=hook.url)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout.splitlines()[-1])
    assert (told["told"], told["failed"], len(told["sinks"])) == (2, 0, 2)
    assert [each["test"] for each in hook.heard] == [True, True]
    assert "/hook" not in answer.stdout
    hook.status = 403
    answer = notify_test("--policy", str(file))
    assert answer.exit_code == 1
    assert "NOT told" in answer.stdout
    assert "status 403" in answer.stderr


def test_the_test_refuses_what_it_cannot_try(tmp_path: Path) -> None:
    """Nobody named, a variable that is not set, a policy that is none: exit 2."""
    assert isinstance(notify_test().exception, ConfigError)
    file = policy(tmp_path, "[{kind: ntfy, to: 'https://h/t', secret: TOKEN}]")
    answer = notify_test("--policy", str(file))
    assert isinstance(answer.exception, ConfigError)
    assert "TOKEN is not set" in str(answer.exception)
    file = policy(tmp_path, "[{kind: pigeon, to: 'https://h/t'}]")
    assert isinstance(notify_test("--policy", str(file)).exception, ConfigError)
