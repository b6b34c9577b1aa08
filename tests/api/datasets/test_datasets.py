"""What is recorded, as the library and the commands tell it."""

from pathlib import Path

import httpx2
import polars as pl

from ssmd.access.days import days
from ssmd.access.opening import open_archive
from ssmd.api.routes.turning import placed
from ssmd.archive.tables.compactor import Compactor
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import MINUTE_NS, record, trades
from tests.api.ledger.test_ledger import pages
from tests.api.world import Only, app_of, asked
from tests.archive.made import START

NOW = START + 10 * MINUTE_NS


async def test_feeds_and_days_are_what_is_recorded(
    played_client: httpx2.AsyncClient, played: tuple[Path, object]
) -> None:
    """Each feed, and each of its days, with sizes, tables and coverage."""
    items = await pages(played_client, "/v1/datasets/feeds", limit=1)
    assert [each["feed"] for each in items] == open_archive(played[0]).feeds()
    for each in items:
        one = (await played_client.get(f"/v1/datasets/feeds/{each['feed']}")).json()
        assert one == each
        told = await pages(played_client, f"/v1/datasets/feeds/{each['feed']}/days", limit=1)
        known = days(played[0], each["feed"])
        assert [day["date"] for day in told] == [day.date for day, _ in reversed(known)]
        assert sum(day["envelopes"] for day in told) == each["envelopes"]
        assert told[0]["tables"] == known[-1][1].tables


async def test_the_schema_is_that_of_the_tables(
    played_client: httpx2.AsyncClient, played: tuple[Path, object]
) -> None:
    """Every table of all venues and of each feed, its columns in order."""
    archive = open_archive(played[0])
    told = {each["table"]: each for each in await pages(played_client, "/v1/datasets/schema")}
    assert set(told) == set(archive.schema())
    for name, columns in archive.schema().items():
        assert [each["name"] for each in told[name]["columns"]] == columns.names()
    for feed in archive.feeds():
        own = await pages(played_client, "/v1/datasets/schema", feed=feed, limit=2)
        assert [each["table"] for each in own] == sorted(archive.schema(feed=feed))


async def test_instruments_are_found_by_a_piece_of_their_symbol(root: Path) -> None:
    """All of them in pages, or those that hold a text."""
    async with asked(app_of(root, clock=ManualClock(NOW))) as client:
        items = await pages(client, "/v1/datasets/instruments", feed="kraken", limit=1)
        assert len(items) == 3
        assert sum(each["messages"] for each in items) >= 600
        found = await pages(client, "/v1/datasets/instruments", feed="kraken", q="btc")
        assert {each["symbol"] for each in found} == {"BTC/USD"}


async def test_conditions_are_the_librarys(root: Path) -> None:
    """Runs of minutes, and the same counted by hour and day."""
    words = {"feed": "kraken", "instrument": "BTC/USD"}
    async with asked(app_of(root, clock=ManualClock(NOW))) as client:
        runs = await pages(client, "/v1/datasets/condition", limit=1, **words)
        known = open_archive(root, warn=False).conditions(instrument="BTC/USD").collect()
        assert [each["condition"] for each in runs] == known["condition"].to_list()
        minutes = int((known["until"] - known["since"]).dt.total_minutes().sum())
        for per in ("hour", "day"):
            told = await pages(client, "/v1/datasets/condition", per=per, **words)
            assert sum(sum(each["counts"].values()) for each in told) == minutes


async def test_an_estimate_is_what_a_download_gives(root: Path) -> None:
    """Exact for whole files; of a part of a file an upper bound, and told as such."""
    async with asked(app_of(root, clock=ManualClock(NOW))) as client:
        whole = (await client.get("/v1/datasets/estimate", params={"table": "trades"})).json()
        assert (whole["rows"], whole["is_exact"], whole["unbuilt_segments"]) == (600, True, 0)
        words = {"table": "trades", "start": "-9m", "end": "-8m"}
        part = (await client.get("/v1/datasets/estimate", params=words)).json()
        rows = await pages(
            client, "/v1/data/trades", **{k: v for k, v in words.items() if k != "table"}
        )
        assert part["rows"] >= len(rows)
        wrong = await client.get("/v1/datasets/estimate", params={"table": "trade"})
        assert (wrong.status_code, "trades" in wrong.json()["detail"]) == (400, True)


async def test_segments_without_tables_are_told_of(tmp_path: Path) -> None:
    """What is not built yet is not in the estimate, and the answer says so."""
    root = tmp_path / "data"
    record(root, trades(30))
    async with asked(app_of(root, clock=ManualClock(NOW))) as client:
        before = (await client.get("/v1/datasets/estimate", params={"table": "trades"})).json()
        Compactor(root, ManualClock(START)).run_once()
        after = (await client.get("/v1/datasets/estimate", params={"table": "trades"})).json()
    assert (before["rows"], before["is_exact"]) == (0, False)
    assert before["unbuilt_segments"] > 0
    assert (after["rows"], after["unbuilt_segments"]) == (30, 0)


async def test_restrictions_of_a_key_hold(played: tuple[Path, object]) -> None:
    """Lists are filtered, named feeds are refused, days beyond the key's are left out."""
    mine, other, *_ = open_archive(played[0]).feeds()
    async with asked(app_of(played[0], doorkeeper=Only(feeds=frozenset({mine})))) as client:
        items = await pages(client, "/v1/datasets/feeds")
        assert [each["feed"] for each in items] == [mine]
        for path in (
            f"feeds/{other}",
            f"feeds/{other}/days",
            f"schema?feed={other}",
            f"instruments?feed={other}",
        ):
            assert (await client.get(f"/v1/datasets/{path}")).status_code == 403, path


async def test_an_unknown_feed_and_an_empty_archive_are_told(tmp_path: Path, root: Path) -> None:
    """404, with what there is."""
    async with asked(app_of(root)) as client:
        answer = await client.get("/v1/datasets/feeds/nowhere")
        assert (answer.status_code, "kraken" in answer.json()["remedy"]) == (404, True)
    async with asked(app_of(tmp_path / "data")) as client:
        assert (await client.get("/v1/datasets/feeds")).status_code == 404


def test_a_frame_of_polars_is_what_the_pages_are_made_of() -> None:
    """Places are unique even where rows are the same."""
    rows = placed(pl.DataFrame({"a": [1, 1, 2, None]}), ("a",))
    assert len({tuple(each) for each in rows["place"]}) == 4
