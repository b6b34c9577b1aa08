"""One instrument stands still while its peers move: found, proved by REST, redriven, on record."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from ssmd.archive import reader
from ssmd.feeds import registry
from ssmd.feeds.capture import ConnectorSettings
from ssmd.model.envelope import LEDGER, REST, Envelope
from ssmd.model.records import Fetched, Judged, decode_ledger
from tests.e2e.acts import drained, judged, stage, total, until
from tests.e2e.test_venues import alive, machine, quick
from tests.tier import FULL, SEED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

QUICK = ConnectorSettings(
    backoff_base_s=0.1,
    backoff_cap_s=0.5,
    frozen_silence_s=3.0,
    frozen_messages=40,
    witness_interval_s=1.0,
)
NAMES = registry.names() if FULL else ["kalshi"]


def spoken(root: Path) -> Counter[str]:
    """Messages so far by symbol."""
    found: Counter[str] = Counter()
    for line in reader.read(root):
        if not line.envelope.type.startswith("_"):
            found.update(line.envelope.symbols)
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_a_frozen_instrument_speaks_again(name: str, tmp_path: Path) -> None:
    """The venue forgot one subscription: no counter shows it, and the connection looks well."""
    feed = quick(registry.load_feed(name))
    plan = msgspec.structs.replace(machine(tmp_path, feed), connector=QUICK)
    async with stage(tmp_path, rate=300.0, seed=SEED, machine=plan, feed=feed) as made:
        await alive(made)

        async def is_known() -> bool:
            return max(spoken(tmp_path).values(), default=0) > 150

        await until(is_known, "one instrument to have a rhythm")
        ((frozen, _),) = spoken(tmp_path).most_common(1)
        made.fault(f"freeze:symbol={frozen}")

        async def is_judged() -> bool:
            records = [decode_ledger(e.payload) for e in ledger(tmp_path)]
            actions = [r.action for r in records if isinstance(r, Judged) and r.symbol == frozen]
            return "reconnect" in actions

        await until(is_judged, "the instrument to be moved to another connection", patience_s=120)
        before = spoken(tmp_path)[frozen]

        async def is_back() -> bool:
            return spoken(tmp_path)[frozen] > before + 50

        await until(is_back, "the instrument to speak again")
        assert await total(made, "ssmd_connector_judged_total") >= 2
        await drained(made)
        await judged(made, tmp_path, name)
    records = [decode_ledger(envelope.payload) for envelope in ledger(tmp_path)]
    verdicts = [each for each in records if isinstance(each, Judged) and each.verdict == "frozen"]
    assert {each.symbol for each in verdicts} == {frozen}
    assert [each.action for each in verdicts[:2]] == ["resubscribe", "reconnect"]
    evidence = verdicts[0].evidence
    assert f"{name}-rest-" in evidence
    asked = [each for each in records if isinstance(each, Fetched) and each.purpose == "witness"]
    assert len(asked) >= 2
    bodies = {
        (line.envelope.connection, line.envelope.ordinal)
        for line in reader.read(tmp_path)
        if line.envelope.type == REST
    }
    assert len(bodies) >= len([each for each in asked if each.ordinal is not None])


def ledger(root: Path) -> list[Envelope]:
    """What the ledger was told so far."""
    return [line.envelope for line in reader.read(root) if line.envelope.type == LEDGER]


async def test_a_connection_without_data_is_replaced_though_it_is_kept_alive(
    tmp_path: Path,
) -> None:
    """Every instrument stands still and keepalives are answered: only REST shows it."""
    name = "kraken"
    feed = quick(registry.load_feed(name).with_symbols(("BTC/USD", "ETH/USD", "SOL/USD")))
    plan = msgspec.structs.replace(machine(tmp_path, feed), connector=QUICK)
    async with stage(tmp_path, rate=300.0, seed=SEED, machine=plan, feed=feed) as made:
        await alive(made)

        async def is_known() -> bool:
            return sum(spoken(tmp_path).values()) > 300

        await until(is_known, "the shard to have a rhythm")
        for symbol in feed.universe.symbols:
            made.fault(f"freeze:symbol={symbol}")

        async def is_judged() -> bool:
            records = [decode_ledger(e.payload) for e in ledger(tmp_path)]
            return any(isinstance(r, Judged) and r.action == "reconnect" for r in records)

        await until(is_judged, "the shard to be given another connection", patience_s=120)
        await alive(made)
        await drained(made)
        await judged(made, tmp_path, name)
