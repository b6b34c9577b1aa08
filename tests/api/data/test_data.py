"""Rows over HTTP: the archive's own, to the last digit, in every format, page by page."""

import asyncio
import base64
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pyarrow as pa
import pytest

from ssmd.access.opening import open_archive
from ssmd.archive.tables.compactor import Compactor
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import MINUTE_NS, Recorder, Recording, trades
from tests.access.world import Truth
from tests.api.world import Only, app_of, asked, serving
from tests.archive.made import START

TABLES = ("trades", "quotes", "tickers", "lifecycle", "funding", "outcomes", "book/changes")


async def pages(client: httpx2.AsyncClient, path: str, **words: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - query words
    """Every item, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        given = {**words, **({} if cursor is None else {"cursor": cursor})}
        answer = await client.get(path, params=given)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert len(told["items"]) <= int(words.get("limit", 100))
        items += told["items"]
        cursor = told["next"]
        if cursor is None:
            return items


async def test_pages_of_trades_are_the_archives_rows(
    client: httpx2.AsyncClient, root: Path
) -> None:
    """Every trade once, in the order of receipt, its numbers exact."""
    items = await pages(client, "/v1/data/trades", limit=77)
    known = open_archive(root, warn=False).trades(ordered=True).collect()
    assert len(items) == known.height == 600
    assert [Decimal(each["price"]) for each in items] == known["price"].to_list()
    assert [each["ordinal"] for each in items] == known["ordinal"].to_list()
    texts = known["ts_recv"].dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_list()
    assert [each["ts_recv"] for each in items] == texts
    assert items[0].keys() == set(known.columns)


@pytest.mark.parametrize("table", TABLES)
async def test_every_table_is_the_same_in_every_format(
    played_client: httpx2.AsyncClient, played: tuple[Path, dict[str, list[Truth]]], table: str
) -> None:
    """Parquet, Arrow, NDJSON, CSV and pages hold the rows that the library gives."""
    known = (
        open_archive(played[0], warn=False)
        .shared(table.split("/", maxsplit=1)[0], ordered=True)
        .collect()
    )
    path = f"/v1/data/{table}"

    async def body(kind: str) -> bytes:
        answer = await played_client.get(path, params={"format": kind})
        assert answer.status_code == 200, answer.text
        assert answer.headers["ssmd-incomplete"].isdigit()
        return answer.content

    parquet = pl.read_parquet(io.BytesIO(await body("parquet")))
    assert parquet.equals(known)
    assert parquet.schema == known.schema
    arrow = pl.from_arrow(pa.ipc.open_stream(await body("arrow")).read_all())
    assert isinstance(arrow, pl.DataFrame)
    assert arrow.equals(known)
    lines = [json.loads(line) for line in (await body("ndjson")).splitlines()]
    first = (await played_client.get(path, params={"limit": 50})).json()["items"]
    assert lines[:50] == first
    assert len(lines) == known.height
    csv = pl.read_csv(io.BytesIO(await body("csv")), infer_schema=False)
    assert csv.columns == known.columns
    assert csv.height == known.height
    for name, kind in known.schema.items():
        if isinstance(kind, pl.Decimal):
            assert csv[name].cast(kind).equals(known[name]), name
            exact = [None if each[name] is None else Decimal(each[name]) for each in lines]
            assert exact == known[name].to_list(), name
        if isinstance(kind, pl.Datetime):
            texts = known[name].dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
            assert csv[name].equals(texts, null_equal=True), name


async def test_what_is_recorded_between_two_pages_is_told_once(tmp_path: Path) -> None:
    """A cursor is a place, not a number of rows: it stays right while the archive grows."""
    known = trades(120)
    root = tmp_path / "data"
    recorder, talk = Recorder(root, interval_s=60), Recording()
    recorder.write([*talk.begin(), *map(talk.trade, known[:60])])
    clock = ManualClock(START + 10 * MINUTE_NS)
    async with asked(app_of(root, clock=clock)) as client:
        first = (await client.get("/v1/data/trades", params={"limit": 50})).json()
        recorder.write([*map(talk.trade, known[60:]), talk.closed()])
        recorder.seal()
        Compactor(root, ManualClock(START)).run_once()
        rest = await pages(client, "/v1/data/trades", limit=50, cursor=first["next"])
    ordinals = [each["ordinal"] for each in first["items"]]
    assert len(first["items"]) == 50
    seen = [each["ts_recv"] for each in [*first["items"], *rest]]
    assert len(seen) == len(set(seen)) == 120
    assert ordinals == sorted(ordinals)


async def test_words_choose_rows_and_columns(client: httpx2.AsyncClient) -> None:
    """Instrument, time and columns are those that were asked for."""
    words = {"instrument": "BTC/USD", "start": "-9m", "end": "-8m", "column": ["price", "ts_recv"]}
    items = await pages(client, "/v1/data/trades", **words)
    assert len(items) == 20
    assert all(each.keys() == {"price", "ts_recv"} for each in items)


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ({"instrument": "BTC/USE"}, 400, "BTC/USD"),
        ({"feed": "nowhere"}, 400, "There is no feed"),
        ({"start": "tomorrow"}, 400, "no time"),
        ({"start": "2026-11-24", "end": "2026-11-23"}, 400, "not after"),
        ({"limit": 0}, 400, "limit"),
        ({"limit": 1001}, 400, "1000"),
        ({"column": "prize"}, 400, "no column"),
        ({"format": "xml"}, 400, "format"),
        ({"format": "csv", "cursor": "x"}, 400, "not in pages"),
        ({"cursor": "x"}, 400, "no cursor"),
        ({"by": "clock"}, 400, "by"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_a_remedy(
    client: httpx2.AsyncClient, words: dict[str, Any], status: int, told: str
) -> None:
    """Each refusal names the word, and what to do."""
    answer = await client.get("/v1/data/trades", params=words)
    assert answer.status_code == status, answer.text
    assert told in json.dumps(answer.json())
    assert answer.json()["remedy"]


async def test_a_cursor_made_by_hand_is_refused(client: httpx2.AsyncClient) -> None:
    """One with the right question and a wrong place does not break anything."""
    first = (await client.get("/v1/data/trades", params={"limit": 5})).json()["next"]
    kind, digest, _place = json.loads(base64.urlsafe_b64decode(first + "=="))
    for place in ([], ["x"] * 6, [1, 2, 3, 4, 5, 6], [10**30, "a", "b", 1, 1, 1], [None] * 6):
        made = base64.urlsafe_b64encode(json.dumps([kind, digest, place]).encode()).decode()
        answer = await client.get(
            "/v1/data/trades", params={"limit": 5, "cursor": made.rstrip("=")}
        )
        assert answer.status_code == 400, (place, answer.text)


async def test_what_is_accepted_decides_when_no_format_is_named(client: httpx2.AsyncClient) -> None:
    """`Accept` is read with its weights; what cannot be given is told with what can."""
    for accept, media in (
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("*/*", "application/json"),
    ):
        answer = await client.get("/v1/data/trades", headers={"Accept": accept})
        assert answer.headers["content-type"] == media
    refused = await client.get("/v1/data/trades", headers={"Accept": "image/png"})
    assert (refused.status_code, refused.json()["code"]) == (406, "format")


async def test_bars_are_the_librarys_bars(client: httpx2.AsyncClient, root: Path) -> None:
    """Page by page and as a file, exact; filled where that is asked for."""
    known = (
        open_archive(root, warn=False)
        .bars(width="1m")
        .sort("ts", "feed", "instrument_id")
        .collect()
    )
    items = await pages(client, "/v1/data/bars", limit=7)
    assert [Decimal(each["vwap"]) for each in items] == known["vwap"].to_list()
    assert [each["instrument_id"] for each in items] == known["instrument_id"].to_list()
    answer = await client.get("/v1/data/bars", params={"format": "parquet"})
    assert pl.read_parquet(io.BytesIO(answer.content)).equals(known)
    open_ended = await client.get("/v1/data/bars", params={"fill": True})
    assert (open_ended.status_code, open_ended.json()["code"]) == (400, "fill")


async def test_books_are_the_librarys_books(
    played_client: httpx2.AsyncClient, played: tuple[Path, dict[str, list[Truth]]]
) -> None:
    """At a time, to a depth, with its proof; a range or another key's time is refused."""
    for feed, truths in played[1].items():
        truth = next(each for each in reversed(truths) if each.sides[0])
        words: dict[str, Any] = {
            "feed": feed,
            "instrument": truth.symbol,
            "at": str(truth.at),
            "depth": 3,
        }
        answer = await played_client.get("/v1/data/book", params=words)
        assert answer.status_code == 200, answer.text
        archive = open_archive(played[0], warn=False)
        known = archive.book(feed=feed, instrument=truth.symbol, at=truth.at, depth=3).collect()
        items = answer.json()["items"]
        assert [Decimal(each["price"]) for each in items] == known["price"].to_list()
        assert len(items) <= 6
        both = await played_client.get("/v1/data/book", params={**words, "start": "-1h"})
        assert both.status_code == 400


async def test_frames_are_the_bytes_that_were_received(
    client: httpx2.AsyncClient, root: Path
) -> None:
    """Verbatim, with their provenance, in pages and in Parquet; never as CSV."""
    known = open_archive(root, warn=False).frames().collect()
    items = await pages(client, "/v1/data/frames", limit=100)
    assert len(items) == known.height
    got = [
        each["text"].encode() if each["text"] is not None else base64.b64decode(each["b64"])
        for each in items
    ]
    assert got == known["payload"].to_list()
    answer = await client.get("/v1/data/frames", params={"format": "parquet"})
    assert pl.read_parquet(io.BytesIO(answer.content)).equals(known)
    refused = await client.get("/v1/data/frames", params={"format": "csv"})
    assert refused.status_code == 400


async def test_rows_are_in_the_venues_own_words(
    played_client: httpx2.AsyncClient, played: tuple[Path, dict[str, list[Truth]]]
) -> None:
    """Every table of every feed, page by page; one feed is needed."""
    archive = open_archive(played[0], warn=False)
    for feed in archive.feeds():
        for table in archive.schema(feed=feed):
            known = archive.rows(table, feed=feed).collect()
            items = await pages(played_client, "/v1/data/rows", feed=feed, table=table, limit=1000)
            assert len(items) == known.height, (feed, table)
    assert (await played_client.get("/v1/data/rows", params={"table": "trade"})).status_code == 400


async def test_a_key_of_one_feed_and_day_gets_no_other(played: tuple[Path, object]) -> None:
    """Restrictions hold for named things, and for what is meant when nothing is named."""
    archive = open_archive(played[0], warn=False)
    mine, other, *_ = archive.feeds()
    keeper = Only(feeds=frozenset({mine}))
    async with asked(app_of(played[0], doorkeeper=keeper)) as client:
        items = await pages(client, "/v1/data/trades", limit=1000)
        assert {each["feed"] for each in items} == {mine}
        for path in ("trades", "frames", "bars"):
            answer = await client.get(f"/v1/data/{path}", params={"feed": other})
            assert answer.status_code == 403
    assert keeper.answered[0].said.feeds == [mine]


async def test_a_file_has_a_safe_name_and_its_length_tells_its_end(root: Path) -> None:
    """Over a real socket: chunked, with an end; HTTP/1.0, which has none, is refused."""
    async with serving(app_of(root)) as url:
        async with httpx2.AsyncClient(base_url=url) as client:
            answer = await client.get("/v1/data/trades", params={"format": "csv"})
        assert answer.headers["content-disposition"] == 'attachment; filename="trades.csv"'
        assert answer.headers["transfer-encoding"] == "chunked"
        assert len(answer.text.split("\r\n")) == 602
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/data/trades?format=csv HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"426"
        writer.close()


async def test_an_archive_without_anything_is_told_as_such(tmp_path: Path) -> None:
    """404 with what to do, in every format."""
    async with asked(app_of(tmp_path / "data")) as client:
        for kind in ("json", "csv"):
            answer = await client.get("/v1/data/trades", params={"format": kind})
            assert (answer.status_code, answer.json()["code"]) == (404, "not-there")
