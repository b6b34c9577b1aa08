"""Ids that no other process will give."""

from uuid import UUID

from ssmd.model.timestamp import shard_of
from ssmd.runtime.identity import entropy, new_connection_id
from ssmd.sim.manual_clock import ManualClock


def test_a_connection_id_names_its_shard_and_its_time() -> None:
    """The archive sorts and groups by these ids."""
    clock = ManualClock(wall=1_700_000_000_123 * 10**6)
    made = new_connection_id("a-feed", 3, clock)
    assert shard_of(made) == "a-feed-3"
    uuid = UUID(made[-36:])
    assert uuid.version == 7
    assert uuid.int >> 80 == 1_700_000_000_123


def test_two_connections_of_one_moment_differ() -> None:
    """Two processes may start in one millisecond."""
    clock = ManualClock()
    assert len({new_connection_id("f", 0, clock) for _ in range(1000)}) == 1000
    assert 0 <= entropy() < 1 << 74
