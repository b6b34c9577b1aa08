"""What a feed subscribes to against what is listed, in real rows and a real archive."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.policy import load_policy
from ssmd.feeds.universe import Master, MasterFilters, Universe
from ssmd.model import records
from ssmd.model.envelope import LEDGER
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.secmaster import measured
from ssmd.quality.secmaster.gathering import gather
from ssmd.quality.secmaster.verdict import MasterFinding, judge
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import FEED, Recorder, Recording
from tests.secmaster.syncing import column

CLOSED, UNSUBSCRIBED = "subscribed_but_closed", "active_but_unsubscribed"
HOUR_NS = 3600 * SECOND_NS


def recorded(root: Path, symbols: Sequence[str], *, ended: Sequence[str] = ()) -> Path:
    """An archive that is being written at this moment, by a feed that subscribes to symbols."""
    recorder = Recorder(root, interval_s=900)
    talk = Recording(SystemClock().wall() - 5 * SECOND_NS)
    talk.symbols = tuple(symbols)  # type: ignore[assignment]
    recorder.write(list(talk.begin()))
    talk.ts += SECOND_NS
    recorder.write(
        [
            talk.said(LEDGER, records.Unwanted(channel="trade", symbol=symbol, reason="universe"))
            for symbol in ended
        ]
    )
    talk.ts += SECOND_NS
    recorder.write(talk.frames(1))
    return root


def following(**filters: Any) -> FeedConfig:  # noqa: ANN401 - of a universe
    """The feed, as it would be if it followed the security master."""
    universe = Universe(
        source="secmaster",
        channels=("trade",),
        secmaster=Master(filters=MasterFilters(**filters)),
    )
    return msgspec.structs.replace(registry.load_feed(FEED), universe=universe)


async def judged(
    database: Database,
    root: Path,
    config: FeedConfig | None = None,
    *,
    after_s: float = HOUR_NS / SECOND_NS / 2,
) -> dict[str, MasterFinding]:
    """Every finding, half an hour later: what changed by now has had its grace."""
    policy = load_policy().secmaster
    assert policy is not None
    clock = ManualClock(SystemClock().wall() + round(after_s * SECOND_NS))
    facts = await gather(database, policy, clock, root=root, configured=lambda _: config)
    return {each.name: each for each in judge(measured(facts, noise=policy.noise), policy)}


async def active(database: Database) -> list[str]:
    """What is traded, or paused: a pause ends no subscription."""
    query = "SELECT symbol FROM instrument WHERE status IN ('active', 'paused') ORDER BY symbol"
    return await column(database, query)


async def close(database: Database, symbol: str, change: str) -> None:
    async with database.writing("sql") as session:
        await session.execute(
            f"UPDATE instrument SET {change} WHERE symbol = %s",  # noqa: S608 - our own text
            (symbol,),
        )


async def test_what_is_subscribed_trades(pairs: Database, tmp_path: Path) -> None:
    """Green; a feed that names its symbols itself wants nothing of the security master."""
    root = recorded(tmp_path / "a", (await active(pairs))[:4])
    found = await judged(pairs, root, registry.load_feed(FEED))
    assert (found[CLOSED].value, found[CLOSED].bad) == (0.0, False)
    assert found[UNSUBSCRIBED].state == "not_applicable"


@pytest.mark.parametrize("change", ["status = 'closed'", "listed = false"])
async def test_a_subscription_to_what_is_closed(
    pairs: Database, tmp_path: Path, change: str
) -> None:
    """It is named; a subscription that was ended is none; one just closed has its grace."""
    one, two, *rest = (await active(pairs))[:4]
    await close(pairs, one, change)
    await close(pairs, two, change)
    root = recorded(tmp_path / "a", [one, two, *rest], ended=[two])
    found = await judged(pairs, root)
    assert found[CLOSED].value == pytest.approx(1 / 3)
    assert found[CLOSED].bad
    assert f"{FEED}: {one}" in found[CLOSED].evidence
    assert (await judged(pairs, root, after_s=0))[CLOSED].value == 0.0


async def test_what_is_wanted_and_subscribed(pairs: Database, tmp_path: Path) -> None:
    """Green: the universe's own reading of the database is what is subscribed to."""
    symbols = await active(pairs)
    found = await judged(pairs, recorded(tmp_path / "a", symbols), following())
    assert (found[UNSUBSCRIBED].value, found[UNSUBSCRIBED].bad) == (0.0, False)
    assert f"0 of {len(symbols)} wanted" in found[UNSUBSCRIBED].evidence


async def test_what_is_wanted_and_not_subscribed(pairs: Database, tmp_path: Path) -> None:
    """Red, and named; what the filters leave out is not missed, nor what came a moment ago."""
    symbols = await active(pairs)
    root = recorded(tmp_path / "a", symbols[1:-1])
    found = await judged(pairs, root, following())
    assert found[UNSUBSCRIBED].value == pytest.approx(2 / len(symbols))
    assert symbols[0] in found[UNSUBSCRIBED].evidence
    assert found[UNSUBSCRIBED].score != 100
    few = await judged(pairs, root, following(keywords=(symbols[1],)))
    assert few[UNSUBSCRIBED].value == 0.0
    assert (await judged(pairs, root, following(), after_s=0))[UNSUBSCRIBED].value == 0.0
    none = await judged(pairs, recorded(tmp_path / "b", symbols[:1]), following())
    assert none[UNSUBSCRIBED].bad


async def test_a_feed_that_is_not_recorded_now(pairs: Database, tmp_path: Path) -> None:
    """What it subscribed to when it was says nothing of now."""
    root = recorded(tmp_path / "a", ["GONE/USD", *(await active(pairs))[:2]])
    found = await judged(pairs, root, following(), after_s=2 * HOUR_NS / SECOND_NS)
    assert [found[name].state for name in (CLOSED, UNSUBSCRIBED)] == ["not_applicable"] * 2
    assert "nothing of it was archived for 60 min" in found[CLOSED].evidence


async def test_what_the_security_master_does_not_know(pairs: Database, tmp_path: Path) -> None:
    """It is said, and is no closed one; of another venue's master nothing can be said."""
    root = recorded(tmp_path / "a", ["NEW/USD", *(await active(pairs))[:2]])
    found = await judged(pairs, root)
    assert (found[CLOSED].value, "1 are not in the security master" in found[CLOSED].evidence) == (
        0.0,
        True,
    )
    strange = await judged(pairs, recorded(tmp_path / "b", ["NEW/USD"]))
    assert strange[CLOSED].state == "not_applicable"
