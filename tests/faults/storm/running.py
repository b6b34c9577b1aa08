"""Runs schedules of a storm as tests: the same code as `ssmd sim storm`."""

import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from zlib import crc32

from ssmd.cli.storming import Outcome, Storm
from ssmd.feeds import registry
from ssmd.runtime.clock import SystemClock
from ssmd.sim.storm import plan
from ssmd.sim.storm.catalog import KINDS, Kind
from tests import tier
from tests.e2e.acts import FEED

log = logging.getLogger(__name__)

STRIKES = 8
SECONDS = 4.0
PER_PIECE = 8
PIECES = 13
"""Pieces of each of two files in the long form: 208 schedules, eight a piece."""


def fresh() -> int:
    """A seed nobody tried before, the same in all processes of one run: it stands in a name.

    The long form draws its own, and repeats a run by its seed.
    """
    if tier.FULL:
        return seeds(2 * PIECES)[0]
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    return SystemRandom().randrange(1 << 31) if run is None else crc32(run.encode())


def seeds(piece: int) -> list[int]:
    """The seeds of one piece of the long form."""
    first = tier.SEED * 1000 + piece * PER_PIECE
    return list(range(first, first + PER_PIECE))


async def perform(
    root: Path, seed: int, kinds: Sequence[Kind] = KINDS, *, strikes: int = STRIKES
) -> Outcome:
    """One schedule; what was recorded stays in `root`."""
    told: list[str] = []
    storm = Storm(
        registry.load_feed(FEED),
        root,
        seed=seed,
        strikes=plan.schedule(seed, seconds=SECONDS, kinds=kinds, strikes=strikes),
        seconds=SECONDS,
        say=told.append,
        clock=SystemClock(),
    )
    outcome = await storm.run()
    log.info("seed %d: %s", seed, outcome.verdict)
    for line in (*told, *outcome.notes):
        log.info("%s", line)
    return outcome


def complaints(outcome: Outcome) -> list[str]:
    """Everything that keeps a schedule from having passed, with the seed that repeats it."""
    void = [f"{fault} had no observed effect" for fault in outcome.void]
    return [f"seed {outcome.seed}: {each}" for each in (*outcome.verdict.problems, *void)]


async def passes(root: Path, seed: int) -> Outcome:
    """One schedule that must pass, and leaves nothing behind then."""
    outcome = await perform(root / f"seed-{seed}", seed)
    problems = complaints(outcome)
    assert not problems, "\n".join(problems)
    assert len(outcome.struck) == STRIKES
    assert outcome.verdict.archived > 0
    assert outcome.verdict.books > 0
    shutil.rmtree(root / f"seed-{seed}", ignore_errors=True)
    return outcome
