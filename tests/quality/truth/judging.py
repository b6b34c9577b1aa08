"""How a day with something wrong in it is recorded, measured and scored."""

from collections.abc import Callable
from pathlib import Path

from ssmd.feeds.policy import load_policy
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.truth import NAMES
from ssmd.quality.finding import Measured
from ssmd.quality.scoring import score_of
from ssmd.quality.truth.grid import Listings
from ssmd.quality.truth.measuring import measure
from ssmd.sim.manual_clock import ManualClock
from tests.quality.truth.made import HOUR_NS, LISTINGS, Line, day_of, lines, write

DATE = "2027-01-13"
WINDOW = day_of(DATE)
FEED, VENUE, SYMBOL = "kraken", "kraken", "BTC/USD"
FULL = 100.0
RED = 60.0
CHECKS = load_policy(None).checks

Defect = Callable[[Line], None]
Findings = dict[str, Measured]


def measured(root: Path, listings: Listings | None = LISTINGS, date: str = DATE) -> Findings:
    """Every check over a day of an archive."""
    clock = ManualClock(WINDOW.until)
    found = measure(root, FEED, VENUE, day_of(date), clock=clock, listings=listings)
    assert [each.name for each in found] == list(NAMES)
    return {each.name: each for each in found}


def score(found: Measured) -> float:
    """What a known measurement is worth by the shipped policy."""
    assert found.state == "known", found
    assert found.value is not None
    return score_of(CHECKS[found.name].scale, found.value)


def spoilt(root: Path, *defects: Defect) -> Findings:
    """The findings over a day in which something happens at noon."""
    line = Line(FEED, WINDOW.since + SECOND_NS).open().live(WINDOW.since + 12 * HOUR_NS)
    for defect in defects:
        defect(line)
    line.live(WINDOW.until - SECOND_NS).close()
    write(root, lines(line))
    return measured(root)


def alone(found: Findings, *names: str) -> None:
    """Nothing but these checks is less than perfect."""
    bad = {name for name, each in found.items() if each.value is not None and score(each) < FULL}
    assert bad == set(names)


def slowly(line: Line, late_ns: int) -> None:
    """A burst of trades, each that late."""
    for _ in range(20):
        line.trade(SYMBOL, late_ns=late_ns)
