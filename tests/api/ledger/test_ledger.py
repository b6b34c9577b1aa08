"""What is missing, as the library and the commands tell it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pytest

from ssmd.access.opening import open_archive
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import MINUTE_NS
from tests.api.world import Only, app_of, asked
from tests.archive.ledger_store.made import live, world
from tests.archive.made import START

NOW = START + 10 * MINUTE_NS


async def pages(client: httpx2.AsyncClient, path: str, **words: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - query words
    """Every item, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        given = {**words, **({} if cursor is None else {"cursor": cursor})}
        answer = await client.get(path, params=given)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return items


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of a feed with outages, gaps, losses and repairs."""
    root = tmp_path_factory.mktemp("troubled") / "data"
    live(root, world(3, hours=20))
    return root


@pytest.fixture
async def troubled_client(troubled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API over it."""
    async with asked(app_of(troubled, clock=ManualClock(START + 24 * 60 * MINUTE_NS))) as client:
        yield client


async def test_gaps_are_the_librarys_gaps(
    troubled_client: httpx2.AsyncClient, troubled: Path
) -> None:
    """Each once, whatever the size of a page, the newest first when asked."""
    known = open_archive(troubled, warn=False).gaps().collect()
    assert known.height > 5
    since: list[str] = []
    for limit in (1, 3, 1000):
        items = await pages(troubled_client, "/v1/ledger/gaps", limit=limit, all=True)
        assert len(items) == known.height
        assert sorted(each["kind"] for each in items) == sorted(known["kind"])
        since = [each["since"] for each in items]
        assert since == sorted(since)
    newest = await pages(troubled_client, "/v1/ledger/gaps", all=True, newest=True)
    assert [each["since"] for each in newest] == sorted(since, reverse=True)


async def test_kinds_and_reasons_are_chosen(
    troubled_client: httpx2.AsyncClient, troubled: Path
) -> None:
    """Only what was asked for; short set-ups only with `all`."""
    known = open_archive(troubled, warn=False).gaps().collect()
    for kind in ("gap", "hole", "loss", "outage"):
        items = await pages(troubled_client, "/v1/ledger/gaps", kind=kind, all=True)
        assert len(items) == known.filter(pl.col("kind") == kind).height
    few = await pages(troubled_client, "/v1/ledger/gaps")
    every = await pages(troubled_client, "/v1/ledger/gaps", all=True)
    outages = await pages(troubled_client, "/v1/ledger/outages")
    assert len(few) <= len(every)
    assert outages == [each for each in few if each["kind"] == "outage"]


async def test_coverage_is_the_librarys(
    played_client: httpx2.AsyncClient, played: tuple[Path, object]
) -> None:
    """Every instrument once, its minutes by condition."""
    known = open_archive(played[0], warn=False).coverage().collect()
    items = await pages(played_client, "/v1/ledger/coverage", limit=3)
    names = set(zip(known["feed"], known["instrument_id"], strict=True))
    assert {(each["feed"], each["instrument"]) for each in items} == names
    assert len(items) == known.height
    assert sum(each["complete"] for each in items) == known["complete"].sum()


async def test_why_tells_a_sentence_with_its_evidence(root: Path) -> None:
    """Complete minutes and unknown ones; unknown names get the nearest."""
    async with asked(app_of(root, clock=ManualClock(NOW))) as client:
        told = (
            await client.get("/v1/ledger/why", params={"instrument": "BTC/USD", "at": "-5m"})
        ).json()
        assert "BTC/USD" in told["sentence"]
        assert told["evidence"]
        assert told["feeds"][0]["condition"]
        wrong = await client.get("/v1/ledger/why", params={"instrument": "BTC/USE", "at": "-5m"})
    assert wrong.status_code == 400
    assert "BTC/USD" in wrong.json()["detail"]


async def test_a_key_of_another_feed_is_told_nothing(played: tuple[Path, object]) -> None:
    """Neither of gaps nor of reasons."""
    archive = open_archive(played[0], warn=False)
    mine, other, *_ = archive.feeds()
    name = archive.instruments(feed=other).collect()["instrument_id"][0]
    async with asked(app_of(played[0], doorkeeper=Only(feeds=frozenset({mine})))) as client:
        items = await pages(client, "/v1/ledger/gaps", all=True)
        assert {each["feed"] for each in items} <= {mine}
        for words in ({"feed": other}, {"instrument": name}):
            answer = await client.get(
                "/v1/ledger/why", params={**words, "instrument": name, "at": "-1h"}
            )
            assert answer.status_code == 403


async def test_a_cursor_whose_row_is_gone_is_refused(
    played_client: httpx2.AsyncClient,
) -> None:
    """Nobody is told rows twice, or goes on at the wrong place."""
    first = await played_client.get("/v1/ledger/coverage", params={"limit": 1})
    cursor = first.json()["next"]
    again = await played_client.get(
        "/v1/ledger/coverage", params={"limit": 1, "cursor": cursor, "feed": "kraken"}
    )
    assert again.status_code == 400
