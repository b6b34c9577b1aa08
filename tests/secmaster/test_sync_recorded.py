"""The recorded listing of a real venue: what the database holds is what the file says, counted apart."""

import gzip
import json
from collections import Counter
from typing import Any

import pytest

from ssmd import venues
from ssmd.model.rest import Saved
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.statement import Order, Statement
from tests.secmaster.syncing import ask, column, numbers
from tests.shared import shared

_FILE = "data/kraken/rest/AssetPairs-20260112.json.gz"
_STATUSES = {
    "online": "active",
    "post_only": "active",
    "limit_only": "active",
    "cancel_only": "paused",
    "reduce_only": "paused",
    "maintenance": "paused",
    "work_in_progress": "paused",
    "delisted": "closed",
}
"""Counted by this test's own reading of the venue's words, not by the code's."""


@pytest.fixture
def recorded() -> bytes:
    """The body as the venue answered it."""
    return gzip.decompress(shared(_FILE).read_bytes())


async def sync(database: Database, body: bytes, *, whole: bool = False) -> Statement:
    """One round out of the file."""
    order = Order(
        venue=venues.load("kraken"), mode="saved", saved=(Saved("AssetPairs", body),), whole=whole
    )
    return await Synchroniser(database, SystemClock()).run(order)


async def test_counts_are_those_of_the_file(database: Database, recorded: bytes) -> None:
    """By raw status, by status, by quote asset, with the wsname's own words for it."""
    done = await sync(database, recorded)
    pairs: dict[str, dict[str, Any]] = json.loads(recorded)["result"]
    assert len(pairs) == 1434
    assert numbers(done) == {"inserted": 1434}
    raw = await ask(database, "SELECT raw_status AS name, count(*) AS n FROM instrument GROUP BY 1")
    wanted = Counter(pair["status"] for pair in pairs.values())
    assert {row["name"]: row["n"] for row in raw} == wanted
    ours = await ask(database, "SELECT status AS name, count(*) AS n FROM instrument GROUP BY 1")
    mapped = Counter(_STATUSES[pair["status"]] for pair in pairs.values())
    assert {row["name"]: row["n"] for row in ours} == mapped
    aliases = await ask(
        database, "SELECT value AS name FROM alias WHERE scheme = 'wsname' ORDER BY 1"
    )
    assert [row["name"] for row in aliases] == sorted(pair["wsname"] for pair in pairs.values())
    quotes = await ask(database, "SELECT quote AS name, count(*) AS n FROM instrument GROUP BY 1")
    theirs = Counter(pair["wsname"].split("/")[1] for pair in pairs.values())
    assert {_old_name(row["name"]): row["n"] for row in quotes} == {
        _old_name(name): number for name, number in theirs.items()
    }


def _old_name(asset: str) -> str:
    """One name for the two that the venue has for its oldest assets."""
    return {"XBT": "BTC", "XDG": "DOGE"}.get(asset, asset)


async def test_a_second_round_writes_nothing(database: Database, recorded: bytes) -> None:
    """Neither a row nor a change set; WAL grows by the round's own record, and no more."""

    async def wal() -> int:
        found = await column(database, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return int(found[0])

    began = await wal()
    await sync(database, recorded)
    first = await wal() - began
    changes = await column(database, "SELECT count(*), max(id) FROM change_set")
    began = await wal()
    for _ in range(20):  # what the server writes by itself meanwhile
        await column(database, "SELECT count(*) FROM instrument_version")
    idle = await wal() - began
    grown = []
    for _ in range(3):  # what autovacuum writes into one of them, it does not write into all
        began = await wal()
        done = await sync(database, recorded)
        grown.append(await wal() - began)
        assert numbers(done) == {"unchanged": 1434}
        assert done.written == 0
    assert await column(database, "SELECT count(*), max(id) FROM change_set") == changes
    assert first > 5_000_000, "the first round is what this is compared with"
    assert min(grown) - idle < 20_000, f"{grown} bytes, {idle} of them without a round"


async def test_a_part_of_the_file_closes_the_rest_only_when_it_is_everything(
    database: Database, recorded: bytes
) -> None:
    """A pair that a whole listing no longer has is not listed; when it is back, it goes on."""
    await sync(database, recorded)
    told = json.loads(recorded)
    gone = sorted(told["result"])[:20]
    for name in gone:
        del told["result"][name]
    part = json.dumps(told).encode()
    assert numbers(await sync(database, part)) == {"unchanged": 1414}
    assert numbers(await sync(database, part, whole=True)) == {"unchanged": 1414, "closed": 20}
    assert numbers(await sync(database, recorded)) == {"unchanged": 1414, "reopened": 20}
