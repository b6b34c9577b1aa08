"""What a venue does to one connection or one symbol: noticed, declared, and over when it is over."""

import json
import os
import signal
from pathlib import Path

import msgspec
import pytest

from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.records import Acknowledged, Declined
from ssmd.runtime.scrape import complaints_of, scrape
from tests.e2e.acts import FEED, drained, judged, stage, total, until
from tests.e2e.test_venues import alive, machine, quick, told
from tests.tier import FULL, SEED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NAMES = registry.names() if FULL else ["kraken-futures"]


def impatient(feed: FeedConfig, **limits: float) -> FeedConfig:
    """A feed with other limits."""
    versions = tuple(
        msgspec.structs.replace(each, limits=msgspec.structs.replace(each.limits, **limits))
        for each in feed.versions
    )
    return msgspec.structs.replace(feed, versions=versions)


async def ended(made: Stage, reason: str) -> float:
    """Connections that ended for a reason, so far."""
    found = 0.0
    for address in list(made.pipeline.addresses.values()):
        found += (await scrape(address)).total(
            "ssmd_connector_shard_reconnects_total", reason=reason
        )
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_a_connection_that_falls_silent_is_replaced(name: str, tmp_path: Path) -> None:
    """The socket is open and says nothing: what it would have said was never said."""
    feed = impatient(quick(registry.load_feed(name)), silence_s=4.0, ping_interval_s=1.5)
    async with stage(
        tmp_path, rate=200.0, seed=SEED, machine=machine(tmp_path, feed), feed=feed
    ) as made:
        await alive(made)
        made.fault("stall")

        async def is_noticed() -> bool:
            return await ended(made, "silence") + await ended(made, "pong") > 0

        await until(is_noticed, "the silence to be noticed")
        await alive(made)
        await drained(made)
        await judged(made, tmp_path, name)


@pytest.mark.parametrize("name", NAMES)
async def test_a_refused_symbol_and_lost_answers_cost_nothing_else(
    name: str, tmp_path: Path
) -> None:
    """Answers that never come are asked for again; one refused symbol is told, the rest held."""
    feed = impatient(quick(registry.load_feed(name)), ack_timeout_s=2.0)
    async with stage(
        tmp_path, rate=200.0, seed=SEED, machine=machine(tmp_path, feed), feed=feed
    ) as made:
        await alive(made)

        def first() -> str:
            held = [each.symbol for each in told(tmp_path) if isinstance(each, Acknowledged)]
            return next((symbol for symbol in held if symbol), "")

        async def is_told() -> bool:
            return bool(first())

        await until(is_told, "the archive to tell what is held")
        bad = first()
        made.fault(f"refuse:symbol={bad}")
        made.fault("no_ack:for=3")
        made.fault("abort")

        async def is_refused() -> bool:
            refused = await total(made, "ssmd_connector_markets_refused")
            held = await total(made, "ssmd_connector_markets_subscribed")
            wanted = await total(made, "ssmd_connector_markets_requested")
            return refused > 0 and held > 0 and held + refused == wanted

        await until(is_refused, "everything else to be held", patience_s=120)
        (connector,) = made.pipeline.connectors
        complaints = await complaints_of(made.pipeline.addresses[connector])
        assert any("refused" in complaint for complaint in complaints)
        await drained(made)
        await judged(made, tmp_path, name)
    declined = [each for each in told(tmp_path) if isinstance(each, Declined)]
    assert bad in {each.symbol for each in declined}


async def test_a_client_that_reads_too_slowly_is_dropped_and_comes_back(tmp_path: Path) -> None:
    """The venue has no patience: what was unsent lies in the outage that is declared."""
    feed = quick(registry.load_feed(FEED))
    async with stage(
        tmp_path, rate=2000.0, seed=SEED, machine=machine(tmp_path, feed), feed=feed
    ) as made:
        await alive(made)
        made.fault("slow_reader:bytes=65536")
        (connector,) = made.pipeline.connectors
        pid = made.pipeline.child(connector).pid
        os.kill(pid, signal.SIGSTOP)
        log = made.ledgers.parent / "logs" / f"sim-{feed.venue}.log"

        async def is_dropped() -> bool:
            lines = log.read_text(encoding="utf-8").splitlines()
            events = [json.loads(line) for line in lines if line.startswith("{")]
            return any(each.get("reason") == "slow_client" for each in events)

        try:
            await until(is_dropped, "the venue to lose its patience")
        finally:
            os.kill(pid, signal.SIGCONT)
        made.fault("slow_reader:bytes=268435456")
        await alive(made)
        await drained(made)
        found = await judged(made, tmp_path)
    assert found.in_outage > 0
