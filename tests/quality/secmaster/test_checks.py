"""The values of the checks, from facts that a test makes up."""

from collections.abc import Mapping

import msgspec
import pytest

from ssmd.quality.checks.secmaster import Known, MasterFacts, Odd, Subscribed, measured
from ssmd.quality.finding import Measured

FRESH = Known(venue="a", good_s=60.0, whole_s=60.0)
FACTS = MasterFacts(rounds=(FRESH,), instruments=100, events=20)


def values(facts: MasterFacts, noise: float = 3.0) -> Mapping[str, Measured]:
    return {each.name: each for each in measured(facts, noise=noise)}


def test_the_venue_that_waits_longest_counts() -> None:
    """One that is fresh hides none that is not."""
    old = Known(venue="b", good_s=7200.0, whole_s=36_000.0)
    found = values(msgspec.structs.replace(FACTS, rounds=(FRESH, old)))
    assert (found["staleness"].value, found["unseen"].value) == (2.0, 10.0)


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (5, 3, 0.0),  # chance
        (9, 0, 0.0),  # chance, still
        (10, 0, 1.0),
        (400, 440, 0.0),
        (400, 500, 0.25),
        (10_000, 10_500, 0.05),
        (10_000, 8_000, 0.2),
        (0, 50, 50.0),
    ],
)
def test_a_small_count_moves_by_itself(before: int, now: int, change: float) -> None:
    """A count moves by about its square root; what moves by more has changed."""
    facts = msgspec.structs.replace(
        FACTS,
        before={("a", "spot"): before, ("a", "x"): 1},
        now={("a", "spot"): now, ("a", "x"): 1},
    )
    assert values(facts)["count_stability"].value == change


def test_a_venue_that_is_new_has_no_change() -> None:
    """There is nothing to compare with; a kind of a known venue that is gone is a change."""
    facts = msgspec.structs.replace(FACTS, now={("new", "spot"): 900})
    assert values(facts)["count_stability"].state == "not_applicable"
    facts = msgspec.structs.replace(FACTS, before={("a", "spot"): 900}, now={("new", "spot"): 900})
    found = values(facts)["count_stability"]
    assert (found.value, "new" in found.evidence) == (1.0, False)


def test_shares_are_of_what_there_is() -> None:
    """Orphans of instruments and events, anomalies of instruments."""
    odd = (Odd(venue="a", what="odd", number=6, samples=("x", "y", "z")),)
    found = values(msgspec.structs.replace(FACTS, orphans=odd, anomalies=odd))
    assert (found["orphans"].value, found["status_anomalies"].value) == (0.05, 0.06)
    assert "a: 6 odd (x, y, z, ...)" in found["orphans"].evidence


def test_feeds_count_together_and_by_name() -> None:
    """One that nothing can be said of is left out, with the reason."""
    feeds = (
        Subscribed(feed="f", number=4, closed=("x",), wanted=5, unsubscribed=("y", "z")),
        Subscribed(feed="g", number=6),
        Subscribed(feed="h", why="it is off"),
    )
    found = values(msgspec.structs.replace(FACTS, subscribed=feeds))
    assert (found["subscribed_but_closed"].value, found["active_but_unsubscribed"].value) == (
        0.1,
        0.4,
    )
    assert "f: x; h: it is off" in found["subscribed_but_closed"].evidence
