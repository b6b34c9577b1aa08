"""Every venue, end to end: its simulated side misbehaves, and the ledger of what it said agrees."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from ssmd.archive import reader
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.feeds.capture import ConnectorSettings
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.envelope import LEDGER, REST
from ssmd.model.records import (
    Acknowledged,
    Ended,
    GapFound,
    GapRepaired,
    LedgerRecord,
    decode_ledger,
)
from tests.e2e.acts import drained, judged, stage, total, until
from tests.tier import SEED, scale

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COUNTED = {"kraken": "checksum"}
"""How a lost message shows where feed.yaml tells of no counter (`counted` reads it)."""
FAULTS = (
    "gap:count=3",
    "duplicate:count=3",
    "reorder:count=3",
    "novelty:count=2",
    "drift:field=price,to=cost,for=0.5",
    "fragment:parts=4,count=5",
    "garbage:kind=malformed,count=2",
    "garbage:kind=deep",
    "ping",
    "close:code=1012",
    "unauthorized:for=1.5",
    "abort",
    "close:code=1001",
    "flood:factor=5,for=1",
)


def quick(feed: FeedConfig) -> FeedConfig:
    """The shipped feed, asking and connecting as often as a test can wait for."""
    limits = msgspec.structs.replace(feed.versions[-1].limits, connect_interval_s=0.05)
    versions = tuple(msgspec.structs.replace(each, limits=limits) for each in feed.versions)
    universe = feed.universe
    if universe.discovery is not None:
        discovery = msgspec.structs.replace(universe.discovery, interval_s=1.0)
        universe = msgspec.structs.replace(universe, discovery=discovery)
    return msgspec.structs.replace(feed, versions=versions, universe=universe)


def machine(root: Path, feed: FeedConfig) -> MachineConfig:
    """A machine that tries again soon."""
    return MachineConfig(
        dir=str(root),
        environment="test",
        feeds=(FeedChoice(feed=feed.name),),
        connector=ConnectorSettings(backoff_base_s=0.1, backoff_cap_s=0.5),
    )


async def alive(made: Stage) -> None:
    """Every shard is connected, everything wanted is acknowledged, and frames come."""

    async def holds() -> bool:
        acknowledged = await total(made, "ssmd_connector_markets_subscribed")
        return (
            acknowledged > 0
            and acknowledged == await total(made, "ssmd_connector_markets_requested")
            and await total(made, "ssmd_connector_markets_overflow") == 0
        )

    await until(holds, "every subscription to be acknowledged")
    frames = await total(made, "ssmd_connector_frames_total")

    async def grows() -> bool:
        return await total(made, "ssmd_connector_frames_total") > frames + 50

    await until(grows, "frames to come")


def told(root: Path) -> list[LedgerRecord]:
    """Everything the ledger was told."""
    return [
        decode_ledger(line.envelope.payload)
        for line in reader.read(root)
        if line.envelope.type == LEDGER
    ]


def counted(feed: FeedConfig) -> str | None:
    """How a lost message of a venue shows; None when it counts nothing, and nobody can know."""
    if any(kind.sequenced for kind in feed.message_types.values()):
        return "sequence"
    return COUNTED.get(feed.name)


def injected(made: Stage, feed: FeedConfig) -> Counter[str]:
    """The faults that happened, by name, from the simulator's own notes."""
    notes = (made.ledgers / feed.name / "faults.jsonl").read_text(encoding="utf-8")
    entries = [json.loads(line) for line in notes.splitlines()]
    return Counter(each["fault"].partition(":")[0] for each in entries if "fault" in each)


@pytest.mark.parametrize("name", registry.names())
async def test_what_a_venue_said_under_faults_is_archived(name: str, tmp_path: Path) -> None:
    """Lost, doubled, turned around, renamed, refused, cut off: the archive is what was sent."""
    feed = quick(registry.load_feed(name))
    async with stage(
        tmp_path, rate=400.0, seed=SEED, machine=machine(tmp_path, feed), feed=feed
    ) as made:
        await alive(made)
        for _ in range(scale(gate=1, full=10)):
            for fault in FAULTS:
                made.fault(fault)
                await alive(made)
        await drained(made)
        found = await judged(made, tmp_path, name)
    happened = injected(made, feed)
    assert set(happened) >= {fault.partition(":")[0] for fault in FAULTS}
    assert found.emitted > 1000
    gaps = [each for each in told(tmp_path) if isinstance(each, GapFound)]
    repairs = [each for each in told(tmp_path) if isinstance(each, GapRepaired)]
    if (kind := counted(feed)) is None:
        assert gaps == []
    else:
        assert kind in {gap.kind for gap in gaps}
        assert repairs


@pytest.mark.parametrize(
    "name", [each for each in registry.names() if registry.load_feed(each).universe.discovery]
)
async def test_a_universe_follows_its_venue(name: str, tmp_path: Path) -> None:
    """REST fails in the middle of a listing, instruments come and go: nothing is left out."""
    feed = quick(registry.load_feed(name))
    async with stage(
        tmp_path, rate=200.0, seed=SEED, machine=machine(tmp_path, feed), feed=feed
    ) as made:
        await alive(made)
        held: set[str] = set()

        async def is_told() -> bool:
            held.update(
                each.symbol
                for each in told(tmp_path)
                if isinstance(each, Acknowledged)
                if each.symbol
            )
            return bool(held)

        await until(is_told, "the archive to tell what is held")
        gone = min(held)
        wanted = await total(made, "ssmd_connector_markets_requested")
        for status in (500, 429, 503):
            made.fault(f"http:status={status},count=2,after=1,retry_after=0.1")
        made.fault(f"delist:symbol={gone}")

        async def is_smaller() -> bool:
            return await total(made, "ssmd_connector_markets_requested") < wanted

        await until(is_smaller, "the universe to shrink")
        made.fault(f"listing:symbol={gone}")

        async def is_back() -> bool:
            return await total(made, "ssmd_connector_markets_requested") == wanted

        await until(is_back, "the universe to be whole again")
        await alive(made)
        assert await total(made, "ssmd_connector_rest_requests_total") > 0
        await drained(made)
        await judged(made, tmp_path, name)
    mine = [each for each in told(tmp_path) if getattr(each, "symbol", None) == gone]
    kinds = [type(each) for each in mine if isinstance(each, Acknowledged | Ended)]
    assert kinds[0] is Acknowledged
    assert kinds[-1] is Acknowledged
    assert Ended in kinds
    assert any(line.envelope.type == REST for line in reader.read(tmp_path))
