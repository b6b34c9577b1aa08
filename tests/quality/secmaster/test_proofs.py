"""Every check of the security master is seen red, and green, by a test that there is."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ssmd.feeds.policy import load_policy

FOLDER: Final = Path(__file__).parent
_HERE: Final = "test_gathering.py"
_WELL: Final = f"{_HERE}::test_a_synchronised_venue_is_well"
_FEEDS: Final = "test_subscriptions.py"
PROOFS: Final[Mapping[str, tuple[str, str]]] = {
    "staleness": (f"{_HERE}::test_what_is_not_asked_for_long_is_stale", _WELL),
    "unseen": (f"{_HERE}::test_only_a_round_of_all_sees_what_is_gone", _WELL),
    "namespace": (f"{_HERE}::test_a_symbol_that_is_none", _WELL),
    "status_anomalies": (f"{_HERE}::test_a_state_that_cannot_be", _WELL),
    "unknown_statuses": (f"{_HERE}::test_a_state_nobody_knows", _WELL),
    "count_stability": (f"{_HERE}::test_a_count_that_fell", f"{_HERE}::test_a_count_that_fell"),
    "orphans": (f"{_HERE}::test_an_event_that_vanished_leaves_orphans", _WELL),
    "alias_collisions": (f"{_HERE}::test_one_name_of_two_instruments", _WELL),
    "subscribed_but_closed": (
        f"{_FEEDS}::test_a_subscription_to_what_is_closed",
        f"{_FEEDS}::test_what_is_subscribed_trades",
    ),
    "active_but_unsubscribed": (
        f"{_FEEDS}::test_what_is_wanted_and_not_subscribed",
        f"{_FEEDS}::test_what_is_wanted_and_subscribed",
    ),
}
"""Where each is red, and where it is green."""


def test_every_check_has_its_tests() -> None:
    """A check that nobody saw fail is none."""
    policy = load_policy().secmaster
    assert policy is not None
    assert PROOFS.keys() == policy.checks.keys()
    for name in {each for pair in PROOFS.values() for each in pair}:
        file, _, function = name.partition("::")
        tree = ast.parse((FOLDER / file).read_text(encoding="utf-8"))
        assert function in {
            each.name for each in tree.body if isinstance(each, ast.AsyncFunctionDef)
        }
