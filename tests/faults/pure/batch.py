"""Many schedules in a row, and what is said of them."""

import logging
import secrets
from collections import Counter

from tests import tier
from tests.faults.pure.run import Outcome, run, shrink

log = logging.getLogger("ssmd.faults.pure")
FRESH = tier.SEED if tier.FULL else secrets.randbelow(1 << 24)
"""Where the seeds of this run begin that are not the same every time."""
MOST_VOID = 0.02
"""Share of schedules in which nothing may have had an effect."""
LEAST_EFFECTIVE = 0.7
"""Share of all faults that must have had one; only those are counted as tried."""


def _explain(outcome: Outcome) -> str:
    """What went wrong, and the least that makes it go wrong."""
    least = "\n  ".join(str(event) for event in shrink(outcome.seed))
    said = "\n  ".join(outcome.problems[:10])
    return f"seed {outcome.seed}:\n  {said}\nand with these events alone:\n  {least}"


def run_all(first: int, count: int) -> None:
    """Run the schedules of consecutive seeds; print what they did, fail where one went wrong."""
    tried, effective = Counter[str](), Counter[str]()
    void = frames = books = 0
    for seed in range(first, first + count):
        outcome = run(seed)
        assert not outcome.problems, _explain(outcome)
        tried.update(kind for kind, _ in outcome.effects)
        effective.update(kind for kind, seen in outcome.effects if seen)
        void += outcome.is_void
        frames += outcome.frames
        books += outcome.books
    faults = ", ".join(f"{kind} {effective[kind]}/{tried[kind]}" for kind in sorted(tried))
    log.info(
        "seeds %d to %d: %d schedules (%d void), %d frames, %d books; "
        "with effect, of those tried: %s",
        first, first + count - 1, count, void, frames, books, faults,
    )  # fmt: skip
    assert void <= MOST_VOID * count
    assert effective.total() >= LEAST_EFFECTIVE * tried.total()
    assert books > count
