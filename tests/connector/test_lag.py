"""What is shown of the way to the archive: how much is behind, and how old it is."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ssmd.connector.spool.lag import Lag
from ssmd.runtime import metrics
from ssmd.sim.manual_clock import ManualClock
from tests.connector.accounts import begin, receive
from tests.connector.parts import FEED, everything, make_spool
from tests.connector.stage import speaking, stage


def value(name: str) -> float:
    """A gauge or counter of the feed, summed over its shards."""
    return sum(
        sample.value
        for family in metrics.REGISTRY.collect()
        for sample in family.samples
        if sample.name == name and sample.labels.get("feed") == FEED
    )


async def test_records_are_behind_until_the_archive_has_them(tmp_path: Path) -> None:
    """Acknowledged by the bus is not archived: `ssmd demo` shows this number as lag."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    life = begin(spool)
    receive(spool, life, 299)
    spool.inspect()
    assert value("ssmd_spool_records") == 300
    for position, _ in everything(spool):
        spool.acknowledged(position, 1000 + position)
    spool.inspect()
    assert (value("ssmd_spool_records"), value("ssmd_spool_unpublished")) == (300, 0)
    spool.archived(1150)
    spool.inspect()
    assert 300 - 151 <= value("ssmd_spool_records") <= 300 - 151 + 64
    spool.archived(1299)
    spool.inspect()
    assert value("ssmd_spool_records") == 0
    assert value("ssmd_spool_oldest_age_seconds") == 0
    spool.republish()
    spool.inspect()
    assert value("ssmd_spool_records") == 300
    spool.close()


async def test_the_oldest_record_that_is_not_archived_has_an_age(tmp_path: Path) -> None:
    """An archiver that hangs is seen however quiet the venue is."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    life = spool.lives.begin("feed-0-x", FEED, None)
    for _ in range(3):
        spool.write(life.say("_ledger", b"{}", clock.wall()))
        await clock.advance(10)
    spool.flush()
    spool.inspect()
    assert value("ssmd_spool_oldest_age_seconds") == 30
    for position, _ in everything(spool):
        spool.acknowledged(position, position + 1)
    spool.archived(3)
    spool.inspect()
    assert value("ssmd_spool_oldest_age_seconds") == 0
    spool.close()


async def test_counters_and_latency_are_current_within_a_second(tmp_path: Path) -> None:
    """Whoever looks at the live view looks at now, not at the last reconnect."""
    frames = value("ssmd_connector_frames_total")
    latencies = value("ssmd_connector_venue_latency_seconds_count")
    turns = value("ssmd_connector_ws_process_duration_seconds_count")
    async with stage(tmp_path, speaking(b"{}", b"{}", b"{}")) as s:
        await s.frames(3)
        await s.clock.advance(1)
        assert value("ssmd_connector_frames_total") == frames + 3
        assert value("ssmd_connector_venue_latency_seconds_count") == latencies  # no venue time
        s.spool.inspect()
        assert value("ssmd_connector_ws_process_duration_seconds_count") > turns


@given(floors=st.lists(st.integers(0, 700), max_size=20), step=st.integers(1, 3))
def test_lag_is_never_understated_and_ends_at_nothing(floors: list[int], step: int) -> None:
    """Marks are coarse: to the safe side, and never at the end."""
    lag = Lag()
    for position in range(200):
        lag.acknowledge(position, (position + 1) * step)
    floor = 0
    for each in floors:
        floor = max(floor, each)
        lag.reach(floor)
        behind = max(0, 200 - floor // step)
        assert behind <= lag.count <= behind + 64
        assert lag.position < floor // step + 1
    lag.reach(200 * step)
    assert (lag.count, lag.position) == (0, 199)
