"""`ssmd sim storm`: faults over the real processes, and the proof that they cost what is told."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd import venues
from ssmd.cli.options import FiniteRange, check_bus, make_directory
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.storming import Outcome, Storm
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock
from ssmd.sim.storm import catalog, plan
from ssmd.sim.storm.judge import Verdict
from ssmd.sim.storm.plan import Strike

_SECONDS: Final = 5.0
_FAILED: Final = 1
_SHOWN: Final = 3


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a storm showed.

    Attributes:
        ok: Whether every schedule passed.
        seed: The seed of the first schedule; the next ones have the next integers.
        passed: Schedules in which every fault was felt and nothing was amiss.
        failed: Seeds of schedules in which something was.
        void: Seeds of schedules with a fault that had no observed effect, and nothing amiss.
        outcomes: Every schedule.
        directory: Where the failed ones lie.
    """

    ok: bool
    seed: int
    passed: int
    failed: Sequence[int]
    void: Sequence[int]
    outcomes: Sequence[Outcome]
    directory: str


@click.command(
    epilog=examples(
        ("ssmd sim storm --seed 7", "one schedule, the same each time"),
        ("ssmd sim storm --seed 100 --schedules 20", "twenty: seeds 100 to 119"),
        ("ssmd sim storm --seed 1 --faults kill_connector,delete_stream", "only these"),
        ("ssmd sim storm --list", "which faults there are"),
    )
)
@click.option("--seed", type=int, default=0, show_default=True, help="Reproduces a schedule.")
@click.option(
    "--venue",
    type=click.Choice([n for n in venues.names() if n in registry.names()]),
    default=None,
    help="Which venue is recorded. Default: the first that needs no account.",
)
@click.option(
    "--seconds",
    type=FiniteRange(1, 3600),
    default=_SECONDS,
    show_default=True,
    help="How long traffic flows, at least.",
)
@click.option("--schedules", type=click.IntRange(1, 100_000), default=1, show_default=True)
@click.option(
    "--strikes",
    type=click.IntRange(1, 100),
    default=plan.STRIKES,
    show_default=True,
    help="Faults of one schedule.",
)
@click.option("--faults", default="", metavar="A,B", help="Only these. Default: all; see --list.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to record; new or empty. Default: a temporary directory.",
)
@click.option("--keep", is_flag=True, help="Keep what was recorded, also of what passed.")
@click.option("--shrink", is_flag=True, help="Look for a smaller schedule that fails as well.")
@click.option("--list", "as_list", is_flag=True, help="Show the faults and stop.")
@output_options
@click.pass_context
def storm(
    ctx: click.Context,
    seed: int,
    venue: str | None,
    seconds: float,
    schedules: int,
    strikes: int,
    faults: str,
    directory: Path | None,
    *,
    keep: bool,
    shrink: bool,
    as_list: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Let seeded faults strike a real pipeline, heal it, and judge what it kept and told.

    A simulated venue, connector, nats-server and archiver run as processes of their own. Ends with
    0 when every schedule passed, with 1 when one did not: because something is amiss, or because
    a fault had no effect and so proved nothing.
    """
    output = Output(json=as_json, quiet=quiet)
    feed = registry.load_feed(venue or _usual())
    kinds = catalog.chosen(
        (name for name in faults.split(",") if name.strip()),
        numbered=venues.load(feed.venue).numbered,
    )
    if as_list:
        output.table("Faults", ("fault", "what happens"), ((k.name, k.meaning) for k in kinds))
        output.result([kind.name for kind in kinds])
        return
    check_bus(None)
    root = _directory(directory)
    runs = Runs(output, feed, root, seconds=seconds, keep=keep)
    outcomes = []
    try:
        for number in range(seed, seed + schedules):
            planned = plan.schedule(number, seconds=seconds, kinds=kinds, strikes=strikes)
            outcome = runs.run(number, planned)
            outcomes.append(outcome)
            if shrink and not outcome.verdict.ok:
                runs.shrink(number, planned)
    except KeyboardInterrupt:
        output.note(f"Stopped before the verdict. Delete what was recorded: rm -r {root}")
        raise
    result = _result(seed, outcomes, root)
    _show(output, result)
    if result.ok and directory is None and not keep:
        shutil.rmtree(root)
    output.result(result)
    ctx.exit(0 if result.ok else _FAILED)


class Runs:
    """Schedules, one after the other, each in a directory of its own."""

    def __init__(
        self, output: Output, feed: FeedConfig, root: Path, *, seconds: float, keep: bool
    ) -> None:
        self._output = output
        self._feed = feed
        self._root = root
        self._seconds = seconds
        self._keep = keep
        self._count = 0

    def run(self, seed: int, strikes: Sequence[Strike]) -> Outcome:
        """Perform one schedule and say what came of it."""
        self._count += 1
        place = self._root / f"{self._count}-seed-{seed}"
        self._output.note(f"seed {seed}: {', '.join(strike.fault for strike in strikes)}")
        storm = Storm(
            self._feed,
            place,
            seed=seed,
            strikes=strikes,
            seconds=self._seconds,
            say=self._output.note,
            clock=SystemClock(),
        )
        try:
            outcome = loop.run(storm.run())
        except SsmdError as error:
            verdict = Verdict(ok=False, problems=[str(error)])
            outcome = Outcome(
                seed=seed, struck=[], drained=0, void=[], notes=[], verdict=verdict, seconds=0.0
            )
        for line in (*outcome.notes, *(f"PROBLEM: {p}" for p in outcome.verdict.problems)):
            self._output.note(f"  {line}")
        self._output.note(f"  {_judged(outcome)} in {outcome.seconds:.1f} s")
        if outcome.verdict.ok and not self._keep:
            shutil.rmtree(place, ignore_errors=True)
        return outcome

    def shrink(self, seed: int, strikes: Sequence[Strike]) -> None:
        """Look for a smaller schedule that fails too, and say which."""
        smallest, again = tuple(strikes), True
        while again:
            again = False
            for part in plan.halves(smallest):
                if not self.run(seed, part).verdict.ok:
                    smallest, again = part, True
                    break
        told = ", ".join(f"{strike.fault} at {strike.at_s:g} s" for strike in smallest)
        self._output.lines(f"The smallest schedule of seed {seed} that failed: {told}.")


def _usual() -> str:
    """The first simulated venue that lets in everybody."""
    for name in registry.names():
        venue = venues.load(registry.load_feed(name).venue)
        if venue.simulated is not None and venue.account is None:
            return name
    message = "No simulated venue lets in everybody."
    raise ConfigError(message, remedy="Name one with --venue.")


def _directory(wanted: Path | None) -> Path:
    """A place that holds nothing yet."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="ssmd-storm-"))
    if any(make_directory(wanted).iterdir()):
        message = f"{wanted} is not empty."
        raise ConfigError(message, remedy="Name a new directory, or delete what is there.")
    return wanted


def _result(seed: int, outcomes: Sequence[Outcome], root: Path) -> Result:
    failed = [outcome.seed for outcome in outcomes if not outcome.verdict.ok]
    void = [outcome.seed for outcome in outcomes if outcome.verdict.ok and outcome.void]
    return Result(
        ok=not failed and not void,
        seed=seed,
        passed=len(outcomes) - len(failed) - len(void),
        failed=failed,
        void=void,
        outcomes=outcomes,
        directory=str(root),
    )


def _judged(outcome: Outcome) -> str:
    """One word, and the figures behind it."""
    verdict = outcome.verdict
    word = "FAILED" if not verdict.ok else "void" if outcome.void else "passed"
    return (
        f"{word}: {verdict.archived} of {verdict.emitted} archived, {verdict.in_outage} in"
        f" outages, {verdict.declared_lost} declared lost, {verdict.books} books compared,"
        f" {verdict.explained} intervals explained"
    )


def _show(output: Output, result: Result) -> None:
    """Fault by fault, then the verdict."""
    rows = []
    for kind in catalog.KINDS:
        strikes = [
            (outcome, struck)
            for outcome in result.outcomes
            for struck in outcome.struck
            if struck.fault == kind.name
        ]
        if strikes:
            seen = [struck.effect for _, struck in strikes if struck.seen]
            passed = sum(outcome.passed for outcome, _ in strikes)
            last = seen[-1] if seen else "-"
            rows.append((kind.name, str(len(strikes)), str(len(seen)), str(passed), last))
    output.table("Storm", ("fault", "schedules", "effect seen", "passed", "for example"), rows)
    for outcome in result.outcomes:
        problems = outcome.verdict.problems
        output.lines(*(f"PROBLEM (seed {outcome.seed}): {p}" for p in problems[:_SHOWN]))
    total = len(result.outcomes)
    if result.ok:
        output.lines(f"OK: {total} of {total} schedules passed, from seed {result.seed}.")
        return
    output.lines(
        f"FAILED: {result.passed} of {total} schedules passed; failed: "
        f"{_seeds(result.failed)}; void: {_seeds(result.void)}.",
        f"What the failed ones recorded lies in {result.directory}.",
    )


def _seeds(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"
