"""What came of a storm: the venue's ledger, the archive, the books, and where and why it lacks."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ssmd import venues
from ssmd.archive import reader
from ssmd.archive.ledger import store
from ssmd.archive.verify import verify
from ssmd.feeds.feed import FeedConfig
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim import checkpoints, oracle
from ssmd.sim import ledger as sim_ledger
from ssmd.sim.storm import books, plan
from ssmd.sim.storm.reasons import Reasons, Struck


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge says of a schedule.

    Attributes:
        ok: Whether everything is as promised.
        problems: What is not, a sentence each.
        emitted: Messages in the venue's ledger.
        archived: Different frames in the archive.
        in_outage: Sent and not received, inside an outage.
        declared_lost: Received, not archived, and declared.
        books: Books compared at checkpoints.
        explained: Intervals of missing messages that the archive's ledger explains.
    """

    ok: bool
    problems: Sequence[str]
    emitted: int = 0
    archived: int = 0
    in_outage: int = 0
    declared_lost: int = 0
    books: int = 0
    explained: int = 0


def judge(
    root: Path,
    ledger: Path,
    feed: FeedConfig,
    struck: Sequence[Struck],
    *,
    drained: int,
    problems: Sequence[str] = (),
) -> Verdict:
    """Hold an archive against the venue that was recorded, and against what struck it.

    Args:
        root: The archive.
        ledger: The venue's ledger.
        feed: What was recorded.
        struck: What struck.
        drained: When everything was asked to end, ns, by the machine's clock.
        problems: What is wrong already.
    """
    found = list(problems)
    conservation = oracle.compare(ledger, root, _skew_ns(struck))
    found += conservation.problems
    report = verify(root)
    found += [str(problem) for problem in report.problems]
    found += [f"{segment.name} was not sealed." for segment in report.open_segments]
    compared = books.compare(
        venues.load(feed.venue),
        checkpoints.read(ledger),
        conservation.served,
        (line.envelope for line in reader.read(root, feed.name)),
    )
    found += compared.problems
    told = store.load(root, feed.name)
    explained = Reasons(told, conservation, sim_ledger.read(ledger), struck, drained).judge()
    found += explained.problems
    return Verdict(
        ok=not found,
        problems=found,
        emitted=conservation.emitted,
        archived=conservation.archived,
        in_outage=conservation.in_outage,
        declared_lost=conservation.declared_lost,
        books=compared.compared,
        explained=explained.intervals,
    )


def _skew_ns(struck: Sequence[Struck]) -> int:
    """How far the clocks of venue and archive may be apart."""
    stepped = any(strike.kind.outlasts for strike in struck)
    return oracle.SKEW_NS + (round(plan.LARGEST_STEP_S * SECOND_NS) if stepped else 0)
