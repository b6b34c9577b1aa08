"""`ssmd dq secmaster`: what is wrong with the security master, and whether feeds follow it."""

from pathlib import Path

import click

from ssmd.archive.ledger import store
from ssmd.cli.database import database_option
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import DEFAULT_DIRECTORY, recorded_feed
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import asking
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.policy import load_policy
from ssmd.feeds.quality import MasterPolicy
from ssmd.model.errors import ConfigError
from ssmd.quality.checks.secmaster import MasterFacts, measured
from ssmd.quality.secmaster.gathering import gather
from ssmd.quality.secmaster.verdict import MasterFinding, judge
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database


@click.command(
    "secmaster",
    epilog=examples(
        ("ssmd dq secmaster ./data", "the security master of an archive, and its feeds"),
        ("ssmd dq secmaster --database postgresql://...", "another one"),
        ("ssmd dq secmaster ./data --json | tail -1", "the findings, for a program"),
    ),
)
@notify_on_failure
@click.argument(
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SSMD_ARCHIVE",
    default=DEFAULT_DIRECTORY,
)
@database_option
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Judge by this quality.yaml, not by the one that is shipped.",
)
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    directory: Path,
    url: str | None,
    policy_file: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check the security master: is it fresh, does it hold together, do the feeds follow it?

    Exit 0: nothing is bad. Exit 1: something is, or there is no security master that answers.
    Subscriptions are those of the archive in DIRECTORY, if there is one.
    """
    output = Output(json=as_json, quiet=quiet)
    policy = _policy(policy_file)
    findings = judge(measured(_facts(directory, url, policy), noise=policy.noise), policy)
    bad = [each.name for each in findings if each.bad]
    _show(output, findings, bad)
    output.result({"ok": not bad, "bad": bad, "checks": findings})
    ctx.exit(int(bool(bad)))


def _policy(path: Path | None) -> MasterPolicy:
    """How it is judged: a file that does not speak of it leaves it to the shipped one.

    Raises:
        ConfigError: The file is not acceptable.
    """
    found = load_policy(path).secmaster or load_policy().secmaster
    assert found is not None  # noqa: S101 - the shipped one speaks of it
    return found


def _facts(directory: Path, url: str | None, policy: MasterPolicy) -> MasterFacts:
    """What is known of the security master that is meant.

    Raises:
        Unavailable: There is none.
    """

    def configured(feed: str) -> FeedConfig | None:
        try:
            return recorded_feed(directory, feed)
        except ConfigError:
            return None  # recorded once; nobody says what it would want now

    async def gathering(database: Database) -> MasterFacts:
        root = directory if _is_archive(directory) else None
        return await gather(database, policy, SystemClock(), root=root, configured=configured)

    return asking(
        directory,
        url,
        gathering,
        remedy="Run `ssmd secmaster sync`, or name another directory or --database.",
    )


def _is_archive(directory: Path) -> bool:
    """Whether anything is recorded there."""
    try:
        return bool(store.feeds(directory))
    except ConfigError:
        return False


def _show(output: Output, findings: tuple[MasterFinding, ...], bad: list[str]) -> None:
    """The findings for a person."""
    for each in findings:
        word = "BAD " if each.bad else "ok  " if each.score is not None else "-   "
        value = each.state.replace("_", " ") if each.value is None else f"{round(each.value, 4):g}"
        score = "" if each.score is None else f", score {each.score:g}"
        output.lines(f"{word}{each.name}: {value}{score}", f"      {each.evidence}")
        if each.bad:
            output.lines(f"      ({each.threshold})")
    output.lines(f"{len(bad)} of {len(findings)} checks are bad." if bad else "Nothing is bad.")
