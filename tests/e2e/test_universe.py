"""A universe that follows the security master, end to end: venue, database, bus, connector, archive."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from ssmd.archive import reader
from ssmd.archive.verify import verify
from ssmd.cli.master import POSTGRES
from ssmd.cli.pipeline import ARCHIVER, Pipeline
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.feeds.capture import ConnectorSettings
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.feeds.universe import Master, MasterFilters, Universe
from ssmd.model.envelope import SENT, Envelope
from ssmd.model.errors import Unavailable
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.standing import look
from ssmd.runtime.scrape import scrape
from ssmd.secmaster.changes.settings import FEED as CHANGES
from ssmd.secmaster.settings import CDC, SECMASTER
from ssmd.sim import ledger, oracle
from tests.e2e.acts import CLOCK, until
from tests.tier import SEED, scale

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
log = logging.getLogger(__name__)

FEED = "kalshi"
CONNECTOR = f"connector-{FEED}"
OPENS_S = 12
"""A market is listed so long before it opens: by then everybody knows of it."""
LOOK_S = 0.25
"""Pause between two looks at a whole archive."""
WITHIN_S = 5.0
"""What is recorded of a market must be in the archive so soon after it opened."""


def followed() -> FeedConfig:
    """The shipped feed, following the security master, and connecting as often as a test can wait."""
    feed = registry.load_feed(FEED)
    limits = msgspec.structs.replace(feed.versions[-1].limits, connect_interval_s=0.05)
    universe = Universe(
        source="secmaster",
        channels=feed.universe.channels,
        secmaster=Master(filters=MasterFilters(series=("KXBTCD", "KXETHD"))),
    )
    versions = tuple(msgspec.structs.replace(each, limits=limits) for each in feed.versions)
    return msgspec.structs.replace(feed, versions=versions, universe=universe)


@asynccontextmanager
async def stage(root: Path) -> AsyncIterator[Stage]:
    """A simulated venue, and everything that `ssmd up` would start against it."""
    machine = MachineConfig(
        dir=str(root),
        environment="test",
        feeds=(FeedChoice(feed=FEED),),
        connector=ConnectorSettings(backoff_base_s=0.1, backoff_cap_s=0.5),
    )
    made = Stage(machine, [followed()], clock=CLOCK, rate=200.0, seed=SEED, keeps=True)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


async def figure(made: Stage, name: str) -> float:
    """A metric of the connector; -1 while it does not answer."""
    address = made.pipeline.addresses.get(CONNECTOR)
    try:
        return -1.0 if address is None else (await scrape(address)).total(name, feed=FEED)
    except Unavailable:
        return -1.0


async def settled_down(made: Stage) -> float:
    """Everything wanted is acknowledged; how much that is."""
    found = 0.0

    async def holds() -> bool:
        nonlocal found
        found = await figure(made, "ssmd_connector_markets_requested")
        acknowledged = await figure(made, "ssmd_connector_markets_subscribed")
        return await figure(made, "ssmd_universe_wanted") > 0 and found == acknowledged > 1

    await until(holds, "every subscription to be acknowledged", patience_s=120.0)
    return found


def about(root: Path, symbol: str) -> Iterator[Envelope]:
    """What is archived of a market's trading, by now."""
    for line in reader.read(root):
        envelope = line.envelope
        if (
            envelope.feed == FEED
            and symbol in envelope.symbols
            and envelope.type in {"orderbook_snapshot", "orderbook_delta", "ticker", "trade"}
        ):
            yield envelope


async def waits(made: Stage) -> bool:
    """Whether the universe knows of a market that is to open."""
    return await figure(made, "ssmd_universe_waiting") > 0


async def first_of(made: Stage, root: Path, symbol: str) -> int:
    """When the first of a market's trading was received, once it is archived; ns."""
    found: list[Envelope] = []

    async def archived() -> bool:
        found[:] = await asyncio.to_thread(lambda: list(about(root, symbol)))
        if not found:
            await CLOCK.sleep(LOOK_S)
        return bool(found)

    await until(archived, f"data of {symbol} in the archive", patience_s=180.0)
    return min(envelope.ts_recv or 0 for envelope in found)


def opening(root: Path, symbol: str) -> int:
    """When the venue said that a market opens, ns: from its own announcement."""
    for line in reader.read(root):
        if line.envelope.type == "market_lifecycle_v2" and symbol in line.envelope.symbols:
            told = msgspec.json.decode(line.envelope.payload)["msg"]
            if told["event_type"] == "created":
                return int(told["open_ts"]) * SECOND_NS
    raise AssertionError(f"{symbol} was never announced")


def said(root: Path, after: int) -> list[dict[str, Any]]:
    """What the connector said to the venue since a moment, control frames left out."""
    found = []
    for line in reader.read(root):
        envelope = line.envelope
        ours = envelope.feed == FEED and envelope.type == SENT and envelope.opcode == Opcode.TEXT
        if ours and (envelope.ts_recv or 0) > after:
            found.append(msgspec.json.decode(envelope.payload))
    return found


def held(made: Stage) -> dict[int, set[str]]:
    """The markets of each subscription, from the venue's own record of what it granted."""
    found: dict[int, set[str]] = {}
    for path in sorted((made.ledgers / FEED).glob("socket-*.jsonl")):
        for line in path.read_bytes().splitlines()[1:]:
            for told in _answers(line):
                found[told["sid"]] = set(told["msg"]["market_tickers"])
    return found


def _answers(line: bytes) -> Iterator[dict[str, Any]]:
    """The answers that state the whole set of a subscription, in a line of the venue's ledger."""
    with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError):
        told = msgspec.json.decode(msgspec.json.decode(line)["raw"])
        if told["type"] == "ok" and "market_tickers" in told["msg"]:
            yield told


def proved(made: Stage, root: Path) -> None:
    """Every frame the venue sent on a socket is archived or declared, the changes likewise.

    What the security master asks over REST is in its tables, and not in the archive.
    """
    report = verify(root)
    assert report.problems == []
    assert CHANGES in {connection.feed for connection in report.connections}
    archived = (line.envelope for line in reader.read(root))
    verdict = oracle.judge(ledger.read(made.ledgers / FEED), archived)
    assert verdict.problems == []
    assert verdict.archived == verdict.received - verdict.declared_lost > 0
    assert verdict.holes == verdict.declared_lost == verdict.mismatches == 0


async def ended(made: Stage) -> None:
    """Everything is told, archived and sealed."""
    await made.quiet()
    pipeline = made.pipeline
    for names in (pipeline.connectors, [SECMASTER], [CDC]):
        await pipeline.stop(names)

    async def caught_up() -> bool:
        return not await pipeline.behind()

    await until(caught_up, "the archive to catch up", patience_s=120.0)
    await pipeline.stop([ARCHIVER])


async def test_a_market_opens_by_the_clock_is_recorded_and_let_go_when_settled(
    tmp_path: Path,
) -> None:
    """Listed unopened, it opens without a word; its data is there in seconds, and no other is touched."""
    symbol = "KXBTCD-27JAN1517-T123456.99"
    async with stage(tmp_path) as made:
        before = await settled_down(made)
        quiet = CLOCK.wall()
        made.fault(f"listing:symbol={symbol},opens={OPENS_S}")
        received = await first_of(made, tmp_path, symbol)
        opened = opening(tmp_path, symbol)
        late_s = (received - opened) / SECOND_NS
        log.info("the first frame came %.2f s after the market opened", late_s)
        assert 0 <= late_s <= WITHIN_S
        assert await settled_down(made) == before + 3

        made.fault(f"delist:symbol={symbol}")

        async def gone() -> bool:
            return await figure(made, "ssmd_connector_markets_requested") == before

        await until(gone, "the settled market to be let go")
        await settled_down(made)
        found = await look(tmp_path)
        assert found.ok, found
        assert set(found.master) == {SECMASTER, CDC}
        assert found.feeds[0].follows
        await ended(made)
    commands = said(tmp_path, quiet)
    assert commands
    for command in commands:
        assert command["params"].get("market_tickers") == [symbol], command
    assert {each["params"]["action"] for each in commands} >= {"add_markets"}
    assert not any(symbol in markets for markets in held(made).values())
    proved(made, tmp_path)


def kill(pipeline: Pipeline, victim: str) -> None:
    """End one of them as hard as the kernel can."""
    if victim != POSTGRES:
        pipeline.child(victim).kill()
        return
    assert pipeline.master is not None
    assert pipeline.master.server is not None
    pipeline.master.server.kill()


async def test_whoever_is_killed_a_market_that_opens_is_recorded(tmp_path: Path) -> None:
    """Each of the four comes back, and what opened meanwhile is subscribed; nothing is lost."""
    random = Random(SEED)
    victims = [CONNECTOR, SECMASTER, CDC, POSTGRES] * scale(gate=1, full=6)
    random.shuffle(victims)
    async with stage(tmp_path) as made:
        pipeline = made.pipeline
        guard = asyncio.create_task(
            pipeline.supervise(lambda name, code: log.info("%s ended with %d", name, code))
        )
        try:
            await settled_down(made)
            for number, victim in enumerate(victims):
                symbol = f"KXETHD-27JAN1517-T{1000 + number}.99"
                if victim == CONNECTOR:  # nobody else hears of a listing: it must be known by then
                    made.fault(f"listing:symbol={symbol},opens={OPENS_S}")
                    await until(lambda: waits(made), f"{symbol} to be known")
                    kill(pipeline, victim)
                else:
                    kill(pipeline, victim)
                    opens = random.choice(("", ",opens=1", ",opens=5"))
                    made.fault(f"listing:symbol={symbol}{opens}")
                await first_of(made, tmp_path, symbol)
                await settled_down(made)
        finally:
            guard.cancel()
            await asyncio.gather(guard, return_exceptions=True)
        await ended(made)
        proved(made, tmp_path)
